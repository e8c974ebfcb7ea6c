/* SPDX-License-Identifier: (Apache-2.0 OR GPL-2.0) */
/*
 * Reading and writing: an event for the first access of an open regular file by
 * a process, and exact totals of calls and bytes. mmap is not seen.
 *
 * exit_read and exit_write run for every read and write of the system: they have
 * no subprogram (arm64 before 6.0 refuses programs that have them and tail-call)
 * and hand the rare first access on to exit_access.
 */
#include "access.bpf.h"

/*
 * ksys_read, vfs_read, do_iter_read ... -> sys_exit with the number of bytes.
 * The descriptor is in the registers and leads to the kernel's struct file.
 */
SEC("tp_btf/sys_exit")
int BPF_PROG(exit_read, struct pt_regs *regs, long result)
{
	struct task_struct *task;
	struct call_info call;
	struct io_totals *total;
	__u64 file, inode = 0;
	umode_t type;

	if (result < 0)
		return 0;
	task = bpf_get_current_task_btf();
	call = call_of(regs, task);
	file = file_of_fd(
	    task, (__s32)(call.call == CALL_SENDFILE ? ARG1(regs, call) : ARG0(regs, call)));
	type = type_of(file, &inode);
	if (type == S_IFSOCK)
		bpf_tail_call_static(ctx, &exit_handlers, FAMILY_RECEIVE);
	if (type != S_IFREG)
		return 0;
	total = io_totals_now();
	if (total) {
		total->file_read_calls++;
		total->file_read_bytes += result;
	}
	if (access_is_first(task->tgid, file, inode, ACCESS_READ))
		bpf_tail_call_static(ctx, &exit_handlers, FAMILY_ACCESS);
	return 0;
}

/* ksys_write, vfs_write, do_iter_write, vfs_copy_file_range (arg 2 is the file written to). */
SEC("tp_btf/sys_exit")
int BPF_PROG(exit_write, struct pt_regs *regs, long result)
{
	struct task_struct *task;
	struct call_info call;
	struct io_totals *total;
	__u64 file, inode = 0;
	umode_t type;

	if (result < 0)
		return 0;
	task = bpf_get_current_task_btf();
	call = call_of(regs, task);
	file = file_of_fd(
	    task, (__s32)(call.call == CALL_COPY_FILE_RANGE ? ARG2(regs, call) : ARG0(regs, call)));
	type = type_of(file, &inode);
	if (type == S_IFSOCK)
		bpf_tail_call_static(ctx, &exit_handlers, FAMILY_SEND);
	if (type != S_IFREG)
		return 0;
	total = io_totals_now();
	if (total) {
		total->file_write_calls++;
		total->file_write_bytes += result;
	}
	if (access_is_first(task->tgid, file, inode, ACCESS_WRITE))
		bpf_tail_call_static(ctx, &exit_handlers, FAMILY_ACCESS);
	return 0;
}

/* The first access, of either sort. */
SEC("tp_btf/sys_exit")
int BPF_PROG(exit_access, struct pt_regs *regs, long result)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct call_info call = call_of(regs, task);
	__u32 family = routes[raw_number(regs) & (ROUTES - 1)].family, kind, generation, passes;
	struct file_event *e;
	struct open_file file = {};
	__u64 argument, class, mask = 0;
	struct scratch *s;

	if (call.compat)
		family = routes[raw_number(regs) & (ROUTES - 1)].compat_family;
	kind = family == FAMILY_WRITE ? EVENT_FILE_WRITE : EVENT_FILE_READ;
	if (call.call == CALL_SENDFILE)
		argument = ARG1(regs, call);
	else if (call.call == CALL_COPY_FILE_RANGE)
		argument = ARG2(regs, call);
	else
		argument = ARG0(regs, call);
	generation = filter_generation();
	passes = is_daemon(task) ? 0 : filter_passes(generation, kind);
	class = KIND_CLASS(kind);
	if (!passes || !open_file_read(&file, file_of_fd(task, (__s32)argument))) {
		account_in_task(kind, OUTCOME_FILTERED);
		return 0;
	}
	if (passes & PASS_COMPONENTS)
		mask = file_mask(file.dentry, file.mnt, generation);
	if (!(mask & class) && !filter_common(passes, generation, class, task, result)) {
		account_in_task(kind, OUTCOME_FILTERED);
		return 0;
	}
	if (!rate_admits(kind, file.inode, is_sensitive(passes, mask, class))) {
		account_in_task(kind, OUTCOME_THROTTLED);
		return 0;
	}
	s = record_begin(kind, sizeof(*e));
	if (!s)
		return 0;
	e = (struct file_event *)&s->event;
	header_of_call(&e->header, task, &call, result);
	file_describe(s, &file);
	e->bytes = result;
	record_submit(s, RING_BULK);
	return 0;
}
