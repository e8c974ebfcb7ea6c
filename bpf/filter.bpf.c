/* SPDX-License-Identifier: (Apache-2.0 OR GPL-2.0) */
/* Token masks of directories and files, and of who acts. */
#include "filter.bpf.h"
#include "inode.bpf.h"
#include "repeat.bpf.h"
#include "text.bpf.h"

/* ---- what is asked of the process that acts ------------------------------------------ */
__noinline bool filter_actor(__u32 passes, __u32 generation, __u64 classes)
{
	struct task_struct *task = bpf_get_current_task_btf();

	if (passes & PASS_UIDS) {
		__u64 cred = 0;
		__u32 uid = 0, euid = 0;

		address_of(cred, task->real_cred);
		read_field(uid, cred, struct cred, uid.val);
		read_field(euid, cred, struct cred, euid.val);
		if (filter_token(uid, TOKEN_UID, generation) & classes)
			return true;
		if (euid != uid && filter_token(euid, TOKEN_UID, generation) & classes)
			return true;
	}
	return passes & PASS_NAMES && filter_name(task->tgid, classes, generation) & classes;
}

/* ---- decisions ---------------------------------------------------------------------- */
/*
 * What was found out about a path, one cache line. Direct-mapped tables of each
 * CPU: no lock, no allocation; a collision only costs time. An entry holds while
 * the dentry has the same name and parent, the mount is the same, the mount
 * namespace has not changed (its event counter), no rename was seen anywhere
 * (epoch), and for at most decision_ttl_jiffies. A directory renamed a moment ago may still count
 * under its old name: opening the file before the rename would have too.
 */
struct decision {
	__u64 dentry;
	__u64 parent;
	__u64 name; /* hash and length, as the kernel computed them */
	__u64 mnt;
	__u64 mask;
	__u64 expires; /* jiffies */
	__u32 epoch;
	__u32 generation;
	__u64 mounts; /* mnt_namespace.event: 64 bytes with it */
};

enum {
	DIRECTORY_DECISIONS = 512,
	FILE_DECISIONS = 2048,
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, DIRECTORY_DECISIONS);
	__type(key, __u32);
	__type(value, struct decision);
} directory_decisions SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, FILE_DECISIONS);
	__type(key, __u32);
	__type(value, struct decision);
} file_decisions SEC(".maps");

/* The name of a dentry and where it hangs; the fields lie side by side on every kernel so far. */
static __always_inline bool dentry_name_read(struct dentry_name *name, __u64 dentry)
{
	__u32 parent = bpf_core_field_offset(struct dentry, d_parent);
	__u32 hash = bpf_core_field_offset(struct dentry, d_name.hash_len);
	__u32 text = bpf_core_field_offset(struct dentry, d_name.name);

	if (hash == parent + 8 && text == hash + 8)
		return !bpf_probe_read_kernel(name, sizeof(*name), (void *)dentry + parent);
	return !read_field(name->parent, dentry, struct dentry, d_parent) &&
	       !read_field(name->hash_len, dentry, struct dentry, d_name.hash_len) &&
	       !read_field(name->text, dentry, struct dentry, d_name.name);
}

/* Changes with every mount and umount in the namespace (touch_mnt_namespace, fs/namespace.c). */
__noinline __u64 mounts_now(void)
{
	struct task_struct *task = bpf_get_current_task_btf();

	return task->nsproxy->mnt_ns->event;
}

static __always_inline bool decision_holds(struct decision *d, __u64 dentry, __u64 mnt,
					   struct dentry_name *name, __u32 epoch, __u32 generation)
{
	return d->dentry == dentry && d->mnt == mnt && d->parent == name->parent &&
	       d->name == name->hash_len && d->epoch == epoch && d->generation == generation &&
	       d->mounts == mounts_now() && d->expires > bpf_jiffies64();
}

static __always_inline void decision_make(struct decision *d, __u64 dentry, __u64 mnt,
					  struct dentry_name *name, __u32 epoch, __u32 generation,
					  __u64 mask)
{
	d->dentry = dentry;
	d->mnt = mnt;
	d->parent = name->parent;
	d->name = name->hash_len;
	d->epoch = epoch;
	d->generation = generation;
	d->mounts = mounts_now();
	d->expires = bpf_jiffies64() + decision_ttl_jiffies;
	d->mask = mask;
}

