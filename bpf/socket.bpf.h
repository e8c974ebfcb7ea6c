/* SPDX-License-Identifier: (Apache-2.0 OR GPL-2.0) */
/*
 * From a descriptor to the kernel's socket, and from that to the addresses in
 * a record. Addresses come from struct sock, never from user memory, except
 * where a function says so.
 */
#ifndef BPFWARDEN_SOCKET_H
#define BPFWARDEN_SOCKET_H

#include "file.bpf.h"
#include <bpf/bpf_endian.h>

enum socket_constants {
	AF_UNSPEC = 0,
	AF_UNIX = 1,
	AF_INET = 2,
	AF_INET6 = 10,
	AF_PACKET = 17,
	AF_VSOCK = 40,
	AF_XDP = 44,
	SOCK_STREAM = 1,
	SOCK_DGRAM = 2,
	SOCK_RAW = 3,
	SOCK_PACKET = 10,
	SOCK_TYPE_MASK = 0xf,
	TCP_ESTABLISHED = 1,
	TCP_SYN_SENT = 2,
	TCP_FIN_WAIT1 = 4,
	TCP_CLOSE = 7,
	TCP_CLOSE_WAIT = 8,
	TCP_LAST_ACK = 9,
	TCP_LISTEN = 10,
	DNS_PORT = 53,
	IPPROTO_ICMPV6 = 58,
	IPPROTO_UDPLITE = 136,
};

enum negative_errno {
	EPERM = 1,
	EAGAIN = 11,
	EISCONN = 106,
	EALREADY = 114,
	EINPROGRESS = 115,
};

/* A socket address as user space passes it; both families begin alike. */
struct user_address {
	__u16 family;
	__be16 port;
	union {
		__u8 v4[4]; /* sockaddr_in */
		struct {
			__u32 flow;
			__u8 v6[16];
		}; /* sockaddr_in6 */
	};
};

/*
 * NULL when `file` is no socket. A socket's file leads to it (private_data) and
 * it leads back to the file; nothing else does that.
 */
static __always_inline struct sock *sock_of_file(__u64 file)
{
	__u64 socket = 0, back = 0, sk = 0;

	if (!file)
		return NULL;
	read_field(socket, file, struct file, private_data);
	if (!socket || read_field(back, socket, struct socket, file) || back != file)
		return NULL;
	read_field(sk, socket, struct socket, sk);
	return (struct sock *)sk;
}

/* NULL when `fd` is no socket of the current process. */
static __always_inline struct sock *sock_of_fd(struct task_struct *task, __s32 fd)
{
	return sock_of_file(file_of_fd(task, fd));
}

/* The front of a socket in one read: addresses, ports and family lie in its first 32 bytes. */
struct sock_head {
	__u64 word[4];
};

#define sock_field(head, type, field)                                                              \
	(*(type *)((void *)(head) + bpf_core_field_offset(struct sock_common, field)))

static __always_inline bool sock_head_read(struct sock_head *head, struct sock *sk)
{
	return sk && !bpf_probe_read_kernel(head, sizeof(*head), sk);
}

static __always_inline bool is_inet(__u16 family)
{
	return family == AF_INET || family == AF_INET6;
}

static __always_inline void ip_from_v4(__u8 *ip, __be32 address)
{
	__builtin_memset(ip, 0, 10);
	ip[10] = 0xff;
	ip[11] = 0xff;
	__builtin_memcpy(ip + 12, &address, 4);
}

/*
 * The front of the inet socket behind a file whose inode is a socket's. Such a file
 * has private data only when it is the socket's own: others open by path alone (O_PATH).
 */
static __always_inline bool inet_head_of(struct sock_head *head, __u64 file)
{
	__u64 socket = 0, sk = 0;

	if (read_field(socket, file, struct file, private_data) || !socket ||
	    read_field(sk, socket, struct socket, sk))
		return false;
	return sock_head_read(head, (struct sock *)sk) &&
	       is_inet(sock_field(head, __u16, skc_family));
}

/* By 16 bits: that is how endpoints are aligned. */
static __always_inline bool is_mapped(const __u8 *ip)
{
	const __u16 *part = (const __u16 *)ip;

	return !(part[0] | part[1] | part[2] | part[3] | part[4]) && part[5] == 0xffff;
}

/* As /proc/net/tcp shows it; 0 when the socket is orphaned. */
static __always_inline inode_number inode_of_sock(struct sock *sk)
{
	unsigned long number = 0;
	__u64 socket = 0;

	read_field(socket, sk, struct sock, sk_socket);
	if (socket)
		read_field(number, socket, struct socket_alloc, vfs_inode.i_ino);
	return number;
}

/*
 * Both ends of an inet socket whose front is `head`; its family. An IPv6 socket
 * that speaks to ::ffff:a.b.c.d speaks IPv4, and is reported so.
 */
static __always_inline __u16 sock_ends(struct endpoint *source, struct endpoint *destination,
				       struct sock *sk, struct sock_head *head)
{
	__u16 family = sock_field(head, __u16, skc_family);
	__be16 port = 0;

