/* SPDX-License-Identifier: (Apache-2.0 OR GPL-2.0) */
/* Calls that disguise a process, weaken it or the watch over it, and ioctl as far as it does. */
#include "privilege.bpf.h"

enum prctl_option {
	PR_SET_DUMPABLE = 4,
	PR_SET_KEEPCAPS = 8,
	PR_SET_SECCOMP = 22,
	PR_SET_SECUREBITS = 28,
	PR_SET_MM = 35,
	PR_CAP_AMBIENT = 47,
	PR_SET_PTRACER = 0x59616d61,
};

/* sys_prctl (kernel/sys.c): of more than 70 options those that say something about intent. */
static __always_inline void on_prctl(struct pt_regs *regs, struct task_struct *task,
				     struct call_info *call, long result)
{
	struct scratch *s;

	switch ((__u32)ARG0(regs, *call)) {
	case PR_SET_SECCOMP:
		s = call_begin(EVENT_SECCOMP, regs, call, result);
		if (!s)
			return;
		/* Modes 1 and 2 are SECCOMP_SET_MODE_STRICT and _FILTER, 0 and 1. */
		s->event.seccomp.argument[0] = (__u32)ARG1(regs, *call) - 1;
		call_end(s);
		return;
	case PR_SET_DUMPABLE:
	case PR_SET_KEEPCAPS:
	case PR_SET_SECUREBITS:
	case PR_SET_MM:
	case PR_CAP_AMBIENT:
	case PR_SET_PTRACER:
		call_report(EVENT_PRCTL, regs, call, result);
	}
}

static __always_inline void on_acct(struct pt_regs *regs, struct task_struct *task,
				    struct call_info *call, long result)
{
	struct scratch *s = call_begin(EVENT_ACCT, regs, call, result);

	if (!s)
		return;
	if (ARG0(regs, *call)) /* NULL switches accounting off */
		call_path(s, AT_FDCWD, ARG0(regs, *call));
	call_end(s);
}

enum fanotify_bits {
	FAN_CLASSES = 0xc,            /* of fanotify_init: other than the one that is only told */
	FAN_PERMISSIONS = 0x00170000, /* of a mark: events that wait for an answer */
};

/*
 * do_fanotify_mark (fs/notify/fanotify/fanotify_user.c): whoever answers such
 * events decides what everybody may open, and reads what they open by the event's
 * own descriptor. A 32-bit mask comes in two halves.
 */
static __always_inline void on_fanotify(struct pt_regs *regs, struct task_struct *task,
					struct call_info *call, long result)
{
	struct scratch *s = call_begin(EVENT_FANOTIFY, regs, call, result);
	bool mark = call->call == CALL_FANOTIFY_MARK;

	if (!s)
		return;
	s->event.fanotify.argument[0] = mark ? (ARG2(regs, *call) & FAN_PERMISSIONS) != 0
					     : (ARG0(regs, *call) & FAN_CLASSES) != 0;
	if (mark)
		call_path(s, call->compat ? ARG4(regs, *call) : ARG3(regs, *call),
			  call->compat ? ARG5(regs, *call) : ARG4(regs, *call));
	call_end(s);
}

static __always_inline void on_hostname(struct pt_regs *regs, struct task_struct *task,
					struct call_info *call, long result)
{
	struct scratch *s = call_begin(EVENT_SETHOSTNAME, regs, call, result);

	if (!s)
		return;
	call_text(s, &s->event.sethostname.name, ARG0(regs, *call), NAME_BYTES);
	call_end(s);
}

/* tiocsti (drivers/tty/tty_io.c): a character that the terminal takes for typed. */
static __always_inline void on_terminal_input(struct pt_regs *regs, struct task_struct *task,
					      struct call_info *call, long result)
{
	struct scratch *s = call_begin(EVENT_TERMINAL_INPUT, regs, call, result);

	if (!s)
		return;
	call_file_describe(s->level, file_of_fd(task, ARG0(regs, *call)));
	call_end(s);
}

enum syslog_action { SYSLOG_ACTION_READ_ALL = 3, SYSLOG_ACTION_CONSOLE_LEVEL = 8 };

