/* SPDX-License-Identifier: (Apache-2.0 OR GPL-2.0) */
/*
 * What goes through sockets: totals of calls and bytes, the destinations of
 * unconnected UDP sends, and the DNS answers that processes receive (names of
 * addresses for destination.hostname).
 */
#include "socket.bpf.h"
#include "call.bpf.h"
#include "filter.bpf.h"

/* 1: the cgroup programs below report sends; 0: only the system call's own word is left. */
const volatile __u32 sends_seen_in_kernel = 1;

enum transfer_limits {
	DNS_BYTES = 1232, /* the size that DNS software agreed on (DNS flag day 2020) */
	DNS_HEADER = 12,
	MESSAGES = 8, /* of one sendmmsg or recvmmsg that are looked at */
	MSG_PEEK = 2,
};

/* struct user_msghdr and struct mmsghdr of a 64-bit program. */
struct user_message {
	void *name;
	__u32 name_length;
	struct user_vector {
		void *base;
		__u64 length;
	} * vectors;
	__u64 vector_count;
	void *control;
	__u64 control_length;
	__u32 flags;
};

struct user_message_slot {
	struct user_message message;
	__u32 length;
};

/* ---- unconnected UDP ---------------------------------------------------------- */
/*
 * A datagram flood to one address is one event; that pair again only after it
 * was evicted. The socket is named by its cookie, which no other socket ever
 * has: the memory of a closed one is the next process's.
 */
struct send_pair {
	__u64 socket;
	__u8 ip[16];
	__u32 port;
	__u32 unused;
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 8192);
	__type(key, struct send_pair);
	__type(value, __u64);
} send_pairs SEC(".maps");

static __always_inline bool send_is_new(__u64 socket, struct endpoint *to)
{
	struct send_pair pair = {.socket = socket, .port = to->port};
	__u64 one = 1;

	__builtin_memcpy(pair.ip, to->ip, 16);
	if (bpf_map_lookup_elem(&send_pairs, &pair))
		return false;
	bpf_map_update_elem(&send_pairs, &pair, &one, BPF_ANY);
	return true;
}

/*
 * Cgroup programs may be preempted, so the per-CPU scratch memory is not for
 * them: the event is built on the stack.
 */
static __always_inline void send_output(struct net_event *e, struct task_struct *task)
{
	__u32 verdict = filter_endpoints(EVENT_NET_SEND | ACTOR_RUNS, task->tgid, e->header.result,
					 &e->source, &e->destination);

	if (!verdict) {
		account(EVENT_NET_SEND, OUTCOME_FILTERED);
		return;
	}
	if (!rate_admits(EVENT_NET_SEND, endpoint_object(&e->destination),
			 verdict & ENDPOINT_SENSITIVE)) {
		account(EVENT_NET_SEND, OUTCOME_THROTTLED);
		return;
	}
	e->header.size = sizeof(*e);
	if (bpf_ringbuf_output(&bulk_ring, e, sizeof(*e), BPF_RB_NO_WAKEUP)) {
		account(EVENT_NET_SEND, OUTCOME_LOST_RING_FULL);
		return;
	}
	account(EVENT_NET_SEND, OUTCOME_SUBMITTED);
	reader_wake(&bulk_ring);
}

/* udp_sendmsg, udpv6_sendmsg -> BPF_CGROUP_RUN_PROG_UDP4/6_SENDMSG: the kernel's copy of the
 * address. */
static __always_inline int on_send(struct bpf_sock_addr *ctx, struct net_event *e)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct bpf_sock *sk = ctx->sk;

	e->destination.port = bpf_ntohs(ctx->user_port);
	if (!sk || !send_is_new(bpf_get_socket_cookie(ctx), &e->destination))
		return 1;
	if (!kind_wanted(EVENT_NET_SEND) || is_daemon(task)) {
		account(EVENT_NET_SEND, OUTCOME_FILTERED);
		return 1;
	}
	header_fill(&e->header, task, 0);
	e->header.kind = EVENT_NET_SEND;
	e->transport = ctx->protocol;
	e->source.port = sk->src_port;
	send_output(e, task);
	return 1;
}

PROGRAM(send_ipv4, network,
	"net_send by IPv4 as the kernel has it (the system call is reported instead)");
SEC("cgroup/sendmsg4")
int send_ipv4(struct bpf_sock_addr *ctx)
{
	struct net_event e = {.family = AF_INET};

	ip_from_v4(e.destination.ip, ctx->user_ip4);
	ip_from_v4(e.source.ip, ctx->msg_src_ip4);
	return on_send(ctx, &e);
}

