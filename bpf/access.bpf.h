/* SPDX-License-Identifier: (Apache-2.0 OR GPL-2.0) */
/*
 * Which process has already read or written which open file. One table for all
 * CPUs, direct-mapped and without locks: 1 MiB for 32,768 files. Two files of
 * one slot push each other out; then an access is reported as first again. An
 * open clears the slot, since the kernel uses the memory of a closed struct
 * file for the next one.
 */
#ifndef BPFWARDEN_ACCESS_H
#define BPFWARDEN_ACCESS_H

#include "file.bpf.h"

enum access_sort { ACCESS_READ = 1, ACCESS_WRITE = 2 };

static __always_inline struct access_slot *access_slot_of(__u32 pid, __u64 file)
{
	/* struct file is 192 to 256 bytes apart; the multiplication spreads it and the process. */
	__u32 key = ((file >> 6) * 0x9e3779b1u ^ pid * 0x85ebca6bu) >> 8 & (ACCESS_SLOTS - 1);

	return bpf_map_lookup_elem(&access_slots, &key);
}

static __always_inline void access_forget(__u32 pid, __u64 file)
{
	struct access_slot *slot = access_slot_of(pid, file);

	if (slot && slot->file == file)
		slot->file = 0;
}

/* True for the first access of this sort; remembers it. */
static __always_inline bool access_is_first(__u32 pid, __u64 file, __u64 inode, __u32 sort)
{
	struct access_slot *slot = access_slot_of(pid, file);

	if (!slot)
		return true;
	if (slot->file == file && slot->inode == inode && slot->pid == pid) {
		if (slot->seen & sort)
			return false;
		slot->seen |= sort;
		return true;
	}
	slot->inode = inode;
	slot->pid = pid;
	slot->seen = sort;
	slot->file = file;
	return true;
}

#endif /* BPFWARDEN_ACCESS_H */
