/* SPDX-License-Identifier: (Apache-2.0 OR GPL-2.0) */
/*
 * Names that come, go and move. Afterwards the kernel has nothing left that we
 * could look at, so the names are what hooks wrote down during the call
 * (resolved.bpf.h), else those that user space passed (unverified), below a
 * directory that is the kernel's own.
 */
#include "resolved.bpf.h"

/* One or two names and where they start. */
struct names {
	__u64 path;
	__u64 new_path;
	__s32 dirfd;
	__s32 new_dirfd;
};

static __always_inline __u64 names_describe(struct scratch *s, struct names *n, __u32 alone)
{
	return name_describe(s->level, n->dirfd, n->path,
			     NAME_AT(struct file_event, path, base) | alone);
}

static __always_inline __u64 names_describe_new(struct scratch *s, struct names *n)
{
	return name_describe(s->level, n->new_dirfd, n->new_path,
			     NAME_AT(struct file_event, new_path, new_base));
}

/* do_unlinkat, do_rmdir (fs/namei.c) -> sys_exit. new_mode shows S_IFDIR for a directory. */
static __always_inline void on_remove(struct pt_regs *regs, struct task_struct *task,
				      struct call_info call, long result, struct resolved *r)
{
	struct names n = {.dirfd = AT_FDCWD};
	struct question q;
	struct scratch *s;
	__u64 mask;
	bool directory = call.call == CALL_RMDIR;

	if (result_restarts(result))
		return;
	q = question_of(task, &call, EVENT_FILE_UNLINK, KIND_CLASS(EVENT_FILE_UNLINK), result);
	s = file_begin(EVENT_FILE_UNLINK, &q);
	if (!s)
		return;
	if (call.call == CALL_UNLINKAT) {
		n.dirfd = ARG0(regs, call);
		n.path = ARG1(regs, call);
		directory = ARG2(regs, call) & AT_REMOVEDIR;
	} else {
		n.path = ARG0(regs, call);
	}
	if (directory)
		s->event.file_unlink.new_mode = S_IFDIR;
	mask = r ? resolved_describe(s, r, q.generation) : names_describe(s, &n, NAME_ALONE);
	file_finish(s->level, mask);
}

PROGRAM(exit_remove, filesystem, "file_unlink");
SEC("tp_btf/sys_exit")
int BPF_PROG(exit_remove, struct pt_regs *regs, long result)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct resolved *r = resolved_of(regs, task);

	on_remove(regs, task, call_of(regs, task), result, r);
	resolved_release(r);
	return 0;
}

/* do_renameat2 (fs/namei.c) -> sys_exit. open_flags holds the RENAME_* flags. */
static __always_inline void on_rename(struct pt_regs *regs, struct task_struct *task,
				      struct call_info call, long result, struct resolved *r)
{
	struct names n = {.dirfd = AT_FDCWD, .new_dirfd = AT_FDCWD};
	struct question q;
	struct scratch *s;
	__u64 mask;

	if (result_restarts(result))
		return;
	/* It may have been a directory: whatever lies below it has another path now. */
	if (result == 0)
		filter_forget_paths();
	q = question_of(task, &call, EVENT_FILE_RENAME, KIND_CLASS(EVENT_FILE_RENAME), result);
	s = file_begin(EVENT_FILE_RENAME, &q);
	if (!s)
		return;
	if (call.call == CALL_RENAME) {
		n.path = ARG0(regs, call);
		n.new_path = ARG1(regs, call);
	} else {
		n.dirfd = ARG0(regs, call);
		n.path = ARG1(regs, call);
		n.new_dirfd = ARG2(regs, call);
		n.new_path = ARG3(regs, call);
		if (call.call == CALL_RENAMEAT2)
			s->event.file_rename.open_flags = ARG4(regs, call);
	}
	mask = r ? resolved_describe(s, r, q.generation)
		 : names_describe(s, &n, 0) | names_describe_new(s, &n);
	file_finish(s->level, mask);
}

PROGRAM(exit_rename, filesystem, "file_rename");
SEC("tp_btf/sys_exit")
int BPF_PROG(exit_rename, struct pt_regs *regs, long result)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct resolved *r = resolved_of(regs, task);

	on_rename(regs, task, call_of(regs, task), result, r);
	resolved_release(r);
	return 0;
}

/* linkat(AT_EMPTY_PATH): the descriptor is the file. */
static __noinline __u64 descriptor_describe(struct scratch *s, struct task_struct *task, __s32 fd)
{
	struct open_file file = {};

	if (!s)
		return EVERY_CLASS;
	if (open_file_read(&file, file_of_fd(task, fd)))
		file_describe(s->level, file.inode, file.dentry, file.mnt);
	else
		text_unreadable(s, &s->event.file_link.path);
	return EVERY_CLASS; /* rare: not worth the mask */
}

