/* SPDX-License-Identifier: (Apache-2.0 OR GPL-2.0) */
/* Identity of a file, and what its inode says about an executable. */
#ifndef BPFWARDEN_INODE_H
#define BPFWARDEN_INODE_H

#include "sensor.bpf.h"

enum inode_constants {
	S_IFMT = 0170000,
	S_IFREG = 0100000,
	S_IFDIR = 0040000,
	S_IFSOCK = 0140000,
	S_ISUID = 04000,
	S_ISGID = 02000,
	S_IXGRP = 00010,
	SB_RDONLY = 1,
	TMPFS_MAGIC = 0x01021994,
	HUGETLBFS_MAGIC = 0x958458f6,
	OVERLAYFS_MAGIC = 0x794c7630,
	CAP_DAC_OVERRIDE = 1,
};

/* `inode`: a plain address. */
static __always_inline void file_identity_of(struct file_identity *id, __u64 inode)
{
	unsigned long number = 0;
	__u64 sb = 0;
	__u32 links = 0;

	read_field(number, inode, struct inode, i_ino);
	read_field(id->mode, inode, struct inode, i_mode);
	read_field(id->owner, inode, struct inode, i_uid);
	read_field(id->group, inode, struct inode, i_gid);
	read_field(links, inode, struct inode, i_nlink);
	read_field(sb, inode, struct inode, i_sb);
	read_field(id->device, sb, struct super_block, s_dev);
	id->inode = number;
	id->links = links > 0xffff ? 0xffff : links;
}

/* A memory file, an unlinked file and an unhashed name have no path that leads to them. */
static __always_inline bool dentry_unhashed(__u64 dentry)
{
	__u64 pprev = 1;

	read_field(pprev, dentry, struct dentry, d_hash.pprev);
	return pprev == 0;
}

static __always_inline void inode_times(__u64 inode, __u64 *mtime, __u64 *ctime)
{
	struct timespec64 m = {}, c = {};

	/* 6.11, 3aa63a569c64 ("fs: switch timespec64 fields in inode to discrete integers"). */
	if (bpf_core_field_exists(struct inode, i_mtime_sec)) {
		__u32 m_ns = 0, c_ns = 0;
		__s64 m_s = 0, c_s = 0;

		read_field(m_s, inode, struct inode, i_mtime_sec);
		read_field(c_s, inode, struct inode, i_ctime_sec);
		read_field(m_ns, inode, struct inode, i_mtime_nsec);
		read_field(c_ns, inode, struct inode, i_ctime_nsec);
		*mtime = m_s * 1000000000ull + m_ns;
		*ctime = c_s * 1000000000ull + c_ns;
		return;
	}
	/* 6.7, 12cd44023651 ("fs: rename inode i_atime and i_mtime fields"). */
	if (bpf_core_field_exists(struct inode___middle, __i_mtime))
		read_field(m, inode, struct inode___middle, __i_mtime);
	else if (bpf_core_field_exists(struct inode___old, i_mtime))
		read_field(m, inode, struct inode___old, i_mtime);
	/* 6.6, 13bc24457850 ("fs: rename i_ctime field to __i_ctime"). */
	if (bpf_core_field_exists(struct inode___middle, __i_ctime))
		read_field(c, inode, struct inode___middle, __i_ctime);
	else if (bpf_core_field_exists(struct inode___old, i_ctime))
		read_field(c, inode, struct inode___old, i_ctime);
	*mtime = m.tv_sec * 1000000000ull + m.tv_nsec;
	*ctime = c.tv_sec * 1000000000ull + c.tv_nsec;
}

static __always_inline __u32 inode_magic(__u64 inode)
{
	unsigned long magic = 0;
	__u64 sb = 0;

	read_field(sb, inode, struct inode, i_sb);
	read_field(magic, sb, struct super_block, s_magic);
	return magic;
}

/*
 * struct ovl_inode (fs/overlayfs/ovl_entry.h) has the upper dentry right behind
 * its vfs_inode; the type itself is in a module's BTF, which may not be loaded.
 */
static __always_inline bool overlay_upper(__u64 inode)
{
	__u64 upper = 0;

	if (inode_magic(inode) != OVERLAYFS_MAGIC)
		return false;
	bpf_probe_read_kernel(&upper, sizeof(upper),
			      (void *)inode + bpf_core_type_size(struct inode));
	return upper != 0;
}

/* generic_permission(MAY_WRITE) without ACLs: owner, group, others, CAP_DAC_OVERRIDE. */
static __always_inline bool identity_may_write(const struct file_identity *id, __u32 euid,
					       __u32 egid, __u64 effective)
{
	if (effective & (1ull << CAP_DAC_OVERRIDE))
		return true;
	if (id->owner == euid)
		return id->mode & 0200;
	if (id->group == egid)
		return id->mode & 0020;
	return id->mode & 0002;
}

#endif /* BPFWARDEN_INODE_H */
