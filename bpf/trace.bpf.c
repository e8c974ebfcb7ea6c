/* SPDX-License-Identifier: (Apache-2.0 OR GPL-2.0) */
/* One process acting on another: ptrace, its memory, its descriptors, signals. */
#include "target.bpf.h"

enum ptrace_request {
	PTRACE_TRACEME = 0,
	PTRACE_POKETEXT = 4,
	PTRACE_POKEDATA = 5,
	PTRACE_POKEUSR = 6,
	PTRACE_SETREGS = 13,
	PTRACE_SETFPREGS = 15,
	PTRACE_ATTACH = 16,
	PTRACE_SETFPXREGS = 19,
	PTRACE_SETREGSET = 0x4205,
	PTRACE_SEIZE = 0x4206,
};

/* Requests that take hold of a process or change it; reading follows an attach, which is reported.
 */
static __always_inline bool ptrace_matters(__u64 request)
{
	switch (request) {
	case PTRACE_TRACEME:
	case PTRACE_POKETEXT:
	case PTRACE_POKEDATA:
	case PTRACE_POKEUSR:
	case PTRACE_SETREGS:
	case PTRACE_SETFPREGS:
	case PTRACE_ATTACH:
	case PTRACE_SETFPXREGS:
	case PTRACE_SETREGSET:
	case PTRACE_SEIZE:
		return true;
	}
	return false;
}

static __always_inline void on_ptrace(struct pt_regs *regs, struct task_struct *task,
				      struct call_info *call, long result)
{
	__u64 request = ARG0(regs, *call);
	struct scratch *s;

	if (!ptrace_matters(request))
		return;
	s = call_begin(EVENT_PROCESS_PTRACE, regs, call, result);
	if (!s)
		return;
	if (request == PTRACE_TRACEME) /* its parent is the tracer */
		target_of_task(&s->event.process_ptrace, task->real_parent);
	else
		target_of_number(&s->event.process_ptrace, task, ARG1(regs, *call));
	call_end(s);
}

static __always_inline void on_memory(enum event_kind kind, struct pt_regs *regs,
				      struct task_struct *task, struct call_info *call, long result)
{
	struct scratch *s = call_begin(kind, regs, call, result);

	if (!s)
		return;
	target_of_number(&s->event.process_vm_read, task, ARG0(regs, *call));
	call_end(s);
}

static __always_inline void on_getfd(struct pt_regs *regs, struct task_struct *task,
				     struct call_info *call, long result)
{
	struct scratch *s = call_begin(EVENT_PIDFD_GETFD, regs, call, result);

	if (!s)
		return;
	target_of_pidfd(&s->event.pidfd_getfd, file_of_fd(task, ARG0(regs, *call)));
	if (result >= 0)
		call_file_describe(s->level, file_of_fd(task, result));
	call_end(s);
}

/* ---- limits and scheduling ---------------------------------------------------- */
enum process_selector { PRIO_PROCESS = 0, IOPRIO_WHO_PROCESS = 1 };

/*
 * Calls by which a process is starved or ended without a signal: a limit of CPU
 * time or of open files, no CPU to run on, pages taken away. Of all the programs
 * that set their own, nothing is told.
 */
static __always_inline void on_control(struct pt_regs *regs, struct task_struct *task,
				       struct call_info *call, long result)
{
	__s32 first = ARG0(regs, *call), number = first;
	struct call_event *e;
	struct scratch *s;

	switch (call->call) {
	case CALL_PRLIMIT64:
		if (!ARG2(regs, *call)) /* asks */
			return;
		break;
	case CALL_SETPRIORITY: /* (which, who, ...): also groups and users */
		number = first == PRIO_PROCESS ? (__s32)ARG1(regs, *call) : -1;
		break;
	case CALL_IOPRIO_SET:
		number = first == IOPRIO_WHO_PROCESS ? (__s32)ARG1(regs, *call) : -1;
		break;
	case CALL_PROCESS_MADVISE:
		number = -1;
		break;
	case CALL_MOVE_PAGES:
		if (!ARG3(regs, *call)) /* asks where they are */
			return;
		break;
	}
	if (!number)
		return;
	s = call_begin(EVENT_PROCESS_CONTROL, regs, call, result);
	if (!s)
		return;
	e = &s->event.process_control;
	if (call->call == CALL_PROCESS_MADVISE)
		target_of_pidfd(e, file_of_fd(task, first));
	else if (number > 0)
		target_of_number(e, task, number);
	if (e->target_pid == (process_id)task->tgid)
		record_drop(s, OUTCOME_FILTERED);
	else
		call_submit(s, RING_PRIORITY, e->target_pid, 1);
}

