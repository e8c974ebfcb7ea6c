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
	__u32 compat; /* not a byte: global functions before 6.3 take no struct with a gap */
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

/* ---- calls that find their arguments in memory --------------------------------------- */
/*
 * socketcall(2) and the first mmap(2) of the 32-bit x86 table pass one pointer
 * to an array of 32-bit words: the kernel has read it, and another thread may
 * have changed it since. Records of such a call are marked unverified.
 */
static __always_inline __u64 packed_argument(__u64 array, __u32 index)
{
	__u32 word = 0;

	bpf_probe_read_user(&word, sizeof(word), (void *)(array + index * sizeof(word)));
	return word;
}

/* Argument `index` of such a call: from the array if there is one. */
#define PACKED_ARG(index, regs, call, array)                                                       \
	((array) ? packed_argument(array, index) : ARG##index(regs, call))

#if defined(__TARGET_ARCH_x86)
/* enum call by the first argument of socketcall(2) (SYS_*, include/uapi/linux/net.h). */
static __always_inline __u32 call_of_socketcall(__u32 number)
{
	switch (number) {
	case 1:
		return CALL_SOCKET;
	case 2:
		return CALL_BIND;
	case 3:
		return CALL_CONNECT;
	case 4:
		return CALL_LISTEN;
	case 5:
		return CALL_ACCEPT;
	case 9:
		return CALL_SEND;
	case 10:
		return CALL_RECV;
	case 11:
		return CALL_SENDTO;
	case 12:
		return CALL_RECVFROM;
	case 16:
		return CALL_SENDMSG;
	case 17:
		return CALL_RECVMSG;
	case 18:
		return CALL_ACCEPT4;
	case 19:
		return CALL_RECVMMSG;
	case 20:
		return CALL_SENDMMSG;
	}
	return CALL_UNKNOWN;
}

/* Makes of a socketcall(2) the call that it stands for; the address of its arguments, else 0. */
static __always_inline __u64 unfold_socketcall(struct pt_regs *regs, struct call_info *call)
{
	if (call->call != CALL_SOCKETCALL)
		return 0;
	call->call = call_of_socketcall(ARG0(regs, *call));
	call->number = native_number[call->call & (CALL_SLOTS - 1)];
	if (call->number == NO || !call->call)
		call->number = NO_SYSCALL;
	return ARG1(regs, *call);
}
#else
static __always_inline __u64 unfold_socketcall(struct pt_regs *regs, struct call_info *call)
{
	return 0;
}
#endif

/* The kernel will run the call again (a signal came): no event yet. */
static __always_inline bool result_restarts(long result)
{
	return result <= -ERESTARTSYS && result >= -ERESTART_RESTARTBLOCK;
}

static __always_inline __u32 flags_of_call(struct call_info *call)
{
	return call->compat ? RECORD_COMPAT32 : 0;
}

static __always_inline void header_of_call(struct scratch *s, struct call_info *call, long result)
{
	header_now(s->level, result, call->number, flags_of_call(call));
}

#endif /* BPFWARDEN_CALL_H */
