/* SPDX-License-Identifier: (Apache-2.0 OR GPL-2.0) */
/*
 * Operations that io_uring does without a system call of their own. A request
 * is reported when it is submitted: not every request that succeeds has a
 * completion (IOSQE_CQE_SKIP_SUCCESS). So the result is not known (0), and a
 * path is the kernel's own copy of the name, which nobody can swap any more,
 * but not resolved: RECORD_UNVERIFIED stays set.
 */
#include "file.bpf.h"
#include "socket.bpf.h"
#include "privilege.bpf.h"

/* enum io_uring_op (include/uapi/linux/io_uring.h): only what this file looks at. */
enum ring_operation {
	RING_CONNECT = 16,
	RING_OPENAT = 18,
	RING_OPENAT2 = 28,
	RING_RENAMEAT = 35,
	RING_UNLINKAT = 36,
	RING_MKDIRAT = 37,
	RING_SYMLINKAT = 38,
	RING_LINKAT = 39,
	RING_SETXATTR = 42,
	RING_SOCKET = 45,
	RING_LISTEN = 57,
};

SEC("tp_btf/sys_exit")
int BPF_PROG(exit_ring, struct pt_regs *regs, long result)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct call_info call = call_of(regs, task);

	if (call.call == CALL_IO_URING_SETUP)
		call_report(EVENT_IO_URING_SETUP, regs, task, &call, result);
	return 0;
}

/* A name that the kernel has copied (struct filename). */
static __always_inline __u64 ring_name(struct scratch *s, struct text *path, struct text *base,
				       struct question *q, __s32 dirfd, __u64 filename, bool alone)
{
	__u32 offset = s->length;
	__u64 name = 0;

	read_field(name, filename, struct filename, name);
	text_kernel(s, path, (void *)name, PATH_MAX_BYTES);
	if (path->length == TEXT_UNREADABLE)
		return EVERY_CLASS;
	return describe_base(s, path, base, q, dirfd, offset, alone);
}

static __always_inline struct scratch *ring_begin(struct question *q, enum event_kind kind,
						  __u64 classes)
{
	struct scratch *s;

	*q = question_of(bpf_get_current_task_btf(), NULL, kind, classes, 0);
	s = file_begin(q);
	if (s)
		s->event.header.flags |= RECORD_IO_URING | RECORD_UNVERIFIED;
	return s;
}

static __always_inline __u64 open_classes(__u32 flags)
{
	__u64 classes = 1ull << CLASS_OPEN_FAILED; /* it may yet fail */

	if ((flags & O_ACCMODE) != O_WRONLY)
		classes |= 1ull << CLASS_OPEN_READ;
	if (flags & O_ACCMODE)
		classes |= 1ull << CLASS_OPEN_WRITE;
	if (flags & O_CREAT)
		classes |= 1ull << CLASS_OPEN_CREATE;
	return classes;
}

static __always_inline void ring_open(__u64 request)
{
	__u64 filename = 0, flags = 0, mode = 0, mask;
	struct file_event *e;
	struct question q;
	struct scratch *s;
	__s32 dirfd = 0;

	read_field(flags, request, struct io_open, how.flags);
	s = ring_begin(&q, EVENT_FILE_OPEN, open_classes(flags));
	if (!s)
		return;
	e = &s->event.file_open;
	read_field(dirfd, request, struct io_open, dfd);
	read_field(filename, request, struct io_open, filename);
	read_field(mode, request, struct io_open, how.mode);
	e->open_flags = flags;
	e->new_mode = flags & O_CREAT ? mode : 0;
	mask = ring_name(s, &e->path, &e->base, &q, dirfd, filename, true);
	file_finish(s, &q, mask);
}

static __always_inline void ring_unlink(__u64 request)
{
	struct question q;
	struct scratch *s = ring_begin(&q, EVENT_FILE_UNLINK, KIND_CLASS(EVENT_FILE_UNLINK));
	struct file_event *e;
	__u64 filename = 0, mask;
	__s32 dirfd = 0;

	if (!s)
		return;
	e = &s->event.file_unlink;
	read_field(dirfd, request, struct io_unlink, dfd);
	read_field(filename, request, struct io_unlink, filename);
	mask = ring_name(s, &e->path, &e->base, &q, dirfd, filename, true);
	file_finish(s, &q, mask);
}

