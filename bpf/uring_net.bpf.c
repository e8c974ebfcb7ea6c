/* SPDX-License-Identifier: (Apache-2.0 OR GPL-2.0) */
/*
 * What became of requests about sockets. TCP connections and UDP sends have their
 * own hooks (connection.bpf.c, transfer.bpf.c), whoever begins them.
 */
#include "uring.bpf.h"
#include "connection.bpf.h"

static __always_inline bool inet_sock(struct sock *sk)
{
	return sk && is_inet(BPF_CORE_READ(sk, __sk_common.skc_family));
}

static __always_inline struct sock *uring_sock_of(__u64 request)
{
	__u64 file = 0;

	read_field(file, request, struct io_kiocb, file);
	return sock_of_file(file);
}

/* An event of the place's actor; the destination is the place's where `named`, else the socket's own. */
__noinline int uring_sock_report(__u32 kind, __u64 sk, __s64 result, __u32 flags, __u32 named)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct uring_place *place = uring_place_now();
	struct net_event *e;
	struct scratch *s;
	__u32 verdict, runs;

	if (!place)
		return 0;
	if (uring_is_daemon(&place->actor) || !kind_wanted(kind)) {
		account(kind, OUTCOME_FILTERED);
		return 0;
	}
	s = record_begin(kind, sizeof(*e));
	if (!s)
		return 0;
	e = &s->event.net_conn;
	uring_header(&e->header, &place->actor, result);
	e->header.flags |= flags;
	endpoints_of_sock(e, (struct sock *)sk);
	if (named)
		e->destination = place->destination;
	if (kind == EVENT_NET_ACCEPT)
		peer_is_source(e);
	runs = (__u32)task->tgid == place->actor.pid ? ACTOR_RUNS : 0;
	verdict =
	    filter_endpoints(kind | runs, place->actor.pid, result, &e->source, &e->destination);
	if (!verdict)
		record_drop(s, OUTCOME_FILTERED);
	else if (!rate_admits(kind, endpoint_object(&e->destination), verdict & ENDPOINT_SENSITIVE))
		record_drop(s, OUTCOME_THROTTLED);
	else
		record_submit(s, RING_BULK);
	return 0;
}

/* io_accept (io_uring/net.c): the descriptor, or the slot, is the result. */
__noinline __u32 uring_accept_done(__u64 request, __s64 result)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct uring_place *place = uring_place_now();
	struct sock *sk;
	__u32 slot = 0;

	if (!bpf_map_delete_elem(&uring_settled, &request) || result < 0 || !place)
		return 0;
	uring_actor_of(&place->actor, request);
	read_field(slot, request, struct io_accept, file_slot);
	sk = sock_of_file(uring_file_made(&place->actor, request, slot, result));
	if (!inet_sock(sk))
		return 0;
	if ((__u32)task->tgid == place->actor.pid &&
	    BPF_CORE_READ(sk, sk_protocol) == TRANSPORT_TCP && close_may_pass((__u64)sk))
		owner_keep((__u64)sk, PENDING_NOT, RECORD_ACCEPTED);
	uring_sock_report(EVENT_NET_ACCEPT, (__u64)sk, result, 0, 0);
	return 0;
}

/* TCP: only what the kernel refused before there was a connection to see. */
__noinline __u32 uring_connect_done(__u64 request, __s64 result)
{
	struct uring_request *kept = bpf_map_lookup_elem(&uring_requests, &request);
	struct sock *sk = uring_sock_of(request);
	struct uring_place *place = uring_place_now();
	__u32 flags = RECORD_UNREADABLE;
	__u64 key = (__u64)sk;
	inode_number *reported;
	thread_id tid = 0;

	if (!place)
		return 0;
	__builtin_memset(&place->destination, 0, sizeof(place->destination));
	if (kept) {
		struct net_event *e = (struct net_event *)kept->bytes;

		place->destination = e->destination;
		flags = 0;
		bpf_map_delete_elem(&uring_requests, &request);
	}
	uring_actor_of(&place->actor, request);
	read_field(tid, place->actor.task, struct task_struct, pid);
	bpf_map_delete_elem(&uring_connects, &tid);
	if (!inet_sock(sk))
		return 0;
	if (BPF_CORE_READ(sk, sk_protocol) == TRANSPORT_TCP) {
		if (result == 0 || result == -EALREADY || result == -EISCONN ||
		    result == -EINPROGRESS ||
		    BPF_CORE_READ(sk, __sk_common.skc_state) == TCP_SYN_SENT)
			return 0;
		reported = bpf_map_lookup_elem(&refused, &key);
		if (reported && *reported == inode_of_sock(sk)) {
			bpf_map_delete_elem(&refused, &key);
			return 0;
		}
	} else if (result == 0) {
		if (BPF_CORE_READ(sk, __sk_common.skc_dport))
			uring_sock_report(EVENT_NET_CONN, key, 0, 0, 0);
		return 0;
	}
	if (flags)
		failure_count(FAILURE_IDENTITY);
	uring_sock_report(EVENT_NET_CONN, key, result, flags, 1);
	return 0;
}

/* As on_listen in network.bpf.c. */
__noinline __u32 uring_listen_done(__u64 request, __u32 operation, __s64 result, __u64 file)
{
	struct sock *sk = file ? sock_of_file(file) : uring_sock_of(request);
	struct uring_place *place = uring_place_now();
	bool udp;

	if (!inet_sock(sk) || !place)
		return 0;
	udp = BPF_CORE_READ(sk, sk_protocol) == TRANSPORT_UDP;
	if (operation == URING_BIND ? !udp || result : udp)
		return 0;
	uring_actor_of(&place->actor, request);
	uring_sock_report(EVENT_NET_LISTEN, (__u64)sk, result, file ? RECORD_UNVERIFIED : 0, 0);
	return 0;
}

__noinline __u32 uring_socket_done(__u64 request, __s64 result)
{
	__u32 family = 0, type = 0, protocol = 0;
	struct uring_actor a;
	enum event_kind kind;
	struct scratch *s;

	/* 5.19, 1374e08e2d44 ("io_uring: add socket(2) support"). */
	if (!bpf_core_type_exists(struct io_socket))
		return 0;
	read_field(family, request, struct io_socket, domain);
	read_field(type, request, struct io_socket, type);
	read_field(protocol, request, struct io_socket, protocol);
	kind = kind_of_socket(family, type & SOCK_TYPE_MASK, protocol);
	if (!kind)
		return 0;
	uring_actor_of(&a, request);
	s = socket_event_begin(bpf_get_current_task_btf(), kind, family, type, protocol, result);
	if (!s)
		return 0;
	uring_header(&s->event.header, &a, result);
	call_submit(s, RING_PRIORITY, call_object(&s->event.socket_raw), 1);
	return 0;
}
