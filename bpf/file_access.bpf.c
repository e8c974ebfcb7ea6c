/* SPDX-License-Identifier: (Apache-2.0 OR GPL-2.0) */
/*
 * Reading and writing: an event for the first access of an open regular file by
 * a process, and exact totals of calls and bytes. A mapping of a file counts as
 * an access when it is made: what is read through it later is no call.
 *
 * exit_read and exit_write run for every read and write of the system: they have
 * no subprogram (arm64 before 6.0 refuses programs that have them and tail-call)
 * and hand the rare first access on to exit_access.
 */
#include "access.bpf.h"
#include "socket.bpf.h"

/*
 * Counts what was read from a connected socket; false for one that exit_receive has
 * to look at, which reads all of it again: answers of DNS come from port 53, or to no
 * connection.
 */
static __always_inline bool socket_read(__u64 file, long result)
{
	struct sock_head head;
	struct io_totals *total;
	__be16 port;

	if (!(families >> FAMILY_RECEIVE & 1) || !inet_head_of(&head, file))
		return true;
	port = sock_field(&head, __be16, skc_dport);
	if (!port || port == bpf_htons(DNS_PORT))
		return false;
	total = io_totals_now();
	if (total && result) {
		total->net_receive_calls++;
		total->net_receive_bytes += result;
	}
	return true;
}

/* Counts what was written to a socket: with write(2) goes no address, so there is no more to it. */
static __always_inline void socket_written(__u64 file, long result)
{
	struct sock_head head;
	struct io_totals *total;

	if (!(families >> FAMILY_SEND & 1) || !inet_head_of(&head, file))
		return;
	total = io_totals_now();
	if (total && result) {
		total->net_send_calls++;
		total->net_send_bytes += result;
	}
}

/* Whether a first access can be of interest; one that cannot is counted at once. */
static __always_inline bool access_matters(enum event_kind kind)
{
	if (kind_wanted(kind))
		return true;
	account_in_task(kind, OUTCOME_FILTERED);
	return false;
}

/*
 * ksys_read, vfs_read, do_iter_read ... -> sys_exit with the number of bytes.
 * The descriptor is in the registers and leads to the kernel's struct file.
 */
PROGRAM(exit_read, filesystem, "file_read");
SEC("tp_btf/sys_exit")
int BPF_PROG(exit_read, struct pt_regs *regs, long result)
{
	struct task_struct *task;
	struct fdtable *table;
	struct call_info call;
	struct io_totals *total;
	__u64 file, inode = 0;
	umode_t type;

	if (result < 0)
		return 0;
	task = bpf_get_current_task_btf();
	table = descriptors_of(task);
	call = call_of(regs, task);
	file = file_of_descriptor(table, (__s32)ARG0(regs, call));
	type = type_of(file, &inode);
	if (type == S_IFSOCK && !socket_read(file, result))
		bpf_tail_call_static(ctx, &exit_handlers, FAMILY_RECEIVE);
	if (type != S_IFREG)
		return 0;
	total = io_totals_now();
	if (total) {
		total->file_read_calls++;
		total->file_read_bytes += result;
	}
	if (access_is_first(task->tgid, file, inode, ACCESS_READ) &&
	    access_matters(EVENT_FILE_READ))
		bpf_tail_call_static(ctx, &exit_handlers, FAMILY_ACCESS);
	return 0;
}

/* ksys_write, vfs_write, do_iter_write. */
PROGRAM(exit_write, filesystem, "file_write");
SEC("tp_btf/sys_exit")
int BPF_PROG(exit_write, struct pt_regs *regs, long result)
{
	struct task_struct *task;
	struct fdtable *table;
	struct call_info call;
	struct io_totals *total;
	__u64 file, inode = 0;
	umode_t type;

	if (result < 0)
		return 0;
	task = bpf_get_current_task_btf();
	table = descriptors_of(task);
	call = call_of(regs, task);
	file = file_of_descriptor(table, (__s32)ARG0(regs, call));
	type = type_of(file, &inode);
	if (type == S_IFSOCK)
		socket_written(file, result);
	if (type != S_IFREG)
		return 0;
	total = io_totals_now();
	if (total) {
		total->file_write_calls++;
		total->file_write_bytes += result;
	}
	if (access_is_first(task->tgid, file, inode, ACCESS_WRITE) &&
	    access_matters(EVENT_FILE_WRITE))
		bpf_tail_call_static(ctx, &exit_handlers, FAMILY_ACCESS);
	return 0;
}

