/* SPDX-License-Identifier: (Apache-2.0 OR GPL-2.0) */
/*
 * Hooks on the functions in which the kernel asks its security modules whether a
 * call may do what it is about to do to the objects that it has found: no name is
 * looked up after that. They are ordinary functions here (fentry), so that it does not matter which
 * modules are switched on. What cannot be hooked on a kernel costs no event: its
 * names are those that user space passed then.
 *
 * A call asks at most once for what it does itself; what a file system does below
 * it (overlayfs in its layers) comes later and by inode hooks only, of which the
 * first one counts.
 */
#include "hook.bpf.h"
#include "resolved.bpf.h"

/* A slot that was not given back after this long is anybody's. */
#define STALE_NS (300ull * 1000000000ull)

static __always_inline struct resolved *slot_take(__u64 owner)
{
	struct resolved *r = resolved_find(owner);
	__u64 now = bpf_ktime_get_boot_ns();

	if (r)
		return r;
	for (__u32 i = 0; i < RESOLVED_PROBES; i++) {
		__u32 key = ((__u32)owner + i) & (RESOLVED_SLOTS - 1);
		__u64 other;

		r = bpf_map_lookup_elem(&resolved_slots, &key);
		if (!r)
			return NULL;
		other = *(volatile __u64 *)&r->owner;
		if (other && now - r->since < STALE_NS)
			continue;
		if (__sync_val_compare_and_swap(&r->owner, other, owner) != other)
			continue;
		r->since = now;
		return r;
	}
	failure_count(FAILURE_RESOLVED_FULL);
	return NULL;
}

/*
 * Where the objects of the current call go, NULL if nobody wants them: it must be
 * in a system call of `family` (others come here too: open with O_TRUNC, bind of a
 * Unix socket, io_uring), and a rule must want `kind`.
 */
static __noinline struct resolved *resolved_begin(__u32 family, __u32 kind)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct pt_regs *regs;
	struct resolved *r;
	struct route route;
	__u32 number;

	if (task->flags & (PF_KTHREAD | PF_IO_WORKER))
		return NULL;
	if (!kind_wanted(kind) || is_daemon(task))
		return NULL;
	regs = (struct pt_regs *)bpf_task_pt_regs(task);
	number = raw_number(regs);
	if (number >= NO)
		return NULL;
	route = routes[number & (ROUTES - 1)];
	if ((is_compat(task) ? route.compat_family : route.family) != family)
		return NULL;
	r = slot_take(bpf_get_current_pid_tgid());
	if (!r)
		return NULL;
	r->number = resolved_number(regs, task);
	r->names = r->flags = 0;
	r->length = r->new_length = 0;
	__builtin_memset(&r->file, 0, sizeof(r->file));
	return r;
}

/* The path of an object; `second`: it is the new one. */
static __noinline void resolved_path(struct resolved *r, __u64 dentry, __u64 mnt, bool second)
{
	__u32 level = hook_enter();
	struct path_scratch *p;
	__u64 result, length, inode = 0;
	bool done = false;
	char *to;

	if (!r || level >= PATH_LEVELS) {
		failure_count(FAILURE_RESOLVED_FULL);
		if (r)
			r->names = 0;
		return;
	}
	result = path_build(level, dentry, mnt);
	p = bpf_map_lookup_elem(&path_scratch, &level);
	length = PATH_MAX_BYTES - (result & PATH_START);
	barrier_var(length);
	if (!p || result & PATH_UNREADABLE || length > PATH_MAX_BYTES)
		goto out;
	if (result & PATH_DETACHED)
		r->flags |= RECORD_UNVERIFIED;
	if (result & PATH_OVERLAID)
		r->flags |= RECORD_OVERLAID;
	if (result & PATH_CUT) {
		r->flags |= RECORD_TRUNCATED;
		failure_count(FAILURE_PATH_TRUNCATED);
	}
	to = second ? r->new_path : r->path;
	if (bpf_probe_read_kernel(to, length, (void *)p->path + (PATH_MAX_BYTES - length)))
		goto out;
	if (second) {
		r->new_length = length;
		r->names |= RESOLVED_NEW_PATH;
	} else {
		r->length = length;
		r->names |= RESOLVED_PATH;
		read_field(inode, dentry, struct dentry, d_inode);
		if (inode)
			file_identity_of(&r->file, inode);
	}
	done = true;
out:
	if (!done) /* all of it or nothing */
		r->names = 0;
	hook_leave(level);
}

/* Text that the kernel has copied from user space. */
static __always_inline void resolved_text(struct resolved *r, const char *text)
{
	long got = bpf_probe_read_kernel_str(r->new_path, sizeof(r->new_path), text);

	if (got <= 0)
		return;
	r->new_length = got - 1;
	r->names |= RESOLVED_NEW_PATH;
}

