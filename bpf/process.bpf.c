/* SPDX-License-Identifier: (Apache-2.0 OR GPL-2.0) */
/* fork, exit and change of name. */
#include "again.bpf.h"
#include "task.bpf.h"
#include "filter.bpf.h"

enum clone_flag {
	CLONE_VM = 0x00000100,
	CLONE_FS = 0x00000200,
	CLONE_FILES = 0x00000400,
	CLONE_VFORK = 0x00004000,
	CLONE_NEWNS = 0x00020000,
	CLONE_NEWUTS = 0x04000000,
	CLONE_NEWIPC = 0x08000000,
	CLONE_NEWUSER = 0x10000000,
	CLONE_NEWPID = 0x20000000,
	CLONE_NEWNET = 0x40000000,
};

/* Of the flags of a clone those that make no namespace. */
#define SHARING_FLAGS (CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_VFORK)

/* What the clone did, from the two tasks: the flags of clone3 lie in user memory and prove nothing.
 */
static __always_inline __u32 clone_flags_of(struct task_struct *parent, struct task_struct *child)
{
	__u64 old = 0, new = 0, of_old = 0, of_new = 0;
	__u32 flags = 0;

#define DIFFER(field)                                                                              \
	(address_of(of_old, parent->field), address_of(of_new, child->field), of_old != of_new)
#define PROXIES_DIFFER(field)                                                                      \
	(read_field(of_old, old, struct nsproxy, field),                                           \
	 read_field(of_new, new, struct nsproxy, field), of_old != of_new)
	flags |= DIFFER(mm) ? 0 : CLONE_VM;
	flags |= DIFFER(fs) ? 0 : CLONE_FS;
	flags |= DIFFER(files) ? 0 : CLONE_FILES;
	address_of(of_new, child->vfork_done);
	flags |= of_new ? CLONE_VFORK : 0;
	address_of(old, parent->real_cred);
	address_of(new, child->real_cred);
	read_field(of_old, old, struct cred, user_ns);
	read_field(of_new, new, struct cred, user_ns);
	flags |= of_old != of_new ? CLONE_NEWUSER : 0;
	address_of(old, parent->nsproxy);
	address_of(new, child->nsproxy);
	flags |= PROXIES_DIFFER(mnt_ns) ? CLONE_NEWNS : 0;
	flags |= PROXIES_DIFFER(uts_ns) ? CLONE_NEWUTS : 0;
	flags |= PROXIES_DIFFER(ipc_ns) ? CLONE_NEWIPC : 0;
	flags |= PROXIES_DIFFER(net_ns) ? CLONE_NEWNET : 0;
	flags |= pid_namespace_of(parent) != pid_namespace_of(child) ? CLONE_NEWPID : 0;
	return flags;
#undef DIFFER
#undef PROXIES_DIFFER
}

static __always_inline int on_fork(struct task_struct *parent, struct task_struct *child)
{
	struct process_fork *e;
	struct scratch *s;

	if (child->pid != child->tgid)
		return 0;
	if (!kind_wanted(EVENT_PROCESS_FORK)) {
		account(EVENT_PROCESS_FORK, OUTCOME_FILTERED);
		return 0;
	}
	if (!crowd_admits(EVENT_PROCESS_FORK, parent->tgid, 1)) {
		account(EVENT_PROCESS_FORK, OUTCOME_LOST_RING_FULL);
		return 0;
	}
	s = record_begin(EVENT_PROCESS_FORK, sizeof(*e));
	if (!s)
		return 0;
	e = &s->event.process_fork;
	header_fill(&e->header, parent, child->tgid);
	e->child_pid = child->tgid;
	e->child_start_time = child->start_boottime;
	address_of(e->child_cgroup_id, child->cgroups);
	read_field(e->child_cgroup_id, e->child_cgroup_id, struct css_set, dfl_cgrp);
	read_field(e->child_cgroup_id, e->child_cgroup_id, struct cgroup, kn);
	read_field(e->child_cgroup_id, e->child_cgroup_id, struct kernfs_node, id);
	membership_of(&e->member, child);
	e->clone_flags = clone_flags_of(parent, child);
	namespaces_of(&e->ns, child);
	record_submit(s, e->clone_flags & ~SHARING_FLAGS ? RING_PRIORITY : RING_PATIENT);
	return 0;
}

/*
 * kernel_clone -> copy_process succeeded -> trace_sched_process_fork(current, p)
 * (kernel/fork.c), before the child runs. fork, vfork, clone, clone3, and kernel
 * threads; threads of a process are left out. Everything is kernel state.
 */
PROGRAM(process_fork, always, "process_fork");
SEC("tp_btf/sched_process_fork")
int BPF_PROG(process_fork, struct task_struct *parent, struct task_struct *child)
{
	run_noted(RUN_FORK);
	return on_fork(parent, child);
}

