/* SPDX-License-Identifier: (Apache-2.0 OR GPL-2.0) */
/* A part of vmlinux.h, which includes it between its attribute pragmas: files. */
#ifndef BPFWARDEN_VMLINUX_FILE_H
#define BPFWARDEN_VMLINUX_FILE_H

/* ---- files ------------------------------------------------------------------ */
struct qstr {
	union {
		struct {
			u32 hash;
			u32 len;
		};
		u64 hash_len;
	};
	const unsigned char *name;
};

struct dentry {
	unsigned int d_flags;
	struct hlist_bl_node d_hash;
	struct dentry *d_parent;
	struct qstr d_name;
	struct inode *d_inode;
	struct super_block *d_sb;
};

struct vfsmount {
	struct dentry *mnt_root;
	struct super_block *mnt_sb;
	int mnt_flags;
};

struct mnt_namespace {
	struct ns_common ns;
	u64 event; /* counts changes of the mount tree */
};

struct mount {
	struct mount *mnt_parent;
	struct dentry *mnt_mountpoint;
	struct vfsmount mnt;
	struct mnt_namespace *mnt_ns;
	const char *mnt_devname;
	struct mount *mnt_next_for_sb; /* 6.18 */
	int mnt_id;
};

struct fs_context {
	struct file_system_type *fs_type;
	struct dentry *root;
	const char *source;
};

struct path {
	struct vfsmount *mnt;
	struct dentry *dentry;
};

struct file_system_type {
	const char *name;
};

struct super_block {
	dev_t s_dev;
	unsigned long s_magic;
	unsigned long s_flags;
	struct file_system_type *s_type;
	struct dentry *s_root;
	struct mount *s_mounts; /* 6.18 */
};

struct list_head {
	struct list_head *next, *prev;
};

/* Before 6.18. */
struct super_block___list {
	struct list_head s_mounts;
};

struct mount___list {
	struct list_head mnt_instance;
};

struct inode {
	umode_t i_mode;
	kuid_t i_uid;
	kgid_t i_gid;
	struct super_block *i_sb;
	unsigned long i_ino;
	unsigned int i_nlink;
	dev_t i_rdev;
	loff_t i_size;
	void *i_private;
	time64_t i_mtime_sec;
	time64_t i_ctime_sec;
	u32 i_mtime_nsec;
	u32 i_ctime_nsec;
};

/* 6.6 (13bc24457850, "fs: rename i_ctime field to __i_ctime") to 6.10. */
struct inode___middle {
	struct timespec64 __i_mtime;
	struct timespec64 __i_ctime;
};

/* Before 6.6. */
struct inode___old {
	struct timespec64 i_mtime;
	struct timespec64 i_ctime;
};

struct file {
	fmode_t f_mode;
	unsigned int f_flags;
	struct path f_path;
	struct inode *f_inode;
	void *private_data;
	loff_t f_pos;
	const struct cred *f_cred;
};

struct fown_struct {
	struct pid *pid;
};

struct file___owner {
	struct fown_struct *f_owner;
};

/* Before 6.12. */
struct file___owned {
	struct fown_struct f_owner;
};

struct fdtable {
	unsigned int max_fds;
	struct file **fd;
};

struct files_struct {
	struct fdtable *fdt;
};

struct fs_struct {
	int umask;
	struct path root;
	struct path pwd;
};

/* fs/overlayfs/ovl_entry.h: the inode of an overlay is inside this one. */
struct ovl_inode {
	struct inode vfs_inode;
	struct dentry *__upperdentry;
};

#endif /* BPFWARDEN_VMLINUX_FILE_H */