/* Reports the access of a file that is in the process's table, or accounts why not. */
static __always_inline void access_report(enum event_kind kind, struct task_struct *task,
					  struct call_info *call, __s32 fd, __s64 result)
{
	__u32 generation = filter_generation();
	__u32 passes = is_daemon(task) ? 0 : filter_passes(generation, kind);
	struct open_file file = {};
	struct file_event *e;
	struct scratch *s;

	if (!passes || !open_file_read(&file, file_of_fd(task, fd))) {
		account_in_task(kind, OUTCOME_FILTERED);
		return;
	}
	if (!(passes & PASS_COMPONENTS &&
	      file_mask(file.dentry, file.mnt, generation) & KIND_CLASS(kind)) &&
	    !filter_common(passes, generation, KIND_CLASS(kind), result)) {
		account_in_task(kind, OUTCOME_FILTERED);
		return;
	}
	/* The mask again, where it is asked for once in a while, rather than on the stack. */
	if (!rate_has(kind) &&
	    !spare_has(kind, file.inode,
		       is_sensitive(passes, file_mask(file.dentry, file.mnt, generation),
				    KIND_CLASS(kind)))) {
		account_in_task(kind, OUTCOME_THROTTLED);
		return;
	}
	s = record_begin(kind, sizeof(*e));
	if (!s)
		return;
	e = (struct file_event *)&s->event;
	header_of_call(s, call, result);
	if (call->call == CALL_IO_SUBMIT) /* the descriptor lies in user memory */
		e->header.flags |= RECORD_UNVERIFIED;
	e->open_flags = file.flags;
	file_describe(s->level, file.inode, file.dentry, file.mnt);
	e->bytes = result;
	record_submit(s, RING_BULK);
}

/* Whether a mapping writes to its file. */
static __always_inline bool mmap_writes(struct pt_regs *regs, struct call_info *call)
{
	__u64 array = call->call == CALL_OLD_MMAP ? ARG0(regs, *call) : 0;

	return PACKED_ARG(2, regs, *call, array) & PROT_WRITE &&
	       PACKED_ARG(3, regs, *call, array) & MAP_SHARED;
}

/* The first access, of either sort. */
PROGRAM(exit_access, filesystem, "first reads and writes that are reported at all");
SEC("tp_btf/sys_exit")
int BPF_PROG(exit_access, struct pt_regs *regs, long result)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct call_info call = call_of(regs, task);
	__u32 family = routes[raw_number(regs) & (ROUTES - 1)].family;
	__s32 fd = ARG0(regs, call);
	bool writes;

	if (call.compat)
		family = routes[raw_number(regs) & (ROUTES - 1)].compat_family;
	writes = family == FAMILY_WRITE;
	if (family == FAMILY_MMAP) {
		__u64 array = call.call == CALL_OLD_MMAP ? ARG0(regs, call) : 0;

		fd = PACKED_ARG(4, regs, call, array);
		writes = mmap_writes(regs, &call);
		result = 0; /* an address is no number of bytes */
	}
	access_report(writes ? EVENT_FILE_WRITE : EVENT_FILE_READ, task, &call, fd, result);
	return 0;
}

/*
 * ksys_mmap_pgoff, vm_mmap_pgoff (mm/). What is executable is exit_memory's; of
 * the rest a file is read, or written where the mapping is shared. No subprogram
 * here either: every library comes this way.
 */
PROGRAM(exit_mmap, always, "mmap_exec, and file_read and file_write by mappings");
SEC("tp_btf/sys_exit")
int BPF_PROG(exit_mmap, struct pt_regs *regs, long result)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct call_info call = call_of(regs, task);
	__u64 array = call.call == CALL_OLD_MMAP ? ARG0(regs, call) : 0;
	__u32 protection = PACKED_ARG(2, regs, call, array);
	__u64 file, inode = 0;

	if (protection & PROT_EXEC)
		bpf_tail_call_static(ctx, &exit_handlers, FAMILY_MEMORY);
	if (!(protection & (PROT_READ | PROT_WRITE)) || (__u64)result >= (__u64)-MAX_ERRNO ||
	    PACKED_ARG(3, regs, call, array) & MAP_ANONYMOUS)
		return 0;
	file = file_of_fd(task, (__s32)PACKED_ARG(4, regs, call, array));
	if (type_of(file, &inode) == S_IFREG &&
	    access_is_first(task->tgid, file, inode,
			    mmap_writes(regs, &call) ? ACCESS_WRITE : ACCESS_READ))
		bpf_tail_call_static(ctx, &exit_handlers, FAMILY_ACCESS);
	return 0;
}

