/* SPDX-License-Identifier: (Apache-2.0 OR GPL-2.0) */
/*
 * Connections as the kernel made them: the state changes of TCP sockets, and
 * the ends of the socket calls that make no state change. What a program
 * passed as address is only used where a call failed before the kernel kept it.
 */
#include "socket.bpf.h"
#include "call.bpf.h"
#include "filter.bpf.h"

enum task_flag { PF_IO_WORKER = 0x10 };
enum fcntl_command { F_DUPFD = 0, F_DUPFD_CLOEXEC = 1030 };

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

struct {
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
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, __u64); /* struct sock * */
	__type(value, inode_number);
} refused SEC(".maps");

static __always_inline inode_number inode_of_sock(struct sock *sk)
{
	return BPF_CORE_READ(sk, sk_socket, file, f_inode, i_ino);
}

/* ---- one net_event ---------------------------------------------------------- */
/* An event of the current process about `sk`, with the kernel's addresses. */
static __always_inline void net_report(enum event_kind kind, struct sock *sk,
				       struct task_struct *task, struct call_info *call,
				       long result)
{
	struct scratch *s;

	if (!kind_wanted(kind) || is_daemon(task)) {
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

/* io_uring begins a request right after it was submitted, in the same call, or hands it to a
 * worker. */
static __always_inline bool ring_connects_now(struct task_struct *task, ktime_ns now)
{
	thread_id tid = task->pid;
	ktime_ns *submitted = bpf_map_lookup_elem(&ring_connects, &tid);

	return submitted && now - *submitted < 1000000;
}

/* Remembers who acts on the socket; false when there is no room. */
static __always_inline bool owner_keep(struct sock *sk, struct task_struct *task,
				       enum pending pending)
{
	struct socket_owner owner = {.pending = pending};
	__u64 key = (__u64)sk;

	header_of_task(&owner.header, task);
	owner.since = owner.header.time;
	if (task->flags & PF_IO_WORKER || ring_connects_now(task, owner.since))
		owner.header.flags |= RECORD_IO_URING;
	if (!bpf_map_update_elem(&socket_owners, &key, &owner, BPF_ANY))
		return true;
	count_failure(FAILURE_SOCKET_MAP_FULL);
	return false;
}

/* ---- TCP states ----------------------------------------------------------------- */
/*
 * Reports the connection that `owner` began; the addresses are complete now.
 * `current` may be anybody: whose token it costs was settled at the beginning.
 */
static __always_inline void conn_report(struct sock *sk, struct socket_owner *owner, long result)
{
	bool maybe = owner->pending == PENDING_MAYBE;
	struct net_event *e;
	struct scratch *s;

	owner->pending = PENDING_NOT;
	s = record_begin(EVENT_NET_CONN, sizeof(*e));
	if (!s)
		return;
	e = &s->event.net_conn;
	e->header = owner->header;
	e->header.kind = EVENT_NET_CONN;
	e->header.result = result;
	endpoints_of_sock(e, sk);
	if (maybe && !filter_endpoints(EVENT_NET_CONN, NULL, result, &e->source, &e->destination))
		record_drop(s, OUTCOME_FILTERED);
	else
		record_submit(s, RING_BULK);
}

/* Accounts a connection that is not to be reported; otherwise tells how sure that is. */
static __always_inline enum pending conn_decide(struct sock *sk, struct task_struct *task)
{
	__u32 passes = filter_passes(filter_generation(), EVENT_NET_CONN);
	struct net_event e = {};

	if (!passes || is_daemon(task)) {
		account(EVENT_NET_CONN, OUTCOME_FILTERED);
		return PENDING_NOT;
	}
	endpoints_of_sock(&e, sk);
	if (filter_endpoints(EVENT_NET_CONN, task, 0, &e.source, &e.destination)) {
		if (rate_take(EVENT_NET_CONN))
			return PENDING_WANTED;
		account(EVENT_NET_CONN, OUTCOME_THROTTLED);
		return PENDING_NOT;
	}
	if (passes & PASS_ERRORS || (passes & PASS_PORTS && !e.source.port))
		return PENDING_MAYBE;
	account(EVENT_NET_CONN, OUTCOME_FILTERED);
	return PENDING_NOT;
}

/*
 * tcp_v4_connect/tcp_v6_connect -> tcp_set_state(sk, TCP_SYN_SENT): the remote
 * address is set, the local port not yet (inet_hash_connect comes after). So
 * the event waits for the outcome: on loopback within the call, else a round
 * trip later, and if nobody answers until the first SYN is repeated, after 1 s.
 */
static __always_inline void on_syn_sent(struct sock *sk)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct socket_owner now = {};
	enum pending pending;

	pending = conn_decide(sk, task);
	if (!pending && (!kind_wanted(EVENT_NET_CLOSE) || is_daemon(task)))
		return;
	if (owner_keep(sk, task, pending) || !pending)
		return;
	/* No room to wait: now, without the local port. */
	header_of_task(&now.header, task);
	now.pending = pending;
	conn_report(sk, &now, -EINPROGRESS);
}

static __always_inline void on_close(struct sock *sk, struct socket_owner *owner, int oldstate,
				     int newstate)
{
	struct tcp_sock *tcp = (struct tcp_sock *)sk;
	struct net_event *e;
	struct scratch *s;
	__u64 now;

	if (!kind_wanted(EVENT_NET_CLOSE)) {
		account(EVENT_NET_CLOSE, OUTCOME_FILTERED);
		return;
	}
	s = record_begin(EVENT_NET_CLOSE, sizeof(struct net_event));
	if (!s)
		return;
	if (owner) {
		now = bpf_ktime_get_boot_ns();
		s->event.header = owner->header;
		s->event.header.kind = EVENT_NET_CLOSE;
		s->event.header.time = now;
		s->event.header.syscall = NO_SYSCALL;
		s->event.net_close.duration = now - owner->since;
	} else {
		struct task_struct *task = bpf_get_current_task_btf();

		header_fill(&s->event.header, task, 0);
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
	e = &s->event.net_close;
	if (!filter_endpoints(EVENT_NET_CLOSE, NULL, 0, &e->source, &e->destination))
		record_drop(s, OUTCOME_FILTERED);
	else if (newstate != TCP_CLOSE &&
		 !rate_take(EVENT_NET_CLOSE)) /* a reset is nobody's call */
		record_drop(s, OUTCOME_THROTTLED);
	else
		record_submit(s, RING_BULK);
}

/* inet_sk_state_store, tcp_set_state (net/ipv4) -> trace_inet_sock_set_state */
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

/* ---- ends of socket calls ---------------------------------------------------------- */
/* A connect that failed before the kernel took the address: only the program's own word is left. */
static __always_inline void conn_refused(struct sock *sk, struct task_struct *task,
					 struct call_info *call, const void *address, long result)
{
	struct scratch *s;

	if (!kind_wanted(EVENT_NET_CONN) || is_daemon(task)) {
		account(EVENT_NET_CONN, OUTCOME_FILTERED);
		return;
	}
	s = record_begin(EVENT_NET_CONN, sizeof(struct net_event));
	if (!s)
		return;
	header_of_call(&s->event.header, task, call, result);
	endpoints_of_sock(&s->event.net_conn, sk);
	s->event.header.flags |= RECORD_UNVERIFIED;
	if (!endpoint_of_user(&s->event.net_conn, &s->event.net_conn.destination, address)) {
		s->event.header.flags |= RECORD_UNREADABLE;
		count_failure(FAILURE_STRING_UNREADABLE);
	}
	net_submit(s, EVENT_NET_CONN, task);
}

SEC("tp_btf/sys_exit")
int BPF_PROG(exit_connect, struct pt_regs *regs, long result)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct call_info call = call_of(regs, task);
	struct sock *sk = sock_of_fd(task, ARG0(regs, call));
	__u64 key = (__u64)sk;
	inode_number *reported;

	if (!sk || !is_inet(BPF_CORE_READ(sk, __sk_common.skc_family)))
		return 0;
	if (BPF_CORE_READ(sk, sk_protocol) == TRANSPORT_TCP) {
		/* socket_state reports it; or a repeated call on a socket that is connecting or
		 * connected. */
		if (result == 0 || result == -EALREADY || result == -EISCONN ||
		    result == -EINPROGRESS || will_restart(result))
			return 0;
		reported = bpf_map_lookup_elem(&refused, &key);
		if (reported && *reported == inode_of_sock(sk)) {
			bpf_map_delete_elem(&refused, &key);
			return 0;
		}
	} else if (result == 0) {
		/* Port 0: getaddrinfo asks for a route, connect(AF_UNSPEC) undoes an earlier one.
		 */
		if (BPF_CORE_READ(sk, __sk_common.skc_dport))
			net_report(EVENT_NET_CONN, sk, task, &call, 0);
		return 0;
	}
	conn_refused(sk, task, &call, (void *)ARG1(regs, call), result);
	return 0;
}

static __always_inline void on_accept(struct task_struct *task, struct call_info *call, long result)
{
	struct sock *sk = result < 0 ? NULL : sock_of_fd(task, result);

	if (!sk || !is_inet(BPF_CORE_READ(sk, __sk_common.skc_family)))
		return;
	if (kind_wanted(EVENT_NET_CLOSE) && !is_daemon(task) &&
	    BPF_CORE_READ(sk, sk_protocol) == TRANSPORT_TCP)
		owner_keep(sk, task, PENDING_NOT);
	net_report(EVENT_NET_ACCEPT, sk, task, call, result);
}

/* listen() of TCP, bind() of UDP: from then on anybody may send. */
static __always_inline void on_listen(struct task_struct *task, struct call_info *call, __u32 fd,
				      long result, bool bind)
{
	struct sock *sk = sock_of_fd(task, fd);
	bool udp;

	if (!sk || !is_inet(BPF_CORE_READ(sk, __sk_common.skc_family)))
		return;
	udp = BPF_CORE_READ(sk, sk_protocol) == TRANSPORT_UDP;
	if (bind ? udp && result == 0 : !udp)
		net_report(EVENT_NET_LISTEN, sk, task, call, result);
}

static __always_inline void on_socket(struct pt_regs *regs, struct task_struct *task,
				      struct call_info *call, long result)
{
	__u32 family = ARG0(regs, *call), type = ARG1(regs, *call);
	struct scratch *s;

	if (!is_raw(family, type & SOCK_TYPE_MASK))
		return;
	s = socket_raw_begin(task, family, type, ARG2(regs, *call), result);
	if (!s)
		return;
	header_of_call(&s->event.header, task, call, result);
	record_submit(s, RING_PRIORITY);
}

SEC("tp_btf/sys_exit")
int BPF_PROG(exit_socket, struct pt_regs *regs, long result)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct call_info call = call_of(regs, task);
	__u32 first = ARG0(regs, call);

	switch (call.call) {
	case CALL_ACCEPT:
	case CALL_ACCEPT4:
		on_accept(task, &call, result);
		break;
	case CALL_LISTEN:
		on_listen(task, &call, first, result, false);
		break;
	case CALL_BIND:
		on_listen(task, &call, first, result, true);
		break;
	case CALL_SOCKET:
		on_socket(regs, task, &call, result);
		break;
	}
	return 0;
}

