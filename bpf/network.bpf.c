/* SPDX-License-Identifier: (Apache-2.0 OR GPL-2.0) */
/*
 * The ends of socket calls. Addresses are the kernel's; what a program passed is
 * only used where a call failed before the kernel kept it.
 */
#include "connection.bpf.h"

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
	header_of_call(s, call, result);
	endpoints_of_sock(&s->event.net_conn, sk);
	s->event.header.flags |= RECORD_UNVERIFIED;
	if (!endpoint_of_user(&s->event.net_conn.family, &s->event.net_conn.destination, address)) {
		s->event.header.flags |= RECORD_UNREADABLE;
		failure_count(FAILURE_STRING_UNREADABLE);
	}
	net_submit(s->level);
}

/* Goes on to exit_inet or exit_unix; no subprogram (arm64 before 6.0 refuses both at once). */
PROGRAM(exit_connect, network, "net_conn by UDP, connects that were refused, unix_connect");
SEC("tp_btf/sys_exit")
int BPF_PROG(exit_connect, struct pt_regs *regs, long result)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct fdtable *table = descriptors_of(task);
	struct call_info call = call_of(regs, task);
	__u64 array = unfold_socketcall(regs, &call);
	struct sock *sk =
	    sock_of_file(file_of_descriptor(table, (__s32)PACKED_ARG(0, regs, call, array)));
	__u16 family = sk ? BPF_CORE_READ(sk, __sk_common.skc_family) : AF_UNSPEC;

	if (is_inet(family))
		bpf_tail_call_static(ctx, &exit_handlers, FAMILY_INET);
	if (family == AF_UNIX)
		bpf_tail_call_static(ctx, &exit_handlers, FAMILY_UNIX);
	return 0;
}

PROGRAM(exit_inet, network, "net_conn by UDP, and connects that were refused");
SEC("tp_btf/sys_exit")
int BPF_PROG(exit_inet, struct pt_regs *regs, long result)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct call_info call = call_of(regs, task);
	__u64 array = unfold_socketcall(regs, &call);
	struct sock *sk = sock_of_fd(task, PACKED_ARG(0, regs, call, array));
	__u64 key = (__u64)sk;
	inode_number *reported;

	if (!sk)
		return 0;
	if (BPF_CORE_READ(sk, sk_protocol) == TRANSPORT_TCP) {
		/* socket_state reports it; or a repeated call on a socket that is connecting or
		 * connected. */
		if (result == 0 || result == -EALREADY || result == -EISCONN ||
		    result == -EINPROGRESS || result_restarts(result))
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
			net_report(EVENT_NET_CONN, sk, &call, 0);
		return 0;
	}
	conn_refused(sk, task, &call, (void *)PACKED_ARG(1, regs, call, array), result);
	return 0;
}

static __always_inline void on_accept(struct task_struct *task, struct call_info *call, long result)
{
	struct sock *sk = result < 0 ? NULL : sock_of_fd(task, result);

	if (!sk || !is_inet(BPF_CORE_READ(sk, __sk_common.skc_family)))
		return;
	if (BPF_CORE_READ(sk, sk_protocol) == TRANSPORT_TCP && close_may_pass((__u64)sk))
		owner_keep((__u64)sk, PENDING_NOT, RECORD_ACCEPTED);
	net_report(EVENT_NET_ACCEPT, sk, call, result);
}

/* listen() of TCP, bind() of UDP and UDP-Lite: from then on anybody may send. */
static __always_inline void on_listen(struct task_struct *task, struct call_info *call, __u32 fd,
				      long result, bool bind)
{
	struct sock *sk = sock_of_fd(task, fd);
	bool udp;

	if (!sk || !is_inet(BPF_CORE_READ(sk, __sk_common.skc_family)))
		return;
	udp = BPF_CORE_READ(sk, sk_protocol) == TRANSPORT_UDP ||
	      BPF_CORE_READ(sk, sk_protocol) == IPPROTO_UDPLITE;
	if (bind ? udp && result == 0 : !udp)
		net_report(EVENT_NET_LISTEN, sk, call, result);
}

static __always_inline void on_socket(struct pt_regs *regs, struct task_struct *task,
				      struct call_info *call, __u64 array, long result)
{
	__u32 family = PACKED_ARG(0, regs, *call, array), type = PACKED_ARG(1, regs, *call, array);
	struct sock *sk = array && result >= 0 ? sock_of_fd(task, result) : NULL;
	__u32 protocol = PACKED_ARG(2, regs, *call, array);
	enum event_kind kind;
	struct scratch *s;

	if (sk) { /* what the kernel made, whatever the array says now */
		family = BPF_CORE_READ(sk, __sk_common.skc_family);
		type = BPF_CORE_READ(sk, sk_type);
	}
	kind = kind_of_socket(family, type & SOCK_TYPE_MASK, protocol);
	if (!kind)
		return;
	s = socket_event_begin(task, kind, family, type, protocol, result);
	if (!s)
		return;
	header_of_call(s, call, result);
	call_submit(s, RING_PRIORITY, call_object(&s->event.socket_raw), 1);
}

PROGRAM(exit_socket, network, "net_accept, net_listen, socket_raw");
SEC("tp_btf/sys_exit")
int BPF_PROG(exit_socket, struct pt_regs *regs, long result)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct call_info call = call_of(regs, task);
	__u64 array = unfold_socketcall(regs, &call);
	__u32 first = PACKED_ARG(0, regs, call, array);

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
		on_socket(regs, task, &call, array, result);
		break;
	}
	return 0;
}

/* An inet socket as standard input, output or error: what a remote shell looks like. */
PROGRAM(exit_dup, network, "socket_dup");
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
	header_of_call(s, &call, result);
	endpoints_of_sock(&ends, sk);
	s->event.socket_dup.argument[0] = ARG0(regs, call);
	s->event.socket_dup.argument[1] = result;
	s->event.socket_dup.family = ends.family;
	s->event.socket_dup.socket_type = BPF_CORE_READ(sk, sk_type);
	s->event.socket_dup.protocol = ends.transport;
	s->event.socket_dup.source = ends.source;
	s->event.socket_dup.destination = ends.destination;
	call_submit(s, RING_PRIORITY, endpoint_object(&ends.destination), 1);
	return 0;
}
