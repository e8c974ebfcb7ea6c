/* SPDX-License-Identifier: (Apache-2.0 OR GPL-2.0) */
/* Token masks of names, strings and directories. */
#include "filter.bpf.h"
#include "inode.bpf.h"

#define FNV_OFFSET 0xcbf29ce484222325ull
#define FNV_PRIME 0x100000001b3ull

static __always_inline __u64 token_mask(struct filter_table *table, __u64 hash, enum filter_token_type type,
					__u32 generation)
{
	__u64 bit = ((hash + type) * 0x9e3779b97f4a7c15ull) >> 48;

	if (!(table->bloom[bit >> 6 & (BLOOM_WORDS - 1)] >> (bit & 63) & 1))
		return 0;
	return filter_token(hash, type, generation);
}

/*
 * Global functions: the verifier looks at them once, not at each call, and a
 * loop over 255 bytes inside a loop over 128 components would be too much for it.
 */
__noinline __u64 component_mask(__u32 level, __u32 length, __u32 generation)
{
	struct path_scratch *p = bpf_map_lookup_elem(&path_scratch, &level);
	struct filter_table *table = bpf_map_lookup_elem(&filter_tables, &generation);
	__u64 hash = FNV_OFFSET, hash4 = 0, hash8 = 0, mask = 0;
	__u32 i;

	if (!p || !table)
		return EVERY_CLASS;
	for (i = 0; i < NAME_BYTES; i++) {
		if (i >= length)
			break;
		hash = (hash ^ (__u8)p->name[i]) * FNV_PRIME;
		if (i == 3)
			hash4 = hash;
		if (i == 7)
			hash8 = hash;
	}
	mask = token_mask(table, hash, TOKEN_COMPONENT, generation);
	if (length < 4)
		return mask;
	if (table->types & (1 << TOKEN_PREFIX4))
		mask |= token_mask(table, hash4, TOKEN_PREFIX4, generation);
	if (table->types & (1 << TOKEN_SUFFIX4)) {
		hash = FNV_OFFSET;
		for (i = 0; i < 4; i++)
			hash = (hash ^ (__u8)p->name[(length - 4 + i) & (NAME_BYTES - 1)]) * FNV_PRIME;
		mask |= token_mask(table, hash, TOKEN_SUFFIX4, generation);
	}
	if (length < 8)
		return mask;
	if (table->types & (1 << TOKEN_PREFIX8))
		mask |= token_mask(table, hash8, TOKEN_PREFIX8, generation);
	if (table->types & (1 << TOKEN_SUFFIX8)) {
		hash = FNV_OFFSET;
		for (i = 0; i < 8; i++)
			hash = (hash ^ (__u8)p->name[(length - 8 + i) & (NAME_BYTES - 1)]) * FNV_PRIME;
		mask |= token_mask(table, hash, TOKEN_SUFFIX8, generation);
	}
	return mask;
}

/*
 * A name longer than 255 bytes is no component that a token could be, nor one
 * the kernel would take; it may still start or end like one, so it passes.
 */
__noinline __u64 string_mask(__u32 level, __u32 length, __u32 generation)
{
	struct path_scratch *p = bpf_map_lookup_elem(&path_scratch, &level);
	__u64 mask = 0;
	__u32 begin = 0, i;

	if (!p)
		return EVERY_CLASS;
	for (i = 0; i <= PATH_MAX_BYTES; i++) {
		__u32 size, from;

		if (i < length && i < PATH_MAX_BYTES && p->string[i] != '/')
			continue;
		size = i - begin;
		from = begin;
		begin = i + 1;
		if (size >= NAME_BYTES)
			return EVERY_CLASS;
		keep(from);
		if (size && from < PATH_MAX_BYTES) {
			keep(size);
			bpf_probe_read_kernel(p->name, size & (NAME_BYTES - 1), p->string + from);
			mask |= component_mask(level, size & (NAME_BYTES - 1), generation);
		}
		if (i >= length)
			return mask;
	}
	return EVERY_CLASS;
}

/* ---- directories ---------------------------------------------------------------- */
/* One cache line. A direct-mapped table per CPU: no lock, no allocation, a collision only costs time. */
struct directory {
	__u64 dentry;
	__u64 parent;
	__u64 name; /* hash and length */
	__u64 mnt;
	__u64 mask;
	__u64 expires; /* jiffies */
	__u32 epoch;
	__u32 generation;
};

enum { DIRECTORIES = 512 };

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, DIRECTORIES);
	__type(key, __u32);
	__type(value, struct directory);
} directories SEC(".maps");

static __always_inline __u64 walk_mask(__u32 level, __u64 dentry, __u64 mnt, __u32 generation)
{
	struct path_scratch *p = bpf_map_lookup_elem(&path_scratch, &level);
	__u64 mount = mnt - bpf_core_field_offset(struct mount, mnt);
	__u64 root = 0, parent = 0, up = 0, mask = 0;
	struct qstr name = {};
	__u32 length;

	if (!p || read_field(root, mnt, struct vfsmount, mnt_root))
		return EVERY_CLASS;
	for (int i = 0; i < PATH_MAX_COMPONENTS + 16; i++) {
		if (dentry == root) {
			if (read_field(up, mount, struct mount, mnt_parent))
				return EVERY_CLASS;
			if (up == mount)
				return mask;
			read_field(dentry, mount, struct mount, mnt_mountpoint);
			mount = up;
			read_field(root, mount, struct mount, mnt.mnt_root);
			continue;
		}
		if (read_field(parent, dentry, struct dentry, d_parent) ||
		    read_field(name, dentry, struct dentry, d_name))
			return EVERY_CLASS;
		length = name.len & (NAME_BYTES - 1);
		if (bpf_probe_read_kernel(p->name, length, name.name))
			return EVERY_CLASS;
		mask |= component_mask(level, length, generation);
		if (parent == dentry)
			return mask;
		dentry = parent;
	}
	return EVERY_CLASS; /* deeper than the record will show: let it pass */
}

__noinline __u64 directory_mask(__u32 level, __u64 dentry, __u64 mnt, __u32 generation)
{
	__u32 key = (dentry >> 6 ^ dentry >> 15) & (DIRECTORIES - 1);
	struct directory *d = bpf_map_lookup_elem(&directories, &key);
	struct filter_state *state = filter_state_now();
	__u64 parent = 0, name = 0, now = bpf_jiffies64();
	__u32 epoch;

	if (!d || !state)
		return EVERY_CLASS;
	epoch = *(volatile __u32 *)&state->epoch;
	read_field(parent, dentry, struct dentry, d_parent);
	read_field(name, dentry, struct dentry, d_name.hash_len);
	if (d->dentry == dentry && d->mnt == mnt && d->parent == parent && d->name == name &&
	    d->epoch == epoch && d->generation == generation && d->expires > now)
		return d->mask;
	d->mask = walk_mask(level, dentry, mnt, generation);
	d->dentry = dentry;
	d->mnt = mnt;
	d->parent = parent;
	d->name = name;
	d->epoch = epoch;
	d->generation = generation;
	d->expires = now + decision_ttl_jiffies;
	return d->mask;
}
