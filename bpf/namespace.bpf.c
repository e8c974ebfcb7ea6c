/* SPDX-License-Identifier: (Apache-2.0 OR GPL-2.0) */
/* Namespaces, root directories and mounts. */
#include "privilege.bpf.h"

static __always_inline void on_mount(struct pt_regs *regs, struct task_struct *task,
				     struct call_info *call, long result)
{
	struct scratch *s = call_begin(EVENT_MOUNT, regs, task, call, result);
	struct call_event *e;
	__s32 dirfd = AT_FDCWD;
	__u64 path = 0;

	if (!s)
		return;
	e = &s->event.mount;
	switch (call->call) {
	case CALL_MOUNT:
		call_text(s, &e->name, ARG0(regs, *call), PATH_MAX_BYTES);
		call_text(s, &e->detail, ARG2(regs, *call), NAME_BYTES);
		path = ARG1(regs, *call);
		break;
	case CALL_MOVE_MOUNT:
		call_text(s, &e->name, ARG1(regs, *call), PATH_MAX_BYTES);
		dirfd = ARG2(regs, *call);
		path = ARG3(regs, *call);
		break;
	case CALL_FSMOUNT: /* makes a mount that is not in the tree yet */
		break;
	default: /* open_tree, mount_setattr: (dirfd, path, ...) */
		dirfd = ARG0(regs, *call);
		path = ARG1(regs, *call);
	}
	if (call->call != CALL_MOUNT)
		e->argument[3] = 0; /* flags of mount(2) only */
	if (path)
		call_path(s, task, dirfd, path);
	call_end(s);
}

static __always_inline void on_umount(struct pt_regs *regs, struct task_struct *task,
				      struct call_info *call, long result)
{
	struct scratch *s = call_begin(EVENT_UMOUNT, regs, task, call, result);

	if (!s)
		return;
	call_path(s, task, AT_FDCWD, ARG0(regs, *call));
	call_end(s);
}

/* chroot and pivot_root that succeeded: the new root is the kernel's. */
static __always_inline void on_root(enum event_kind kind, struct pt_regs *regs,
				    struct task_struct *task, struct call_info *call, long result)
{
	struct scratch *s = call_begin(kind, regs, task, call, result);
	struct call_event *e;
	__u64 dentry = 0, mnt = 0;

	if (!s)
		return;
	e = &s->event.chroot;
	if (result == 0 && kind == EVENT_CHROOT) {
		address_of(dentry, task->fs->root.dentry);
		address_of(mnt, task->fs->root.mnt);
		text_path(s, &e->path, dentry, mnt);
	} else {
		call_path(s, task, AT_FDCWD, ARG0(regs, *call));
	}
	if (kind == EVENT_PIVOT_ROOT)
		call_text(s, &e->name, ARG1(regs, *call), PATH_MAX_BYTES);
	call_end(s);
}

static __always_inline void on_setns(struct pt_regs *regs, struct task_struct *task,
				     struct call_info *call, long result)
{
	struct scratch *s = call_begin(EVENT_SETNS, regs, task, call, result);
	__u64 file;

	if (!s)
		return;
	file = file_of_fd(task, ARG0(regs, *call));
	if (file)
		call_file_name(s, file, 0);
	call_end(s);
}

SEC("tp_btf/sys_exit")
int BPF_PROG(exit_namespace, struct pt_regs *regs, long result)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct call_info call = call_of(regs, task);

	switch (call.call) {
	case CALL_UNSHARE:
		call_report(EVENT_UNSHARE, regs, task, &call, result);
		break;
	case CALL_SETNS:
		on_setns(regs, task, &call, result);
		break;
	case CALL_CHROOT:
		on_root(EVENT_CHROOT, regs, task, &call, result);
		break;
	case CALL_PIVOT_ROOT:
		on_root(EVENT_PIVOT_ROOT, regs, task, &call, result);
		break;
	case CALL_UMOUNT:
	case CALL_UMOUNT2:
		on_umount(regs, task, &call, result);
		break;

	default:
		on_mount(regs, task, &call, result);
	}
	return 0;
}
