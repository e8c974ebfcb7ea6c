/* SPDX-License-Identifier: (Apache-2.0 OR GPL-2.0) */
/*
 * Requests of io_uring: what the kernel calls their operations, who made them,
 * which file they are about.
 */
#ifndef BPFWARDEN_URING_H
#define BPFWARDEN_URING_H

#include "uring_requests.bpf.h"

/* enum io_uring_op (include/uapi/linux/io_uring.h): what these files look at. */
enum uring_operation {
	URING_READV = 1,
	URING_WRITEV = 2,
	URING_READ_FIXED = 4,
	URING_WRITE_FIXED = 5,
	URING_SENDMSG = 9,
	URING_RECVMSG = 10,
	URING_ACCEPT = 13,
	URING_CONNECT = 16,
	URING_FALLOCATE = 17,
	URING_OPENAT = 18,
	URING_READ = 22,
	URING_WRITE = 23,
	URING_SEND = 26,
	URING_RECV = 27,
	URING_OPENAT2 = 28,
	URING_SPLICE = 30,
	URING_RENAMEAT = 35,
	URING_UNLINKAT = 36,
	URING_MKDIRAT = 37,
	URING_SYMLINKAT = 38,
	URING_LINKAT = 39,
	URING_FSETXATTR = 41,
	URING_SETXATTR = 42,
	URING_SOCKET = 45,
	URING_SEND_ZC = 47,
	URING_SENDMSG_ZC = 48,
	URING_FTRUNCATE = 55,
	URING_BIND = 56,
	URING_LISTEN = 57,
	URING_READV_FIXED = 60,
	URING_WRITEV_FIXED = 61,
};

enum uring_constants {
	REQ_F_FIXED_FILE = 1 << 0, /* the lowest bits are those of the submission entry */
	REQ_F_CQE_SKIP = 1 << 6,
	IORING_SETUP_IOPOLL = 1 << 0,
	IORING_SETUP_DEFER_TASKRUN = 1 << 13,
	IORING_ACCEPT_MULTISHOT = 1 << 0,
	IORING_CQE_F_MORE = 1 << 1,
	IORING_FILE_INDEX_ALLOC = -1,
	SPLICE_F_FD_IN_FIXED = 1u << 31,
	NODE_FILE_FLAGS = 7, /* FFS_* in io_rsrc_node.file_ptr */
};

/* ---- who ----------------------------------------------------------------------------------- */
/*
 * The thread that submitted the request. `current` at its completion may also be
 * a worker of the io_uring, another thread, a process that shares the io_uring, or a
 * kernel thread that ends what a dead process left.
 */
struct uring_actor {
	__u64 task; /* struct task_struct *, held by the request */
	__u32 pid;
	__u32 uid;
	__u32 euid;
	__u32 unused;
};

/*
 * The request at hand: in memory, not on the stack, since paths are looked at
 * below it. The hooks run in task context without preemption and not in one another.
 */
struct uring_place {
	__u64 classes; /* of the open */
	struct uring_actor actor;
	struct open_file file;
	__u64 asked; /* flags and mode of an open */
	__u64 mode;
	__u64 bytes;                      /* read, written, or the length that a file was cut to */
	struct endpoint destination;      /* of a connection, where the program named it */
	struct uring_attribute attribute; /* that was set by descriptor */
	__u64 has_attribute;
};

URING_MAP struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct uring_place);
} uring_places SEC(".maps");

static __always_inline struct uring_place *uring_place_now(void)
{
	__u32 first = 0;

	return bpf_map_lookup_elem(&uring_places, &first);
}

static __always_inline __u64 uring_task_of(__u64 request)
{
	__u64 context = 0, task = 0;

	/* 6.13, b6f58a3f4aa8 ("io_uring: move struct io_kiocb from task_struct to io_uring_task"). */
	if (bpf_core_field_exists(struct io_uring_task, task)) {
		read_field(context, request, struct io_kiocb, tctx);
		read_field(task, context, struct io_uring_task, task);
	} else {
		read_field(task, request, struct io_kiocb___task, task);
	}
	return task;
}

static __always_inline void uring_actor_of(struct uring_actor *a, __u64 request)
{
	__u64 cred = 0;

	a->task = uring_task_of(request);
	a->pid = a->uid = a->euid = 0;
	read_field(a->pid, a->task, struct task_struct, tgid);
	read_field(cred, a->task, struct task_struct, real_cred);
	read_field(a->uid, cred, struct cred, uid);
	read_field(a->euid, cred, struct cred, euid);
}

static __always_inline bool uring_is_daemon(const struct uring_actor *a)
{
	return daemon_pid && a->pid == daemon_pid;
}

/* filter_common for a thread that need not be `current`. */
static __always_inline bool uring_passes(const struct uring_actor *a, __u32 passes,
					 __u32 generation, __u64 classes, __s64 result)
{
	if (passes & PASS_WHOLE || (passes & PASS_ERRORS && result < 0) ||
	    passes_opening(passes, classes))
		return true;
	if (passes & PASS_UIDS && ((filter_token(a->uid, TOKEN_UID, generation) |
				    filter_token(a->euid, TOKEN_UID, generation)) &
				   classes))
		return true;
	return passes & PASS_NAMES && filter_name(a->pid, classes, generation);
}

