/* SPDX-License-Identifier: (Apache-2.0 OR GPL-2.0) */
/*
 * A token bucket for each process and kind of bulk event, so that one process
 * that floods cannot take the ring, and the reader's time, from the others.
 */
#include "filter.bpf.h"

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

enum { TOKEN_SHIFT = 20 };

/* What a new bucket is made of: constant memory, not 40 bytes of stack. */
static const struct bucket empty_bucket;

/* Episodes that have begun and not ended: nearly always none, and then an exit has nothing to look
 * for. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
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

static __always_inline void throttle_announce(struct task_struct *task, __u32 kind, __u32 started,
					      __u64 dropped)
{
	struct throttle_event *e;
	struct scratch *s = record_begin(EVENT_THROTTLE, sizeof(*e));

	if (!s)
		return;
	e = &s->event.throttle;
	header_fill(&e->header, task, 0);
	e->subject = kind;
	e->started = started;
	e->dropped = dropped;
	record_submit(s, RING_PRIORITY);
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

/* ns * events/s * 2^20 / 1e9 is ns * events/s / 953.67; 60 s * 10^7/s stay below 2^63. */
static __always_inline __u64 tokens_at(struct bucket *b, __u64 now, __u64 most)
{
	__u64 added = now - b->filled, tokens;

	if (added > 1000000000ull * 60)
		added = 1000000000ull * 60;
	tokens = b->tokens + added * rate_limit / 954;
	return tokens > most ? most : tokens;
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
	__u64 most = (__u64)rate_burst << TOKEN_SHIFT, tick = bpf_jiffies64();
	struct bucket *b;

	if (!rate_limit)
		return 1;
	key.pid = task->tgid;
	key.start_time = task->group_leader->start_boottime;
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
		b->tokens = tokens_at(b, now, most);
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

enum { FIRST_BULK_KIND = EVENT_KILL, LAST_BULK_KIND = EVENT_MMAP_EXEC };

/* Ends the episodes of a process; with `refilled` only those whose bucket is half full again. */
static __always_inline void episodes_end(struct task_struct *task, bool refilled)
{
	__u64 most = (__u64)rate_burst << TOKEN_SHIFT, now = bpf_ktime_get_boot_ns();
	struct rate_key key = {.pid = task->tgid};

	key.start_time = task->group_leader->start_boottime;
	for (__u32 kind = FIRST_BULK_KIND; kind <= LAST_BULK_KIND; kind++) {
		struct bucket *b;

		key.kind = kind;
		b = bpf_map_lookup_elem(&rate_buckets, &key);
		if (b && b->episode && (!refilled || tokens_at(b, now, most) >= most / 2))
			episode_end(task, b, kind);
	}
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
SEC("iter/task")
int rate_sweep(struct bpf_iter__task *ctx)
{
	struct task_struct *task = ctx->task;

	if (task && task->pid == task->tgid && episodes_open())
		episodes_end(task, true);
	return 0;
}
