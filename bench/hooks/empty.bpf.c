/* SPDX-License-Identifier: (Apache-2.0 OR GPL-2.0) */
/*
 * The hooks that the sensor attaches to, with programs that do nothing: what
 * being called costs by itself, which no program can be under.
 */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>

#define EMPTY(hook)                                                                                \
	SEC("tp_btf/" #hook) int empty_##hook(void *ctx)                                           \
	{                                                                                          \
		return 0;                                                                          \
	}

EMPTY(sys_exit)
EMPTY(sched_process_exec)
EMPTY(sched_process_fork)
EMPTY(sched_process_exit)
EMPTY(task_rename)
EMPTY(signal_generate)
EMPTY(inet_sock_set_state)
EMPTY(tcp_retransmit_skb)

char LICENSE[] SEC("license") = "Dual BSD/GPL";
