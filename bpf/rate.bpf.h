/* SPDX-License-Identifier: (Apache-2.0 OR GPL-2.0) */
/* What token buckets of processes (rate.bpf.c) and of users (crowd.bpf.c) have in common. */
#ifndef BPFWARDEN_RATE_H
#define BPFWARDEN_RATE_H

#include "sensor.bpf.h"

enum {
	TOKEN_SHIFT = 20,
	OBJECT_BURST = 8, /* of one object, although the bucket is empty */
};

static __always_inline bool is_bulk_kind(__u32 kind)
{
	return (kind >= EVENT_FILE_OPEN && kind <= EVENT_NET_DNS) || kind == EVENT_MPROTECT_EXEC ||
	       kind == EVENT_MMAP_EXEC;
}

/* ns * events/s * 2^20 / 1e9 is ns * events/s / 953.67; 60 s * 10^7/s stay below 2^63. */
static __always_inline __u64 tokens_after(__u64 tokens, __u64 filled, __u64 now, __u64 limit,
					  __u64 most)
{
	__u64 added = now - filled;

	if (added > 1000000000ull * 60)
		added = 1000000000ull * 60;
	tokens += added * limit / 954;
	return tokens > most ? most : tokens;
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

#endif /* BPFWARDEN_RATE_H */