PROGRAM(send_ipv6, network, "net_send by IPv6 as the kernel has it");
SEC("cgroup/sendmsg6")
int send_ipv6(struct bpf_sock_addr *ctx)
{
	struct net_event e = {.family = AF_INET6};
	__u32 ip[4] = {ctx->user_ip6[0], ctx->user_ip6[1], ctx->user_ip6[2], ctx->user_ip6[3]};

	__builtin_memcpy(e.destination.ip, ip, 16);
	if (is_mapped(e.destination.ip))
		e.family = AF_INET;
	return on_send(ctx, &e);
}

/* Without the cgroup programs: what the program passed. `head` is the socket's front. */
static __always_inline void send_unverified(struct sock *sk, struct sock_head *head,
					    struct call_info *call, const void *address,
					    long result)
{
	struct endpoint destination = {};
	struct scratch *s;
	__u16 family;

	if (sock_field(head, __be16, skc_dport) ||
	    !endpoint_of_user(&family, &destination, address))
		return;
	/* No helper gives the cookie here; the socket file's inode is as unique until it wraps. */
	if (!send_is_new(inode_of_sock(sk), &destination))
		return;
	if (!kind_wanted(EVENT_NET_SEND) || is_daemon(bpf_get_current_task_btf())) {
		account(EVENT_NET_SEND, OUTCOME_FILTERED);
		return;
	}
	s = record_begin(EVENT_NET_SEND, sizeof(struct net_event));
	if (!s)
		return;
	header_of_call(s, call, result);
	s->event.header.flags |= RECORD_UNVERIFIED;
	endpoints_of_sock(&s->event.net_send, sk);
	s->event.net_send.family = family;
	s->event.net_send.destination = destination;
	net_submit(s->level);
}

/* ---- DNS answers ---------------------------------------------------------------- */
static __always_inline void dns_report(struct sock *sk, struct task_struct *task,
				       struct call_info *call, struct endpoint *server,
				       const void *payload, __u64 length)
{
	struct scratch *s;

	if (length < DNS_HEADER)
		return;
	if (!kind_wanted(EVENT_NET_DNS) || is_daemon(task)) {
		account(EVENT_NET_DNS, OUTCOME_FILTERED);
		return;
	}
	s = record_begin(EVENT_NET_DNS, sizeof(struct dns_event));
	if (!s)
		return;
	header_of_call(s, call, length);
	s->event.net_dns.server = *server;
	s->event.net_dns.transport = BPF_CORE_READ(sk, sk_protocol);
	/* The process may have changed it since it came; it can only fool itself by name. */
	s->event.header.flags |= RECORD_UNVERIFIED;
	if (length > DNS_BYTES)
		s->event.header.flags |= RECORD_TRUNCATED;
	text_bytes(s, &s->event.net_dns.payload, payload, length, DNS_BYTES, FROM_USER);
	if (rate_has(EVENT_NET_DNS))
		record_submit(s, RING_BULK);
	else
		record_drop(s, OUTCOME_THROTTLED);
}

/* The server of an answer: the connected peer, else what the kernel wrote into the program's
 * buffer. */
static __always_inline bool dns_server(struct endpoint *peer, const void *address)
{
	__u16 family;

	if (peer->port == DNS_PORT)
		return true;
	return !peer->port && address && endpoint_of_user(&family, peer, address) &&
	       peer->port == DNS_PORT;
}

/* ---- system calls ---------------------------------------------------------------- */
/* Bytes of a finished sendmmsg or recvmmsg: `count` messages, the first ones looked at. */
static __always_inline __u64 slots_bytes(const struct user_message_slot *slots, __u32 count)
{
	__u64 bytes = 0;

	for (__u32 i = 0; i < MESSAGES && i < count; i++) {
		__u32 length = 0;

		bpf_probe_read_user(&length, sizeof(length), &slots[i].length);
		bytes += length;
	}
	return bytes;
}