static __always_inline void ring_mkdir(__u64 request)
{
	struct question q;
	struct scratch *s = ring_begin(&q, EVENT_FILE_MKDIR, KIND_CLASS(EVENT_FILE_MKDIR));
	struct file_event *e;
	__u64 filename = 0, mask;
	umode_t mode = 0;
	__s32 dirfd = 0;

	if (!s)
		return;
	e = &s->event.file_mkdir;
	read_field(dirfd, request, struct io_mkdir, dfd);
	read_field(mode, request, struct io_mkdir, mode);
	read_field(filename, request, struct io_mkdir, filename);
	e->new_mode = mode;
	mask = ring_name(s, &e->path, &e->base, &q, dirfd, filename, true);
	file_finish(s, &q, mask);
}

/* Two names. */
struct ring_names {
	__u64 old_name;
	__u64 new_name;
	__s32 old_dirfd;
	__s32 new_dirfd;
};

static __always_inline void ring_pair(enum event_kind kind, struct ring_names *names)
{
	struct question q;
	struct scratch *s = ring_begin(&q, kind, KIND_CLASS(kind));
	struct file_event *e;
	__u64 mask, name = 0;

	if (!s)
		return;
	e = &s->event.file_rename;
	if (kind == EVENT_FILE_SYMLINK) { /* `path` is the link itself; its target is text, not a
					     path of ours */
		__u32 offset;

		mask =
		    ring_name(s, &e->path, &e->base, &q, names->new_dirfd, names->new_name, false);
		offset = s->length;
		read_field(name, names->old_name, struct filename, name);
		text_kernel(s, &e->new_path, (void *)name, PATH_MAX_BYTES);
		mask |= string_mask(s->level, offset, e->new_path.length, q.generation);
	} else {
		mask =
		    ring_name(s, &e->path, &e->base, &q, names->old_dirfd, names->old_name, false);
		mask |= ring_name(s, &e->new_path, &e->new_base, &q, names->new_dirfd,
				  names->new_name, false);
	}
	file_finish(s, &q, mask);
}

static __always_inline void ring_rename(__u64 request)
{
	struct ring_names names = {};

	read_field(names.old_dirfd, request, struct io_rename, old_dfd);
	read_field(names.new_dirfd, request, struct io_rename, new_dfd);
	read_field(names.old_name, request, struct io_rename, oldpath);
	read_field(names.new_name, request, struct io_rename, newpath);
	ring_pair(EVENT_FILE_RENAME, &names);
	/* A directory may have got another name: see file_change.bpf.c. */
	filter_forget_paths();
}

static __always_inline void ring_link(enum event_kind kind, __u64 request)
{
	struct ring_names names = {};

	read_field(names.old_dirfd, request, struct io_link, old_dfd);
	read_field(names.new_dirfd, request, struct io_link, new_dfd);
	read_field(names.old_name, request, struct io_link, oldpath);
	read_field(names.new_name, request, struct io_link, newpath);
	ring_pair(kind, &names);
}

static __always_inline void ring_setxattr(__u64 request)
{
	struct question q;
	struct scratch *s = ring_begin(&q, EVENT_FILE_SETXATTR, KIND_CLASS(EVENT_FILE_SETXATTR));
	struct file_event *e;
	__u64 filename = 0, mask;

	if (!s)
		return;
	e = &s->event.file_setxattr;
	read_field(filename, request, struct io_xattr, filename);
	mask = ring_name(s, &e->path, &e->base, &q, AT_FDCWD, filename, true);
	file_finish(s, &q, mask);
}

static __always_inline void ring_socket(__u64 request, struct task_struct *task)
{
	__u32 family = 0, type = 0, protocol = 0;
	struct scratch *s;

	read_field(family, request, struct io_socket, domain);
	read_field(type, request, struct io_socket, type);
	read_field(protocol, request, struct io_socket, protocol);
	if (!is_raw(family, type & SOCK_TYPE_MASK))
		return;
	s = socket_raw_begin(task, family, type, protocol, 0);
	if (!s)
		return;
	s->event.header.flags |= RECORD_IO_URING;
	record_submit(s, RING_PRIORITY);
}

/* The socket that a request names by descriptor; one that is only registered with the ring is not
 * found. */
static __always_inline struct sock *ring_sock(__u64 request, struct task_struct *task)
{
	__s32 fd = -1;

	if (bpf_core_field_exists(struct io_kiocb, cqe.fd)) /* 6.0 */
		read_field(fd, request, struct io_kiocb, cqe.fd);
	return sock_of_fd(task, fd);
}

