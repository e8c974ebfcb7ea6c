/* SPDX-License-Identifier: (Apache-2.0 OR GPL-2.0) */
/*
 * Crowds. Thousands of processes that live for a moment, each below its limit, would fill the
 * ring, and what others do would be lost. So once it is half full, a user's processes have
 * one bucket together for each kind, and another one for what is new; the other half of the
 * ring is for everybody else. A crowd has no episode, since who did it is gone: it is told
 * now and then as long as it goes on.
 */
#include "filter.bpf.h"
#include "rate.bpf.h"
#include "repeat.bpf.h"

enum {
	/* Of a crowd's kind: its bucket and what fills it a second; as much again for what is new. */
	CROWD_BULK = 512,
	CROWD_PRIORITY = 64,
	CROWD_TOLD_SECONDS = 10,  /* between two records that say so */
	MAX_USER_NAMESPACES = 33, /* inside each other (kernel/user_namespace.c) */
};

struct crowd_bucket {
	__u64 filled;
	__u64 tokens;
	__u64 told; /* boot time */
};

static const struct crowd_bucket empty_crowd;

/* By a hash of user, kind and object. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 16384);
	__type(key, __u64);
	__type(value, struct crowd_bucket);
} rate_crowds SEC(".maps");

static __always_inline __u64 crowd_limit(__u32 kind)
{
	return is_bulk_kind(kind) ? CROWD_BULK : CROWD_PRIORITY;
}

/* Whether more than half of the kind's ring waits to be read. */
static __always_inline bool ring_pressed(__u32 kind)
{
	if (is_bulk_kind(kind))
		return bpf_ringbuf_query(&bulk_ring, BPF_RB_AVAIL_DATA) * 2 >
		       bpf_ringbuf_query(&bulk_ring, BPF_RB_RING_SIZE);
	return bpf_ringbuf_query(&priority_ring, BPF_RB_AVAIL_DATA) * 2 >
	       bpf_ringbuf_query(&priority_ring, BPF_RB_RING_SIZE);
}

static __always_inline __u64 mixed(__u64 hash, __u64 word)
{
	hash = (hash ^ word) * 0x100000001b3ull;
	return hash ^ hash >> 29;
}

struct crowd_walk {
	__u64 ns;
	__u32 user;
};

/* What changes from turn to turn is never more than a number to the verifier: it may lie here. */
static __noinline long crowd_step(__u32 i, void *context)
{
	struct crowd_walk *walk = context;
	__u64 parent = 0;

	if (read_field(parent, walk->ns, struct user_namespace, parent) || !parent)
		return 1;
	read_field(walk->user, walk->ns, struct user_namespace, owner.val);
	walk->ns = parent;
	return 0;
}

/*
 * Who is held responsible: a user. Users that a user namespace lends are its owner's: he has
 * 65,536 of them. Root's processes are told apart by control group, so that one container
 * does not hold back another one, nor the host. Global functions, like all here: verified
 * once in each program.
 */
__noinline __u64 crowd_of(__u32 kind)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct crowd_walk walk;
	__u64 group;

	address_of(walk.ns, task->real_cred);
	read_field(walk.user, walk.ns, struct cred, uid.val);
	read_field(walk.ns, walk.ns, struct cred, user_ns);
	repeat(MAX_USER_NAMESPACES, crowd_step, &walk);
	group = walk.user;
	if (!group) {
		address_of(group, task->cgroups);
		read_field(group, group, struct css_set, dfl_cgrp);
		read_field(group, group, struct cgroup, kn);
		read_field(group, group, struct kernfs_node, id);
	}
	return mixed(mixed(FNV_OFFSET, group), (__u64)walk.user << 32 | kind);
}

/* Takes tokens; 1 where there were not as many. */
__noinline __u32 crowd_lacks(__u64 key, __u64 limit, __u64 most, __u64 weight)
{
	struct crowd_bucket *b = bpf_map_lookup_elem(&rate_crowds, &key);
	__u64 now;

	if (!b) {
		if (bpf_map_update_elem(&rate_crowds, &key, &empty_crowd, BPF_ANY) ||
		    !(b = bpf_map_lookup_elem(&rate_crowds, &key))) {
			failure_count(FAILURE_RATE_MAP_FULL);
			return 0;
		}
		b->tokens = most << TOKEN_SHIFT;
		b->filled = bpf_ktime_get_boot_ns();
	}
	now = bpf_ktime_get_boot_ns();
	b->tokens = tokens_after(b->tokens, b->filled, now, limit, most << TOKEN_SHIFT);
	b->filled = now;
	weight <<= TOKEN_SHIFT;
	if (b->tokens < weight)
		return 1;
	b->tokens -= weight;
	return 0;
}

__noinline __u32 crowd_take(__u32 kind, __u32 weight)
{
	struct crowd_bucket *b;
	__u64 key, told, now;

	if (!rate_limit || !ring_pressed(kind))
		return 1;
	key = crowd_of(kind);
	if (!crowd_lacks(key, crowd_limit(kind), crowd_limit(kind), weight))
		return 1;
	b = bpf_map_lookup_elem(&rate_crowds, &key);
	if (!b)
		return 0;
	now = b->filled;
	told = b->told;
	if ((!told || now - told > CROWD_TOLD_SECONDS * 1000000000ull) &&
	    __sync_val_compare_and_swap(&b->told, told, now) == told)
		throttle_announce(bpf_get_current_task_btf(), kind, 1, 0);
	return 0;
}

/* As rate_spare, for a crowd. */
__noinline __u32 crowd_spare(__u32 kind, __u64 object, __u32 how)
{
	__u64 crowd;

	if (!ring_pressed(kind))
		return CROWD_NONE;
	crowd = crowd_of(kind);
	if (crowd_lacks(mixed(crowd, object), 1, OBJECT_BURST, 1))
		return 0;
	return !crowd_lacks(mixed(crowd, how & CROWD_SENSITIVE), crowd_limit(kind),
			    crowd_limit(kind), how >> 1);
}
