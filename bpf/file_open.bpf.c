/* SPDX-License-Identifier: (Apache-2.0 OR GPL-2.0) */
/* Opening and creating files. */
#include "file.bpf.h"
#include "access.bpf.h"

/* Flags and mode as the call had them: the open file keeps no O_CREAT and no O_TRUNC. */
struct asked {
	__u32 flags;
	__u32 mode;
	__s32 dirfd;
	__u64 path;
};

static __always_inline void asked_read(struct asked *a, struct pt_regs *regs,
				       struct call_info *call)
{
	a->dirfd = AT_FDCWD;
	a->mode = 0;
	switch (call->call) {
	case CALL_OPEN:
		a->path = ARG0(regs, *call);
		a->flags = ARG1(regs, *call);
		a->mode = ARG2(regs, *call);
		break;
	case CALL_CREAT:
		a->path = ARG0(regs, *call);
		a->flags = O_CREAT | O_WRONLY | O_TRUNC;
		a->mode = ARG1(regs, *call);
		break;
	case CALL_OPENAT2: {
		/* struct open_how: the only flags that lie in user memory, and only of use for
		 * O_CREAT and mode. */
		struct {
			__u64 flags, mode, resolve;
		} how = {};

		bpf_probe_read_user(&how, sizeof(how), (void *)ARG2(regs, *call));
		a->dirfd = ARG0(regs, *call);
		a->path = ARG1(regs, *call);
		a->flags = how.flags;
		a->mode = how.mode;
		break;
	}
	case CALL_OPEN_BY_HANDLE_AT:
		a->path = 0;
		a->flags = ARG2(regs, *call);
		break;
	default: /* openat */
		a->dirfd = ARG0(regs, *call);
		a->path = ARG1(regs, *call);
		a->flags = ARG2(regs, *call);
		a->mode = ARG3(regs, *call);
	}
	if (!(a->flags & O_CREAT))
		a->mode = 0;
}

static __always_inline void open_report(struct task_struct *task, struct call_info *call,
					enum event_kind kind, struct open_file *file,
					struct asked *asked, __s64 result, __u32 sensitive)
{
	struct file_event *e;
	struct scratch *s;

	if (!rate_admits(kind, file->inode, sensitive)) {
		account_in_task(kind, OUTCOME_THROTTLED);
		return;
	}
	s = record_begin(kind, sizeof(*e));
	if (!s)
		return;
	e = (struct file_event *)&s->event;
	header_of_call(&e->header, task, call, result);
	file_describe(s, file);
	e->open_flags |= asked->flags & CREATION_FLAGS;
	e->new_mode = asked->mode;
	if (file->mode & FMODE_CREATED)
		e->header.flags |= RECORD_CREATED;
	record_submit(s, RING_BULK);
}

/* There is no file: the name is what user space passed. */
static __always_inline void open_failed(struct pt_regs *regs, struct task_struct *task,
					struct call_info *call, __s64 result)
{
	__u64 mask = EVERY_CLASS;
	struct file_event *e;
	struct scratch *s;
	struct question q;
	struct asked a;

	asked_read(&a, regs, call);
	q = question_of(task, call, EVENT_FILE_OPEN,
			open_classes(a.flags) | 1ull << CLASS_OPEN_FAILED, result);
	s = file_begin(&q);
	if (!s)
		return;
	e = &s->event.file_open;
	e->open_flags = a.flags;
	e->new_mode = a.mode;
	if (call->call == CALL_OPEN_BY_HANDLE_AT)
		text_unreadable(s, &e->path); /* a handle has no name */
	else
		mask = name_describe(s, &e->path, &e->base, &q, a.dirfd, a.path, true);
	file_finish(s, &q, mask);
}

/*
 * do_sys_openat2 (fs/open.c) -> do_filp_open, fd_install -> return
 *   -> sys_exit: the new descriptor is the result
 * The file, its path and whether this call created it (FMODE_CREATED) come from
 * the struct file that the descriptor leads to, so a path string that another
 * thread swaps during the call shows nothing wrong. Another thread may close the
 * descriptor and open another file under it before we look; then we report that
 * file, which the process has open as well.
 */
PROGRAM(exit_open, filesystem, "file_open, file_create");
SEC("tp_btf/sys_exit")
int BPF_PROG(exit_open, struct pt_regs *regs, long result)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct call_info call = call_of(regs, task);
	struct open_file file = {};
	__u32 generation, passes, created_passes, flags;
	__u64 address, classes, mask = 0;
	struct asked asked;
	bool created;

	if (result < 0) {
		if (!result_restarts(result))
			open_failed(regs, task, &call, result);
		return 0;
	}
	address = file_of_fd(task, result);
	if (!open_file_read(&file, address)) {
		failure_count(FAILURE_IDENTITY);
		return 0;
	}
	access_forget(task->tgid, address);
	flags = file.flags;
	created = file.mode & FMODE_CREATED;
	classes = open_classes(flags) | (created ? 1ull << CLASS_OPEN_CREATE : 0);
	/* O_CREAT of a file that exists is only in the registers. */
	asked_read(&asked, regs, &call);
	if (asked.flags & O_CREAT)
		classes |= 1ull << CLASS_OPEN_CREATE;

	generation = filter_generation();
	passes = is_daemon(task) ? 0 : filter_passes(generation, EVENT_FILE_OPEN);
	created_passes =
	    created && !is_daemon(task) ? filter_passes(generation, EVENT_FILE_CREATE) : 0;
	if ((passes | created_passes) & PASS_COMPONENTS)
		mask = file_mask(file.dentry, file.mnt, generation);
	if (passes && (filter_common(passes, generation, classes, task, result) ||
		       ((passes & PASS_COMPONENTS) && (mask & classes))))
		open_report(task, &call, EVENT_FILE_OPEN, &file, &asked, result,
			    is_sensitive(passes, mask, classes));
	else
		account_in_task(EVENT_FILE_OPEN, OUTCOME_FILTERED);
	if (!created)
		return 0;
	classes = KIND_CLASS(EVENT_FILE_CREATE);
	if (created_passes && (filter_common(created_passes, generation, classes, task, result) ||
			       ((created_passes & PASS_COMPONENTS) && (mask & classes))))
		open_report(task, &call, EVENT_FILE_CREATE, &file, &asked, result,
			    is_sensitive(created_passes, mask, classes));
	else
		account_in_task(EVENT_FILE_CREATE, OUTCOME_FILTERED);
	return 0;
}
