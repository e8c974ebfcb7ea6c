/* SPDX-License-Identifier: (Apache-2.0 OR GPL-2.0) */
/* From a mount to what it is mounted on: the part of a path's walk that leaves a file system. */
#include "inode.bpf.h"
#include "repeat.bpf.h"
#include "text.bpf.h"

enum mount_constants {
	PROC_SUPER_MAGIC = 0x9fa0,
	SYSFS_MAGIC = 0x62656572,
	/* What mount_step found. */
	MOUNT_NONE = 0,
	MOUNT_IS_ROOT = 1, /* of the process's tree */
	MOUNT_SEEN = 2,    /* the walk goes on from there */
	MOUNTS_OF_SB = 64, /* of one file system that are looked at */
};

/*
 * procfs and sysfs are called /proc and /sys, wherever they or a part of them
 * are mounted, so that a second mount gives their files no second name. True:
 * path_scratch.name is that name, or the walk goes on within the file system.
 */
static __always_inline bool pseudo_root(struct path_scratch *p, bool *ends)
{
	unsigned long magic = 0;

	read_field(magic, p->step.sb, struct super_block, s_magic);
	*ends = false;
	if (magic != PROC_SUPER_MAGIC && magic != SYSFS_MAGIC)
		return false;
	if (p->root != p->step.fs_root) {
		p->root = p->step.fs_root;
		return true;
	}
	p->name[0] = magic == PROC_SUPER_MAGIC ? 'p' : 's';
	p->name[1] = magic == PROC_SUPER_MAGIC ? 'r' : 'y';
	p->name[2] = magic == PROC_SUPER_MAGIC ? 'o' : 's';
	p->name[3] = 'c';
	p->step.fixed = magic == PROC_SUPER_MAGIC ? 4 : 3;
	*ends = true;
	return true;
}

/* The next mount of the same file system; `mount` 0: the first. */
static __always_inline __u64 mount_of_sb(__u64 sb, __u64 mount)
{
	__u64 next = 0;

	/* 6.18, "preparations to taking MNT_WRITE_HOLD out of ->mnt_flags". */
	if (bpf_core_field_exists(struct mount, mnt_next_for_sb)) {
		if (mount)
			read_field(next, mount, struct mount, mnt_next_for_sb);
		else
			read_field(next, sb, struct super_block, s_mounts);
		return next;
	}
	if (!bpf_core_field_exists(struct mount___list, mnt_instance)) /* up to 6.17 */
		return 0;
	if (mount)
		read_field(next, mount, struct mount___list, mnt_instance.next);
	else
		read_field(next, sb, struct super_block___list, s_mounts.next);
	if (!next || next == sb + bpf_core_field_offset(struct super_block___list, s_mounts))
		return 0;
	return next - bpf_core_field_offset(struct mount___list, mnt_instance);
}

/*
 * From a mount's root to what it is mounted on, in path_scratch[level]. False at
 * the root of the mount namespace, and of a mount that is not in one.
 *
 * A bind mount does not give a file a second path: where one of the mounts below
 * shows the same file system from its root, the walk goes on in that one, so
 * that /mnt/shadow with /etc bound to /mnt is reported as /etc/shadow.
 */
__noinline bool mount_up(__u32 level)
{
	struct path_scratch *p = bpf_map_lookup_elem(&path_scratch, &level);
	struct walk_step *step;
	bool same = false, ends;
	unsigned long magic = 0;

	if (!p)
		return false;
	step = &p->step;
	if (read_field(step->up, p->mount, struct mount, mnt_parent))
		return false;
	read_field(step->sb, p->mount, struct mount, mnt.mnt_sb);
	read_field(step->fs_root, step->sb, struct super_block, s_root);
	if (pseudo_root(p, &ends))
		return !ends;
	if (step->up == p->mount) {
		step->found |= PATH_TOP;
		return false;
	}
	read_field(magic, step->sb, struct super_block, s_magic);
	if (magic == OVERLAYFS_MAGIC)
		step->found |= PATH_OVERLAID;
	step->below = step->up;
	for (int i = 0; i < 8; i++) {
		read_field(step->other, step->below, struct mount, mnt.mnt_sb);
		read_field(step->other_root, step->below, struct mount, mnt.mnt_root);
		if (step->other == step->sb && step->other_root == step->fs_root) {
			same = true;
			break;
		}
		step->other = step->below;
		if (read_field(step->below, step->other, struct mount, mnt_parent) ||
		    step->below == step->other)
			break;
	}
	p = bpf_map_lookup_elem(&path_scratch,
				&level); /* else p would lie on the stack meanwhile */
	if (!p)
		return false;
	if (same) {
		p->mount = p->step.below;
		p->root = p->step.other_root;
		return true;
	}
	read_field(p->dentry, p->mount, struct mount, mnt_mountpoint);
	p->mount = p->step.up;
	read_field(p->root, p->mount, struct mount, mnt.mnt_root);
	return true;
}

