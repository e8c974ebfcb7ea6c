/* SPDX-License-Identifier: (Apache-2.0 OR GPL-2.0) */
/*
 * A token bucket for each process and kind of event, so that one process that
 * floods cannot take the rings, and the reader's time, from the others. Nor can
 * it hide what it does itself behind its own flood: each thing that it acts upon
 * (file, address, process) has a small bucket of its own, see rate_spare. Nor can
 * a crowd of processes that each stay below their limit, see crowd.bpf.c.
 */
#include "filter.bpf.h"
#include "rate.bpf.h"
#include "repeat.bpf.h"

struct rate_key {
	__u64 start_time;
	__u32 pid;
	__u32 kind;
};

struct bucket {
	__u64 filled; /* boot time, ns, up to which `tokens` accounts */
	__u64 tokens; /* in units of 1 / 2^20 event */
	__u64 dropped;
	__u64 episode; /* boot time the episode began; 0: none */
	__u64 tick;    /* jiffies of the last filling */
};

/* LRU: a process that floods stays, the quiet ones make room. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 16384);
	__type(key, struct rate_key);
	__type(value, struct bucket);
} rate_buckets SEC(".maps");

enum {
	/*
	 * Kinds of the priority ring: a process that makes them in thousands a
	 * second would push out the execs of others.
	 */
	PRIORITY_BURST_SHARE = 64, /* of rate_burst */
	PRIORITY_RATE_SHARE = 20,  /* of rate_limit */
	/* What passes although the bucket is empty, of all objects together. */
	SPARE_SHARE = 4,      /* of a bulk kind's bucket and rate */
	SPARE_PRIORITY = 512, /* of a kind of the priority ring */
};

/* Buckets of one object are by process, kind and object; those for all objects by process and kind.
 */
struct spare_key {
	__u64 start_time;
	__u64 object; /* 0: all together */
	__u32 pid;
	__u16 kind;
	__u16 sensitive;
};

struct spare_bucket {
	__u64 filled;
	__u64 tokens;
};

/* LRU: an object that is pushed out has a full bucket again; the bucket for all of them bounds it.
 */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 16384);
	__type(key, struct spare_key);
	__type(value, struct spare_bucket);
} rate_spares SEC(".maps");

/* Size of a kind's bucket and events a second that fill it. */
static __always_inline __u64 kind_burst(__u32 kind)
{
	__u64 burst = is_bulk_kind(kind) ? rate_burst : rate_burst / PRIORITY_BURST_SHARE;

	return (burst ? burst : 1) << TOKEN_SHIFT;
}

static __always_inline __u64 kind_limit(__u32 kind)
{
	__u64 limit = is_bulk_kind(kind) ? rate_limit : rate_limit / PRIORITY_RATE_SHARE;

	return limit ? limit : 1;
}

/* What a new bucket is made of: constant memory, not 40 bytes of stack. */
static const struct bucket empty_bucket;

/* Episodes that have begun and not ended: nearly always none, and then an exit has nothing to look
 * for. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE); /* looked at once a second, without a system call */
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} rate_episodes SEC(".maps");

static __always_inline void episodes_add(__s64 change)
{
	__u32 key = 0;
	__u64 *open = bpf_map_lookup_elem(&rate_episodes, &key);

	if (open)
		__sync_fetch_and_add(open, change);
}

/* The exchange decides who announces it: a thread of the process, its exit, or the sweep. */
static __always_inline void episode_end(struct task_struct *task, struct bucket *b, __u32 kind)
{
	__u64 episode = b->episode, dropped;

	if (!episode || __sync_val_compare_and_swap(&b->episode, episode, 0) != episode)
		return;
	dropped = b->dropped;
	b->dropped = 0;
	episodes_add(-1);
	throttle_announce(task, kind, 0, dropped);
}

static __always_inline __u64 tokens_at(struct bucket *b, __u32 kind, __u64 now)
{
	return tokens_after(b->tokens, b->filled, now, kind_limit(kind), kind_burst(kind));
}

