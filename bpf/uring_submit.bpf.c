/* SPDX-License-Identifier: (Apache-2.0 OR GPL-2.0) */
/*
 * The hooks of io_uring. At submission the kernel's own copy of a name is there,
 * which nobody can swap any more: the record with it is kept (uring.bpf.h) until
 * the completion tells what became of it. A request that succeeds without a
 * completion (IOSQE_CQE_SKIP_SUCCESS), or of which nothing could be kept, is
 * reported at submission: result 0, RECORD_UNVERIFIED.
 */
#define BPFWARDEN_DEFINE_URING
#include "uring_names.bpf.h"
#include "socket.bpf.h"
#include "privilege.bpf.h"

PROGRAM(exit_uring, process, "io_uring_setup");
SEC("tp_btf/sys_exit")
int BPF_PROG(exit_uring, struct pt_regs *regs, long result)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct call_info call = call_of(regs, task);

	if (call.call == CALL_IO_URING_SETUP)
		call_report(EVENT_IO_URING_SETUP, regs, &call, result);
	return 0;
}

/* ---- submission: sockets ------------------------------------------------------------- */
/*
 * Tells connection.bpf.c that a io_uring begins the connection, and keeps the address,
 * for a connect that fails. It is the kernel's copy: all of async_data, which was a
 * struct io_async_connect up to 6.9, or since 6.10 the member addr of the struct
 * io_async_msghdr that all requests on sockets have; that begins with a pointer or
 * a size, which is no address family. What comes back is the level of a record that is
 * to go out now, or NEST_LEVELS.
 */
static __noinline __u32 uring_connect(__u64 request, __u32 request_flags, struct task_struct *task)
{
	ktime_ns now = bpf_ktime_get_boot_ns();
	struct user_address address = {};
	thread_id tid = task->pid;
	struct uring_actor a;
	struct scratch *s;
	struct sock *sk;
	__u64 async = 0;

	bpf_map_update_elem(&uring_connects, &tid, &now, BPF_ANY);
	if (!kind_wanted(EVENT_NET_CONN) || is_daemon(task)) {
		uring_fresh(request);
		return NEST_LEVELS;
	}
	read_field(async, request, struct io_kiocb, async_data);
	bpf_probe_read_kernel(&address, sizeof(address), (void *)async);
	if (!is_inet(address.family) && bpf_core_type_exists(struct io_async_msghdr))
		bpf_probe_read_kernel(&address, sizeof(address),
				      (void *)async +
					  bpf_core_field_offset(struct io_async_msghdr, addr));
	if (!is_inet(address.family)) {
		uring_fresh(request);
		return NEST_LEVELS;
	}
	s = record_begin(EVENT_NET_CONN, sizeof(struct net_event));
	if (!s)
		return NEST_LEVELS;
	endpoint_of_address(&s->event.net_conn.family, &s->event.net_conn.destination, &address);
	if (uring_completes() && !(request_flags & REQ_F_CQE_SKIP)) {
		uring_keep(s, request, 0, 0);
		nest_leave(s->level);
		return NEST_LEVELS;
	}
	uring_fresh(request);
	uring_actor_of(&a, request);
	sk = sock_of_file(uring_file_asked(&a, request, request_flags));
	if (!sk || BPF_CORE_READ(sk, sk_protocol) != TRANSPORT_UDP) {
		nest_leave(s->level);
		return NEST_LEVELS;
	}
	header_now(s->level, 0, NO_SYSCALL, RECORD_IO_URING | RECORD_UNVERIFIED);
	endpoints_of_sock(&s->event.net_conn, sk);
	endpoint_of_address(&s->event.net_conn.family, &s->event.net_conn.destination, &address);
	return s->level;
}

