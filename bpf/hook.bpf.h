/* SPDX-License-Identifier: (Apache-2.0 OR GPL-2.0) */
/* What programs on functions of the kernel (fentry, fmod_ret) share. */
#ifndef BPFWARDEN_HOOK_H
#define BPFWARDEN_HOOK_H

#include "file.bpf.h"

/* A task stays on its CPU during a hook, but others may run hooks there meanwhile. */
static __always_inline __u32 hook_enter(void)
{
	__u32 key = 0;
	struct hook_levels *levels = bpf_map_lookup_elem(&hook_levels, &key);

	if (!levels)
		return PATH_LEVELS;
	for (__u32 i = 0; i < HOOK_LEVELS; i++)
		if (!__sync_val_compare_and_swap(&levels->taken[i], 0, 1))
			return NEST_LEVELS + i;
	return PATH_LEVELS;
}

static __always_inline void hook_leave(__u32 level)
{
	__u32 key = 0;
	struct hook_levels *levels = bpf_map_lookup_elem(&hook_levels, &key);

	level -= NEST_LEVELS;
	if (levels && level < HOOK_LEVELS)
		*(volatile __u64 *)&levels->taken[level] = 0;
}

/* Arguments as plain numbers: subprograms take no BTF pointers before 6.9. */
static __always_inline __u64 argument(const unsigned long long *ctx, __u32 index)
{
	__u64 value = 0;

	bpf_probe_read_kernel(&value, sizeof(value), &ctx[index]);
	return value;
}

static __always_inline __u64 mount_of(__u64 path)
{
	__u64 mnt = 0;

	read_field(mnt, path, struct path, mnt);
	return mnt;
}

static __always_inline __u64 dentry_of(__u64 path)
{
	__u64 dentry = 0;

	read_field(dentry, path, struct path, dentry);
	return dentry;
}

#endif /* BPFWARDEN_HOOK_H */