/*
 * The end of an episode is announced by the first event that finds at least
 * half a bucket again, by the process's exit, or, for a process that stays and
 * falls silent, by rate_sweep.
 */
__noinline __u32 rate_take(__u32 kind)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct rate_key key = {.kind = kind};
	__u64 most = kind_burst(kind), tick = bpf_jiffies64();
	struct bucket *b;

	if (!rate_limit)
		return 1;
	key.pid = task->tgid;
	address_of(key.start_time, task->group_leader);
	read_field(key.start_time, key.start_time, struct task_struct, start_boottime);
	b = bpf_map_lookup_elem(&rate_buckets, &key);
	if (!b) {
		/* Threads that make it at one moment both take the first token of a full bucket. */
		if (!bpf_map_update_elem(&rate_buckets, &key, &empty_bucket, BPF_ANY) &&
		    (b = bpf_map_lookup_elem(&rate_buckets, &key))) {
			b->filled = bpf_ktime_get_boot_ns();
			b->tokens = most - (1ull << TOKEN_SHIFT);
			b->tick = tick;
		} else {
			failure_count(FAILURE_RATE_MAP_FULL);
		}
		return 1;
	}
	/*
	 * Threads of the process race here without a lock: a few events more or
	 * less than the limit, never a wrong count. The clock is read once a tick.
	 */
	if (b->tick != tick) {
		__u64 now = bpf_ktime_get_boot_ns();

		b->tick = tick;
		b->tokens = tokens_at(b, kind, now);
		b->filled = now;
	}
	if (b->episode && b->tokens >= most / 2)
		episode_end(task, b, kind);
	if (b->episode || b->tokens < (1ull << TOKEN_SHIFT)) {
		__sync_fetch_and_add(&b->dropped, 1);
		if (!b->episode) {
			b->episode = bpf_ktime_get_boot_ns();
			episodes_add(1);
			throttle_announce(task, kind, 1, 0);
		}
		return 0;
	}
	b->tokens -= 1ull << TOKEN_SHIFT;
	return 1;
}

/* One token of a spare bucket. */
static __always_inline bool spare_take(struct spare_key *key, __u64 limit, __u64 most)
{
	struct spare_bucket *b = bpf_map_lookup_elem(&rate_spares, key);
	__u64 now = bpf_ktime_get_boot_ns();

	if (!b) {
		struct spare_bucket fresh = {.filled = now, .tokens = most - (1ull << TOKEN_SHIFT)};

		if (bpf_map_update_elem(&rate_spares, key, &fresh, BPF_ANY))
			failure_count(FAILURE_RATE_MAP_FULL);
		return true;
	}
	b->tokens = tokens_after(b->tokens, b->filled, now, limit, most);
	b->filled = now;
	if (b->tokens < (1ull << TOKEN_SHIFT))
		return false;
	b->tokens -= 1ull << TOKEN_SHIFT;
	return true;
}

/*
 * After rate_take said no: the first events about each object pass all the same,
 * so that 20,000 opens of one file hide no open of another one. What a rule of
 * severity warning or critical names exactly is `sensitive`: for that there is a
 * second common bucket, which a flood of anything else cannot empty.
 */
__noinline __u32 rate_spare(__u32 kind, __u64 object, __u32 sensitive)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct spare_key key = {.object = object ? object : 1, .kind = kind};
	struct rate_key bucket = {.kind = kind};
	struct bucket *b;

	key.pid = bucket.pid = task->tgid;
	address_of(key.start_time, task->group_leader);
	read_field(key.start_time, key.start_time, struct task_struct, start_boottime);
	bucket.start_time = key.start_time;
	if (!spare_take(&key, 1, (__u64)OBJECT_BURST << TOKEN_SHIFT))
		return 0;
	key.object = 0;
	key.sensitive = sensitive != 0;
	if (!spare_take(&key,
			is_bulk_kind(kind) ? kind_limit(kind) / SPARE_SHARE + 1 : kind_limit(kind),
			is_bulk_kind(kind) ? kind_burst(kind) / SPARE_SHARE + (1ull << TOKEN_SHIFT)
					   : (__u64)SPARE_PRIORITY << TOKEN_SHIFT))
		return 0;
	/* rate_take has counted it as held back, unless a crowd was. */
	b = bpf_map_lookup_elem(&rate_buckets, &bucket);
	if (b && b->episode)
		__sync_fetch_and_add(&b->dropped, -1);
	return 1;
}

