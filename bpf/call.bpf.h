/* SPDX-License-Identifier: (Apache-2.0 OR GPL-2.0) */
/*
 * A finished system call as a handler (program `exit_*`) sees it. At sys_exit
 * the registers still hold the arguments. An argument that is a pointer is only
 * what the program passed: another thread may have changed what it points to
 * while the call ran.
 *
 *	SEC("tp_btf/sys_exit") int BPF_PROG(exit_open, struct pt_regs *regs, long result)
 *	{
 *		struct task_struct *task = bpf_get_current_task_btf();
 *		struct call_info call = call_of(regs, task);
 */
#ifndef BPFWARDEN_CALL_H
#define BPFWARDEN_CALL_H

#include "sensor.bpf.h"
#include "syscalls.bpf.h"

struct call_info {
	__u32 call;   /* enum call */
	__u32 number; /* for record_header.syscall */
	bool compat;
};

#if defined(__TARGET_ARCH_x86)
enum { TS_COMPAT = 2, X32_SYSCALL_BIT = 0x40000000 };

/* int $0x80 sets TS_COMPAT for this call also in a 64-bit program; cs would not tell. */
static __always_inline bool is_compat(struct task_struct *task)
{
	return task->thread_info.status & TS_COMPAT;
}

static __always_inline __u32 raw_number(struct pt_regs *regs)
{
	return (__u32)regs->orig_ax & ~X32_SYSCALL_BIT;
}

#define CALL_ARGUMENT(regs, compat, native, ia32)                                                  \
	((compat) ? (__u32)(regs)->ia32 : (__u64)(regs)->native)
#define ARG0(regs, call) CALL_ARGUMENT(regs, (call).compat, di, bx)
#define ARG1(regs, call) CALL_ARGUMENT(regs, (call).compat, si, cx)
#define ARG2(regs, call) ((call).compat ? (__u32)(regs)->dx : (__u64)(regs)->dx)
#define ARG3(regs, call) CALL_ARGUMENT(regs, (call).compat, r10, si)
#define ARG4(regs, call) CALL_ARGUMENT(regs, (call).compat, r8, di)
#define ARG5(regs, call) CALL_ARGUMENT(regs, (call).compat, r9, bp)
#else
enum { TIF_32BIT = 22 };

static __always_inline bool is_compat(struct task_struct *task)
{
	return task->thread_info.flags & (1ul << TIF_32BIT);
}

static __always_inline __u32 raw_number(struct pt_regs *regs)
{
	return regs->syscallno;
}

#define CALL_ARGUMENT(value, call) ((call).compat ? (__u32)(value) : (__u64)(value))
#define ARG0(regs, call) CALL_ARGUMENT((regs)->orig_x0, call) /* x0 holds the result */
#define ARG1(regs, call) CALL_ARGUMENT((regs)->regs[1], call)
#define ARG2(regs, call) CALL_ARGUMENT((regs)->regs[2], call)
#define ARG3(regs, call) CALL_ARGUMENT((regs)->regs[3], call)
#define ARG4(regs, call) CALL_ARGUMENT((regs)->regs[4], call)
#define ARG5(regs, call) CALL_ARGUMENT((regs)->regs[5], call)
#endif

static __always_inline struct call_info call_of(struct pt_regs *regs, struct task_struct *task)
{
	__u32 number = raw_number(regs) & (ROUTES - 1);
	struct call_info call = {.compat = is_compat(task), .number = number};

	if (call.compat) {
		call.call = routes[number].compat_call;
		call.number = call.call < CALL_MAX ? native_number[call.call] : NO_SYSCALL;
		if (call.number == NO)
			call.number = NO_SYSCALL;
	} else {
		call.call = routes[number].call;
	}
	return call;
}

/* The kernel will run the call again (a signal came): no event yet. */
static __always_inline bool result_restarts(long result)
{
	return result <= -ERESTARTSYS && result >= -ERESTART_RESTARTBLOCK;
}

static __always_inline void header_of_call(struct record_header *h, struct task_struct *task,
					   struct call_info *call, long result)
{
	header_fill(h, task, result);
	h->syscall = call->number;
	if (call->compat)
		h->flags |= RECORD_COMPAT32;
}

#endif /* BPFWARDEN_CALL_H */
