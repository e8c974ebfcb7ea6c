/* SPDX-License-Identifier: (Apache-2.0 OR GPL-2.0) */
/* Facts about a task and its executable, for exec, fork, and the iterator. */
#ifndef BPFWARDEN_TASK_H
#define BPFWARDEN_TASK_H

#include "inode.bpf.h"
#include "text.bpf.h"

/* task_active_pid_ns: thread_pid->numbers[level].ns (ns_of_pid, include/linux/pid.h). */
static __always_inline __u64 pid_namespace_address(struct task_struct *task)
{
	__u64 entry = 0, ns = 0;
	__u32 level = 0;

	address_of(entry, task->thread_pid);
	read_field(level, entry, struct pid, level);
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
	__u64 pid = 0, signal = 0, leader = 0, group = 0, session = 0;
	__u32 level = 0;

	address_of(pid, task->thread_pid);
	read_field(level, pid, struct pid, level);
	address_of(signal, task->signal);
	read_field(leader, signal, struct signal_struct, pids[PIDTYPE_TGID]);
	read_field(group, signal, struct signal_struct, pids[PIDTYPE_PGID]);
	read_field(session, signal, struct signal_struct, pids[PIDTYPE_SID]);
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
	__u64 proxy = 0, at = 0;

	address_of(proxy, task->nsproxy);
	read_field(at, proxy, struct nsproxy, mnt_ns);
	read_field(ns->mount, at, struct mnt_namespace, ns.inum);
	read_field(at, proxy, struct nsproxy, net_ns);
	read_field(ns->network, at, struct net, ns.inum);
	read_field(at, proxy, struct nsproxy, uts_ns);
	read_field(ns->uts, at, struct uts_namespace, ns.inum);
	read_field(at, proxy, struct nsproxy, ipc_ns);
	read_field(ns->ipc, at, struct ipc_namespace, ns.inum);
	address_of(at, task->real_cred);
	read_field(at, at, struct cred, user_ns);
	read_field(ns->user, at, struct user_namespace, ns.inum);
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
	__u64 tty = 0;

	address_of(tty, task->signal);
	read_field(tty, tty, struct signal_struct, tty);
	if (tty)
		text_kernel(s, text, (void *)tty + bpf_core_field_offset(struct tty_struct, name),
			    64);
}

/* What of a process_exec record a task's own state gives. */
static __always_inline void exec_of_task(struct process_exec *e, struct task_struct *task)
{
	__u64 cred = 0, parent = 0;

	address_of(parent, task->real_parent);
	read_field(parent, parent, struct task_struct, group_leader);
	read_field(e->parent_start_time, parent, struct task_struct, start_boottime);
	e->auid = audit_uid(task);
	e->namespace_start_time = namespace_start_of(task);
	membership_of(&e->member, task);
	address_of(cred, task->real_cred);
	read_field(e->egid, cred, struct cred, egid.val);
	read_field(e->suid, cred, struct cred, suid.val);
	read_field(e->cap_effective, cred, struct cred, cap_effective);
	read_field(e->cap_permitted, cred, struct cred, cap_permitted);
	read_field(e->cap_inheritable, cred, struct cred, cap_inheritable);
	namespaces_of(&e->ns, task);
}

#endif /* BPFWARDEN_TASK_H */