/* One component more; step.result says whether the walk came to its end. */
static __noinline long mask_step(__u32 i, void *context)
{
	struct walk_context *walk = context;
	__u32 level = walk->level, length;
	struct path_scratch *p = bpf_map_lookup_elem(&path_scratch, &level);
	struct walk_step *step;

	if (!p)
		return 1;
	step = &p->step;
	if (p->dentry == p->root) {
		if (mount_up(level) || tree_up(level))
			return 0;
		step->result = 1;
		if (!step->fixed)
			return 1;
		p->hash = component_hash(level, step->fixed);
		step->mask |= component_mask(level, step->fixed, walk->generation);
		return 1;
	}
	if (read_field(step->parent, p->dentry, struct dentry, d_parent) ||
	    read_field(step->name, p->dentry, struct dentry, d_name))
		return 1;
	length = step->name.len & (NAME_BYTES - 1);
	if (bpf_probe_read_kernel(p->name, length, step->name.name))
		return 1;
	p->hash = component_hash(level, length);
	step->mask |= component_mask(level, length, walk->generation);
	step->result = step->parent == p->dentry;
	p->dentry = step->parent;
	return step->result != 0;
}

static __always_inline __u64 walk_mask(__u32 level, __u64 dentry, __u64 mnt, __u32 generation)
{
	struct path_scratch *p = bpf_map_lookup_elem(&path_scratch, &level);
	struct walk_context walk = {level, generation};

	if (!p || !walk_begin(level, dentry, mnt))
		return EVERY_CLASS;
	p->step.mask = p->step.result = 0;
	p->hash = 0;
	repeat(PATH_MAX_COMPONENTS + 16, mask_step, &walk);
	/* Deeper than the record will show, or unreadable: let it pass. */
	if (!p->step.result)
		return EVERY_CLASS;
	return p->step.mask | first_mask(level, generation);
}

__noinline __u64 directory_mask(__u32 level, __u64 dentry, __u64 mnt, __u32 generation)
{
	__u32 key = (dentry >> 6 ^ dentry >> 15) & (DIRECTORY_DECISIONS - 1);
	struct decision *d = bpf_map_lookup_elem(&directory_decisions, &key);
	struct path_scratch *p = bpf_map_lookup_elem(&path_scratch, &level);
	struct filter_state *state = filter_state_now();
	struct dentry_name *name;
	__u64 mask;

	if (!d || !p || !state)
		return EVERY_CLASS;
	name = &p->step.directory;
	if (!dentry_name_read(name, dentry))
		return EVERY_CLASS;
	p->step.epoch = *(volatile __u32 *)&state->epoch;
	if (decision_holds(d, dentry, mnt, name, p->step.epoch, generation))
		return d->mask;
	mask = walk_mask(level, dentry, mnt, generation);
	decision_make(d, dentry, mnt, name, p->step.epoch, generation, mask);
	return mask;
}

/* The mask of a file whose decision is not in the table: its directory's and its own name's. */
static __always_inline __u64 file_mask_undecided(__u64 dentry, __u64 mnt, struct dentry_name *name,
						 __u32 generation)
{
	__u64 parent = name->parent;
	__u64 mask, root = 0;
	__u32 length = (name->hash_len >> 32) & (NAME_BYTES - 1);
	__u32 level = nest_enter();
	struct path_scratch *p;

	if (level >= NEST_LEVELS)
		return EVERY_CLASS;
	p = bpf_map_lookup_elem(&path_scratch, &level);
	if (!p || bpf_probe_read_kernel(p->name, length, (void *)name->text)) {
		nest_leave(level);
		return EVERY_CLASS;
	}
	/* The root of a mount (a file may be one) is called what it is mounted on. */
	read_field(root, mnt, struct vfsmount, mnt_root);
	p->hash = component_hash(level, length);
	if (dentry == root || dentry == parent)
		mask = directory_mask(level, dentry, mnt, generation);
	else
		mask = component_mask(level, length, generation) |
		       directory_mask(level, parent, mnt, generation);
	nest_leave(level);
	return mask;
}

__noinline __u64 file_mask(__u64 dentry, __u64 mnt, __u32 generation)
{
	__u32 key = (dentry >> 6 ^ dentry >> 17) & (FILE_DECISIONS - 1);
	struct decision *d = bpf_map_lookup_elem(&file_decisions, &key);
	struct filter_state *state = filter_state_now();
	struct dentry_name name = {};
	__u32 epoch;
	__u64 mask;

	if (!d || !state || !dentry_name_read(&name, dentry))
		return EVERY_CLASS;
	epoch = *(volatile __u32 *)&state->epoch;
	if (decision_holds(d, dentry, mnt, &name, epoch, generation))
		return d->mask;
	mask = file_mask_undecided(dentry, mnt, &name, generation);
	decision_make(d, dentry, mnt, &name, epoch, generation, mask);
	return mask;
}
