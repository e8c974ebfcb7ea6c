/* SPDX-License-Identifier: (Apache-2.0 OR GPL-2.0) */
/*
 * A second program on the hooks that matter most, for what the kernel leaves out of
 * the first. A program never runs twice at once on a CPU (kernel/trace/bpf_trace.c,
 * __bpf_trace_run), and since 7.0 a task may lose the CPU in the middle of one: until
 * it has it again, no call of any other task there would be seen, which whoever
 * wants to hide something can bring about. NAME__again runs after NAME, and does its
 * work when NAME did not: the note is the task's own, so it holds on whichever CPU
 * the second one runs. Two tasks have to be held, one in each, before a run is lost;
 * the runs that both left out are the most that can have been (counters.ts).
 */
#ifndef BPFWARDEN_AGAIN_H
#define BPFWARDEN_AGAIN_H

#include "maps.bpf.h"

enum run_note {
	RUN_SYS_EXIT = 1,
	RUN_EXEC = 2,
	RUN_FORK = 4,
	RUN_EXIT = 8,
};

/* What the first program has done for the task and the second has not seen yet. */
static __always_inline __u32 *run_notes_now(void)
{
	return bpf_task_storage_get(&run_notes, bpf_get_current_task_btf(), NULL,
				    BPF_LOCAL_STORAGE_GET_F_CREATE);
}

static __always_inline void run_noted(enum run_note run)
{
	__u32 *notes;

	if (!preempted)
		return;
	notes = run_notes_now();
	if (notes)
		*notes |= run;
}

/* Without memory for a note an event comes twice rather than not at all. */
static __always_inline bool run_left_out(enum run_note run)
{
	__u32 *notes = run_notes_now();

	if (!notes || !(*notes & run))
		return true;
	*notes &= ~run;
	return false;
}

#endif /* BPFWARDEN_AGAIN_H */
