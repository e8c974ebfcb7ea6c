/* SPDX-License-Identifier: (Apache-2.0 OR GPL-2.0) */
/* Opening and creating files. */
#include "file.bpf.h"
#include "access.bpf.h"
#include "repeat.bpf.h"

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

/* 48 bytes of a path: eight words, of which each begins six bytes after the one before. */
#define CLIMB_WORDS 8
#define CLIMB_STEP (6 * CLIMB_WORDS)

/* In each byte of `word` that is `byte` the highest bit, and no other. */
static __always_inline __u64 bytes_that_are(__u64 word, __u64 byte)
{
	const __u64 ones = 0x0101010101010101ull, low = 0x7f * ones;
	__u64 others = word ^ ones * byte;

	return ~(((others & low) + low) | others | low);
}

/* Whether "../" begins in the part `i` of path_scratch[level].path. */
static __noinline long climb_step(__u32 i, void *context)
{
	__u32 level = *(__u32 *)context;
	struct path_scratch *p = bpf_map_lookup_elem(&path_scratch, &level);
	__u64 found = 0;

	if (!p || i >= PATH_MAX_BYTES / CLIMB_STEP || i * CLIMB_STEP >= p->step.end)
		return 1;
	for (__u32 k = 0; k < CLIMB_WORDS; k++) {
		__u64 word = *(__u64 *)(p->path + i * CLIMB_STEP + 6 * k);
		__u64 dots = bytes_that_are(word, '.');

		found |= dots & dots >> 8 & bytes_that_are(word, '/') >> 16;
	}
	p->step.result = found;
	return found != 0;
}

/*
 * Whether "../" is in a string of the current process. One that cannot be read, or is
 * longer than the kernel takes, may have it.
 */
__noinline __u32 path_climbs(__u64 string)
{
	__u32 level = nest_enter();
	struct path_scratch *p;
	__u32 found = 1;
	long length;

	if (level >= NEST_LEVELS)
		return 1;
	p = bpf_map_lookup_elem(&path_scratch, &level);
	if (p) {
		length = bpf_probe_read_user_str(p->path, PATH_MAX_BYTES, (void *)string);
		if (length > 0 && length < PATH_MAX_BYTES - CLIMB_STEP) {
			__u32 end = length;

			/* A bound that 6.1 sees, too. */
			barrier_var(end);
			end &= PATH_MAX_BYTES - 1;
			/* What an earlier path left behind this one, as far as a step looks. */
			for (__u32 k = 0; k <= CLIMB_STEP; k += sizeof(__u64))
				*(__u64 *)(p->path + end + k) = 0;
			p->step.end = end;
			p->step.result = 0;
			repeat(PATH_MAX_BYTES / CLIMB_STEP, climb_step, &level);
			found = p->step.result != 0;
		}
	}
	nest_leave(level);
	return found;
}

/* For an open that nothing else passes. */
static __always_inline bool open_climbs(__u32 passes, __u64 mask, struct asked *asked)
{
	if (!(passes & PASS_OPENS_CLIMBING) &&
	    !(passes & PASS_COMPONENTS && mask & 1ull << CLASS_OPEN_CLIMBING))
		return false;
	return !asked->path || path_climbs(asked->path);
}

static __always_inline void open_report(struct task_struct *task, struct call_info *call,
					enum event_kind kind, struct open_file *file,
					struct asked *asked, __s64 result, __u32 sensitive,
					__u32 keeps)
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
	header_of_call(s, call, result);
	file_describe(s->level, file->inode, file->dentry, file->mnt);
	e->open_flags = file->flags | (asked->flags & CREATION_FLAGS);
	e->new_mode = asked->mode;
	if (file->mode & FMODE_CREATED)
		e->header.flags |= RECORD_CREATED;
	if (keeps && asked->path)
		text_user(s, &e->new_path, (void *)asked->path, PATH_MAX_BYTES);
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
	q = question_of(task, call, EVENT_FILE_OPEN, open_classes(a.flags) | OPEN_FAILED_CLASSES,
			result);
	s = file_begin(EVENT_FILE_OPEN, &q);
	if (!s)
		return;
	e = &s->event.file_open;
	e->open_flags = a.flags;
	e->new_mode = a.mode;
	if (call->call == CALL_OPEN_BY_HANDLE_AT)
		text_unreadable(s, &e->path); /* a handle has no name */
	else
		mask = name_describe(s->level, a.dirfd, a.path,
				     NAME_AT(struct file_event, path, base) | NAME_ALONE);
	file_finish(s->level, mask);
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
	struct fdtable *table = descriptors_of(task);
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
	address = file_of_descriptor(table, result);
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
	if (passes && !filter_common(passes, generation, classes, result) &&
	    !((passes & PASS_COMPONENTS) && (mask & classes))) {
		if (open_climbs(passes, mask, &asked))
			classes |= 1ull << CLASS_OPEN_CLIMBING;
		else
			passes = 0;
	}
	if (passes)
		open_report(task, &call, EVENT_FILE_OPEN, &file, &asked, result,
			    is_sensitive(passes, mask, classes), passes & PASS_KEEPS_PASSED);
	else
		account_in_task(EVENT_FILE_OPEN, OUTCOME_FILTERED);
	if (!created)
		return 0;
	classes = KIND_CLASS(EVENT_FILE_CREATE);
	if (created_passes && (filter_common(created_passes, generation, classes, result) ||
			       ((created_passes & PASS_COMPONENTS) && (mask & classes))))
		open_report(task, &call, EVENT_FILE_CREATE, &file, &asked, result,
			    is_sensitive(created_passes, mask, classes), 0);
	else
		account_in_task(EVENT_FILE_CREATE, OUTCOME_FILTERED);
	return 0;
}