/* ---- names that come, go and move ----------------------------------------------------- */
/* (const struct path *dir, struct dentry *dentry, ...) */
static __always_inline void in_directory(unsigned long long *ctx, __u32 family, __u32 kind)
{
	struct resolved *r = resolved_begin(family, kind);

	if (r)
		resolved_path(r, argument(ctx, 1), mount_of(argument(ctx, 0)), false);
}

PROGRAM_RESOLVES(resolved_unlink, filesystem, "unlink");
SEC("fentry/security_path_unlink")
int resolved_unlink(unsigned long long *ctx)
{
	in_directory(ctx, FAMILY_REMOVE, EVENT_FILE_UNLINK);
	return 0;
}

PROGRAM_RESOLVES(resolved_rmdir, filesystem, "rmdir");
SEC("fentry/security_path_rmdir")
int resolved_rmdir(unsigned long long *ctx)
{
	in_directory(ctx, FAMILY_REMOVE, EVENT_FILE_UNLINK);
	return 0;
}

PROGRAM_RESOLVES(resolved_mkdir, filesystem, "mkdir");
SEC("fentry/security_path_mkdir")
int resolved_mkdir(unsigned long long *ctx)
{
	in_directory(ctx, FAMILY_MAKE, EVENT_FILE_MKDIR);
	return 0;
}

PROGRAM_RESOLVES(resolved_mknod, filesystem, "mknod");
SEC("fentry/security_path_mknod")
int resolved_mknod(unsigned long long *ctx)
{
	in_directory(ctx, FAMILY_MAKE, EVENT_FILE_CREATE);
	return 0;
}

/* (dir, dentry, const char *old_name) */
PROGRAM_RESOLVES(resolved_symlink, filesystem, "symlink");
SEC("fentry/security_path_symlink")
int resolved_symlink(unsigned long long *ctx)
{
	struct resolved *r = resolved_begin(FAMILY_LINK, EVENT_FILE_SYMLINK);

	if (!r)
		return 0;
	resolved_path(r, argument(ctx, 1), mount_of(argument(ctx, 0)), false);
	resolved_text(r, (const char *)argument(ctx, 2));
	return 0;
}

/* (old_dentry, new_dir, new_dentry): both are in the same mount. */
PROGRAM_RESOLVES(resolved_link, filesystem, "link");
SEC("fentry/security_path_link")
int resolved_link(unsigned long long *ctx)
{
	struct resolved *r = resolved_begin(FAMILY_LINK, EVENT_FILE_LINK);
	__u64 mnt = mount_of(argument(ctx, 1));

	if (!r)
		return 0;
	resolved_path(r, argument(ctx, 0), mnt, false);
	resolved_path(r, argument(ctx, 2), mnt, true);
	return 0;
}

/* (old_dir, old_dentry, new_dir, new_dentry, flags) */
PROGRAM_RESOLVES(resolved_rename, filesystem, "rename");
SEC("fentry/security_path_rename")
int resolved_rename(unsigned long long *ctx)
{
	struct resolved *r = resolved_begin(FAMILY_RENAME, EVENT_FILE_RENAME);

	if (!r)
		return 0;
	resolved_path(r, argument(ctx, 1), mount_of(argument(ctx, 0)), false);
	resolved_path(r, argument(ctx, 3), mount_of(argument(ctx, 2)), true);
	return 0;
}

/* ---- attributes --------------------------------------------------------------------------- */
/* (const struct path *path, ...) */
static __always_inline void at_path(unsigned long long *ctx, __u32 family, __u32 kind)
{
	struct resolved *r = resolved_begin(family, kind);
	__u64 path = argument(ctx, 0);

	if (r)
		resolved_path(r, dentry_of(path), mount_of(path), false);
}

PROGRAM_RESOLVES(resolved_chmod, filesystem, "chmod by path");
SEC("fentry/security_path_chmod")
int resolved_chmod(unsigned long long *ctx)
{
	at_path(ctx, FAMILY_ATTRIBUTE, EVENT_FILE_CHMOD);
	return 0;
}

PROGRAM_RESOLVES(resolved_chown, filesystem, "chown by path");
SEC("fentry/security_path_chown")
int resolved_chown(unsigned long long *ctx)
{
	at_path(ctx, FAMILY_ATTRIBUTE, EVENT_FILE_CHOWN);
	return 0;
}

PROGRAM_RESOLVES(resolved_truncate, filesystem, "truncate");
SEC("fentry/security_path_truncate")
int resolved_truncate(unsigned long long *ctx)
{
	at_path(ctx, FAMILY_ATTRIBUTE, EVENT_FILE_TRUNCATE);
	return 0;
}

PROGRAM_RESOLVES(resolved_utimens, filesystem, "utimensat by path");
SEC("fentry/vfs_utimes")
int resolved_utimens(unsigned long long *ctx)
{
	at_path(ctx, FAMILY_ATTRIBUTE, EVENT_FILE_UTIMENS);
	return 0;
}

/*
 * (idmap, dentry, ...): no mount is told. The mount of the file system from its root gives the
 * same path as any other (path.bpf.c, mount_up). What overlayfs then does to its
 * upper layer asks again, for that one.
 */
