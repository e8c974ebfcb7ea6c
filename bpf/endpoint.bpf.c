/* SPDX-License-Identifier: (Apache-2.0 OR GPL-2.0) */
/* What both ends of a connection decide, and the events that are made of a socket. */
#include "connection.bpf.h"

/* By 16 bits: that is how endpoints are aligned. */
static __always_inline bool is_loopback(const struct endpoint *end)
{
	const __u16 *part = (const __u16 *)end->ip;

	if (part[0] | part[1] | part[2] | part[3] | part[4] || part[7] != bpf_htons(1))
		return false;
	return part[5] == 0xffff ? part[6] == bpf_htons(0x7f00) : !(part[5] | part[6]);
}

static __always_inline __u32 verdict_of(__u64 mask, __u64 class)
{
	return (mask & class ? ENDPOINT_PASSES : 0) |
	       (mask & sensitive_bits(class) ? ENDPOINT_SENSITIVE : 0);
}

static __always_inline __u64 filter_network(const __u8 *ip, __u32 side, __u32 generation)
{
	struct filter_cidr key = {.prefix = 32 + 128, .generation = generation, .side = side};
	__u64 *mask;

	__builtin_memcpy(key.ip, ip, sizeof(key.ip));
	mask = bpf_map_lookup_elem(&filter_cidrs, &key);
	return mask ? *mask : 0;
}

__noinline __u32 filter_endpoints(__u32 kind, __u32 pid, __s64 result,
				  const struct endpoint *source, const struct endpoint *destination)
{
	bool runs = kind & ACTOR_RUNS;
	__u32 generation = filter_generation(), passes, verdict = 0;
	__u64 class;

	kind &= ~ACTOR_RUNS;
	class = KIND_CLASS(kind);
	passes = filter_passes(generation, kind);
	if (!passes || !source || !destination)
		return 0;
	if (passes & PASS_WHOLE)
		return ENDPOINT_PASSES | ENDPOINT_SENSITIVE;
	if (passes & PASS_REMOTE && !is_loopback(destination))
		verdict = ENDPOINT_PASSES;
	if (runs) {
		if (filter_common(passes & ~PASS_NAMES, generation, class, result))
			verdict = ENDPOINT_PASSES;
	} else if (passes & PASS_UIDS || (passes & PASS_ERRORS && result < 0)) {
		verdict = ENDPOINT_PASSES;
	}
	if (passes & PASS_NAMES)
		verdict |= verdict_of(filter_name(pid, class, generation), class);
	if (passes & PASS_SOURCE_PORTS)
		verdict |=
		    verdict_of(filter_token(source->port, TOKEN_PORT_SOURCE, generation), class);
	if (passes & PASS_DESTINATION_PORTS)
		verdict |= verdict_of(
		    filter_token(destination->port, TOKEN_PORT_DESTINATION, generation), class);
	if (passes & PASS_CIDRS) {
		verdict |= verdict_of(filter_network(source->ip, 0, generation), class);
		verdict |= verdict_of(filter_network(destination->ip, 1, generation), class);
	}
	return verdict & ENDPOINT_PASSES ? verdict : 0;
}

__noinline int net_submit(__u32 level)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct scratch *s = bpf_map_lookup_elem(&scratch, &level);
	struct net_event *e;
	__u32 verdict;

	if (!s)
		return 0;
	e = &s->event.net_conn;
	verdict = filter_endpoints(s->kind | ACTOR_RUNS, task->tgid, e->header.result, &e->source,
				   &e->destination);
	if (!verdict)
		record_drop(s, OUTCOME_FILTERED);
	else if (!rate_admits(s->kind, endpoint_object(&e->destination),
			      verdict & ENDPOINT_SENSITIVE))
		record_drop(s, OUTCOME_THROTTLED);
	else
		record_submit(s, RING_BULK);
	return 0;
}

__noinline __u32 net_begin(__u32 kind, __u64 sk, __s64 result, __u32 syscall, __u32 flags)
{
	struct scratch *s;

	if (!kind_wanted(kind) || is_daemon(bpf_get_current_task_btf())) {
		account(kind, OUTCOME_FILTERED);
		return NEST_LEVELS;
	}
	s = record_begin(kind, sizeof(struct net_event));
	if (!s)
		return NEST_LEVELS;
	header_now(s->level, result, syscall, flags);
	endpoints_of_sock(&s->event.net_conn, (struct sock *)sk);
	if (kind == EVENT_NET_ACCEPT)
		peer_is_source(&s->event.net_conn);
	return s->level;
}

__noinline bool close_may_pass(__u64 sk)
{
	struct task_struct *task = bpf_get_current_task_btf();
	__u32 generation = filter_generation();
	__u32 passes = is_daemon(task) ? 0 : filter_passes(generation, EVENT_NET_CLOSE);
	struct endpoint source = {}, destination = {};
	struct sock_head head = {};

	if (!passes || passes & ~(PASS_REMOTE | PASS_DESTINATION_PORTS) ||
	    !sock_head_read(&head, (struct sock *)sk))
		return passes != 0;
	sock_ends(&source, &destination, (struct sock *)sk, &head);
	return filter_endpoints(EVENT_NET_CLOSE | ACTOR_RUNS, task->tgid, 0, &source,
				&destination) != 0;
}

/*
 * io_uring begins a request right after it was submitted, in the same call, or hands
 * it to a worker; its completion ends the mark (uring_connect_done). The time is for
 * a request that never completes.
 */
static __always_inline bool uring_connects_now(struct task_struct *task, ktime_ns now)
{
	thread_id tid = task->pid;
	ktime_ns *submitted = bpf_map_lookup_elem(&uring_connects, &tid);

	return submitted && now - *submitted < 100000000;
}

__noinline bool owner_keep(__u64 sk, __u32 pending, __u32 direction)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct socket_owner owner = {.pending = pending};

	header_of_task(&owner.header, task);
	owner.header.flags |= direction;
	owner.since = owner.header.time;
	if (task->flags & PF_IO_WORKER || uring_connects_now(task, owner.since))
		owner.header.flags |= RECORD_IO_URING;
	if (!bpf_map_update_elem(&socket_owners, &sk, &owner, BPF_ANY))
		return true;
	failure_count(FAILURE_SOCKET_MAP_FULL);
	return false;
}
