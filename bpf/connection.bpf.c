/* SPDX-License-Identifier: (Apache-2.0 OR GPL-2.0) */
/*
 * TCP connections as the kernel made them: the state changes of sockets. What a
 * program passed as address plays no part.
 */
#define BPFWARDEN_DEFINE_CONNECTIONS
#include "connection.bpf.h"

/* ---- TCP states ----------------------------------------------------------------- */
/*
 * Reports the connection that `owner` began; the addresses are complete now.
 * `current` may be anybody: whose token it costs was settled at the beginning.
 */
static __noinline int conn_report(struct sock *sk, struct socket_owner *owner, long result)
{
	struct net_event *e;
	struct scratch *s;
	bool maybe;

	if (!owner)
		return 0;
	maybe = owner->pending == PENDING_MAYBE;
	owner->pending = PENDING_NOT;
	s = record_begin(EVENT_NET_CONN, sizeof(*e));
	if (!s)
		return 0;
	e = &s->event.net_conn;
	e->header = owner->header;
	e->header.kind = EVENT_NET_CONN;
	e->header.result = result;
	endpoints_of_sock(e, sk);
	if (maybe &&
	    !filter_endpoints(EVENT_NET_CONN, e->header.pid, result, &e->source, &e->destination))
		record_drop(s, OUTCOME_FILTERED);
	else
		record_submit(s, RING_BULK);
	return 0;
}

/* Accounts a connection that is not to be reported; otherwise tells how sure that is. */
static __noinline enum pending conn_decide(struct sock *sk, struct task_struct *task)
{
	__u32 passes = filter_passes(filter_generation(), EVENT_NET_CONN);
	struct endpoint source = {}, destination = {};
	struct sock_head head = {};
	__u32 verdict;

	if (!passes || is_daemon(task)) {
		account(EVENT_NET_CONN, OUTCOME_FILTERED);
		return PENDING_NOT;
	}
	if (!(passes & PASS_WHOLE) && sock_head_read(&head, sk))
		sock_ends(&source, &destination, sk, &head);
	verdict =
	    filter_endpoints(EVENT_NET_CONN | ACTOR_RUNS, task->tgid, 0, &source, &destination);
	if (verdict) {
		if (rate_admits(EVENT_NET_CONN, endpoint_object(&destination),
				verdict & ENDPOINT_SENSITIVE))
			return PENDING_WANTED;
		account(EVENT_NET_CONN, OUTCOME_THROTTLED);
		return PENDING_NOT;
	}
	if (passes & PASS_ERRORS || (passes & PASS_SOURCE_PORTS && !source.port))
		return PENDING_MAYBE;
	account(EVENT_NET_CONN, OUTCOME_FILTERED);
	return PENDING_NOT;
}

/* No room to wait: without the local port. */
static __noinline int conn_report_now(struct sock *sk, enum pending pending)
{
	struct socket_owner now = {.pending = pending};

	header_of_task(&now.header, bpf_get_current_task_btf());
	return conn_report(sk, &now, -EINPROGRESS);
}

/*
 * tcp_v4_connect/tcp_v6_connect -> tcp_set_state(sk, TCP_SYN_SENT): the remote
 * address is set, the local port not yet (inet_hash_connect comes after). So
 * the event waits for the outcome: on loopback within the call, else a round
 * trip later, and if nobody answers until the first SYN is repeated, after 1 s.
 */
static __noinline int on_syn_sent(struct sock *sk)
{
	__u64 key = plain_address(sk);
	enum pending pending = conn_decide(sk, bpf_get_current_task_btf());

	if (!pending && !close_may_pass(key))
		return 0;
	if (!owner_keep(key, pending, RECORD_CONNECTED) && pending)
		conn_report_now(sk, pending);
	return 0;
}