static __always_inline void at_dentry(unsigned long long *ctx, __u32 kind)
{
	__u64 dentry = argument(ctx, 1), mnt = mount_of_dentry(dentry);
	struct resolved *r;

	if (!mnt || resolved_find(bpf_get_current_pid_tgid()))
		return;
	r = resolved_begin(FAMILY_ATTRIBUTE, kind);
	if (r)
		resolved_path(r, dentry, mnt, false);
}

PROGRAM_RESOLVES(resolved_setxattr, filesystem, "setxattr by path");
SEC("fentry/security_inode_setxattr")
int resolved_setxattr(unsigned long long *ctx)
{
	at_dentry(ctx, EVENT_FILE_SETXATTR);
	return 0;
}

PROGRAM_RESOLVES(resolved_removexattr, filesystem, "removexattr by path");
SEC("fentry/security_inode_removexattr")
int resolved_removexattr(unsigned long long *ctx)
{
	at_dentry(ctx, EVENT_FILE_REMOVEXATTR);
	return 0;
}

/*
 * The path of a place in the mount tree. The root of a mount is called what it is
 * mounted on: a bind mount's files keep the names that they have elsewhere, its
 * place does not.
 */
static __noinline void resolved_place(struct resolved *r, __u64 dentry, __u64 mnt, bool second)
{
	__u64 mount = mnt - bpf_core_field_offset(struct mount, mnt), root = 0, parent = 0;

	read_field(root, mnt, struct vfsmount, mnt_root);
	read_field(parent, mount, struct mount, mnt_parent);
	if (dentry == root && parent && parent != mount) {
		read_field(dentry, mount, struct mount, mnt_mountpoint);
		mnt = parent + bpf_core_field_offset(struct mount, mnt);
	}
	resolved_path(r, dentry, mnt, second);
}

/* ---- mounts --------------------------------------------------------------------------------- */
/* (const char *dev_name, const struct path *path, const char *type, flags, data) */
PROGRAM_RESOLVES(resolved_mount, process, "mount");
SEC("fentry/security_sb_mount")
int resolved_mount(unsigned long long *ctx)
{
	struct resolved *r = resolved_begin(FAMILY_NAMESPACE, EVENT_MOUNT);
	__u64 path = argument(ctx, 1);
	long got;

	if (!r)
		return 0;
	resolved_place(r, dentry_of(path), mount_of(path), false);
	resolved_text(r, (const char *)argument(ctx, 0));
	got =
	    bpf_probe_read_kernel_str(r->detail, sizeof(r->detail), (const char *)argument(ctx, 2));
	if (got > 0)
		r->names |= RESOLVED_DETAIL;
	return 0;
}

/* (const struct path *from_path, const struct path *to_path) */
PROGRAM_RESOLVES(resolved_move_mount, process, "move_mount");
SEC("fentry/security_move_mount")
int resolved_move_mount(unsigned long long *ctx)
{
	struct resolved *r = resolved_begin(FAMILY_NAMESPACE, EVENT_MOUNT);
	__u64 from = argument(ctx, 0), to = argument(ctx, 1);
	struct task_struct *task = bpf_get_current_task_btf();
	struct pt_regs *regs = (struct pt_regs *)bpf_task_pt_regs(task);
	struct call_info call = call_of(regs, task);
	char first = 0;

	if (!r)
		return 0;
	resolved_place(r, dentry_of(to), mount_of(to), false);
	/* Without a name the descriptor is the mount, which hangs nowhere yet. */
	bpf_probe_read_user(&first, 1, (void *)ARG1(regs, call));
	if (first)
		resolved_place(r, dentry_of(from), mount_of(from), true);
	return 0;
}

/* (struct vfsmount *mnt, int flags) */
PROGRAM_RESOLVES(resolved_umount, process, "umount");
SEC("fentry/security_sb_umount")
int resolved_umount(unsigned long long *ctx)
{
	struct resolved *r = resolved_begin(FAMILY_NAMESPACE, EVENT_UMOUNT);
	__u64 mnt = argument(ctx, 0), root = 0;

	if (!r)
		return 0;
	read_field(root, mnt, struct vfsmount, mnt_root);
	resolved_place(r, root, mnt, false);
	return 0;
}

/* (const struct path *old_path, const struct path *new_path): where the old root goes, the new
 * root. */
PROGRAM_RESOLVES(resolved_pivot_root, process, "pivot_root");
SEC("fentry/security_sb_pivotroot")
int resolved_pivot_root(unsigned long long *ctx)
{
	struct resolved *r = resolved_begin(FAMILY_NAMESPACE, EVENT_PIVOT_ROOT);
	__u64 old = argument(ctx, 0), root = argument(ctx, 1);

	if (!r)
		return 0;
	resolved_place(r, dentry_of(root), mount_of(root), false);
	resolved_place(r, dentry_of(old), mount_of(old), true);
	return 0;
}
