/* SPDX-License-Identifier: (Apache-2.0 OR GPL-2.0) */
/* Namespaces, root directories and mounts. */
#include "privilege.bpf.h"
#include "resolved.bpf.h"

enum mount_constants {
	MOVE_MOUNT_T_EMPTY_PATH = 0x40,
	FSPICK_EMPTY_PATH = 0x8,
	OPEN_TREE_CLONE = 1,
	FSCONFIG_CMD_CREATE = 6,
	FSCONFIG_CMD_RECONFIGURE = 7,
	FSCONFIG_CMD_CREATE_EXCL = 8,
};

/* What mount(2) would have been told for the same. */
static __always_inline __u32 mount_flags_of(struct pt_regs *regs, struct call_info *call)
{
	switch (call->call) {
	case CALL_MOVE_MOUNT:
		return MS_MOVE;
	case CALL_OPEN_TREE:
	case CALL_OPEN_TREE_ATTR:
		return ARG2(regs, *call) & OPEN_TREE_CLONE ? MS_BIND : 0;
	case CALL_FSPICK:
		return MS_REMOUNT;
	case CALL_FSCONFIG:
		return (__u32)ARG1(regs, *call) == FSCONFIG_CMD_RECONFIGURE ? MS_REMOUNT : 0;
	}
	return 0;
}

static __always_inline void type_describe(struct scratch *s, __u64 type)
{
	__u64 name = 0;

	read_field(name, type, struct file_system_type, name);
	text_kernel(s, &s->event.mount.detail, (void *)name, NAME_BYTES);
}

/* Source and type of a mount that has no place yet. */
static __always_inline void mount_describe(struct scratch *s, __u64 file)
{
	__u64 mnt = 0, sb = 0, type = 0, name = 0;

	if (!file)
		return;
	read_field(mnt, file, struct file, f_path.mnt);
	mnt -= bpf_core_field_offset(struct mount, mnt);
	read_field(name, mnt, struct mount, mnt_devname);
	text_kernel(s, &s->event.mount.name, (void *)name, NAME_BYTES);
	read_field(sb, mnt, struct mount, mnt.mnt_sb);
	read_field(type, sb, struct super_block, s_type);
	type_describe(s, type);
}

/* The context that fsopen or fspick made: source and type. */
static __always_inline void context_describe(struct scratch *s, __u64 file)
{
	__u64 context = 0, type = 0, source = 0;

	if (!file)
		return;
	read_field(context, file, struct file, private_data);
	read_field(type, context, struct fs_context, fs_type);
	read_field(source, context, struct fs_context, source);
	if (type)
		type_describe(s, type);
	if (source)
		text_kernel(s, &s->event.mount.name, (void *)source, NAME_BYTES);
}

/* Where the file system of such a context is mounted from its root; false: nowhere here. */
static __always_inline bool context_place(struct scratch *s, __u64 file)
{
	__u64 context = 0, root = 0, inode = 0, mnt;

	if (!file)
		return false;
	read_field(context, file, struct file, private_data);
	read_field(root, context, struct fs_context, root);
	mnt = root ? mount_of_dentry(root) : 0;
	if (!mnt)
		return false;
	read_field(inode, root, struct dentry, d_inode);
	file_identity_of(&s->event.mount.file, inode);
	place_of(&root, &mnt);
	text_path(s, &s->event.mount.path, root, mnt);
	return true;
}

/* A call that answered with a descriptor: what that leads to is what the kernel found. */
static __always_inline bool answer_place(struct scratch *s, struct call_info *call, __u64 file)
{
	if (call->call == CALL_FSPICK)
		return context_place(s, file);
	if (call->call == CALL_OPEN_TREE || call->call == CALL_OPEN_TREE_ATTR)
		call_file_describe(s->level, file);
	return s->event.mount.path.length;
}

/* The place, and what comes there. */
static __noinline void resolved_take(struct scratch *s, struct resolved *r, bool named)
{
	struct call_event *e;

	if (!s || !r)
		return;
	e = &s->event.mount;
	e->header.flags |= r->flags;
	e->file = r->file;
	text_bytes(s, &e->path, r->path, r->length, PATH_MAX_BYTES, FROM_KERNEL);
	if (!named)
		return;
	if (r->names & RESOLVED_NEW_PATH)
		text_bytes(s, &e->name, r->new_path, r->new_length, PATH_MAX_BYTES, FROM_KERNEL);
	if (r->names & RESOLVED_DETAIL)
		text_kernel(s, &e->detail, r->detail, NAME_BYTES);
}

static __always_inline void on_mount(struct pt_regs *regs, struct task_struct *task,
				     struct call_info *call, long result, struct resolved *r)
{
	struct scratch *s = call_begin(EVENT_MOUNT, regs, call, result);
	struct call_event *e;
	__s32 dirfd = AT_FDCWD;
	__u64 path = 0, empty = 0;
	char first = 1;

