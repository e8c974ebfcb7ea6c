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

static __always_inline void peer_is_source(struct net_event *e)
{
	struct endpoint local = e->source;

	e->source = e->destination;
	e->destination = local;
}

/* The level of an event of the current process about `sk`, or NEST_LEVELS (endpoint.bpf.c). */
__u32 net_begin(__u32 kind, __u64 sk, __s64 result, __u32 syscall, __u32 flags);

/* Such an event, with the kernel's addresses. */
static __always_inline void net_report(enum event_kind kind, struct sock *sk,
				       struct call_info *call, long result)
{
	__u32 level = net_begin(kind, (__u64)sk, result, call->number, flags_of_call(call));

	if (level < NEST_LEVELS)
		net_submit(level);
}

/*
 * Whether net_close of a connection may pass later, so that its owner must be
 * remembered. Without that, what is asked here is asked again at the close.
 */
bool close_may_pass(__u64 sk);

/* Remembers who acts on the socket; false when there is no room. */
bool owner_keep(__u64 sk, __u32 pending, __u32 direction);

#endif /* BPFWARDEN_CONNECTION_H */
