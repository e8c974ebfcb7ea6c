/* SPDX-License-Identifier: (Apache-2.0 OR GPL-2.0) */
/* A small object for the addon's tests: on kill(2) of one process it writes the records asked for.
 */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

char LICENSE[] SEC("license") = "Dual BSD/GPL";

const volatile __u32 target_pid = 0;
const volatile __u64 kill_number = 0;

struct order {
	__u32 bulk_records;
	__u32 priority_records;
	__u32 size; /* bytes of a record, at most 70000 */
	__u32 wake;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct order);
} orders SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} reader_state SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 4);
	__type(key, __u32);
	__type(value, __u32);
} counts SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1000);
	__type(key, __u32);
	__type(value, __u64);
} table SEC(".maps");

struct prefix {
	__u32 bits;
	__u8 address[4];
};

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 16);
	__type(key, struct prefix);
	__type(value, __u32);
} prefixes SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
} bulk_ring SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
} priority_ring SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u8[70000]);
} payload SEC(".maps");

static __always_inline void write(void *ring, __u32 records, __u32 size, __u8 *bytes)
{
	if (size > 70000)
		return;
	for (__u32 i = 0; i < records && i < 1024; i++) {
		*(__u32 *)bytes = i;
		bpf_ringbuf_output(ring, bytes, size, BPF_RB_NO_WAKEUP);
	}
}

SEC("raw_tp/sys_enter")
int on_kill(struct bpf_raw_tracepoint_args *ctx)
{
	__u32 zero = 0;
	struct order *order;
	__u8 *bytes;
	__u64 *state;

	if (ctx->args[1] != kill_number || bpf_get_current_pid_tgid() >> 32 != target_pid)
		return 0;
	order = bpf_map_lookup_elem(&orders, &zero);
	bytes = bpf_map_lookup_elem(&payload, &zero);
	state = bpf_map_lookup_elem(&reader_state, &zero);
	if (!order || !bytes || !state)
		return 0;
	write(&bulk_ring, order->bulk_records, order->size, bytes);
	write(&priority_ring, order->priority_records, order->size, bytes);
	if (*(volatile __u32 *)state) {
		void *nothing = bpf_ringbuf_reserve(&bulk_ring, 8, 0);

		if (nothing)
			bpf_ringbuf_discard(nothing, BPF_RB_FORCE_WAKEUP);
	}
	return 0;
}

/* Never loads: reads beyond a map value. */
SEC("tp_btf/sys_exit")
int refused(void *ctx)
{
	__u32 zero = 0;
	__u64 *state = bpf_map_lookup_elem(&table, &zero);

	return *state != 0;
}

struct bpf_iter__task {
	union {
		struct bpf_iter_meta *meta;
	} __attribute__((aligned(8)));
	union {
		struct task_struct *task;
	} __attribute__((aligned(8)));
} __attribute__((preserve_access_index));

struct bpf_iter_meta {
	union {
		struct seq_file *seq;
	} __attribute__((aligned(8)));
} __attribute__((preserve_access_index));

struct task_struct {
	int pid;
} __attribute__((preserve_access_index));

SEC("iter/task")
int tasks(struct bpf_iter__task *ctx)
{
	struct task_struct *task = ctx->task;
	__u32 pid;

	if (!task)
		return 0;
	pid = task->pid;
	bpf_seq_write(ctx->meta->seq, &pid, sizeof(pid));
	return 0;
}

SEC("cgroup/connect4")
int refuse(struct bpf_sock_addr *ctx)
{
	return ctx->user_port != 0x0700;
}

/* Never loads: there is no such tracepoint. */
SEC("?tp_btf/no_such_tracepoint")
int of_no_kernel(void *ctx)
{
	return 0;
}
