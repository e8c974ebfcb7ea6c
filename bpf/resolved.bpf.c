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
#include "resolving.bpf.h"

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
 * same path as any other (mounts.bpf.c, mount_up). What overlayfs then does to its
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

/* ACLs have functions of their own since 6.2; before, they are attributes like others. */
PROGRAM_RESOLVES(resolved_set_acl, filesystem, "an ACL that is set by path");
SEC("fentry/security_inode_set_acl")
int resolved_set_acl(unsigned long long *ctx)
{
	at_dentry(ctx, EVENT_FILE_SETXATTR);
	return 0;
}

PROGRAM_RESOLVES(resolved_remove_acl, filesystem, "an ACL that is removed by path");
SEC("fentry/security_inode_remove_acl")
int resolved_remove_acl(unsigned long long *ctx)
{
	at_dentry(ctx, EVENT_FILE_REMOVEXATTR);
	return 0;
}