/*
 * f_setown (fs/fcntl.c): from then on whoever makes the descriptor ready, a thread
 * of the kernel too, sends its owner a signal. Told when the owner is set, since of
 * the signal nobody knows who meant it.
 */
static __always_inline void on_owner(struct pt_regs *regs, struct task_struct *task,
				     struct call_info *call, long result)
{
	__u64 file = file_of_fd(task, ARG0(regs, *call)), owner = 0, pid = 0;
	struct call_event *e;
	struct scratch *s;

	if (result < 0 || !file)
		return;
	/* 6.12, 1934b212615d ("file: reclaim 24 bytes from f_owner"). */
	if (bpf_core_field_exists(struct file___owner, f_owner))
		read_field(owner, file, struct file___owner, f_owner);
	else
		owner = file + bpf_core_field_offset(struct file___owned, f_owner);
	if (!owner || read_field(pid, owner, struct fown_struct, pid) || !pid)
		return;
	s = call_begin(EVENT_PROCESS_CONTROL, regs, call, result);
	if (!s)
		return;
	e = &s->event.process_control;
	target_of_pid(e, pid);
	if (e->target_pid == (process_id)task->tgid)
		record_drop(s, OUTCOME_FILTERED);
	else
		call_submit(s, RING_PRIORITY, e->target_pid, 1);
}

/* ---- signals ------------------------------------------------------------------ */
enum signal_codes {
	SEND_SIG_PRIV = 1,
	SI_USER = 0,
	SI_QUEUE = -1,
	SI_SIGIO = -5,
	SI_TKILL = -6,
	POLL_HUP = 6, /* the last of POLL_IN ... */
	SIGNAL_POLL = 29,
	/* Those whose positive codes mean something else: ILL, TRAP, BUS, FPE, SEGV, CHLD, SYS. */
	CODED_SIGNALS = 1 << 4 | 1 << 5 | 1 << 7 | 1 << 8 | 1 << 11 | 1 << 17 | 1 << 31,
};

/*
 * send_sigio_to_task (fs/fcntl.c): F_SETOWN and F_SETSIG let whoever makes a
 * descriptor ready send any signal, SIGKILL included, without a call that sends one.
 */
static __always_inline bool is_of_owner(int signal, struct kernel_siginfo *info, int code)
{
	if ((unsigned long)info == SEND_SIG_PRIV)
		return signal == SIGNAL_POLL;
	return code == SI_SIGIO || (code > 0 && code <= POLL_HUP && signal > 0 &&
				    (signal > 31 || !((1u << signal) & CODED_SIGNALS)));
}

/* The code of a signal that the kernel also makes itself: timers, message queues, input and output.
 */
static __always_inline bool is_kernel_code(int code)
{
	return code > SI_USER || (code < SI_QUEUE && code > SI_TKILL);
}

/* The system call that the task is in is one that sends signals. */
static __always_inline bool is_in_kill(struct task_struct *task)
{
	struct pt_regs *regs = (struct pt_regs *)bpf_task_pt_regs(task);

	switch (call_of(regs, task).call) {
	case CALL_KILL:
	case CALL_TKILL:
	case CALL_TGKILL:
	case CALL_PIDFD_SEND_SIGNAL:
		return true;
	}
	return false;
}

/*
 * kill, tkill, tgkill, pidfd_send_signal, rt_sigqueueinfo -> do_send_sig_info
 *   -> __send_signal_locked -> trace_signal_generate (kernel/signal.c)
 * once for each process that a signal was really sent to, with the kernel's own
 * task. Left out: what the kernel sends (faults, SIGCHLD, timers), and what a
 * process sends to itself (abort, the preemption signals of Go).
 */