/* sendto, sendmsg, sendmmsg; write and writev of sockets are counted by exit_write. */
PROGRAM(exit_send, network, "bytes sent; net_send where the cgroup programs are missing");
SEC("tp_btf/sys_exit")
int BPF_PROG(exit_send, struct pt_regs *regs, long result)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct fdtable *table = descriptors_of(task);
	struct call_info call = call_of(regs, task);
	__u64 array = unfold_socketcall(regs, &call);
	struct sock *sk =
	    sock_of_file(file_of_descriptor(table, (__s32)PACKED_ARG(0, regs, call, array)));
	struct io_totals *total = io_totals_now();
	const void *address = NULL;
	struct sock_head head;

	if (!sock_head_read(&head, sk) || !is_inet(sock_field(&head, __u16, skc_family)))
		return 0;
	if (total && result > 0) {
		total->net_send_calls++;
		total->net_send_bytes +=
		    call.call == CALL_SENDMMSG
			? slots_bytes((void *)PACKED_ARG(1, regs, call, array), result)
			: (__u64)result;
	}
	if (sends_seen_in_kernel || BPF_CORE_READ(sk, sk_protocol) == TRANSPORT_TCP)
		return 0;
	if (call.call == CALL_SENDTO)
		address = (void *)PACKED_ARG(4, regs, call, array);
	else if ((call.call == CALL_SENDMSG || call.call == CALL_SENDMMSG) && !call.compat)
		bpf_probe_read_user(&address, sizeof(address), (void *)ARG1(regs, call));
	if (address)
		send_unverified(sk, &head, &call, address, result);
	return 0;
}

/* What is needed of a message that was received: the rest is off the stack again. */
struct received {
	const void *name;
	const void *payload;
	__u64 room;
	__u32 length; /* of recvmmsg only */
};

static __noinline bool received_read(struct received *to, const void *from, bool many)
{
	struct user_message_slot slot = {};
	struct user_vector vector = {};

	if (bpf_probe_read_user(&slot, many ? sizeof(slot) : sizeof(slot.message), from) ||
	    bpf_probe_read_user(&vector, sizeof(vector), slot.message.vectors))
		return false;
	to->name = slot.message.name;
	to->payload = vector.base;
	to->room = vector.length;
	to->length = slot.length;
	return true;
}

/* recvfrom, recvmsg, recvmmsg; exit_read passes read and readv on to here where an answer of DNS may come. */
PROGRAM(exit_receive, network, "bytes received; net_dns, so host names of destinations");
SEC("tp_btf/sys_exit")
int BPF_PROG(exit_receive, struct pt_regs *regs, long result)
{
	struct task_struct *task;
	struct io_totals *total = io_totals_now();
	struct endpoint own, peer;
	struct call_info call;
	struct sock_head head;
	struct fdtable *table;
	port_number port;
	struct sock *sk;
	__u64 second, array;

	if (result <= 0)
		return 0;
	task = bpf_get_current_task_btf();
	table = descriptors_of(task);
	call = call_of(regs, task);
	array = unfold_socketcall(regs, &call);
	sk = sock_of_file(file_of_descriptor(table, (__s32)PACKED_ARG(0, regs, call, array)));
	if (!sock_head_read(&head, sk) || !is_inet(sock_field(&head, __u16, skc_family)))
		return 0;
	second = PACKED_ARG(1, regs, call, array);
	if (total) {
		total->net_receive_calls++;
		total->net_receive_bytes += call.call == CALL_RECVMMSG
						? slots_bytes((void *)second, result)
						: (__u64)result;
	}
	/* Connected to something else: most sockets leave here. */
	port = bpf_ntohs(sock_field(&head, __be16, skc_dport));
	if (port != DNS_PORT && (port || BPF_CORE_READ(sk, sk_protocol) != TRANSPORT_UDP))
		return 0;
	__builtin_memset(&own, 0, sizeof(own));
	__builtin_memset(&peer, 0, sizeof(peer));
	sock_ends(&own, &peer, sk, &head);

	switch (call.call) {
	case CALL_READ:
	case CALL_RECV:
		if (dns_server(&peer, NULL))
			dns_report(sk, task, &call, &peer, (void *)second, result);
		break;
	case CALL_RECVFROM:
		if (!(PACKED_ARG(3, regs, call, array) & MSG_PEEK) &&
		    dns_server(&peer, (void *)PACKED_ARG(4, regs, call, array))) {
			__u64 room = PACKED_ARG(2, regs, call, array);

			dns_report(sk, task, &call, &peer, (void *)second,
				   room < (__u64)result ? room : (__u64)result);
		}
		break;
	case CALL_RECVMSG:
	case CALL_RECVMMSG: {
		struct received message;
		bool many = call.call == CALL_RECVMMSG;
		__u32 flags = many ? ARG3(regs, call) : ARG2(regs, call);
		__u64 length;

		if (call.compat || flags & MSG_PEEK ||
		    !received_read(&message, (void *)second, many) ||
		    !dns_server(&peer, message.name))
			break;
		length = many ? message.length : (__u64)result;
		dns_report(sk, task, &call, &peer, message.payload,
			   message.room < length ? message.room : length);
		break;
	}
	}
	return 0;
}