/*
 * do_linkat, do_symlinkat (fs/namei.c) -> sys_exit. A link's path is the old
 * name and new_path the new one; a symlink's path is the link and new_path its
 * target, which is text that need not lead anywhere.
 */
static __always_inline void on_link(struct pt_regs *regs, struct task_struct *task,
				    struct call_info call, long result, struct resolved *r)
{
	bool symlink = call.call == CALL_SYMLINK || call.call == CALL_SYMLINKAT;
	enum event_kind kind = symlink ? EVENT_FILE_SYMLINK : EVENT_FILE_LINK;
	char first = 1;
	__u32 offset;
	struct names n = {.dirfd = AT_FDCWD, .new_dirfd = AT_FDCWD};
	struct file_event *e;
	struct question q;
	struct scratch *s;
	__u64 mask;

	if (result_restarts(result))
		return;
	q = question_of(task, &call, kind, KIND_CLASS(kind), result);
	s = file_begin(kind, &q);
	if (!s)
		return;
	e = (struct file_event *)&s->event;
	if (symlink) {
		n.new_path = ARG0(regs, call);
		if (call.call == CALL_SYMLINKAT) {
			n.dirfd = ARG1(regs, call);
			n.path = ARG2(regs, call);
		} else {
			n.path = ARG1(regs, call);
		}
		mask = r ? 0 : names_describe(s, &n, 0);
		offset = s->length;
		if (!r && text_user(s, &e->new_path, (void *)n.new_path, PATH_MAX_BYTES))
			mask |= string_mask(s->level, offset, e->new_path.length, q.generation);
		else if (!r)
			mask = EVERY_CLASS;
	} else {
		if (call.call == CALL_LINKAT) {
			n.dirfd = ARG0(regs, call);
			n.path = ARG1(regs, call);
			n.new_dirfd = ARG2(regs, call);
			n.new_path = ARG3(regs, call);
			e->open_flags = ARG4(regs, call);
		} else {
			n.path = ARG0(regs, call);
			n.new_path = ARG1(regs, call);
		}
		if (call.call == CALL_LINKAT && ARG4(regs, call) & AT_EMPTY_PATH)
			bpf_probe_read_user(&first, 1, (void *)n.path);
		mask =
		    r ? 0
		      : (first ? names_describe(s, &n, 0) : descriptor_describe(s, task, n.dirfd)) |
			    names_describe_new(s, &n);
	}
	if (r)
		mask = resolved_describe(s, r, q.generation);
	file_finish(s->level, mask);
}

PROGRAM(exit_link, filesystem, "file_link, file_symlink");
SEC("tp_btf/sys_exit")
int BPF_PROG(exit_link, struct pt_regs *regs, long result)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct resolved *r = resolved_of(regs, task);

	on_link(regs, task, call_of(regs, task), result, r);
	resolved_release(r);
	return 0;
}

/* do_mkdirat, do_mknodat (fs/namei.c) -> sys_exit. mknod is a file_create; new_mode has its type.
 */
static __always_inline void on_make(struct pt_regs *regs, struct task_struct *task,
				    struct call_info call, long result, struct resolved *r)
{
	bool at = call.call == CALL_MKDIRAT || call.call == CALL_MKNODAT;
	bool directory = call.call == CALL_MKDIR || call.call == CALL_MKDIRAT;
	enum event_kind kind = directory ? EVENT_FILE_MKDIR : EVENT_FILE_CREATE;
	struct names n = {.dirfd = AT_FDCWD};
	struct question q;
	struct scratch *s;
	__u64 mask;

	if (result_restarts(result))
		return;
	q = question_of(task, &call, kind, KIND_CLASS(kind), result);
	s = file_begin(kind, &q);
	if (!s)
		return;
	if (at) {
		n.dirfd = ARG0(regs, call);
		n.path = ARG1(regs, call);
		s->event.file_mkdir.new_mode = ARG2(regs, call);
	} else {
		n.path = ARG0(regs, call);
		s->event.file_mkdir.new_mode = ARG1(regs, call);
	}
	mask = r ? resolved_describe(s, r, q.generation) : names_describe(s, &n, NAME_ALONE);
	file_finish(s->level, mask);
}

PROGRAM(exit_make, filesystem, "file_mkdir, file_create by mknod");
SEC("tp_btf/sys_exit")
int BPF_PROG(exit_make, struct pt_regs *regs, long result)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct resolved *r = resolved_of(regs, task);

	on_make(regs, task, call_of(regs, task), result, r);
	resolved_release(r);
	return 0;
}
