/* SPDX-License-Identifier: (Apache-2.0 OR GPL-2.0) */
/*
 * Absolute paths from the kernel's own objects, as d_path (fs/d_path.c,
 * prepend_path) makes them; bpf_d_path is not allowed in tracepoint programs.
 * The walk takes no lock: a rename during it can give a path that was never
 * there as a whole. The inode beside it in the record is always the right one.
 */
#include "inode.bpf.h"
#include "repeat.bpf.h"
#include "task.bpf.h"

enum path_constants {
	CGROUP_LEVELS = 32,
	PATH_UNFINISHED = 1 << 30, /* in step.result: the walk goes on */
};

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

__noinline bool walk_begin(__u32 level, __u64 dentry, __u64 mnt)
{
	struct path_scratch *p = bpf_map_lookup_elem(&path_scratch, &level);

	if (!p || !dentry || !mnt)
		return false;
	p->step.fixed = p->step.found = 0;
	p->dentry = dentry;
	p->mount = mnt - bpf_core_field_offset(struct mount, mnt);
	return !read_field(p->root, mnt, struct vfsmount, mnt_root);
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
	if (read_field(step->parent, p->dentry, struct dentry, d_parent) ||
	    read_field(step->name, p->dentry, struct dentry, d_name))
		return path_ends(p, PATH_UNREADABLE);
	/*
	 * A dentry that is its own parent but no mount's root has a name only:
	 * memfd:x, or a disconnected NFS file. Pipes and sockets have not even
	 * that: the file system's name, /pipefs, stands for them.
	 */
	if (step->parent == p->dentry && !step->name.len) {
		read_field(step->other, p->dentry, struct dentry, d_sb);
		read_field(step->other, step->other, struct super_block, s_type);
		read_field(step->other, step->other, struct file_system_type, name);
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

	read_field(node, cgroup, struct cgroup, kn);
	return node;
}

static __always_inline __u64 kernfs_parent(__u64 node)
{
	__u64 parent = 0;

	/* 6.15, 633488947ef6 ("kernfs: Use RCU to access kernfs_node::parent."). */
	if (bpf_core_field_exists(struct kernfs_node, __parent))
		read_field(parent, node, struct kernfs_node, __parent);
	else
		read_field(parent, node, struct kernfs_node___old, parent);
	return parent;
}

static __always_inline __u64 cgroup_of_controller(__u64 css_set, __u32 controller)
{
	__u64 state = 0, cgroup = 0;

	bpf_probe_read_kernel(&state, sizeof(state),
			      (void *)css_set + bpf_core_field_offset(struct css_set, subsys) +
				  controller * sizeof(void *));
	if (state)
		read_field(cgroup, state, struct cgroup_subsys_state, cgroup);
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
	read_field(name, node, struct kernfs_node, name);
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
	read_field(cgroup, css_set, struct css_set, dfl_cgrp);
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
