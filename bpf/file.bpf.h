/* SPDX-License-Identifier: (Apache-2.0 OR GPL-2.0) */
/* From descriptors and strings to files, and the records of file events. */
#ifndef BPFWARDEN_FILE_H
#define BPFWARDEN_FILE_H

#include "call.bpf.h"
#include "filter.bpf.h"
#include "inode.bpf.h"

enum file_constants {
	AT_FDCWD = -100,
	AT_REMOVEDIR = 0x200,
	AT_SYMLINK_FOLLOW = 0x400,
	AT_EMPTY_PATH = 0x1000,
	O_ACCMODE = 03,
	O_WRONLY = 01,
	O_RDWR = 02,
	O_CREAT = 0100,
	O_EXCL = 0200,
	O_NOCTTY = 0400,
	O_TRUNC = 01000,
	O_PATH = 010000000,
	FMODE_CREATED = 0x100000,
};

/*
 * The front of a struct file in one read: every field we need lies in its first
 * 128 bytes on 5.15 to 6.18, and one copy costs a fifth of five.
 */
struct file_head {
	__u64 word[16];
};

#define file_field(head, type, field)                                                              \
	(*(type *)((void *)(head) + bpf_core_field_offset(struct file, field)))

/* Address of the file behind a descriptor of the current process, 0 if there is none. */
static __always_inline __u64 file_of_fd(struct task_struct *task, __s64 fd)
{
	struct fdtable *table = task->files->fdt;
	__u64 files = 0, file = 0;

	if (fd < 0 || (__u64)fd >= table->max_fds)
		return 0;
	address_of(files, table->fd);
	bpf_probe_read_kernel(&file, sizeof(file), (void *)(files + fd * sizeof(file)));
	return file;
}

static __always_inline bool read_file(struct file_head *head, __u64 file)
{
	return file && !bpf_probe_read_kernel(head, sizeof(*head), (void *)file);
}

/* ---- records of files that we hold ------------------------------------------------- */
/* Identity and path of an open file: what the kernel used. */
static __always_inline void describe_file(struct scratch *s, struct file_head *file)
{
	struct file_event *e = (struct file_event *)&s->event;
	__u64 dentry = file_field(file, __u64, f_path.dentry);

	file_identity_of(&e->file, file_field(file, __u64, f_inode));
	e->open_flags = file_field(file, __u32, f_flags);
	if (!e->file.links || dentry_unhashed(dentry))
		e->header.flags |= RECORD_PATH_DELETED;
	text_path(s, &e->path, dentry, file_field(file, __u64, f_path.mnt));
}

/* ---- records of names ----------------------------------------------------------------- */
/*
 * The record's unverified `path` is at [offset, s->length): finds the directory
 * that it starts at, which is the kernel's own. `base` is set for a relative
 * path, and for an absolute one of a process whose root is not that of its mount
 * namespace: in both cases the path lies below it. The mask is that of both.
 */
static __always_inline __u64 describe_base(struct scratch *s, struct text *path, struct text *base,
					   struct task_struct *task, __s32 dirfd, __u32 offset,
					   __u32 generation)
{
	__u64 dentry = 0, mnt = 0, mask;
	char first = 0;

	if (offset < RECORD_BYTES)
		first = s->bytes[offset];
	mask = string_mask(s->level, offset, path->length, generation);
	if (first == '/') {
		address_of(dentry, task->fs->root.dentry);
		address_of(mnt, task->fs->root.mnt);
	} else if (dirfd == AT_FDCWD) {
		address_of(dentry, task->fs->pwd.dentry);
		address_of(mnt, task->fs->pwd.mnt);
	} else {
		__u64 file = file_of_fd(task, dirfd);

		if (file) {
			read_field(dentry, file, struct file, f_path.dentry);
			read_field(mnt, file, struct file, f_path.mnt);
		}
	}
	if (!dentry) {
		text_unreadable(s, base);
		return EVERY_CLASS;
	}
	mask |= directory_mask(s->level, dentry, mnt, generation);
	text_path(s, base, dentry, mnt);
	/* Most processes have the namespace's root as theirs. */
	if (first == '/' && base->length == 1) {
		s->length = base->offset;
		base->offset = base->length = 0;
	}
	return mask;
}

/* A path as user space passed it, resolved no further than to the directory it starts at. */
static __always_inline __u64 describe_name(struct scratch *s, struct text *path, struct text *base,
					   struct task_struct *task, __s32 dirfd, __u64 string,
					   __u32 generation)
{
	__u32 offset = s->length;

	s->event.header.flags |= RECORD_UNVERIFIED;
	if (!text_user(s, path, (void *)string, PATH_MAX_BYTES))
		return EVERY_CLASS;
	return describe_base(s, path, base, task, dirfd, offset, generation);
}

/* ---- decisions --------------------------------------------------------------------------- */
/* Sends or drops a finished record. `mask`: classes with a token; `classes`: those of the event. */
static __always_inline void file_finish(struct scratch *s, struct task_struct *task,
					__u32 generation, __u64 mask, __u64 classes)
{
	__u32 kind = s->kind;
	__u32 passes = filter_passes(generation, kind);

	if (is_daemon(task) || !passes ||
	    !(filter_common(passes, generation, classes, task, s->event.header.result) ||
	      ((passes & PASS_COMPONENTS) && (mask & classes))))
		record_drop(s, OUTCOME_FILTERED);
	else if (!rate_take(kind))
		record_drop(s, OUTCOME_THROTTLED);
	else
		record_submit(s, RING_BULK);
}

/* Nothing of the kind can pass: then no record is built. */
static __always_inline bool file_unwanted(struct task_struct *task, enum event_kind kind,
					  __u32 generation)
{
	if (!is_daemon(task) && filter_passes(generation, kind))
		return false;
	account_in_task(kind, OUTCOME_FILTERED);
	return true;
}

#endif /* BPFWARDEN_FILE_H */
