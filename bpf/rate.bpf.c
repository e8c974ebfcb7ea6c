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

static __always_inline void announce(struct task_struct *task, __u32 kind, __u32 started,
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

static __always_inline void episode_end(struct task_struct *task, struct bucket *b, __u32 kind)
{
	__u64 dropped = b->dropped;

	b->episode = 0;
	b->dropped = 0;
	episodes_add(-1);
	announce(task, kind, 0, dropped);
}

/*
 * The end of an episode is announced by the first event that finds at least
 * half a bucket again, or by the process's exit. A process that stays and falls
 * silent announces none: user space finds it in the buckets.
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
		struct bucket fresh = {.filled = bpf_ktime_get_boot_ns(),
				       .tokens = most - (1ull << TOKEN_SHIFT),
				       .tick = tick};

		if (bpf_map_update_elem(&rate_buckets, &key, &fresh, BPF_ANY))
			count_failure(FAILURE_RATE_MAP_FULL);
		return 1;
	}
	/*
	 * Threads of the process race here without a lock: a few events more or
	 * less than the limit, never a wrong count. The clock is read once a tick.
	 */
	if (b->tick != tick) {
		__u64 now = bpf_ktime_get_boot_ns(), added = now - b->filled, tokens;

		b->tick = tick;
		if (added > 1000000000ull * 60)
			added = 1000000000ull * 60;
		/* ns * events/s * 2^20 / 1e9 is ns * events/s / 953.67; 60 s * 10^7/s stay below
		 * 2^63. */
		tokens = b->tokens + added * rate_limit / 954;
		b->tokens = tokens > most ? most : tokens;
		b->filled = now;
	}
	if (b->episode && b->tokens >= most / 2)
		episode_end(task, b, kind);
	if (b->episode || b->tokens < (1ull << TOKEN_SHIFT)) {
		__sync_fetch_and_add(&b->dropped, 1);
		if (!b->episode) {
			b->episode = bpf_ktime_get_boot_ns();
			episodes_add(1);
			announce(task, kind, 1, 0);
		}
		return 0;
	}
	b->tokens -= 1ull << TOKEN_SHIFT;
	return 1;
}

/* The current process ends: so do its episodes. */
__noinline __u32 rate_exit(void)
{
	struct task_struct *task = bpf_get_current_task_btf();
	__u32 first = 0;
	__u64 *open = bpf_map_lookup_elem(&rate_episodes, &first);
	struct rate_key key = {};

	if (!open || !*(volatile __u64 *)open)
		return 0;
	key.pid = task->tgid;
	key.start_time = task->group_leader->start_boottime;
	for (__u32 kind = EVENT_FILE_OPEN; kind <= EVENT_NET_DNS; kind++) {
		struct bucket *b;

		key.kind = kind;
		b = bpf_map_lookup_elem(&rate_buckets, &key);
		if (b && b->episode)
			episode_end(task, b, kind);
	}
	return 0;
}
