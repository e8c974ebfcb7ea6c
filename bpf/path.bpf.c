/* SPDX-License-Identifier: (Apache-2.0 OR GPL-2.0) */
/*
 * Absolute paths from the kernel's own objects, as d_path (fs/d_path.c,
 * prepend_path) makes them; bpf_d_path is not allowed in tracepoint programs.
 * The walk takes no lock: a rename during it can give a path that was never
 * there as a whole. The inode beside it in the record is always the right one.
 */
#include "repeat.bpf.h"
#include "task.bpf.h"

enum path_constants {
	PROC_SUPER_MAGIC = 0x9fa0,
	SYSFS_MAGIC = 0x62656572,
	/* What mount_step found. */
	MOUNT_NONE = 0,
	MOUNT_IS_ROOT = 1, /* of the process's tree */
	MOUNT_SEEN = 2,    /* the walk goes on from there */
	CGROUP_LEVELS = 32,
	MOUNTS_OF_SB = 64,         /* of one file system that are looked at */
	PATH_UNFINISHED = 1 << 30, /* in step.result: the walk goes on */
};

#define READ(to, base, type, field)                                                                \
	bpf_probe_read_kernel(&(to), sizeof(to),                                                   \
			      (void *)((base) + bpf_core_field_offset(type, field)))

/*
 * Puts "/name" in front of the path; false when there is no room. `at` lives in
 * the map: as a register its range would shrink with every component, no two
 * loop states would be equal, and the verifier would not come to an end.
 */
static __always_inline bool path_prepend(struct path_scratch *p, const void *name, __u64 length)
{
	__u64 at = *(volatile __u64 *)&p->at;

	length &= NAME_BYTES - 1;
	if (at > PATH_MAX_BYTES || at < length + 1)
		return false;
	at -= length + 1;
	barrier_var(at);
	if (at >= PATH_MAX_BYTES)
		return false;
	p->path[at] = '/';
	if (length)
		bpf_probe_read_kernel(p->path + at + 1, length, name);
	*(volatile __u64 *)&p->at = at;
	return true;
}

static __always_inline __u64 path_end(struct path_scratch *p, __u64 result)
{
	if (result & PATH_UNREADABLE)
		return result;
	if (p->at == PATH_MAX_BYTES && !(result & PATH_CUT))
		path_prepend(p, NULL, 0);
	return result | (p->at & PATH_START);
}

/*
 * procfs and sysfs are called /proc and /sys, wherever they or a part of them
 * are mounted, so that a second mount gives their files no second name. True:
 * path_scratch.name is that name, or the walk goes on within the file system.
 */