static __always_inline void uring_accept(__u64 request, __u32 request_flags)
{
	struct uring_ticket ticket = {};
	__u32 flags = 0, first = 0;
	__u64 *last;

	bpf_map_delete_elem(&uring_settled, &request);
	/* Since 6.10 io_accept_prep keeps the flags of sqe->ioprio. */
	if (bpf_core_field_exists(struct io_accept, iou_flags))
		read_field(flags, request, struct io_accept, iou_flags);
	if (flags & IORING_ACCEPT_MULTISHOT) {
		read_field(ticket.uring, request, struct io_kiocb, ctx);
		read_field(ticket.user_data, request, struct io_kiocb, cqe.user_data);
		if (bpf_map_update_elem(&uring_accepts, &ticket, &request, BPF_ANY))
			failure_count(FAILURE_URING_MAP_FULL);
		return;
	}
	/* Nothing will tell which descriptor it gave. */
	if (request_flags & REQ_F_CQE_SKIP) {
		failure_count(FAILURE_URING_NO_RESULT);
		return;
	}
	last = bpf_map_lookup_elem(&uring_last, &first);
	if (last)
		*last = request;
}

/* The file of a request that will not be seen to complete, as far as it can be told beforehand. */
static __noinline __u64 uring_unseen_file(__u64 request, __u32 flags)
{
	struct uring_actor a;

	uring_actor_of(&a, request);
	return uring_file_asked(&a, request, flags);
}

static __always_inline void uring_unseen(__u64 request, __u32 operation, __u32 flags)
{
	__u32 tell = EVENT_NONE;
	__u64 file;

	if (operation == URING_SOCKET) {
		uring_socket_done(request, 0);
		return;
	}
	file = uring_unseen_file(request, flags);
	if (!file)
		return;
	switch (operation) {
	case URING_BIND:
	case URING_LISTEN:
		uring_listen_done(request, operation, 0, file);
		break;
	case URING_FTRUNCATE:
	case URING_FALLOCATE:
	case URING_FSETXATTR:
		tell = uring_attribute_done(request, operation, 0, file);
		break;
	case URING_SPLICE:
		uring_told(uring_access_done(request, operation, 0, file), 0);
		file = uring_splice_from(request);
		if (file)
			tell = uring_access_done(request, URING_READ, 0, file);
		break;
	default:
		tell = uring_access_done(request, operation, 0, file);
	}
	uring_told(tell, 0);
}

/* ---- hooks ------------------------------------------------------------------------- */
/*
 * Completions of what ran at once are posted together, after the last request of
 * a batch: until then the program could have closed a descriptor and opened
 * another file under it. So before a request runs, the one before it that gives a
 * descriptor is looked at: if it has run, it is the last of the finished ones.
 * That one's address, 0 when there is none; a subprogram, so that what it keeps is
 * off the stack before the finished request is looked at.
 */
static __noinline __u64 uring_settle(__u64 request)
{
	__u64 uring = 0, other, done = 0;
	struct io_wq_work_list list = {};
	__u32 first = 0;
	__u64 *last = bpf_map_lookup_elem(&uring_last, &first);
	__u8 operation = 0;

	if (!last || !*last)
		return 0;
	other = *last;
	read_field(operation, other, struct io_kiocb, opcode);
	read_field(uring, request, struct io_kiocb, ctx);
	read_field(list.first, uring, struct io_ring_ctx, submit_state.compl_reqs.first);
	read_field(list.last, uring, struct io_ring_ctx, submit_state.compl_reqs.last);
	done = (__u64)list.last - bpf_core_field_offset(struct io_kiocb, comp_list);
	if (!list.first || done != other) {
		/* A link waits for the rest of its chain. */
		if (operation == URING_ACCEPT || !uring_kept(other))
			*last = 0;
		return 0;
	}
	*last = 0;
	return other;
}

static __always_inline void uring_settled_report(__u64 request)
{
	__u8 operation = 0;
	__u64 other;
	__s32 result = 0;

	if (!uring_completes())
		return;
	other = uring_settle(request);
	if (!other)
		return;
	read_field(operation, other, struct io_kiocb, opcode);
	read_field(result, other, struct io_kiocb, cqe.res);
	if (operation == URING_ACCEPT) {
		uring_accept_done(other, result);
		bpf_map_update_elem(&uring_settled, &other, &other, BPF_ANY);
	} else {
		uring_told(uring_open_done(other, result), result);
	}
}

static __always_inline __u32 uring_flags_of(__u64 request)
{
	__u32 flags = 0;

	read_field(flags, request, struct io_kiocb, flags);
	return flags;
}

