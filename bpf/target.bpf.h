/* SPDX-License-Identifier: (Apache-2.0 OR GPL-2.0) */
/* The process that a call acts upon: by its task, its struct pid, its number or a pidfd. */
#ifndef BPFWARDEN_TARGET_H
#define BPFWARDEN_TARGET_H

#include "privilege.bpf.h"

static __always_inline void target_of_task(struct call_event *e, struct task_struct *target)
{
	e->target_pid = target->tgid;
	e->target_start_time = target->group_leader->start_boottime;
}

/* The leader or thread that struct pid stands for: the first of its tasks[PIDTYPE_PID]. */
static __always_inline void target_of_pid(struct call_event *e, __u64 pid)
{
	__u64 node = 0, task;

	if (!pid || read_field(node, pid, struct pid, tasks) || !node)
		return;
	task = node - bpf_core_field_offset(struct task_struct, pid_links);
	read_field(e->target_pid, task, struct task_struct, tgid);
	read_field(task, task, struct task_struct, group_leader);
	read_field(e->target_start_time, task, struct task_struct, start_boottime);
}

enum xarray_constants {
	XA_CHUNK_SHIFT = 6,
	XA_CHUNK_MASK = 63,
	XA_NODE = 2, /* the two lowest bits of a pointer to a node */
	XA_LEVELS = 6,
};

/*
 * A process by the number that the caller's pid namespace has for it:
 * find_vpid (kernel/pid.c) -> idr_find -> xas_load, without its lock. The kernel's
 * own function can be called from 6.14 on only (bpf_task_from_vpid, 675c3596ff32),
 * and a program that only mentions it is refused by 5.15.
 */
static __always_inline void target_of_number(struct call_event *e, struct task_struct *task,
					     __s32 number)
{
	__u64 ns = pid_namespace_address(task), entry = 0;
	__u32 base = 0;

	e->target_pid = number;
	if (!ns || number <= 0)
		return;
	read_field(base, ns, struct pid_namespace, idr.idr_base);
	read_field(entry, ns, struct pid_namespace, idr.idr_rt.xa_head);
	for (int i = 0; i < XA_LEVELS; i++) {
		__u64 node = entry - XA_NODE;
		__u32 index = number - base;
		__u8 shift = 0;

		if ((entry & 3) != XA_NODE)
			break;
		entry = 0;
		read_field(shift, node, struct xa_node, shift);
		index = index >> (shift & 31) & XA_CHUNK_MASK;
		bpf_probe_read_kernel(&entry, sizeof(entry),
				      (void *)node + bpf_core_field_offset(struct xa_node, slots) +
					  index * sizeof(entry));
	}
	if (entry && !(entry & 3))
		target_of_pid(e, entry);
}

enum pidfs { PID_FS_MAGIC = 0x50494446 };

/* The process of a pidfd. */
static __always_inline void target_of_pidfd(struct call_event *e, __u64 file)
{
	__u64 inode = 0, pid = 0;

	if (!file)
		return;
	read_field(inode, file, struct file, f_inode);
	if (inode_magic(inode) == PID_FS_MAGIC)
		read_field(pid, inode, struct inode, i_private);
	else /* before cb12fd8e0dab ("pidfd: add pidfs"), 6.9 */
		read_field(pid, file, struct file, private_data);
	target_of_pid(e, pid);
}

#endif /* BPFWARDEN_TARGET_H */