PROGRAM(signal_sent, process, "kill");
SEC("tp_btf/signal_generate")
int BPF_PROG(signal_sent, int signal, struct kernel_siginfo *info, struct task_struct *target,
	     int group, int outcome)
{
	struct task_struct *task;
	struct call_event *e;
	struct scratch *s;
	bool of_owner;
	int code = 1;

	/*
	 * SEND_SIG_NOINFO and SEND_SIG_PRIV are 0 and 1. Since 7.3 kill(2) gives the
	 * former too, which the receiver sees as SI_USER; the kernel itself may as well.
	 */
	task = bpf_get_current_task_btf();
	if ((unsigned long)info == SEND_SIG_PRIV) {
		if (signal != SIGNAL_POLL)
			return 0;
	} else if (!info) {
		if (!is_in_kill(task))
			return 0;
		code = SI_USER;
	} else {
		read_field(code, info, struct kernel_siginfo, si_code);
	}
	of_owner = info && is_of_owner(signal, info, code);
	if (is_kernel_code(code) && !of_owner)
		return 0;
	if (task->tgid == target->tgid || task->flags & PF_KTHREAD)
		return 0;
	if (!kind_wanted(EVENT_KILL) || is_daemon(task)) {
		account(EVENT_KILL, OUTCOME_FILTERED);
		return 0;
	}
	s = record_begin(EVENT_KILL, sizeof(*e));
	if (!s)
		return 0;
	e = &s->event.kill;
	header_now(s->level, 0, NO_SYSCALL, 0);
	if (of_owner) /* made ready by an interrupt, it was not the task that it came to */
		e->header.flags |= RECORD_UNVERIFIED;
	target_of_task(e, target);
	e->argument[0] = target->tgid;
	e->argument[1] = signal;
	e->argument[2] = (__s64)code;
	e->argument[3] = group;
	/* Signals to its own children must not hide those to others. */
	call_submit(s, RING_PRIORITY, e->target_pid, target->real_parent->tgid != task->tgid);
	return 0;
}

/*
 * Signals that were refused, which signal_generate does not see; and those
 * whose sender gave them a code of the kernel, to be taken for a timer's.
 */
static __always_inline void on_signal(struct pt_regs *regs, struct task_struct *task,
				      struct call_info *call, long result)
{
	bool thread = call->call == CALL_TGKILL || call->call == CALL_RT_TGSIGQUEUEINFO;
	__u32 signal = thread ? ARG2(regs, *call) : ARG1(regs, *call);
	struct call_event *e;
	struct scratch *s;
	int code = 0;

	if (!signal) /* asks whether the process is there */
		return;
	if (result >= 0) {
		__u64 info = thread ? ARG3(regs, *call) : ARG2(regs, *call);

		if (call->call != CALL_RT_SIGQUEUEINFO && call->call != CALL_PIDFD_SEND_SIGNAL &&
		    call->call != CALL_RT_TGSIGQUEUEINFO)
			return;
		if (!info || bpf_probe_read_user(&code, sizeof(code), (void *)info + 8) ||
		    !is_kernel_code(code))
			return;
	}
	s = call_begin(EVENT_KILL, regs, call, result);
	if (!s)
		return;
	e = &s->event.kill;
	if (call->call == CALL_PIDFD_SEND_SIGNAL)
		target_of_pidfd(e, file_of_fd(task, ARG0(regs, *call)));
	else if ((__s32)ARG0(regs, *call) > 0)
		target_of_number(e, task, ARG0(regs, *call));
	e->argument[0] = e->target_pid;
	e->argument[1] = signal;
	e->argument[2] = (__s64)code;
	e->argument[3] = !thread && call->call != CALL_TKILL;
	call_submit(s, RING_PRIORITY, e->argument[0], 0);
}

PROGRAM(exit_trace, process,
	"process_ptrace, process_vm_read, process_vm_write, pidfd_getfd, process_control, kill "
	"that was refused");
SEC("tp_btf/sys_exit")
int BPF_PROG(exit_trace, struct pt_regs *regs, long result)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct call_info call = call_of(regs, task);

	switch (call.call) {
	case CALL_PTRACE:
		on_ptrace(regs, task, &call, result);
		break;
	case CALL_PROCESS_VM_READV:
		on_memory(EVENT_PROCESS_VM_READ, regs, task, &call, result);
		break;
	case CALL_PROCESS_VM_WRITEV:
		on_memory(EVENT_PROCESS_VM_WRITE, regs, task, &call, result);
		break;
	case CALL_PIDFD_GETFD:
		on_getfd(regs, task, &call, result);
		break;
	case CALL_PRLIMIT64:
	case CALL_SETPRIORITY:
	case CALL_IOPRIO_SET:
	case CALL_SCHED_SETPARAM:
	case CALL_SCHED_SETSCHEDULER:
	case CALL_SCHED_SETATTR:
	case CALL_SCHED_SETAFFINITY:
	case CALL_PROCESS_MADVISE:
	case CALL_MIGRATE_PAGES:
	case CALL_MOVE_PAGES:
		on_control(regs, task, &call, result);
		break;
	case CALL_FCNTL: /* exit_ioctl goes on to here */
	case CALL_IOCTL:
		on_owner(regs, task, &call, result);
		break;
	case CALL_KILL:
	case CALL_TKILL:
	case CALL_TGKILL:
	case CALL_PIDFD_SEND_SIGNAL:
	case CALL_RT_SIGQUEUEINFO:
	case CALL_RT_TGSIGQUEUEINFO:
		on_signal(regs, task, &call, result);
		break;
	}
	return 0;
}
