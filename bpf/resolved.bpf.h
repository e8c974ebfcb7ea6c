/* SPDX-License-Identifier: (Apache-2.0 OR GPL-2.0) */
/*
 * What the kernel found behind the names of the system call that a task is in.
 * Hooks (resolved.bpf.c) see the objects where the kernel asks whether the call is
 * allowed, and write their paths down: afterwards they may be gone. The end of the
 * call takes them from here; without, it has what user space passed.
 *
 *	struct resolved *r = resolved_of(regs, task);
 *
 *	if (r)
 *		mask = resolved_describe(s, r, generation);
 *	resolved_release(r);	on every way out
 */
#ifndef BPFWARDEN_RESOLVED_H
#define BPFWARDEN_RESOLVED_H

#include "file.bpf.h"

/* The call by its number in its own table. */
static __always_inline __u32 resolved_number(struct pt_regs *regs, struct task_struct *task)
{
	return raw_number(regs) | (is_compat(task) ? 1u << 31 : 0);
}

/* Only the thread itself writes and takes what has its number. */
static __always_inline struct resolved *resolved_find(__u64 owner)
{
	for (__u32 i = 0; i < RESOLVED_PROBES; i++) {
		__u32 key = ((__u32)owner + i) & (RESOLVED_SLOTS - 1);
		struct resolved *r = bpf_map_lookup_elem(&resolved_slots, &key);

		if (r && *(volatile __u64 *)&r->owner == owner)
			return r;
	}
	return NULL;
}

static __always_inline void resolved_release(struct resolved *r)
{
	if (r)
		*(volatile __u64 *)&r->owner = 0;
}

/* NULL unless it was written down during this very call: a tracer may change the number, and an end
 * may be missed. */
static __noinline __attribute__((unused)) struct resolved *resolved_of(struct pt_regs *regs,
								       struct task_struct *task)
{
	struct resolved *r = resolved_find(bpf_get_current_pid_tgid());

	if (!r)
		return NULL;
	if (r->number == resolved_number(regs, task) && r->names & RESOLVED_PATH)
		return r;
	resolved_release(r);
	return NULL;
}

/* Path, new path and identity of a file event; the mask of the tokens of both. */
static __noinline __attribute__((unused)) __u64
resolved_describe(struct scratch *s, struct resolved *r, __u32 generation)
{
	struct file_event *e;
	__u64 mask;
	__u32 from;

	if (!s || !r)
		return EVERY_CLASS;
	e = (struct file_event *)&s->event;
	e->file = r->file;
	e->header.flags |= r->flags;
	from = s->length;
	text_bytes(s, &e->path, r->path, r->length, PATH_MAX_BYTES, FROM_KERNEL);
	mask = string_mask(s->level, from, e->path.length, generation);
	if (!(r->names & RESOLVED_NEW_PATH))
		return mask;
	from = s->length;
	text_bytes(s, &e->new_path, r->new_path, r->new_length, PATH_MAX_BYTES, FROM_KERNEL);
	return mask | string_mask(s->level, from, e->new_path.length, generation);
}

/*
 * What stands for a place in the mount tree: the root of a mount is called what it
 * is mounted on. A bind mount's files keep the names that they have elsewhere, its
 * place does not.
 */
static __always_inline void place_of(__u64 *dentry, __u64 *mnt)
{
	__u64 mount = *mnt - bpf_core_field_offset(struct mount, mnt), root = 0, parent = 0;

	read_field(root, *mnt, struct vfsmount, mnt_root);
	read_field(parent, mount, struct mount, mnt_parent);
	if (*dentry != root || !parent || parent == mount)
		return;
	read_field(*dentry, mount, struct mount, mnt_mountpoint);
	*mnt = parent + bpf_core_field_offset(struct mount, mnt);
}

enum mount_flags {
	MS_REMOUNT = 0x20,
	MS_BIND = 0x1000,
	MS_MOVE = 0x2000,
};

#endif /* BPFWARDEN_RESOLVED_H */
