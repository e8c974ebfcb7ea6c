/* SPDX-License-Identifier: (Apache-2.0 OR GPL-2.0) */
/*
 * Enforcement: connects and sends to blocked addresses answer EPERM. These are
 * the only programs that change what a process gets; user space loads and
 * attaches them only when enforcement is switched on.
 */
#include "socket.bpf.h"

/* Port 0: every port of the address. */
struct blocked_endpoint {
	ip_address ip;
	port_number port;
	__u16 unused;
};

/* Value: bpf_ktime_get_boot_ns() until which it holds. LRU: a new block pushes out the least used
 * one. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, struct blocked_endpoint);
	__type(value, ktime_ns);
} blocked SEC(".maps");

/* How many calls were refused. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} blocked_calls SEC(".maps");

static __always_inline bool endpoint_holds(struct blocked_endpoint *key)
{
	ktime_ns *until = bpf_map_lookup_elem(&blocked, key);

	return until && bpf_ktime_get_boot_ns() < *until;
}

/* 1 lets the call through, 0 makes it EPERM. */
static __always_inline int endpoint_verdict(struct blocked_endpoint *key)
{
	__u32 zero = 0;
	__u64 *count;

	if (!endpoint_holds(key)) {
		key->port = 0;
		if (!endpoint_holds(key))
			return 1;
	}
	count = bpf_map_lookup_elem(&blocked_calls, &zero);
	if (count)
		__sync_fetch_and_add(count, 1);
	return 0;
}

static __always_inline int endpoint_verdict_v4(struct bpf_sock_addr *ctx)
{
	struct blocked_endpoint key = {.port = bpf_ntohs(ctx->user_port)};

	ip_from_v4(key.ip, ctx->user_ip4);
	return endpoint_verdict(&key);
}

static __always_inline int endpoint_verdict_v6(struct bpf_sock_addr *ctx)
{
	struct blocked_endpoint key = {.port = bpf_ntohs(ctx->user_port)};
	__u32 ip[4] = {ctx->user_ip6[0], ctx->user_ip6[1], ctx->user_ip6[2], ctx->user_ip6[3]};

	__builtin_memcpy(key.ip, ip, 16);
	return endpoint_verdict(&key);
}

PROGRAM(block_connect4, response, "blocked connects by IPv4");
SEC("cgroup/connect4")
int block_connect4(struct bpf_sock_addr *ctx)
{
	return endpoint_verdict_v4(ctx);
}

PROGRAM(block_connect6, response, "blocked connects by IPv6");
SEC("cgroup/connect6")
int block_connect6(struct bpf_sock_addr *ctx)
{
	return endpoint_verdict_v6(ctx);
}

PROGRAM(block_sendmsg4, response, "blocked datagrams by IPv4");
SEC("cgroup/sendmsg4")
int block_sendmsg4(struct bpf_sock_addr *ctx)
{
	return endpoint_verdict_v4(ctx);
}

PROGRAM(block_sendmsg6, response, "blocked datagrams by IPv6");
SEC("cgroup/sendmsg6")
int block_sendmsg6(struct bpf_sock_addr *ctx)
{
	return endpoint_verdict_v6(ctx);
}