	/* skc_num is gone in a closed socket (inet_put_port), and first in one that listens. */
	source->port = sock_field(head, __u16, skc_num);
	if (!source->port) {
		read_field(port, sk, struct inet_sock, inet_sport);
		source->port = bpf_ntohs(port);
	}
	destination->port = bpf_ntohs(sock_field(head, __be16, skc_dport));
	if (family == AF_INET6) {
		read_field(destination->ip, sk, struct sock, __sk_common.skc_v6_daddr);
		if (!is_mapped(destination->ip)) {
			read_field(source->ip, sk, struct sock, __sk_common.skc_v6_rcv_saddr);
			return is_mapped(source->ip) ? AF_INET : AF_INET6;
		}
		family = AF_INET;
	}
	ip_from_v4(source->ip, sock_field(head, __be32, skc_rcv_saddr));
	ip_from_v4(destination->ip, sock_field(head, __be32, skc_daddr));
	return family;
}

/* The same and what else a record tells of a socket. */
static __always_inline void endpoints_of_sock(struct net_event *e, struct sock *sk)
{
	struct sock_head head = {};
	__u16 protocol = 0;

	sock_head_read(&head, sk);
	read_field(protocol, sk, struct sock, sk_protocol);
	e->transport = protocol;
	e->socket = inode_of_sock(sk);
	e->family = sock_ends(&e->source, &e->destination, sk, &head);
}

/* False when it is of another family. */
static __always_inline bool endpoint_of_address(__u16 *family, struct endpoint *to,
						const struct user_address *from)
{
	__be32 v4;

	if (from->family == AF_INET) {
		__builtin_memcpy(&v4, from->v4, 4);
		ip_from_v4(to->ip, v4);
	} else if (from->family == AF_INET6) {
		__builtin_memcpy(to->ip, from->v6, 16);
	} else {
		return false;
	}
	*family = from->family == AF_INET6 && is_mapped(to->ip) ? AF_INET : from->family;
	to->port = bpf_ntohs(from->port);
	return true;
}

/*
 * The address that user space passed; another thread may have changed it since.
 * False when it is unreadable or of another family.
 */
static __always_inline bool endpoint_of_user(__u16 *family, struct endpoint *to,
					     const void *address)
{
	struct user_address user = {};

	/* An IPv4 address is shorter, and nothing readable need follow it. */
	if (!address || bpf_probe_read_user(&user, 8, address) ||
	    (user.family == AF_INET6 && bpf_probe_read_user(&user, sizeof(user), address)))
		return false;
	return endpoint_of_address(family, to, &user);
}

/* ---- submission ----------------------------------------------------------------- */
/* Sends a net_event of the current task, or counts why not (endpoint.bpf.c). */
int net_submit(__u32 level);

/* ---- rare sockets -------------------------------------------------------------- */
static __always_inline bool is_raw(__u32 family, __u32 type)
{
	if (is_inet(family))
		return type == SOCK_RAW || type == SOCK_PACKET;
	return family == AF_PACKET || family == AF_VSOCK || family == AF_XDP;
}

/*
 * The kind of a socket that is worth an event of its own, EVENT_NONE for others.
 * ping_v4_sendmsg has no hook that tells where to: the socket is what is seen.
 */
enum usual_protocol { PROTOCOL_DEFAULT = 0, PROTOCOL_UDPLITE = 136, PROTOCOL_MPTCP = 262 };

/* TCP, MPTCP, UDP and UDP-Lite have kinds of their own; SCTP, DCCP, L2TP, ping ... have none. */
static __always_inline bool is_usual_transport(__u32 protocol)
{
	return protocol == PROTOCOL_DEFAULT || protocol == TRANSPORT_TCP ||
	       protocol == TRANSPORT_UDP || protocol == PROTOCOL_UDPLITE ||
	       protocol == PROTOCOL_MPTCP;
}

static __always_inline enum event_kind kind_of_socket(__u32 family, __u32 type, __u32 protocol)
{
	if (is_raw(family, type))
		return EVENT_SOCKET_RAW;
	if (is_inet(family))
		return is_usual_transport(protocol) ? EVENT_NONE : EVENT_SOCKET_CREATE;
	return family == AF_UNIX || family == AF_UNSPEC ? EVENT_NONE : EVENT_SOCKET_CREATE;
}

static __always_inline struct scratch *socket_event_begin(struct task_struct *task,
							  enum event_kind kind, __u32 family,
							  __u32 type, __u32 protocol, long result)
{
	struct call_event *e;
	struct scratch *s;

	if (!kind_wanted(kind) || is_daemon(task)) {
		account(kind, OUTCOME_FILTERED);
		return NULL;
	}
	s = record_begin(kind, sizeof(*e));
	if (!s)
		return NULL;
	e = &s->event.socket_raw;
	header_now(s->level, result, NO_SYSCALL, 0);
	e->argument[0] = family;
	e->argument[1] = type;
	e->argument[2] = protocol;
	e->family = family;
	e->socket_type = type & SOCK_TYPE_MASK;
	e->protocol = family == AF_PACKET ? bpf_ntohs(protocol) : protocol;
	return s;
}

#endif /* BPFWARDEN_SOCKET_H */