SEC("tp_btf/sched_process_fork")
int BPF_PROG(process_fork__again, struct task_struct *parent, struct task_struct *child)
{
	return run_left_out(RUN_FORK) ? on_fork(parent, child) : 0;
}

enum { EEXIST = 17 };

struct exited_key {
	__u64 start_time;
	__u32 pid;
	__u32 unused;
};

/* Two last threads that exit together both see live == 0; the first one reports. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, struct exited_key);
	__type(value, __u32);
} exited SEC(".maps");

static __always_inline int on_exit(struct task_struct *task)
{
	enum { SIGNAL_GROUP_EXIT = 4 };
	struct exited_key key = {};
	struct process_exit *e;
	struct scratch *s;
	__u64 signal = 0, leader = 0;
	__u32 one = 1, code = 0, flags = 0;
	int live = 0;

	address_of(signal, task->signal);
	read_field(live, signal, struct signal_struct, live.counter);
	if (live != 0)
		return 0;
	key.pid = task->tgid;
	address_of(leader, task->group_leader);
	read_field(key.start_time, leader, struct task_struct, start_boottime);
	/*
	 * Before 6.4 the map's own function is called directly and its int has no
	 * sign in the upper half of the register: compare 32 bits.
	 */
	if ((int)bpf_map_update_elem(&exited, &key, &one, BPF_NOEXIST) == -EEXIST)
		return 0;
	rate_exit();
	if (!kind_wanted(EVENT_PROCESS_EXIT)) {
		account(EVENT_PROCESS_EXIT, OUTCOME_FILTERED);
		return 0;
	}
	s = record_begin(EVENT_PROCESS_EXIT, sizeof(*e));
	if (!s)
		return 0;
	e = &s->event.process_exit;
	header_fill(&e->header, task, 0);
	/* As wait_task_zombie (kernel/exit.c) computes it. */
	read_field(flags, signal, struct signal_struct, flags);
	if (flags & SIGNAL_GROUP_EXIT)
		read_field(code, signal, struct signal_struct, group_exit_code);
	else
		read_field(code, leader, struct task_struct, exit_code);
	e->exit_code = code >> 8 & 0xff;
	e->exit_signal = code & 0x7f;
	e->runtime = e->header.time - e->header.start_time;
	if (crowd_admits(EVENT_PROCESS_EXIT, e->header.ppid, 1))
		record_submit(s, code & 0xffff ? RING_PRIORITY : RING_PATIENT);
	else
		record_drop(s, OUTCOME_LOST_RING_FULL);
	return 0;
}

/*
 * do_exit -> group_dead = atomic_dec_and_test(&signal->live) -> exit_mm
 *   -> trace_sched_process_exit (kernel/exit.c)
 * live is 0 only for the last thread. Since 6.16 the tracepoint also has
 * group_dead as an argument, which older kernels' verifiers refuse.
 */
PROGRAM(process_exit, always, "process_exit");
SEC("tp_btf/sched_process_exit")
int BPF_PROG(process_exit, struct task_struct *task)
{
	run_noted(RUN_EXIT);
	return on_exit(task);
}

SEC("tp_btf/sched_process_exit")
int BPF_PROG(process_exit__again, struct task_struct *task)
{
	return run_left_out(RUN_EXIT) ? on_exit(task) : 0;
}

/*
 * prctl(PR_SET_NAME), write to /proc/PID/comm -> __set_task_comm
 *   -> trace_task_rename(task, new) (fs/exec.c)
 * exec takes the same way; in_execve tells and process_exec reports it. The
 * header is that of the renamed task, which a sibling may have renamed.
 */
PROGRAM(process_rename, process, "process_rename");
SEC("tp_btf/task_rename")
int BPF_PROG(process_rename, struct task_struct *task, const char *comm)
{
	struct call_event *e;
	struct scratch *s;

	if (task->flags & PF_KTHREAD)
		return 0;
	/* There on 5.15 and on each version since; without it an exec would be a rename, too. */
	if (bpf_core_field_exists(task->in_execve) &&
	    BPF_CORE_READ_BITFIELD_PROBED(task, in_execve))
		return 0;
	if (!kind_wanted(EVENT_PROCESS_RENAME)) {
		account(EVENT_PROCESS_RENAME, OUTCOME_FILTERED);
		return 0;
	}
	s = record_begin(EVENT_PROCESS_RENAME, sizeof(*e));
	if (!s)
		return 0;
	e = &s->event.process_rename;
	header_fill(&e->header, task, 0);
	text_kernel(s, &e->name, comm, 17);
	text_kernel(s, &e->detail, e->header.comm, 17);
	call_submit(s, RING_PRIORITY, 0, 1);
	return 0;
}
