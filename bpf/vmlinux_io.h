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
	u64 user_data;
	s32 res;
	int fd; /* until it is issued; then flags */
};

struct io_wq_work_node {
	struct io_wq_work_node *next;
};

struct io_wq_work_list {
	struct io_wq_work_node *first, *last;
};

struct io_wq_work {
	struct io_wq_work_node list;
};

/* One executing thread of a ring's process; io-wq.c only, but in the BTF. */
struct io_worker {
	struct io_wq_work *cur_work;
};

struct io_submit_state {
	struct io_wq_work_list compl_reqs; /* done, completion not posted yet */
};

/* An entry of the ring's own file table, since 7029acd8a950, 6.13. */
struct io_rsrc_node {
	unsigned long file_ptr; /* the lowest bits are flags */
};

struct io_rsrc_data {
	unsigned int nr;
	struct io_rsrc_node **nodes;
};

struct io_file_table {
	struct io_rsrc_data data;
};

struct io_ring_ctx {
	unsigned int flags; /* IORING_SETUP_* */
	struct io_file_table file_table;
	struct io_submit_state submit_state;
};

struct io_uring_task {
	struct task_struct *task; /* 6.13 */
};

struct io_kiocb {
	struct file *file;
	u8 opcode;
	u32 flags; /* REQ_F_*; 64 bits since 6.8, the ones that we know are the lower ones */
	struct io_cqe cqe; /* 5.19 */
	struct io_ring_ctx *ctx;
	struct io_uring_task *tctx;
	struct io_wq_work_node comp_list;
	void *async_data;
	struct io_wq_work work;
};

/* Before b6f58a3f4aa8 ("io_uring: move struct io_kiocb from task_struct to io_uring_task"), 6.13. */
struct io_kiocb___task {
	struct task_struct *task;
};

struct __kernel_sockaddr_storage {
	void *__align;
};

struct msghdr {
	void *msg_name;
	unsigned int msg_flags;
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
	u32 file_slot;
	struct filename *filename;
	struct open_how how;
};

struct io_rename {
	int old_dfd;
	int new_dfd;
	struct filename *oldpath;
	struct filename *newpath;
	int flags;
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
	int flags;
};

struct io_hardlink {
	int old_dfd;
	int new_dfd;
	struct filename *oldpath;
	struct filename *newpath;
	int flags;
};

struct io_symlink {
	int new_dfd;
	struct filename *oldpath;
	struct filename *newpath;
};

/* Since 7.0. */
struct delayed_filename {
	struct filename *__incomplete_filename;
};

struct io_open___delayed {
	struct delayed_filename filename;
};

struct io_rename___delayed {
	struct delayed_filename oldpath;
	struct delayed_filename newpath;
};

struct io_unlink___delayed {
	struct delayed_filename filename;
};

struct io_mkdir___delayed {
	struct delayed_filename filename;
};

struct io_link___delayed {
	struct delayed_filename oldpath;
	struct delayed_filename newpath;
};

struct io_xattr___delayed {
	struct delayed_filename filename;
};

struct io_socket {
	int domain;
	int type;
	int protocol;
	u32 file_slot;
};

struct io_accept {
	int iou_flags; /* IORING_ACCEPT_* */
	u32 file_slot;
};

struct io_ftrunc {
	loff_t len;
};

struct io_sync { /* also of fallocate */
	int mode;
};

struct io_splice {
	int splice_fd_in;
	unsigned int flags;
};

struct xattr_name {
	char name[256];
};

struct kernel_xattr_ctx {
	struct xattr_name *kname;
};

struct io_xattr {
	struct kernel_xattr_ctx ctx;
	struct filename *filename;
};

struct io_uring_cqe {
	u64 user_data;
	s32 res;
	u32 flags;
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

struct sockaddr_un {
	u16 sun_family;
};

struct unix_address {
	int len;
	struct sockaddr_un name[0];
};

struct unix_sock {
	struct unix_address *addr;
	struct path path;
	struct sock *peer;
};

struct tcp_sock {
	u64 bytes_received;
	u64 bytes_sent;
	u64 bytes_retrans;
};

#endif /* BPFWARDEN_VMLINUX_IO_H */