/* ---- from one descriptor to another --------------------------------------------------- */
/* One side of a copy. A global function: verified once, not for each way to it. */
__noinline int copy_side(struct call_info *call, __s32 fd, __u32 kind, __s64 result)
{
	struct task_struct *task = bpf_get_current_task_btf();
	__u64 file = file_of_fd(task, fd), inode = 0;
	bool reads = kind == EVENT_FILE_READ;
	struct io_totals *total;

	if (!call || type_of(file, &inode) != S_IFREG)
		return 0;
	total = io_totals_now();
	if (total && call->call != CALL_IO_SUBMIT && call->call != CALL_IOCTL) {
		if (reads) {
			total->file_read_calls++;
			total->file_read_bytes += result;
		} else {
			total->file_write_calls++;
			total->file_write_bytes += result;
		}
	}
	if (access_is_first(task->tgid, file, inode, reads ? ACCESS_READ : ACCESS_WRITE))
		access_report(kind, task, call, fd, result);
	return 0;
}

/* struct iocb (include/uapi/linux/aio_abi.h), little-endian. */
struct user_iocb {
	__u64 data;
	__u64 key;
	__u16 opcode;
	__s16 priority;
	__u32 fd;
};

enum aio_constants {
	IOCB_CMD_PREAD = 0,
	IOCB_CMD_PWRITE = 1,
	IOCB_CMD_PREADV = 7,
	IOCB_CMD_PWRITEV = 8,
	AIO_REQUESTS =
	    16, /* of one io_submit that are looked at; that there were more is counted */
};

/* io_submit (fs/aio.c): `result` requests were taken; they lie in user memory. */
static __always_inline void on_io_submit(struct pt_regs *regs, struct call_info *call, long result)
{
	__u64 list = ARG2(regs, *call), size = call->compat ? 4 : 8;

	if (result > AIO_REQUESTS)
		failure_count(FAILURE_BATCH_CUT);
	for (int i = 0; i < AIO_REQUESTS && i < result; i++) {
		struct user_iocb iocb = {};
		__u64 pointer = 0;

		if (bpf_probe_read_user(&pointer, size, (void *)(list + i * size)) ||
		    bpf_probe_read_user(&iocb, sizeof(iocb), (void *)pointer))
			return;
		if (iocb.opcode == IOCB_CMD_PREAD || iocb.opcode == IOCB_CMD_PREADV)
			copy_side(call, iocb.fd, EVENT_FILE_READ, 0);
		else if (iocb.opcode == IOCB_CMD_PWRITE || iocb.opcode == IOCB_CMD_PWRITEV)
			copy_side(call, iocb.fd, EVENT_FILE_WRITE, 0);
	}
}

/*
 * do_sendfile, do_splice, vfs_copy_file_range, vfs_clone_file_range, io_submit:
 * a read of one file and a write of another, where they are files. tee copies
 * from pipe to pipe: what is in a pipe was seen on its way in.
 */
PROGRAM(exit_copy, filesystem,
	"file_read and file_write by sendfile, splice, copy_file_range, clones of files");
SEC("tp_btf/sys_exit")
int BPF_PROG(exit_copy, struct pt_regs *regs, long result)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct call_info call = call_of(regs, task);
	__s32 from = ARG0(regs, call), to = ARG2(regs, call);

	if (result < 0)
		return 0;
	if (call.call == CALL_IO_SUBMIT) {
		on_io_submit(regs, &call, result);
		return 0;
	}
	if (call.call == CALL_SENDFILE) {
		from = ARG1(regs, call);
		to = ARG0(regs, call);
	} else if (call.call == CALL_IOCTL) {
		to = ARG0(regs, call);
		from = ARG2(regs, call);
		if ((__u32)ARG1(regs, call) == FICLONERANGE)
			bpf_probe_read_user(&from, sizeof(from), (void *)ARG2(regs, call));
	}
	copy_side(&call, from, EVENT_FILE_READ, result);
	copy_side(&call, to, EVENT_FILE_WRITE, result);
	return 0;
}