PROGRAM(exit_control, process,
	"prctl, personality, seccomp, accounting, fanotify, the host’s name, the kernel’s log, "
	"terminal input");
SEC("tp_btf/sys_exit")
int BPF_PROG(exit_control, struct pt_regs *regs, long result)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct call_info call = call_of(regs, task);
	__u32 first = ARG0(regs, call);

	switch (call.call) {
	case CALL_PRCTL:
		on_prctl(regs, task, &call, result);
		break;
	case CALL_PERSONALITY:
		if (first != 0xffffffff) /* that asks what it is */
			call_report(EVENT_PERSONALITY, regs, &call, result);
		break;
	case CALL_SECCOMP:
		if (first < 2) /* the others ask what there is */
			call_report(EVENT_SECCOMP, regs, &call, result);
		break;
	case CALL_MODIFY_LDT:
		call_report(EVENT_MODIFY_LDT, regs, &call, result);
		break;
	case CALL_ACCT:
		on_acct(regs, task, &call, result);
		break;
	case CALL_FANOTIFY_INIT:
	case CALL_FANOTIFY_MARK:
		on_fanotify(regs, task, &call, result);
		break;
	case CALL_SETHOSTNAME:
	case CALL_SETDOMAINNAME:
		on_hostname(regs, task, &call, result);
		break;
	case CALL_IOCTL: /* exit_ioctl goes on to here */
		on_terminal_input(regs, task, &call, result);
		break;
	case CALL_SYSLOG:
		if (first >= SYSLOG_ACTION_READ_ALL && first <= SYSLOG_ACTION_CONSOLE_LEVEL)
			call_report(EVENT_KERNEL_LOG, regs, &call, result);
		break;
	}
	return 0;
}

enum fcntl_command {
	F_DUPFD = 0,
	F_SETOWN = 8,
	F_SETOWN_EX = 15,
	F_DUPFD_CLOEXEC = 1030,
};

/*
 * ksys_ioctl -> do_vfs_ioctl (fs/ioctl.c), do_fcntl. Nearly every one leaves at the
 * first test; inode flags and holes go on to exit_attribute, clones of files to
 * exit_copy, owners of descriptors to exit_trace, copies of them to exit_dup.
 */
PROGRAM(exit_ioctl, always,
	"inode flags, holes, clones of files, owners and copies of descriptors, and injected "
	"terminal input");
SEC("tp_btf/sys_exit")
int BPF_PROG(exit_ioctl, struct pt_regs *regs, long result)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct call_info call = call_of(regs, task);
	__u32 command = ARG1(regs, call);
	char sub = 0;

	if (call.call == CALL_FCNTL) {
		if (command == F_DUPFD || command == F_DUPFD_CLOEXEC)
			bpf_tail_call_static(ctx, &exit_handlers, FAMILY_DUP);
		else if (command == F_SETOWN || command == F_SETOWN_EX)
			bpf_tail_call_static(ctx, &exit_handlers, FAMILY_TRACE);
		return 0;
	}
	switch (command) {
	case FS_IOC_SETFLAGS:
	case FS_IOC32_SETFLAGS:
	case FS_IOC_FSSETXATTR:
	case FS_IOC_UNRESVSP:
	case FS_IOC_UNRESVSP64:
	case FS_IOC_ZERO_RANGE:
	case FS_IOC32_UNRESVSP:
	case FS_IOC32_UNRESVSP64:
	case FS_IOC32_ZERO_RANGE:
		bpf_tail_call_static(ctx, &exit_handlers, FAMILY_ATTRIBUTE);
		break;
	case FICLONE:
	case FICLONERANGE:
		bpf_tail_call_static(ctx, &exit_handlers, FAMILY_COPY);
		break;
	case FIOSETOWN:
	case SIOCSPGRP:
		bpf_tail_call_static(ctx, &exit_handlers, FAMILY_TRACE);
		break;
	case TIOCLINUX:
		if (bpf_probe_read_user(&sub, sizeof(sub), (void *)ARG2(regs, call)) ||
		    sub != TIOCL_PASTESEL)
			break;
		/* fallthrough */
	case TIOCSTI:
		bpf_tail_call_static(ctx, &exit_handlers, FAMILY_CONTROL);
		break;
	}
	return 0;
}