static __always_inline void uring_header(struct record_header *h, const struct uring_actor *a,
					 __s64 result)
{
	struct task_struct *task = (struct task_struct *)a->task;

	h->time = bpf_ktime_get_boot_ns();
	h->start_time = BPF_CORE_READ(task, group_leader, start_boottime);
	h->result = result;
	h->cgroup_id = BPF_CORE_READ(task, cgroups, dfl_cgrp, kn, id);
	h->pid = a->pid;
	read_field(h->tid, task, struct task_struct, pid);
	h->ppid = BPF_CORE_READ(task, real_parent, tgid);
	h->uid = a->uid;
	h->euid = a->euid;
	h->gid = BPF_CORE_READ(task, real_cred, gid.val);
	h->syscall = NO_SYSCALL;
	h->flags |= RECORD_IO_URING;
	read_field(h->comm, task, struct task_struct, comm);
}

/* ---- which file -------------------------------------------------------------------------- */
static __always_inline __u64 uring_file_of_fd(const struct uring_actor *a, __s32 fd)
{
	__u64 files = 0, table = 0, slots = 0, file = 0;
	__u32 most = 0;

	read_field(files, a->task, struct task_struct, files);
	read_field(table, files, struct files_struct, fdt);
	read_field(most, table, struct fdtable, max_fds);
	if (fd < 0 || (__u32)fd >= most)
		return 0;
	read_field(slots, table, struct fdtable, fd);
	bpf_probe_read_kernel(&file, sizeof(file), (void *)slots + fd * sizeof(file));
	return file;
}

/*
 * From the io_uring's own file table; 0 where it is kept in another way: before 6.13,
 * 3597f2786b68 ("io_uring/rsrc: unify file and buffer resource tables").
 */
static __always_inline __u64 uring_file_of_slot(__u64 request, __u32 slot)
{
	__u64 uring = 0, nodes = 0, node = 0, file = 0;
	__u32 most = 0;

	if (!bpf_core_field_exists(struct io_ring_ctx, file_table.data.nodes))
		return 0;
	read_field(uring, request, struct io_kiocb, ctx);
	read_field(most, uring, struct io_ring_ctx, file_table.data.nr);
	if (slot >= most)
		return 0;
	read_field(nodes, uring, struct io_ring_ctx, file_table.data.nodes);
	bpf_probe_read_kernel(&node, sizeof(node), (void *)nodes + (__u64)slot * sizeof(node));
	read_field(file, node, struct io_rsrc_node, file_ptr);
	return file & ~(__u64)NODE_FILE_FLAGS;
}

/* The file that a request asks for before the kernel has looked it up. */
static __always_inline __u64 uring_file_asked(const struct uring_actor *a, __u64 request,
					      __u32 flags)
{
	__u64 file = 0;
	__s32 fd = -1;

	/* 5.19: since io_kiocb has a cqe; 5.15 looks the file up before it submits. */
	if (!bpf_core_field_exists(struct io_kiocb, cqe.fd)) {
		read_field(file, request, struct io_kiocb, file);
		return file;
	}
	read_field(fd, request, struct io_kiocb, cqe.fd);
	return flags & REQ_F_FIXED_FILE ? uring_file_of_slot(request, fd) : uring_file_of_fd(a, fd);
}

/* The file that a new descriptor or slot leads to. `slot` as in the request: 0 for a descriptor. */
static __always_inline __u64 uring_file_made(const struct uring_actor *a, __u64 request, __u32 slot,
					     __s32 result)
{
	if (!slot)
		return uring_file_of_fd(a, result);
	return uring_file_of_slot(request, slot == (__u32)IORING_FILE_INDEX_ALLOC ? (__u32)result
										  : slot - 1);
}

/*
 * What one of the functions below has found out, to be told of the place's file: not by
 * them, since a chain of calls has eight frames at most. Two events at most, 16 bits each.
 */
enum uring_tell { TELL_KIND = 0xff, TELL_UNVERIFIED = 1 << 8, TELL_SECOND = 16 };

int uring_report(__u32 tell, __s64 result);

static __always_inline void uring_told(__u32 tell, __s64 result)
{
	if (!tell) /* sends and polls, millions a second */
		return;
	uring_report(tell & ((1 << TELL_SECOND) - 1), result);
	uring_report(tell >> TELL_SECOND, result);
}

/* ---- completions (uring_file.bpf.c, uring_net.bpf.c) -------------------------------------- */
/*
 * Each reports what became of a request, unless that was reported before, or returns it
 * for uring_told. `file`
 * is 0 for the request's own; another one is reported as unverified, since the
 * request has not run yet.
 */
__u32 uring_open_done(__u64 request, __s64 result);
/* unlink, rename, link, symlink, mkdir, setxattr */
__u32 uring_name_done(__u64 request, __u32 operation, __s64 result);
/* ftruncate, fallocate, fsetxattr */
__u32 uring_attribute_done(__u64 request, __u32 operation, __s64 result, __u64 file);
/* Reads and writes of files and sockets. */
__u32 uring_access_done(__u64 request, __u32 operation, __s64 result, __u64 file);
__u64 uring_splice_from(__u64 request);
__u32 uring_accept_done(__u64 request, __s64 result);
__u32 uring_connect_done(__u64 request, __s64 result);
__u32 uring_unix_done(__u64 request, __s64 result);
/* listen, bind */
__u32 uring_listen_done(__u64 request, __u32 operation, __s64 result, __u64 file);
__u32 uring_socket_done(__u64 request, __s64 result);

#endif /* BPFWARDEN_URING_H */
