/* SPDX-License-Identifier: (Apache-2.0 OR GPL-2.0) */
/* What connection.bpf.c (TCP states) and network.bpf.c (socket calls) know together. */
#ifndef BPFWARDEN_CONNECTION_H
#define BPFWARDEN_CONNECTION_H

#include "socket.bpf.h"

/* connection.bpf.c defines the maps. */
#ifdef BPFWARDEN_DEFINE_CONNECTIONS
#define OWNED_MAP
#else
#define OWNED_MAP extern
#endif

/* ---- what is remembered of a socket -------------------------------------- */
/*
 * From SYN_SENT until the outcome is known, and where net_close is wanted until
 * the socket is closed. Later state changes come from softirq, where `current`
 * is some other process: the header of the one that acted is kept here.
 */
struct socket_owner {
	struct record_header header;
	ktime_ns since;
	__u32 pending; /* enum pending */
	__u32 unused;
};

/* Whether net_conn is still to be reported. */
enum pending {
	PENDING_NOT = 0,
	PENDING_WANTED = 1, /* the filter let it pass, a token is taken */
	PENDING_MAYBE = 2,  /* depends on the local port or the outcome */
};

OWNED_MAP struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16384);
	__type(key, __u64); /* struct sock * */
	__type(value, struct socket_owner);
} socket_owners SEC(".maps");

/*
 * Connections that failed and were reported with the state change, so that the
 * connect() that returns the error is not one more event. Value: the socket's
 * inode, since the address of a struct sock is used again.
 */
OWNED_MAP struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, __u64); /* struct sock * */
	__type(value, inode_number);
} refused SEC(".maps");

/* An event of the current process about `sk`, with the kernel's addresses. */
static __always_inline void net_report(enum event_kind kind, struct sock *sk,
				       struct task_struct *task, struct call_info *call,
				       long result)
{
	__u32 passes = is_daemon(task) ? 0 : filter_passes(filter_generation(), kind);
	struct scratch *s;

	if (!passes) {
		account(kind, OUTCOME_FILTERED);
		return;
	}
	s = record_begin(kind, sizeof(struct net_event));
	if (!s)
		return;
	header_of_call(&s->event.header, task, call, result);
	endpoints_of_sock(&s->event.net_conn, sk);
	if (kind == EVENT_NET_ACCEPT) { /* the peer is the source */
		struct endpoint local = s->event.net_conn.source;

		s->event.net_conn.source = s->event.net_conn.destination;
		s->event.net_conn.destination = local;
	}
	net_submit(s, kind, task);
}

/*
 * Whether net_close of a connection may pass later, so that its owner must be
 * remembered. Without that, what is asked here is asked again at the close.
 */
static __always_inline bool close_may_pass(struct sock *sk, struct task_struct *task)
{
	__u32 generation = filter_generation();
	__u32 passes = is_daemon(task) ? 0 : filter_passes(generation, EVENT_NET_CLOSE);
	struct endpoint source = {}, destination = {};
	struct sock_head head = {};

	if (!passes || passes & ~(PASS_REMOTE | PASS_DESTINATION_PORTS) ||
	    !sock_head_read(&head, sk))
		return passes;
	sock_ends(&source, &destination, sk, &head);
	return filter_endpoints(EVENT_NET_CLOSE, task, task->tgid, 0, &source, &destination);
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

/* Remembers who acts on the socket; false when there is no room. */
static __always_inline bool owner_keep(struct sock *sk, struct task_struct *task,
				       enum pending pending, enum record_flags direction)
{
	struct socket_owner owner = {.pending = pending};
	__u64 key = (__u64)sk;

	header_of_task(&owner.header, task);
	owner.header.flags |= direction;
	owner.since = owner.header.time;
	if (task->flags & PF_IO_WORKER || uring_connects_now(task, owner.since))
		owner.header.flags |= RECORD_IO_URING;
	if (!bpf_map_update_elem(&socket_owners, &key, &owner, BPF_ANY))
		return true;
	failure_count(FAILURE_SOCKET_MAP_FULL);
	return false;
}

#endif /* BPFWARDEN_CONNECTION_H */