static __always_inline void uring_submitted(__u64 request)
{
	__u8 operation = 0;
	__u32 level;

	uring_settled_report(request);
	read_field(operation, request, struct io_kiocb, opcode);
	switch (operation) {
	case URING_OPENAT:
	case URING_OPENAT2:
		uring_open(request, uring_flags_of(request));
		break;
	case URING_RENAMEAT:
		uring_rename(request, uring_flags_of(request));
		break;
	case URING_UNLINKAT:
		uring_unlink(request, uring_flags_of(request));
		break;
	case URING_MKDIRAT:
		uring_mkdir(request, uring_flags_of(request));
		break;
	case URING_SYMLINKAT:
		uring_symlink(request, uring_flags_of(request));
		break;
	case URING_LINKAT:
		uring_link(request, uring_flags_of(request));
		break;
	case URING_FSETXATTR:
		uring_fsetxattr(request);
		if (!uring_completes() || uring_flags_of(request) & REQ_F_CQE_SKIP)
			uring_unseen(request, operation, uring_flags_of(request));
		break;
	case URING_SETXATTR:
		uring_setxattr(request, uring_flags_of(request));
		break;
	case URING_CONNECT:
		level = uring_connect(request, uring_flags_of(request), bpf_get_current_task_btf());
		if (level < NEST_LEVELS)
			net_submit(level);
		break;
	case URING_ACCEPT:
		uring_accept(request, uring_flags_of(request));
		break;
	case URING_READV:
	case URING_WRITEV:
	case URING_READ_FIXED:
	case URING_WRITE_FIXED:
	case URING_READ:
	case URING_WRITE:
	case URING_READV_FIXED:
	case URING_WRITEV_FIXED:
	case URING_SOCKET:
	case URING_BIND:
	case URING_LISTEN:
	case URING_FTRUNCATE:
	case URING_FALLOCATE:
	case URING_SPLICE:
		if (!uring_completes() || uring_flags_of(request) & REQ_F_CQE_SKIP)
			uring_unseen(request, operation, uring_flags_of(request));
		break;
	default: /* polls, timeouts, sends: millions a second */
		break;
	}
}

/*
 * io_submit_sqes -> io_submit_sqe -> io_init_req (io_uring/io_uring.c): names are
 * copied by the operation's prep -> trace_io_uring_submit_req. `current` is the
 * process, or its submission thread with IORING_SETUP_SQPOLL.
 */
PROGRAM(uring_submit, process,
	"by io_uring: file_open and what else names a file, and requests without a completion");
SEC("tp_btf/io_uring_submit_req")
int uring_submit(__u64 *ctx)
{
	__u64 request = 0;

	/* As a number: global functions take no BTF pointers before 6.9. */
	bpf_probe_read_kernel(&request, sizeof(request), ctx);
	uring_submitted(request);
	return 0;
}

/*
 * The same hook's name until "io_uring: rename trace_io_uring_submit_sqe()
 * tracepoint"; before 5.19 the first argument is the io_uring, the second the request.
 */
SEC("tp_btf/io_uring_submit_sqe")
int uring_submit__sqe(__u64 *ctx)
{
	__u64 request = 0;

	if (bpf_core_field_exists(struct io_kiocb, cqe.res))
		bpf_probe_read_kernel(&request, sizeof(request), ctx);
	else
		bpf_probe_read_kernel(&request, sizeof(request), ctx + 1);
	uring_submitted(request);
	return 0;
}

/* io_queue_iowq: a worker will run it. Nothing is kept where its prototype is another
 * (before 5.19). */
PROGRAM(uring_queue, process,
	"by io_uring: whether a worker opened a file (else it may be reported as unverified)");
SEC("tp_btf/io_uring_queue_async_work")
int uring_queue(__u64 *ctx)
{
	struct uring_head *kept;
	__u64 request = 0;
	__u8 operation = 0;

	if (!uring_completes())
		return 0;
	bpf_probe_read_kernel(&request, sizeof(request), ctx);
	read_field(operation, request, struct io_kiocb, opcode);
	if (operation != URING_OPENAT && operation != URING_OPENAT2)
		return 0;
	kept = uring_kept(request);
	if (kept)
		kept->queued = 1;
	return 0;
}
