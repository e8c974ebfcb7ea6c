/* SPDX-License-Identifier: (Apache-2.0 OR GPL-2.0) */
/* The one hook on the end of every system call, and the table that it looks in. */
#define BPFWARDEN_DEFINE_ROUTES
#include "again.bpf.h"
#include "call.bpf.h"

static __always_inline void syscall_count(__u32 number, bool compat, long result)
{
	struct syscall_counts *counts;
	__u32 key = number;

	if (compat) {
		__u8 call = routes[number & (ROUTES - 1)].compat_call;
		__u32 native = native_number[call];

		key = call && native != NO ? native : number + 512;
	}
	counts = bpf_map_lookup_elem(&syscall_counts, &key);
	if (!counts)
		return;
	counts->calls++;
	if (result >= 0 || result < -MAX_ERRNO)
		return;
	switch (-result) {
	case 1:  /* EPERM */
	case 13: /* EACCES */
		counts->denied++;
		break;
	case 2:  /* ENOENT */
	case 3:  /* ESRCH */
	case 6:  /* ENXIO */
	case 19: /* ENODEV */
	case 20: /* ENOTDIR */
		counts->missing++;
		break;
	case 4:   /* EINTR */
	case 11:  /* EAGAIN */
	case 110: /* ETIMEDOUT */
	case 115: /* EINPROGRESS */
	case 512 ... 516:
		counts->again++;
		break;
	default:
		counts->failed++;
	}
}

/* The family of the call that a socketcall(2) stands for. */
static __always_inline __u32 family_of_socketcall(struct pt_regs *regs)
{
#if defined(__TARGET_ARCH_x86)
	switch (call_of_socketcall(regs->bx)) {
	case CALL_CONNECT:
		return FAMILY_CONNECT;
	case CALL_SEND:
	case CALL_SENDTO:
	case CALL_SENDMSG:
	case CALL_SENDMMSG:
		return FAMILY_SEND;
	case CALL_RECV:
	case CALL_RECVFROM:
	case CALL_RECVMSG:
	case CALL_RECVMMSG:
		return FAMILY_RECEIVE;
	}
#endif
	return FAMILY_SOCKET;
}

/* A constant index lets the JIT patch a direct jump into each call (d2e4c1e6c294), without a
 * retpoline. */
#define HANDLE(name)                                                                               \
	case FAMILY_##name:                                                                        \
		bpf_tail_call_static(ctx, &exit_handlers, FAMILY_##name);                          \
		break;

static __always_inline int dispatch(void *ctx, struct pt_regs *regs, long result, const bool again)
{
	__u32 number = raw_number(regs);
	struct route route;
	__u32 family;
	bool compat;

	if (number >= NO)
		return 0;
	/* Asked once: the compiler cannot know that a helper answers the same again. */
	compat = is_compat(bpf_get_current_task_btf());
	if (!again)
		syscall_count(number, compat, result);
	/* Read only now: before, it would be put on the stack for the time of the count. */
	barrier_var(number);
	if (!is_routed(number))
		return 0;
	route = routes[number & (ROUTES - 1)];
	if (compat)
		family = route.compat_call == CALL_SOCKETCALL ? family_of_socketcall(regs)
							      : route.compat_family;
	else
		family = route.family;
	if (!family || !(families >> (family & 63) & 1))
		return 0;
	if (!again)
		run_noted(RUN_SYS_EXIT);
	else if (!run_left_out(RUN_SYS_EXIT))
		return 0;
	if (again)
		syscall_count(number, compat, result);
	switch (family) {
		HANDLE(OPEN)
		HANDLE(READ)
		HANDLE(WRITE)
		HANDLE(REMOVE)
		HANDLE(RENAME)
		HANDLE(LINK)
		HANDLE(MAKE)
		HANDLE(ATTRIBUTE)
		HANDLE(EXEC)
		HANDLE(SOCKET)
		HANDLE(SEND)
		HANDLE(RECEIVE)
		HANDLE(CREDENTIAL)
		HANDLE(TRACE)
		HANDLE(NAMESPACE)
		HANDLE(KERNEL)
		HANDLE(MEMORY)
		HANDLE(URING)
		HANDLE(CONNECT)
		HANDLE(DUP)
		HANDLE(IOCTL)
		HANDLE(COPY)
		HANDLE(MMAP)
		HANDLE(CONTROL)
		HANDLE(BPF)
	}
	/* Only reached when the family's handler is not loaded. */
	failure_count(FAILURE_TAIL_CALL);
	return 0;
}

/*
 * syscall_exit_to_user_mode (kernel/entry/common.c; arm64: syscall_trace_exit)
 *   -> trace_sys_exit(regs, result)
 * Runs for every system call of every process once attached, so the first test
 * must be cheap: it reads no memory but the count. Signals are delivered later:
 * a call that will be restarted is seen here as -ERESTART*.
 * x86: rt_sigreturn leaves orig_ax = -1, which no table has.
 */
PROGRAM(sys_exit, always, "every kind that is read at the end of a system call");
SEC("tp_btf/sys_exit")
int BPF_PROG(sys_exit, struct pt_regs *regs, long result)
{
	return dispatch(ctx, regs, result, false);
}

SEC("tp_btf/sys_exit")
int BPF_PROG(sys_exit__again, struct pt_regs *regs, long result)
{
	return dispatch(ctx, regs, result, true);
}