static __noinline int on_close(struct sock *sk, struct socket_owner *owner, int oldstate,
			       int newstate)
{
	struct endpoint source = {}, destination = {};
	struct tcp_sock *tcp = (struct tcp_sock *)sk;
	struct sock_head head = {};
	struct scratch *s;
	__u32 verdict;
	__u64 now;

	if (!kind_wanted(EVENT_NET_CLOSE) || !sock_head_read(&head, sk)) {
		account(EVENT_NET_CLOSE, OUTCOME_FILTERED);
		return 0;
	}
	sock_ends(&source, &destination, sk, &head);
	verdict = filter_endpoints(EVENT_NET_CLOSE, owner ? owner->header.pid : 0, 0, &source,
				   &destination);
	if (!verdict) {
		account(EVENT_NET_CLOSE, OUTCOME_FILTERED);
		return 0;
	}
	/* A reset is nobody's call. */
	if (newstate != TCP_CLOSE && !rate_admits(EVENT_NET_CLOSE, endpoint_object(&destination),
						  verdict & ENDPOINT_SENSITIVE)) {
		account(EVENT_NET_CLOSE, OUTCOME_THROTTLED);
		return 0;
	}
	s = record_begin(EVENT_NET_CLOSE, sizeof(struct net_event));
	if (!s)
		return 0;
	if (owner) {
		now = bpf_ktime_get_boot_ns();
		s->event.header = owner->header;
		s->event.header.kind = EVENT_NET_CLOSE;
		s->event.header.time = now;
		s->event.header.syscall = NO_SYSCALL;
		s->event.net_close.duration = now - owner->since;
	} else {
		header_now(s->level, 0, NO_SYSCALL, 0);
		/* Only a call of the process leads to FIN_WAIT1 and LAST_ACK; a reset comes from
		 * softirq. */
		if (newstate == TCP_CLOSE)
			s->event.header.flags |= RECORD_KERNEL_THREAD;
	}
	endpoints_of_sock(&s->event.net_close, sk);
	/* The peer's FIN counts as a byte (tcp_fin). */
	s->event.net_close.bytes_received =
	    BPF_CORE_READ(tcp, bytes_received) - (oldstate == TCP_CLOSE_WAIT);
	s->event.net_close.bytes_sent =
	    BPF_CORE_READ(tcp, bytes_sent) - BPF_CORE_READ(tcp, bytes_retrans);
	record_submit(s, RING_BULK);
	return 0;
}

/* inet_sk_state_store, tcp_set_state (net/ipv4) -> trace_inet_sock_set_state */
PROGRAM(socket_state, network, "net_conn, net_accept and net_close by TCP");
SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(socket_state, struct sock *sk, int oldstate, int newstate)
{
	struct socket_owner *owner;
	__u64 key = (__u64)sk;

	if (sk->sk_protocol != TRANSPORT_TCP)
		return 0;
	if (newstate == TCP_SYN_SENT) {
		on_syn_sent(sk);
		return 0;
	}
	/* Most changes are between states that say nothing: SYN_RECV, FIN_WAIT2, CLOSE_WAIT ... */
	if (oldstate != TCP_SYN_SENT && newstate != TCP_CLOSE && newstate != TCP_FIN_WAIT1 &&
	    newstate != TCP_LAST_ACK)
		return 0;
	owner = bpf_map_lookup_elem(&socket_owners, &key);
	if (oldstate == TCP_SYN_SENT) {
		if (newstate == TCP_CLOSE) {
			inode_number inode = inode_of_sock(sk);

			bpf_map_update_elem(&refused, &key, &inode, BPF_ANY);
		}
		if (owner && owner->pending) {
			int error = sk->sk_err;

			if (newstate == TCP_CLOSE && !error)
				error = EINPROGRESS; /* closed before there was an answer */
			conn_report(sk, owner, -error);
		}
		if (owner && (newstate == TCP_CLOSE || !kind_wanted(EVENT_NET_CLOSE)))
			bpf_map_delete_elem(&socket_owners, &key);
		return 0;
	}
	if (oldstate == TCP_ESTABLISHED || oldstate == TCP_CLOSE_WAIT)
		on_close(sk, owner, oldstate, newstate);
	if (owner)
		bpf_map_delete_elem(&socket_owners, &key);
	return 0;
}

/* tcp_retransmit_skb (net/ipv4/tcp_output.c): rare, and the first sign that a peer is silent. */
PROGRAM(socket_retransmit, network, "net_conn to peers that do not answer");
SEC("tp_btf/tcp_retransmit_skb")
int BPF_PROG(socket_retransmit, struct sock *sk)
{
	struct socket_owner *owner;
	__u64 key = (__u64)sk;

	if (sk->__sk_common.skc_state != TCP_SYN_SENT)
		return 0;
	owner = bpf_map_lookup_elem(&socket_owners, &key);
	if (owner && owner->pending)
		conn_report(sk, owner, -EINPROGRESS);
	return 0;
}
