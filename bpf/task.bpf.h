/* SPDX-License-Identifier: (Apache-2.0 OR GPL-2.0) */
/* Facts about a task and its executable, for exec, fork, and the iterator. */
#ifndef BPFWARDEN_TASK_H
#define BPFWARDEN_TASK_H

#include "inode.bpf.h"
#include "text.bpf.h"

static __always_inline __u64 capabilities_of(const kernel_cap_t *set)
{
	__u64 value = 0;

	bpf_probe_read_kernel(&value, sizeof(value), set);
	return value;
}

/* task_active_pid_ns: thread_pid->numbers[level].ns (ns_of_pid, include/linux/pid.h). */
static __always_inline __u64 pid_namespace_address(struct task_struct *task)
{
	struct pid *pid = task->thread_pid;
	__u64 entry = 0, ns = 0;
	__u32 level = pid->level;

	address_of(entry, task->thread_pid);
	entry += bpf_core_field_offset(struct pid, numbers) +
		 level * bpf_core_type_size(struct upid) + bpf_core_field_offset(struct upid, ns);
	bpf_probe_read_kernel(&ns, sizeof(ns), (void *)entry);
	return ns;
}

static __always_inline __u32 pid_namespace_of(struct task_struct *task)
{
	__u64 ns = pid_namespace_address(task);
	__u32 inode = 0;

	if (ns)
		read_field(inode, ns, struct pid_namespace, ns.inum);
	return inode;
}

/* pid_nr and pid_vnr (kernel/pid.c): numbers[0] is the initial namespace's, numbers[level] the
 * one's that `level` belongs to. `pid`: a plain address. */
static __always_inline __u32 pid_number(__u64 pid, __u32 level)
{
	__u32 number = 0;

	if (pid)
		bpf_probe_read_kernel(&number, sizeof(number),
				      (void *)pid + bpf_core_field_offset(struct pid, numbers) +
					  level * bpf_core_type_size(struct upid) +
					  bpf_core_field_offset(struct upid, nr));
	return number;
}

/* A group or session that was begun outside the namespace has no number in it. */
static __always_inline __u32 pid_number_inside(__u64 pid, __u32 level)
{
	__u32 own = 0;

	if (pid)
		read_field(own, pid, struct pid, level);
	return own < level ? 0 : pid_number(pid, level);
}

static __always_inline void membership_of(struct membership *member, struct task_struct *task)
{
	struct signal_struct *signal = task->signal;
	__u32 level = task->thread_pid->level;
	__u64 leader = 0, group = 0, session = 0;

	address_of(leader, signal->pids[PIDTYPE_TGID]);
	address_of(group, signal->pids[PIDTYPE_PGID]);
	address_of(session, signal->pids[PIDTYPE_SID]);
	member->group = pid_number(group, 0);
	member->session = pid_number(session, 0);
	member->own_pid = pid_number(leader, level);
	member->own_group = pid_number_inside(group, level);
	member->own_session = pid_number_inside(session, level);
}

static __always_inline __u64 namespace_start_of(struct task_struct *task)
{
	__u64 ns = pid_namespace_address(task), init = 0, start = 0;

	if (ns)
		read_field(init, ns, struct pid_namespace, child_reaper);
	if (init)
		read_field(start, init, struct task_struct, start_boottime);
	return start;
}

static __always_inline void namespaces_of(struct namespaces *ns, struct task_struct *task)
{
	struct nsproxy *proxy = task->nsproxy;

	ns->mount = proxy->mnt_ns->ns.inum;
	ns->network = proxy->net_ns->ns.inum;
	ns->uts = proxy->uts_ns->ns.inum;
	ns->ipc = proxy->ipc_ns->ns.inum;
	ns->user = task->real_cred->user_ns->ns.inum;
	ns->pid = pid_namespace_of(task);
}

static __always_inline user_id audit_uid(struct task_struct *task)
{
	if (bpf_core_field_exists(task->loginuid)) /* only with CONFIG_AUDIT, on any version */
		return task->loginuid.val;
	return (user_id)-1;
}

/* path.bpf.c: the cgroup's path into path_scratch[level], like path_build. */
__u64 cgroup_path_build(__u32 level, __u64 css_set);

static __always_inline void text_cgroup(struct scratch *s, struct text *text,
					struct task_struct *task)
{
	__u64 css_set = 0;

	address_of(css_set, task->cgroups);
	text_built_path(s, text, cgroup_path_build(s->level, css_set), 1024);
}

static __always_inline void text_cwd(struct scratch *s, struct text *text, struct task_struct *task)
{
	__u64 dentry = 0, mnt = 0;

	address_of(mnt, task->fs);
	read_field(dentry, mnt, struct fs_struct, pwd.dentry);
	read_field(mnt, mnt, struct fs_struct, pwd.mnt);
	text_path(s, text, dentry, mnt);
}

static __always_inline void text_tty(struct scratch *s, struct text *text, struct task_struct *task)
{
	struct tty_struct *tty = task->signal->tty;

	if (tty)
		text_kernel(s, text, tty->name, 64);
}

/* What of a process_exec record a task's own state gives. */
static __always_inline void exec_of_task(struct process_exec *e, struct task_struct *task)
{
	const struct cred *cred = task->real_cred;

	e->parent_start_time = task->real_parent->group_leader->start_boottime;
	e->auid = audit_uid(task);
	e->namespace_start_time = namespace_start_of(task);
	membership_of(&e->member, task);
	e->egid = cred->egid.val;
	e->suid = cred->suid.val;
	e->cap_effective = capabilities_of(&cred->cap_effective);
	e->cap_permitted = capabilities_of(&cred->cap_permitted);
	e->cap_inheritable = capabilities_of(&cred->cap_inheritable);
	namespaces_of(&e->ns, task);
}

#endif /* BPFWARDEN_TASK_H */
