/* SPDX-License-Identifier: (Apache-2.0 OR GPL-2.0) */
/*
 * How hooks write down what they see (resolved.bpf.c, resolved_mount.bpf.c): for
 * which call, and the paths of its objects.
 */
#ifndef BPFWARDEN_RESOLVING_H
#define BPFWARDEN_RESOLVING_H

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

#endif /* BPFWARDEN_RESOLVING_H */
