/* SPDX-License-Identifier: (Apache-2.0 OR GPL-2.0) */
/*
 * Completions of io_uring. They are posted by the thread that submitted, by
 * another that runs its task work, by a worker, or by a kernel thread; always in
 * task context, and before the request lets go of its file.
 */
#include "ring.bpf.h"

static __always_inline void ring_done(__u64 request, __u32 operation, __s64 result)
{
	switch (operation) {
	case RING_OPENAT:
	case RING_OPENAT2:
		ring_open_done(request, result);
		break;
	case RING_RENAMEAT:
	case RING_UNLINKAT:
	case RING_MKDIRAT:
	case RING_SYMLINKAT:
	case RING_LINKAT:
	case RING_SETXATTR:
		ring_name_done(request, operation, result);
		break;
	case RING_FTRUNCATE:
	case RING_FSETXATTR:
		ring_attribute_done(request, operation, result);
		break;
	case RING_ACCEPT:
		ring_accept_done(request, result);
		break;
	case RING_CONNECT:
		ring_connect_done(request, result);
		break;
	case RING_BIND:
	case RING_LISTEN:
		ring_listen_done(request, operation, result, 0);
		break;
	case RING_SOCKET:
		ring_socket_done(request, result);
		break;
	case RING_READV:
	case RING_WRITEV:
	case RING_READ_FIXED:
	case RING_WRITE_FIXED:
	case RING_READ:
	case RING_WRITE:
	case RING_READV_FIXED:
	case RING_WRITEV_FIXED:
	case RING_SENDMSG:
	case RING_RECVMSG:
	case RING_SEND:
	case RING_RECV:
	case RING_SEND_ZC:
	case RING_SENDMSG_ZC:
		ring_access_done(request, operation, result, 0);
		break;
	}
}

/* One more connection of an accept that goes on: the completion does not name the request. */
static __always_inline void more_accepted(__u64 ring, __u64 posted)
{
	struct io_uring_cqe cqe = {};
	struct ring_ticket ticket = {.ring = ring};
	__u64 *request;

	read_field(ticket.user_data, posted, struct io_uring_cqe, user_data);
	read_field(cqe.res, posted, struct io_uring_cqe, res);
	read_field(cqe.flags, posted, struct io_uring_cqe, flags);
	if (!(cqe.flags & IORING_CQE_F_MORE) || cqe.res < 0)
		return;
	request = bpf_map_lookup_elem(&ring_accepts, &ticket);
	if (request)
		ring_accept_done(*request, cqe.res);
}

static __always_inline void accept_ends(__u64 request)
{
	struct ring_ticket ticket = {};

	read_field(ticket.ring, request, struct io_kiocb, ctx);
	read_field(ticket.user_data, request, struct io_kiocb, cqe.user_data);
	bpf_map_delete_elem(&ring_accepts, &ticket);
}

/*
 * io_fill_cqe_req, io_fill_cqe_aux (io_uring/io_uring.c). The first two arguments
 * are the same from 5.19 on; result and flags were arguments of their own before
 * they became the completion entry (6.13), so they are read from the request. The
 * third is looked at only where another change of 6.13 is there.
 */
SEC("tp_btf/io_uring_complete")
int BPF_PROG(ring_complete, void *ring, void *req, __u64 posted)
{
	__u64 request = (__u64)req;
	__u8 operation = 0;
	__s32 result = 0;

	if (!bpf_core_field_exists(struct io_kiocb, cqe.res)) /* before 5.19 req is user_data */
		return 0;
	if (!request) {
		if (bpf_core_field_exists(struct io_ring_ctx, file_table.data.nodes))
			more_accepted((__u64)ring, posted);
		return 0;
	}
	read_field(operation, request, struct io_kiocb, opcode);
	read_field(result, request, struct io_kiocb, cqe.res);
	ring_done(request, operation, result);
	if (operation == RING_ACCEPT)
		accept_ends(request);
	return 0;
}

/* ---- a full completion queue ------------------------------------------------------- */
struct ring_walk {
	__u64 node;
	__u64 user_data;
	__s32 result;
};

static int look_at(__u32 index, struct ring_walk *walk)
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
	if (ring_kept(request) || (user_data == walk->user_data && result == walk->result))
		ring_done(request, operation, result);
	walk->node = next;
	return 0;
}

/*
 * A completion that finds no room, which a program can bring about at will, has
 * a hook of its own that names no request. But the request is known: it is what
 * the worker that runs here is at, or it is among the ring's finished ones, which
 * all have their result. A program may have 32,768 of them.
 */
SEC("tp_btf/io_uring_cqe_overflow")
int BPF_PROG(ring_overflow, void *ring, __u64 user_data, __s32 res)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct ring_walk walk = {.user_data = user_data, .result = res};
	__u64 worker = 0, work = 0, request;
	__u64 number = 0;
	__u8 operation = 0;

	if (task->flags & PF_IO_WORKER &&
	    bpf_core_field_exists(struct task_struct, worker_private)) {
		worker = (__u64)task->worker_private;
		read_field(work, worker, struct io_worker, cur_work);
		request = work - bpf_core_field_offset(struct io_kiocb, work);
		read_field(number, request, struct io_kiocb, cqe.user_data);
		read_field(operation, request, struct io_kiocb, opcode);
		if (work && number == user_data)
			ring_done(request, operation, res);
		return 0;
	}
	read_field(walk.node, ring, struct io_ring_ctx, submit_state.compl_reqs.first);
	bpf_loop(32768, look_at, &walk, 0);
	return 0;
}
