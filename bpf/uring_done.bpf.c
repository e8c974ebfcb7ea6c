/* SPDX-License-Identifier: (Apache-2.0 OR GPL-2.0) */
/*
 * Completions of io_uring. They are posted by the thread that submitted, by
 * another that runs its task work, by a worker, or by a kernel thread; always in
 * task context, and before the request lets go of its file.
 */
#include "uring.bpf.h"

static __always_inline void uring_done(__u64 request, __u32 operation, __s64 result)
{
	__u32 tell = EVENT_NONE;
	__u64 from;

	switch (operation) {
	case URING_OPENAT:
	case URING_OPENAT2:
		tell = uring_open_done(request, result);
		break;
	case URING_RENAMEAT:
	case URING_UNLINKAT:
	case URING_MKDIRAT:
	case URING_SYMLINKAT:
	case URING_LINKAT:
	case URING_SETXATTR:
		uring_name_done(request, operation, result);
		break;
	case URING_FTRUNCATE:
	case URING_FALLOCATE:
	case URING_FSETXATTR:
		tell = uring_attribute_done(request, operation, result, 0);
		break;
	case URING_SPLICE:
		uring_told(uring_access_done(request, operation, result, 0), result);
		from = uring_splice_from(request);
		if (from)
			tell = uring_access_done(request, URING_READ, result, from);
		break;
	case URING_ACCEPT:
		uring_accept_done(request, result);
		break;
	case URING_CONNECT:
		uring_connect_done(request, result);
		tell = uring_unix_done(request, result);
		break;
	case URING_BIND:
	case URING_LISTEN:
		uring_listen_done(request, operation, result, 0);
		break;
	case URING_SOCKET:
		uring_socket_done(request, result);
		break;
	case URING_READV:
	case URING_WRITEV:
	case URING_READ_FIXED:
	case URING_WRITE_FIXED:
	case URING_READ:
	case URING_WRITE:
	case URING_READV_FIXED:
	case URING_WRITEV_FIXED:
	case URING_SENDMSG:
	case URING_RECVMSG:
	case URING_SEND:
	case URING_RECV:
	case URING_SEND_ZC:
	case URING_SENDMSG_ZC:
		tell = uring_access_done(request, operation, result, 0);
		break;
	}
	uring_told(tell, result);
}

/* One more connection of an accept that goes on: the completion does not name the request. */
static __always_inline void uring_accept_more(__u64 uring, __u64 posted)
{
	struct io_uring_cqe cqe = {};
	struct uring_ticket ticket = {.uring = uring};
	__u64 *request;

	read_field(ticket.user_data, posted, struct io_uring_cqe, user_data);
	read_field(cqe.res, posted, struct io_uring_cqe, res);
	read_field(cqe.flags, posted, struct io_uring_cqe, flags);
	if (!(cqe.flags & IORING_CQE_F_MORE) || cqe.res < 0)
		return;
	request = bpf_map_lookup_elem(&uring_accepts, &ticket);
	if (request)
		uring_accept_done(*request, cqe.res);
}

/* Another accept with the same number may have taken its place: that one goes on. */
static __noinline int uring_accept_ends(__u64 request)
{
	struct uring_ticket ticket = {};
	__u64 *kept;

	read_field(ticket.uring, request, struct io_kiocb, ctx);
	read_field(ticket.user_data, request, struct io_kiocb, cqe.user_data);
	kept = bpf_map_lookup_elem(&uring_accepts, &ticket);
	if (kept && *kept == request)
		bpf_map_delete_elem(&uring_accepts, &ticket);
	return 0;
}

/*
 * io_fill_cqe_req, io_fill_cqe_aux (io_uring/io_uring.c). The first two arguments
 * are the same from 5.19 on; result and flags were arguments of their own before
 * they became the completion entry (6.13), so they are read from the request. The
 * third is looked at only where another change of 6.13 is there.
 */
PROGRAM(uring_complete, process,
	"by io_uring: results; everything is reported when it is submitted");
SEC("tp_btf/io_uring_complete")
int BPF_PROG(uring_complete, void *uring, void *req, __u64 posted)
{
	__u64 request = (__u64)req;
	__u8 operation = 0;
	__s32 result = 0;

	/* 5.19, cef216fc32d7 ("io_uring: explicitly keep a CQE in io_kiocb"); before, req is user_data. */
	if (!bpf_core_field_exists(struct io_kiocb, cqe.res))
		return 0;
	if (!request) {
		/* 6.13, 3597f2786b68 ("io_uring/rsrc: unify file and buffer resource tables"). */
		if (bpf_core_field_exists(struct io_ring_ctx, file_table.data.nodes))
			uring_accept_more((__u64)uring, posted);
		return 0;
	}
	read_field(operation, request, struct io_kiocb, opcode);
	read_field(result, request, struct io_kiocb, cqe.res);
	uring_done(request, operation, result);
	if (operation == URING_ACCEPT)
		uring_accept_ends(request);
	return 0;
}

/* ---- a full completion queue ------------------------------------------------------- */
struct uring_walk {
	__u64 node;
	__u64 user_data;
	__s32 result;
	__u8 operation;
};

static int uring_walk_step(__u32 index, struct uring_walk *walk)
{
	__u64 request = walk->node - bpf_core_field_offset(struct io_kiocb, comp_list);
	__u64 user_data = 0, next = 0;
	__u8 operation = 0;
	__s32 result = 0;

	if (!walk->node)
		return 1;
	read_field(operation, request, struct io_kiocb, opcode);
	read_field(result, request, struct io_kiocb, cqe.res);
	read_field(user_data, request, struct io_kiocb, cqe.user_data);
	read_field(next, walk->node, struct io_wq_work_node, next);
	/* Of what was kept each is reported once; what is not kept must be the one that is meant.
	 */
	if (uring_kept(request) || (user_data == walk->user_data && result == walk->result)) {
		uring_done(request, operation, result);
		if (operation == URING_ACCEPT)
			uring_accept_ends(request);
	}
	walk->node = next;
	return 0;
}

/*
 * A completion that finds no room, which a program can bring about at will, has
 * a hook of its own that names no request. But the request is known: it is what
 * the worker that runs here is at, or it is among the io_uring's finished ones, which
 * all have their result. A program may have 32,768 of them.
 */
PROGRAM(uring_overflow, process,
	"by io_uring: what completes while the queue of completions is full");
SEC("tp_btf/io_uring_cqe_overflow")
int BPF_PROG(uring_overflow, void *uring, __u64 user_data, __s32 res)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct uring_walk walk = {.user_data = user_data, .result = res};
	__u64 work = 0, request;

	/* 5.17, e32cf5dfbe22 ("kthread: Generalize pf_io_worker so it can point to struct kthread"). */
	if (task->flags & PF_IO_WORKER &&
	    bpf_core_field_exists(struct task_struct, worker_private)) {
		read_field(work, task->worker_private, struct io_worker, cur_work);
		if (!work)
			return 0;
		request = work - bpf_core_field_offset(struct io_kiocb, work);
		read_field(walk.user_data, request, struct io_kiocb, cqe.user_data);
		read_field(walk.operation, request, struct io_kiocb, opcode);
		if (walk.user_data == user_data) {
			uring_done(request, walk.operation, res);
			if (walk.operation == URING_ACCEPT)
				uring_accept_ends(request);
		}
		return 0;
	}
	read_field(walk.node, uring, struct io_ring_ctx, submit_state.compl_reqs.first);
	/* The tracepoint came with 5.19, so bpf_loop is there. */
	bpf_loop(32768, uring_walk_step, &walk, 0);
	return 0;
}