struct object_context {
	__u32 level;
	__u32 at;
};

static __noinline long object_step(__u32 i, void *context)
{
	struct object_context *object = context;
	__u32 level = object->level, at = object->at + i * sizeof(__u64), end;
	struct scratch *s = bpf_map_lookup_elem(&scratch, &level);
	__u64 word;

	if (!s)
		return 1;
	end = s->length;
	barrier_var(at);
	if (at >= end || at > RECORD_BYTES - sizeof(word))
		return 1;
	__builtin_memcpy(&word, s->bytes + at, sizeof(word));
	if (end - at < sizeof(word)) /* what follows is of an older record */
		word &= (1ull << (end - at) * 8) - 1;
	word = (s->object ^ word) * 0x100000001b3ull;
	s->object = word ^ word >> 29;
	return 0;
}

/* What a record is about, for rate_spare: of its strings the last 512 bytes, hashed. */
__noinline __u64 record_object(__u32 level, __u32 fixed)
{
	struct scratch *s = bpf_map_lookup_elem(&scratch, &level);
	struct object_context object = {level, fixed};

	if (!s)
		return 1;
	if (s->length > fixed + 512)
		object.at = s->length - 512;
	s->object = FNV_OFFSET;
	repeat(512 / sizeof(__u64), object_step, &object);
	return s->object;
}

enum { FIRST_GUARDED_KIND = EVENT_PROCESS_EXEC, LAST_GUARDED_KIND = EVENT_KIND_MAX - 1 };

struct episodes {
	struct task_struct *task;
	__u64 start_time;
	__u64 now; /* 0: whatever is in the bucket */
};

static __noinline long episodes_step(__u32 i, void *context)
{
	struct episodes *of = context;
	struct task_struct *task = of->task;
	__u64 now = of->now;
	struct rate_key key = {.start_time = of->start_time, .kind = FIRST_GUARDED_KIND + i};
	struct bucket *b;

	key.pid = task->tgid;
	b = bpf_map_lookup_elem(&rate_buckets, &key);
	if (b && b->episode && (!now || tokens_at(b, key.kind, now) >= kind_burst(key.kind) / 2))
		episode_end(task, b, key.kind);
	return 0;
}

/* Ends the episodes of a process; with `refilled` only those whose bucket is half full again. */
static __always_inline void episodes_end(struct task_struct *task, bool refilled)
{
	struct episodes of = {.task = task, .now = refilled ? bpf_ktime_get_boot_ns() : 0};

	address_of(of.start_time, task->group_leader);
	read_field(of.start_time, of.start_time, struct task_struct, start_boottime);
	repeat(LAST_GUARDED_KIND - FIRST_GUARDED_KIND + 1, episodes_step, &of);
}

static __always_inline bool episodes_open(void)
{
	__u32 first = 0;
	__u64 *open = bpf_map_lookup_elem(&rate_episodes, &first);

	return open && *(volatile __u64 *)open;
}

/* The current process ends: so do its episodes. */
__noinline __u32 rate_exit(void)
{
	if (episodes_open())
		episodes_end(bpf_get_current_task_btf(), false);
	return 0;
}

/* Read by user space now and then while there are open episodes. */
PROGRAM(rate_sweep, always, "the end of a throttle of a process that has fallen silent");
SEC("iter/task")
int rate_sweep(struct bpf_iter__task *ctx)
{
	struct task_struct *task = ctx->task;

	if (task && task->pid == task->tgid && episodes_open())
		episodes_end(task, true);
	return 0;
}
