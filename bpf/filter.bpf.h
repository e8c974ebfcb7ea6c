/* SPDX-License-Identifier: (Apache-2.0 OR GPL-2.0) */
/*
 * Which events user space wants. Sound: what some rule could match always
 * passes, because user space derives from each rule tokens that every event
 * matched by it carries, and an event passes with one token. What is not sure
 * here (an unreadable name, a relative path with an unreadable directory)
 * passes.
 */
#ifndef BPFWARDEN_FILTER_H
#define BPFWARDEN_FILTER_H

#include "sensor.bpf.h"
#include <bpf/bpf_endian.h>

#define EVERY_CLASS (~0ull)
#define KIND_CLASS(kind) (1ull << (kind))

/*
 * Of each class a second bit says that a rule of severity warning or critical
 * names the token: 10..29 have 30..49, 56..59 have 1..4, 60..63 have 50..53.
 */
static __always_inline __u64 sensitive_bits(__u64 classes)
{
	return (classes & 0x3ffffc00ull) << 20 | (classes >> 56 & 0xf) << 1 |
	       (classes >> 60 & 0xf) << 50;
}

#define FNV_OFFSET 0xcbf29ce484222325ull

/* One byte of FNV-1a-64, ASCII letters in lower case. */
static __always_inline __u64 fnv_fold(__u64 hash, __u8 c)
{
	__u32 letter = (__u8)(c - 'A');

	/* Without a branch, each of which doubles the ways that the verifier follows. */
	barrier_var(letter);
	c |= (letter - 26) >> 31 << 5;
	return (hash ^ c) * 0x100000001b3ull;
}

static __always_inline struct filter_state *filter_state_now(void)
{
	__u32 key = 0;

	return bpf_map_lookup_elem(&filter_state, &key);
}

/* The active generation's index; read it once per event and keep it. */
static __always_inline __u32 filter_generation(void)
{
	struct filter_state *state = filter_state_now();

	return state ? *(volatile __u32 *)&state->generation & 1 : 0;
}

/* enum filter_pass bits of the kind. */
static __always_inline __u32 filter_passes(__u32 generation, enum event_kind kind)
{
	struct filter_table *table = bpf_map_lookup_elem(&filter_tables, &generation);

	return table ? table->pass[(__u32)kind & (FILTER_KINDS - 1)] : PASS_WHOLE;
}

/* For process and privileged kinds, which have no tokens in the kernel: whole or not at all. */
static __always_inline bool kind_wanted(enum event_kind kind)
{
	return filter_passes(filter_generation(), kind) != 0;
}

/* Mask of the classes for which a token is there. */
static __always_inline __u64 filter_token(__u64 hash, enum filter_token_type type, __u32 generation)
{
	struct filter_key key = {.hash = hash, .type = type, .generation = generation};
	__u64 *mask = bpf_map_lookup_elem(&filter_tokens, &key);

	return mask ? *mask : 0;
}

/* `pid` 0: the actor is not known. What is not known passes. */
static __always_inline __u64 filter_name(__u32 pid, __u64 classes, __u32 generation)
{
	struct thread_facts *facts;

	if (!pid)
		return EVERY_CLASS;
	facts = bpf_map_lookup_elem(&threads, &pid);
	if (!facts || !facts->program)
		return EVERY_CLASS;
	return filter_token(facts->program, TOKEN_PROCESS_NAME, generation) &
	       (classes | sensitive_bits(classes));
}

/* PASS_OPENS_*: only file_open has them. */
static __always_inline bool passes_opening(__u32 passes, __u64 classes)
{
	return passes / PASS_OPENS_CLIMBING & (__u32)(classes >> CLASS_OPEN_CLIMBING);
}

/* Whether a uid or the program's name has a token: of `current` (filter.bpf.c). */
bool filter_actor(__u32 passes, __u32 generation, __u64 classes);

/* Uid, error and name tokens: what every kind has. */
static __always_inline bool filter_common(__u32 passes, __u32 generation, __u64 classes,
					  __s64 result)
{
	if (passes & PASS_WHOLE)
		return true;
	if (((passes & PASS_ERRORS) && result < 0) || passes_opening(passes, classes))
		return true;
	return passes & (PASS_UIDS | PASS_NAMES) && filter_actor(passes, generation, classes);
}

enum endpoint_verdict {
	ENDPOINT_PASSES = 1,
	ENDPOINT_SENSITIVE = 2, /* a rule of severity warning or critical names it */
};

/* In the kind: the actor runs now. */
enum { ACTOR_RUNS = 1u << 31 };

/*
 * For network kinds; enum endpoint_verdict. Where the actor does not run now (softirq), uid
 * tokens are taken as hit; the name is that of `pid`, 0 if unknown. A global function
 * (endpoint.bpf.c): verified once in each program.
 */
__u32 filter_endpoints(__u32 kind, __u32 pid, __s64 result, const struct endpoint *source,
		       const struct endpoint *destination);

/* For rate_spare. */
static __always_inline __u64 endpoint_object(const struct endpoint *end)
{
	const __u16 *part = (const __u16 *)end->ip;
	__u64 hash = FNV_OFFSET ^ end->port;

	for (int i = 0; i < 8; i++)
		hash = (hash ^ part[i]) * 0x100000001b3ull;
	return hash;
}

