/* SPDX-License-Identifier: (Apache-2.0 OR GPL-2.0) */
/*
 * Hooks on mounts (resolved.bpf.c says how they work): the place, and what comes
 * there. What a bind or a move by mount(2) names is looked up after the place was
 * asked about, by kern_path(), whose result is taken at its end.
 */
#include "resolving.bpf.h"

static __noinline void resolved_place(struct resolved *r, __u64 dentry, __u64 mnt, bool second)
{
	if (!r)
		return;
	place_of(&dentry, &mnt);
	resolved_path(r, dentry, mnt, second);
}

/* ---- mounts --------------------------------------------------------------------------------- */
/* (const char *dev_name, const struct path *path, const char *type, flags, data) */
PROGRAM_RESOLVES(resolved_mount, process, "mount");
SEC("fentry/security_sb_mount")
int resolved_mount(unsigned long long *ctx)
{
	struct resolved *r = resolved_begin(FAMILY_NAMESPACE, EVENT_MOUNT);
	__u64 path = argument(ctx, 1), flags = argument(ctx, 3);
	long got;

	if (!r)
		return 0;
	resolved_place(r, dentry_of(path), mount_of(path), false);
	resolved_text(r, (const char *)argument(ctx, 0));
	if (flags & (MS_BIND | MS_MOVE) && !(flags & MS_REMOUNT))
		r->names |= flags & MS_BIND ? RESOLVED_BIND : RESOLVED_MOVE;
	got =
	    bpf_probe_read_kernel_str(r->detail, sizeof(r->detail), (const char *)argument(ctx, 2));
	if (got > 0)
		r->names |= RESOLVED_DETAIL;
	return 0;
}

/* (const char *name, unsigned int flags, struct path *path) -> int: rare outside of mount(2). */
PROGRAM_RESOLVES(resolved_mount_source, process, "what mount(2) binds or moves");
SEC("fexit/kern_path")
int resolved_mount_source(unsigned long long *ctx)
{
	struct resolved *r = resolved_find(bpf_get_current_pid_tgid());
	__u64 path = argument(ctx, 2);
	__u32 names;

	if (!r || !(r->names & (RESOLVED_BIND | RESOLVED_MOVE)) || (int)argument(ctx, 3))
		return 0;
	names = r->names;
	r->names = names & ~(RESOLVED_BIND | RESOLVED_MOVE | RESOLVED_NEW_PATH);
	if (names & RESOLVED_BIND) /* a file's name, whatever mount it is reached by */
		resolved_path(r, dentry_of(path), mount_of(path), true);
	else
		resolved_place(r, dentry_of(path), mount_of(path), true);
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