static __always_inline bool pseudo_root(struct path_scratch *p, bool *ends)
{
	unsigned long magic = 0;

	READ(magic, p->step.sb, struct super_block, s_magic);
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
			READ(next, mount, struct mount, mnt_next_for_sb);
		else
			READ(next, sb, struct super_block, s_mounts);
		return next;
	}
	if (!bpf_core_field_exists(struct mount___list, mnt_instance)) /* up to 6.17 */
		return 0;
	if (mount)
		READ(next, mount, struct mount___list, mnt_instance.next);
	else
		READ(next, sb, struct super_block___list, s_mounts.next);
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
	if (READ(step->up, p->mount, struct mount, mnt_parent))
		return false;
	READ(step->sb, p->mount, struct mount, mnt.mnt_sb);
	READ(step->fs_root, step->sb, struct super_block, s_root);
	if (pseudo_root(p, &ends))
		return !ends;
	if (step->up == p->mount) {
		step->found |= PATH_TOP;
		return false;
	}
	READ(magic, step->sb, struct super_block, s_magic);
	if (magic == OVERLAYFS_MAGIC)
		step->found |= PATH_OVERLAID;
	step->below = step->up;
	for (int i = 0; i < 8; i++) {
		READ(step->other, step->below, struct mount, mnt.mnt_sb);
		READ(step->other_root, step->below, struct mount, mnt.mnt_root);
		if (step->other == step->sb && step->other_root == step->fs_root) {
			same = true;
			break;
		}
		step->other = step->below;
		if (READ(step->below, step->other, struct mount, mnt_parent) ||
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
	READ(p->dentry, p->mount, struct mount, mnt_mountpoint);
	p->mount = p->step.up;
	READ(p->root, p->mount, struct mount, mnt.mnt_root);
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
	READ(step->other, step->below, struct mount, mnt_ns);
	READ(step->other_root, step->below, struct mount, mnt.mnt_root);
	if (step->other != step->up || step->other_root != step->fs_root)
		return 0;
	READ(step->other, step->below, struct mount, mnt_parent);
	if (step->other == step->below) {
		step->state = MOUNT_IS_ROOT;
		return 1;
	}
	READ(p->dentry, step->below, struct mount, mnt_mountpoint);
	p->mount = step->other;
	READ(p->root, p->mount, struct mount, mnt.mnt_root);
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
	bpf_probe_read_kernel(&step->up, sizeof(step->up), &task->nsproxy->mnt_ns);
	READ(step->other, p->mount, struct mount, mnt_ns);
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

	bpf_probe_read_kernel(&own, sizeof(own), &task->nsproxy->mnt_ns);
	READ(sb, dentry, struct dentry, d_sb);
	READ(root, sb, struct super_block, s_root);
	for (int i = 0; i < MOUNTS_OF_SB; i++) {
		mount = mount_of_sb(sb, mount);
		if (!mount)
			return 0;
		there = shown = 0;
		READ(there, mount, struct mount, mnt_ns);
		READ(shown, mount, struct mount, mnt.mnt_root);
		if (there == own && shown == root)
			return mount + bpf_core_field_offset(struct mount, mnt);
	}
	return 0;
}

__noinline bool walk_begin(__u32 level, __u64 dentry, __u64 mnt)
{
	struct path_scratch *p = bpf_map_lookup_elem(&path_scratch, &level);

	if (!p || !dentry || !mnt)
		return false;
	p->step.fixed = p->step.found = 0;
	p->dentry = dentry;
	p->mount = mnt - bpf_core_field_offset(struct mount, mnt);
	return !READ(p->root, mnt, struct vfsmount, mnt_root);
}

/* The end of the path so far, in step.result; the walk is over. */
static __always_inline long path_ends(struct path_scratch *p, __u64 result)
{
	p->step.result = path_end(p, result);
	return 1;
}

/* One component more in front of the path. */
static __noinline long path_step(__u32 i, void *context)
{
	__u32 level = *(__u32 *)context;
	struct path_scratch *p = bpf_map_lookup_elem(&path_scratch, &level);
	struct walk_step *step;

	if (!p)
		return 1;
	step = &p->step;
	if (p->dentry == p->root) {
		if (mount_up(level) || tree_up(level))
			return 0;
		if (step->fixed)
			path_prepend(p, p->name, step->fixed);
		path_ends(p, 0);
		step->result |= step->found & (PATH_DETACHED | PATH_OVERLAID);
		return 1;
	}
	if (READ(step->parent, p->dentry, struct dentry, d_parent) ||
	    READ(step->name, p->dentry, struct dentry, d_name))
		return path_ends(p, PATH_UNREADABLE);
	/*
	 * A dentry that is its own parent but no mount's root has a name only:
	 * memfd:x, or a disconnected NFS file. Pipes and sockets have not even
	 * that: the file system's name, /pipefs, stands for them.
	 */
	if (step->parent == p->dentry && !step->name.len) {
		READ(step->other, p->dentry, struct dentry, d_sb);
		READ(step->other, step->other, struct super_block, s_type);
		READ(step->other, step->other, struct file_system_type, name);
		path_prepend(p, p->name,
			     bpf_probe_read_kernel_str(p->name, NAME_BYTES, (void *)step->other) -
				 1);
		return path_ends(p, 0);
	}
	if (!path_prepend(p, step->name.name, step->name.len))
		return path_ends(p, PATH_CUT);
	if (step->parent == p->dentry)
		return path_ends(p, 0);
	p->dentry = step->parent;
	return 0;
}

__noinline __u64 path_build(__u32 level, __u64 dentry, __u64 mnt)
{
	struct path_scratch *p = bpf_map_lookup_elem(&path_scratch, &level);

	if (!p || !walk_begin(level, dentry, mnt))
		return PATH_UNREADABLE;
	p->at = PATH_MAX_BYTES;
	p->step.result = PATH_UNFINISHED;
	repeat(PATH_MAX_COMPONENTS + 16, path_step, &level);
	if (p->step.result == PATH_UNFINISHED)
		path_ends(p, PATH_CUT);
	return p->step.result;
}

static __always_inline __u64 kernfs_of_cgroup(__u64 cgroup)
{
	__u64 node = 0;

	READ(node, cgroup, struct cgroup, kn);
	return node;
}

static __always_inline __u64 kernfs_parent(__u64 node)
{
	__u64 parent = 0;

	/* 6.15, 633488947ef6 ("kernfs: Use RCU to access kernfs_node::parent."). */
	if (bpf_core_field_exists(struct kernfs_node, __parent))
		READ(parent, node, struct kernfs_node, __parent);
	else
		READ(parent, node, struct kernfs_node___old, parent);
	return parent;
}

static __always_inline __u64 cgroup_of_controller(__u64 css_set, __u32 controller)
{
	__u64 state = 0, cgroup = 0;

	bpf_probe_read_kernel(&state, sizeof(state),
			      (void *)css_set + bpf_core_field_offset(struct css_set, subsys) +
				  controller * sizeof(void *));
	if (state)
		READ(cgroup, state, struct cgroup_subsys_state, cgroup);
	return cgroup;
}

static __noinline long cgroup_step(__u32 i, void *context)
{
	__u32 level = *(__u32 *)context;
	struct path_scratch *p = bpf_map_lookup_elem(&path_scratch, &level);
	__u64 node, name = 0;
	long got;

	if (!p)
		return 1;
	node = p->step.parent;
	p->step.parent = kernfs_parent(node);
	if (!p->step.parent)
		return path_ends(p, 0);
	READ(name, node, struct kernfs_node, name);
	got = bpf_probe_read_kernel_str(p->name, NAME_BYTES, (void *)name);
	if (got < 1)
		return path_ends(p, PATH_UNREADABLE);
	if (!path_prepend(p, p->name, got - 1))
		return path_ends(p, PATH_CUT);
	return 0;
}

/*
 * The path in the unified hierarchy; where the task is at its root (cgroup v1
 * hosts), that of the memory or pids controller, which container engines use: their
 * numbers are of the configuration (CONFIG_MEMCG, CONFIG_CGROUP_PIDS), not of a version.
 */
__noinline __u64 cgroup_path_build(__u32 level, __u64 css_set)
{
	struct path_scratch *p = bpf_map_lookup_elem(&path_scratch, &level);
	__u64 cgroup = 0, node;

	if (!p || !css_set)
		return PATH_UNREADABLE;
	READ(cgroup, css_set, struct css_set, dfl_cgrp);
	node = kernfs_of_cgroup(cgroup);
	if (!kernfs_parent(node)) {
		__u64 other = 0;

		if (bpf_core_enum_value_exists(enum cgroup_subsys_id, memory_cgrp_id))
			other = cgroup_of_controller(
			    css_set, bpf_core_enum_value(enum cgroup_subsys_id, memory_cgrp_id));
		if (other)
			other = kernfs_of_cgroup(other);
		if ((!other || !kernfs_parent(other)) &&
		    bpf_core_enum_value_exists(enum cgroup_subsys_id, pids_cgrp_id)) {
			other = cgroup_of_controller(
			    css_set, bpf_core_enum_value(enum cgroup_subsys_id, pids_cgrp_id));
			if (other)
				other = kernfs_of_cgroup(other);
		}
		if (other)
			node = other;
	}
	p->at = PATH_MAX_BYTES;
	p->step.parent = node;
	p->step.result = PATH_UNFINISHED;
	repeat(CGROUP_LEVELS, cgroup_step, &level);
	if (p->step.result == PATH_UNFINISHED)
		path_ends(p, PATH_CUT);
	return p->step.result;
}