static __always_inline struct scratch *ring_net_begin(enum event_kind kind, struct sock *sk,
						      struct task_struct *task)
{
	struct scratch *s;

	if (!kind_wanted(kind) || is_daemon(task)) {
		account(kind, OUTCOME_FILTERED);
		return NULL;
	}
	s = record_begin(kind, sizeof(struct net_event));
	if (!s)
		return NULL;
	header_fill(&s->event.header, task, 0);
	s->event.header.flags |= RECORD_IO_URING;
	endpoints_of_sock(&s->event.net_conn, sk);
	return s;
}

/*
 * TCP: connection.bpf.c sees the connection and is told that a ring began it. UDP
 * has no state change; the address is the kernel's copy, which is all of
 * async_data, or on some versions a member of it: those begin with a pointer,
 * which is no address family.
 */
static __always_inline void ring_connect(__u64 request, struct task_struct *task)
{
	struct sock *sk = ring_sock(request, task);
	ktime_ns now = bpf_ktime_get_boot_ns();
	struct user_address address = {};
	thread_id tid = task->pid;
	struct net_event *e;
	struct scratch *s;
	__u64 async = 0;

	bpf_map_update_elem(&ring_connects, &tid, &now, BPF_ANY);
	if (!sk || BPF_CORE_READ(sk, sk_protocol) != TRANSPORT_UDP)
		return;
	read_field(async, request, struct io_kiocb, async_data);
	bpf_probe_read_kernel(&address, sizeof(address), (void *)async);
	if (!is_inet(address.family) && bpf_core_type_exists(struct io_async_msghdr))
		bpf_probe_read_kernel(&address, sizeof(address),
				      (void *)async +
					  bpf_core_field_offset(struct io_async_msghdr, addr));
	s = ring_net_begin(EVENT_NET_CONN, sk, task);
	if (!s)
		return;
	e = &s->event.net_conn;
	if (!endpoint_of_address(e, &e->destination, &address)) {
		e->header.flags |= RECORD_UNREADABLE;
		count_failure(FAILURE_IDENTITY);
	}
	net_submit(s, EVENT_NET_CONN, task);
}

static __always_inline void ring_listen(__u64 request, struct task_struct *task)
{
	struct sock *sk = ring_sock(request, task);
	struct scratch *s;

	if (!sk || !is_inet(BPF_CORE_READ(sk, __sk_common.skc_family)))
		return;
	s = ring_net_begin(EVENT_NET_LISTEN, sk, task);
	if (s)
		net_submit(s, EVENT_NET_LISTEN, task);
}

/*
 * io_submit_sqes -> io_submit_sqe -> io_init_req (io_uring/io_uring.c): names are
 * copied by the operation's prep -> trace_io_uring_submit_req. `current` is the
 * process, or its submission thread with IORING_SETUP_SQPOLL. TCP connects and
 * UDP sends have their own hooks (connection.bpf.c, transfer.bpf.c), whoever begins
 * them.
 */
SEC("tp_btf/io_uring_submit_req")
int BPF_PROG(ring_submit, struct io_kiocb *req)
{
	__u64 request = (__u64)req;

	switch (req->opcode) {
	case RING_CONNECT:
	case RING_OPENAT:
	case RING_OPENAT2:
	case RING_RENAMEAT:
	case RING_UNLINKAT:
	case RING_MKDIRAT:
	case RING_SYMLINKAT:
	case RING_LINKAT:
	case RING_SETXATTR:
	case RING_SOCKET:
	case RING_LISTEN:
		break;
	default: /* reads, writes, polls, timeouts: millions a second */
		return 0;
	}
	switch (req->opcode) {
	case RING_OPENAT:
	case RING_OPENAT2:
		ring_open(request);
		break;
	case RING_RENAMEAT:
		ring_rename(request);
		break;
	case RING_UNLINKAT:
		ring_unlink(request);
		break;
	case RING_MKDIRAT:
		ring_mkdir(request);
		break;
	case RING_SYMLINKAT:
		ring_link(EVENT_FILE_SYMLINK, request);
		break;
	case RING_LINKAT:
		ring_link(EVENT_FILE_LINK, request);
		break;
	case RING_SETXATTR:
		ring_setxattr(request);
		break;
	case RING_CONNECT:
		ring_connect(request, bpf_get_current_task_btf());
		break;
	case RING_LISTEN:
		ring_listen(request, bpf_get_current_task_btf());
		break;
	case RING_SOCKET:
		ring_socket(request, bpf_get_current_task_btf());
		break;
	}
	return 0;
}
