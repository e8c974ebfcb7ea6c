/* SPDX-License-Identifier: (Apache-2.0 OR GPL-2.0) */
/*
 * Loops whose body the verifier looks at once. It follows a `for` through every
 * turn: a walk over 128 components cost it more than the rest of a program, in
 * each program that walks, and a start waits for it. bpf_loop takes the body as a
 * function; older kernels get the `for`.
 */
#ifndef BPFWARDEN_REPEAT_H
#define BPFWARDEN_REPEAT_H

#include "vmlinux.h"
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

enum bpf_func_id {
	BPF_FUNC_loop = 181,
};

/*
 * Calls `step` with 0, 1, ... until it returns other than 0, `times` at most.
 * What changes from turn to turn must be in a map, not behind `context`: up to
 * 6.6 the verifier looks at one turn, and would take what the second one finds
 * there for what the first one did.
 */
static __always_inline void repeat(__u32 times, long (*step)(__u32, void *), void *context)
{
	/* 5.17, e6f2dd0f8067 ("bpf: Add bpf_loop helper"). */
	if (bpf_core_enum_value_exists(enum bpf_func_id, BPF_FUNC_loop)) {
		bpf_loop(times, step, context, 0);
		return;
	}
	for (__u32 i = 0; i < times; i++)
		if (step(i, context))
			return;
}

#endif /* BPFWARDEN_REPEAT_H */