	if (!s)
		return;
	e = &s->event.mount;
	if (r) {
		resolved_take(s, r, true);
		if (r->names & (RESOLVED_BIND | RESOLVED_MOVE)) /* it was not found, or not seen */
			e->header.flags |= RECORD_UNVERIFIED;
		if (call->call != CALL_MOUNT)
			e->argument[3] = mount_flags_of(regs, call);
		call_end(s);
		return;
	}
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
		empty = ARG4(regs, *call) & MOVE_MOUNT_T_EMPTY_PATH;
		break;
	case CALL_FSMOUNT: /* makes a mount that is not in the tree yet */
		if (result >= 0)
			mount_describe(s, file_of_fd(task, result));
		break;
	case CALL_FSCONFIG:
		if (result >= 0) /* then it is a context */
			context_describe(s, file_of_fd(task, ARG0(regs, *call)));
		break;
	default: /* open_tree, open_tree_attr, fspick, mount_setattr: (dirfd, path, ...) */
		if (result >= 0 && answer_place(s, call, file_of_fd(task, result)))
			break;
		dirfd = ARG0(regs, *call);
		path = ARG1(regs, *call);
		empty = ARG2(regs, *call) &
			(call->call == CALL_FSPICK ? FSPICK_EMPTY_PATH : AT_EMPTY_PATH);
	}
	if (call->call != CALL_MOUNT) /* flags of mount(2) only */
		e->argument[3] = mount_flags_of(regs, call);
	if (empty && path)
		bpf_probe_read_user(&first, 1, (void *)path);
	if (path && !first)
		call_file_describe(s->level,
				   file_of_fd(task, dirfd)); /* the descriptor is the place */
	else if (path)
		call_path(s, dirfd, path);
	call_end(s);
}

static __always_inline void on_umount(struct pt_regs *regs, struct task_struct *task,
				      struct call_info *call, long result, struct resolved *r)
{
	struct scratch *s = call_begin(EVENT_UMOUNT, regs, call, result);

	if (!s)
		return;
	if (r)
		resolved_take(s, r, false);
	else
		call_path(s, AT_FDCWD, ARG0(regs, *call));
	call_end(s);
}

/* chroot and pivot_root that succeeded: the new root is the kernel's. */
static __always_inline void on_root(enum event_kind kind, struct pt_regs *regs,
				    struct task_struct *task, struct call_info *call, long result,
				    struct resolved *r)
{
	struct scratch *s = call_begin(kind, regs, call, result);
	struct call_event *e;
	__u64 dentry = 0, mnt = 0;

	if (!s)
		return;
	e = &s->event.chroot;
	if (r) {
		resolved_take(s, r, true);
		call_end(s);
		return;
	}
	if (result == 0 && kind == EVENT_CHROOT) {
		address_of(mnt, task->fs);
		read_field(dentry, mnt, struct fs_struct, root.dentry);
		read_field(mnt, mnt, struct fs_struct, root.mnt);
		text_path(s, &e->path, dentry, mnt);
	} else {
		call_path(s, AT_FDCWD, ARG0(regs, *call));
	}
	if (kind == EVENT_PIVOT_ROOT)
		call_text(s, &e->name, ARG1(regs, *call), PATH_MAX_BYTES);
	call_end(s);
}

static __always_inline void on_setns(struct pt_regs *regs, struct task_struct *task,
				     struct call_info *call, long result)
{
	struct scratch *s = call_begin(EVENT_SETNS, regs, call, result);
	__u64 file;

	if (!s)
		return;
	file = file_of_fd(task, ARG0(regs, *call));
	if (file)
		call_file_name(s, file, 0);
	call_end(s);
}

PROGRAM(exit_namespace, process, "unshare, setns, chroot, pivot_root, mount, umount");
SEC("tp_btf/sys_exit")
int BPF_PROG(exit_namespace, struct pt_regs *regs, long result)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct call_info call = call_of(regs, task);
	struct resolved *r = resolved_of(regs, task);

	switch (call.call) {
	case CALL_UNSHARE:
		call_report(EVENT_UNSHARE, regs, &call, result);
		break;
	case CALL_SETNS:
		on_setns(regs, task, &call, result);
		break;
	case CALL_CHROOT:
		on_root(EVENT_CHROOT, regs, task, &call, result, r);
		break;
	case CALL_PIVOT_ROOT:
		on_root(EVENT_PIVOT_ROOT, regs, task, &call, result, r);
		break;
	case CALL_UMOUNT:
	case CALL_UMOUNT2:
		on_umount(regs, task, &call, result, r);
		break;
	case CALL_FSCONFIG: /* options are set one by one; these two do something */
		if ((__u32)ARG1(regs, call) < FSCONFIG_CMD_CREATE ||
		    (__u32)ARG1(regs, call) > FSCONFIG_CMD_CREATE_EXCL)
			break;
		/* fallthrough */
	default:
		on_mount(regs, task, &call, result, r);
	}
	resolved_release(r);
	return 0;
}