/* An inet socket as standard input, output or error: what a remote shell looks like. */
SEC("tp_btf/sys_exit")
int BPF_PROG(exit_dup, struct pt_regs *regs, long result)
{
	struct task_struct *task;
	struct call_info call;
	struct net_event ends = {};
	struct scratch *s;
	struct sock *sk;

	if (result < 0 || result > 2)
		return 0;
	task = bpf_get_current_task_btf();
	call = call_of(regs, task);
	/* Other results of fcntl are no descriptors. */
	if (call.call == CALL_FCNTL && ARG1(regs, call) != F_DUPFD &&
	    ARG1(regs, call) != F_DUPFD_CLOEXEC)
		return 0;
	sk = sock_of_fd(task, result);
	if (!sk || !is_inet(BPF_CORE_READ(sk, __sk_common.skc_family)))
		return 0;
	if (!kind_wanted(EVENT_SOCKET_DUP) || is_daemon(task)) {
		account(EVENT_SOCKET_DUP, OUTCOME_FILTERED);
		return 0;
	}
	s = record_begin(EVENT_SOCKET_DUP, sizeof(struct call_event));
	if (!s)
		return 0;
	header_of_call(&s->event.header, task, &call, result);
	endpoints_of_sock(&ends, sk);
	s->event.socket_dup.argument[0] = ARG0(regs, call);
	s->event.socket_dup.argument[1] = result;
	s->event.socket_dup.family = ends.family;
	s->event.socket_dup.socket_type = BPF_CORE_READ(sk, sk_type);
	s->event.socket_dup.protocol = ends.transport;
	s->event.socket_dup.source = ends.source;
	s->event.socket_dup.destination = ends.destination;
	record_submit(s, RING_PRIORITY);
	return 0;
}