/* Whether the next mount of the file system is one that the process sees. */
static __noinline long mount_step(__u32 i, void *context)
{
	__u32 level = *(__u32 *)context;
	struct path_scratch *p = bpf_map_lookup_elem(&path_scratch, &level);
	struct walk_step *step;

	if (!p)
		return 1;
	step = &p->step;
	step->below = mount_of_sb(step->sb, step->below);
	if (!step->below)
		return 1;
	read_field(step->other, step->below, struct mount, mnt_ns);
	read_field(step->other_root, step->below, struct mount, mnt.mnt_root);
	if (step->other != step->up || step->other_root != step->fs_root)
		return 0;
	read_field(step->other, step->below, struct mount, mnt_parent);
	if (step->other == step->below) {
		step->state = MOUNT_IS_ROOT;
		return 1;
	}
	read_field(p->dentry, step->below, struct mount, mnt_mountpoint);
	p->mount = step->other;
	read_field(p->root, p->mount, struct mount, mnt.mnt_root);
	step->state = MOUNT_SEEN;
	return 1;
}

/*
 * After mount_up came to a top. Of the process's own tree it is the end; of
 * another (open_tree, fsmount, a file of another namespace) the walk goes on to
 * the root of the file system, and from there where the process sees it mounted.
 */
__noinline bool tree_up(__u32 level)
{
	struct path_scratch *p = bpf_map_lookup_elem(&path_scratch, &level);
	struct task_struct *task = bpf_get_current_task_btf();
	struct walk_step *step;

	if (!p || !(p->step.found & PATH_TOP))
		return false;
	step = &p->step;
	step->found &= ~PATH_TOP;
	step->below = 0;
	address_of(step->up, task->nsproxy);
	read_field(step->up, step->up, struct nsproxy, mnt_ns);
	read_field(step->other, p->mount, struct mount, mnt_ns);
	if (step->other == step->up)
		return false;
	if (p->root != step->fs_root) {
		p->root = step->fs_root;
		return true;
	}
	step->state = MOUNT_NONE;
	repeat(MOUNTS_OF_SB, mount_step, &level);
	if (step->state == MOUNT_NONE)
		step->found |= PATH_DETACHED;
	return step->state == MOUNT_SEEN;
}

/* The mount, in the process's tree, that shows a file's whole file system; 0: there is none. */
__noinline __u64 mount_of_dentry(__u64 dentry)
{
	struct task_struct *task = bpf_get_current_task_btf();
	__u64 sb = 0, root = 0, own = 0, mount = 0, there, shown;

	address_of(own, task->nsproxy);
	read_field(own, own, struct nsproxy, mnt_ns);
	read_field(sb, dentry, struct dentry, d_sb);
	read_field(root, sb, struct super_block, s_root);
	for (int i = 0; i < MOUNTS_OF_SB; i++) {
		mount = mount_of_sb(sb, mount);
		if (!mount)
			return 0;
		there = shown = 0;
		read_field(there, mount, struct mount, mnt_ns);
		read_field(shown, mount, struct mount, mnt.mnt_root);
		if (there == own && shown == root)
			return mount + bpf_core_field_offset(struct mount, mnt);
	}
	return 0;
}