/* ---- paths (filter.bpf.c, names.bpf.c) ------------------------------------------- */
/* What the turns of a walk go by. */
struct walk_context {
	__u32 level;
	__u32 generation;
};

/* Of path_scratch[level].name[0 .. length). */
__u64 component_hash(__u32 level, __u32 length);
/*
 * Masks of the classes that have a token in the text. EVERY_CLASS when that
 * could not be found out.
 */
/* The component in path_scratch[level].name; its hash must be in .hash. */
__u64 component_mask(__u32 level, __u32 length, __u32 generation);
/* The same of what it is where it begins a path; before component_mask of another one. */
__u64 first_mask(__u32 level, __u32 generation);
/* The components of a string at scratch[level].bytes[offset]. */
__u64 string_mask(__u32 level, __u32 offset, __u32 length, __u32 generation);
/* magic.bpf.c: a link of /proc to the process itself that a name begins with. */
enum magic { MAGIC_ROOT = 1, MAGIC_CWD = 2, MAGIC_FD = 3, MAGIC_KIND = 0xff };
__u64 magic_link(__u32 level, __u32 offset, __u32 length);
/* Copies a component of such a string to path_scratch[level].name; its length. */
__u32 string_component(__u32 level, __u32 at, __u32 end);
/* All components of a path up to the namespace root: of a directory, and of any file. Cached. */
__u64 directory_mask(__u32 level, __u64 dentry, __u64 mnt, __u32 generation);
__u64 file_mask(__u64 dentry, __u64 mnt, __u32 generation);

/* Every cached path decision is void: a directory moved, the mount tree or the filter changed. */
static __always_inline void filter_forget_paths(void)
{
	struct filter_state *state = filter_state_now();

	if (state)
		__sync_fetch_and_add(&state->epoch, 1);
}

/* ---- rate guard (rate.bpf.c) ----------------------------------------------------- */
/* One token from the bucket of this process and kind: 1 go on, 0 hold back. */
__u32 rate_take(__u32 kind);
/* Whether an event that rate_take holds back passes all the same; what it is about is `object`. */
__u32 rate_spare(__u32 kind, __u64 object, __u32 sensitive);
/* The same from what a user's processes have together; a large record weighs more than one. */
__u32 crowd_take(__u32 kind, __u32 weight);
enum { CROWD_SENSITIVE = 1, CROWD_NONE = 2 };
/*
 * In the place of rate_spare while there is a crowd, else CROWD_NONE. `how`: twice the weight,
 * and CROWD_SENSITIVE.
 */
__u32 crowd_spare(__u32 kind, __u64 object, __u32 how);
/* The object of a record whose strings begin at `fixed`. */
__u64 record_object(__u32 level, __u32 fixed);
/* At the exit of the current process. */
__u32 rate_exit(void);

/* Whether an event whose tokens gave `mask` is one that must not be lost in its process's flood. */
static __always_inline __u32 is_sensitive(__u32 passes, __u64 mask, __u64 classes)
{
	return passes & PASS_WHOLE || mask & sensitive_bits(classes);
}

static __always_inline bool rate_has(__u32 kind)
{
	return rate_take(kind) && crowd_take(kind, 1);
}

static __always_inline bool spare_has(__u32 kind, __u64 object, __u32 sensitive)
{
	__u32 crowd = crowd_spare(kind, object, 2 | (sensitive != 0));

	return crowd == CROWD_NONE ? rate_spare(kind, object, sensitive) : crowd;
}

/* For starts and ends of processes, which have no limit of their own. A refusal is a loss: the table of processes has a gap. */
static __always_inline bool crowd_admits(__u32 kind, __u64 object, __u32 weight)
{
	return crowd_take(kind, weight) || crowd_spare(kind, object, weight << 1 | CROWD_SENSITIVE);
}

/* What an event needs to go out; the caller counts a refusal as throttled. */
static __always_inline bool rate_admits(__u32 kind, __u64 object, __u32 sensitive)
{
	return rate_has(kind) || spare_has(kind, object, sensitive);
}

/* The same for a finished record with strings. */
static __always_inline bool record_admits(struct scratch *s, const __u32 fixed, __u64 more,
					  __u32 sensitive)
{
	return rate_has(s->kind) ||
	       spare_has(s->kind, record_object(s->level, fixed) ^ more, sensitive);
}

/* What a privileged call acts upon, beside its texts: its target and its first arguments. */
static __always_inline __u64 call_object(struct call_event *e)
{
	__u64 hash = FNV_OFFSET ^ e->target_pid;

	for (int i = 0; i < 3; i++)
		hash = (hash ^ e->argument[i]) * 0x100000001b3ull;
	return hash;
}

/* record.bpf.c: sends a call_event, or counts it as throttled. */
int call_send(__u32 level, __u32 ring, __u64 object, __u32 sensitive);

static __always_inline void call_submit(struct scratch *s, enum ring ring, __u64 object,
					__u32 sensitive)
{
	call_send(s->level, ring, object, sensitive);
}

#endif /* BPFWARDEN_FILTER_H */
