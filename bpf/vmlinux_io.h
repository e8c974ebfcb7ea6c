/* SPDX-License-Identifier: (Apache-2.0 OR GPL-2.0) */
/* A part of vmlinux.h, which includes it between its attribute pragmas: io_uring, iterators,
 * network. */
#ifndef BPFWARDEN_VMLINUX_IO_H
#define BPFWARDEN_VMLINUX_IO_H

/* ---- io_uring ----------------------------------------------------------------- */
struct filename {
	const char *name; /* the kernel's copy */
};

/* A request begins with its file and, in the same 64 bytes, its own arguments (struct io_open,
 * ...). */
struct io_cqe {
	int fd;
};

struct io_kiocb {
	struct file *file;
	u8 opcode;
	struct io_cqe cqe; /* 6.0 */
	void *async_data;
};

struct __kernel_sockaddr_storage {
	void *__align;
};

/* What sendmsg keeps, and on some versions connect; the address is the kernel's copy. */
struct io_async_msghdr {
	struct __kernel_sockaddr_storage addr;
};

struct open_how {
	u64 flags;
	u64 mode;
};

struct io_open {
	int dfd;
	struct filename *filename;
	struct open_how how;
};

struct io_rename {
	int old_dfd;
	int new_dfd;
	struct filename *oldpath;
	struct filename *newpath;
};

struct io_unlink {
	int dfd;
	int flags;
	struct filename *filename;
};

struct io_mkdir {
	int dfd;
	umode_t mode;
	struct filename *filename;
};

/* link and symlink */
struct io_link {
	int old_dfd;
	int new_dfd;
	struct filename *oldpath;
	struct filename *newpath;
};

struct io_socket {
	int domain;
	int type;
	int protocol;
};

struct io_xattr {
	struct filename *filename;
};

struct io_uring_cqe {
	s32 res;
};

/* ---- iterators ----------------------------------------------------------------- */
struct seq_file {
	size_t count;
};

struct bpf_iter_meta {
	struct seq_file *seq;
	u64 session_id;
	u64 seq_num;
};

struct bpf_iter__task {
	struct bpf_iter_meta *meta;
	struct task_struct *task;
};

/* ---- network -------------------------------------------------------------------- */
struct in6_addr {
	union {
		__u8 u6_addr8[16];
		__be16 u6_addr16[8];
		__be32 u6_addr32[4];
	} in6_u;
};

typedef struct {
	struct net *net;
} possible_net_t;

struct sock_common {
	__be32 skc_daddr;
	__be32 skc_rcv_saddr;
	__be16 skc_dport;
	__u16 skc_num;
	unsigned short skc_family;
	volatile unsigned char skc_state;
	possible_net_t skc_net;
	struct in6_addr skc_v6_daddr;
	struct in6_addr skc_v6_rcv_saddr;
	atomic64_t skc_cookie;
};

struct socket {
	short type;
	struct file *file;
	struct sock *sk;
};

struct sock {
	struct sock_common __sk_common;
	int sk_err;
	u16 sk_type;
	u16 sk_protocol; /* 16 bits since bf9765145b85, 5.6 */
	kuid_t sk_uid;
	struct socket *sk_socket;
};

/* include/net/sock.h: a socket and its inode are one object. */
struct socket_alloc {
	struct socket socket;
	struct inode vfs_inode;
};

struct inet_sock {
	__be16 inet_sport;
};

struct tcp_sock {
	u64 bytes_received;
	u64 bytes_sent;
	u64 bytes_retrans;
};

#endif /* BPFWARDEN_VMLINUX_IO_H */
