/* SPDX-License-Identifier: (Apache-2.0 OR GPL-2.0) */
/* From descriptors and strings to files, and the records of file events. */
#ifndef BPFWARDEN_FILE_H
#define BPFWARDEN_FILE_H

#include "call.bpf.h"
#include "filter.bpf.h"
#include "inode.bpf.h"
#include "text.bpf.h"

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
	FS_IOC_SETFLAGS = 0x40086602,
	FS_IOC32_SETFLAGS = 0x40046602,
	FS_IOC_FSSETXATTR = 0x401c5820,
	/* struct space_resv has 48 bytes, that of 32-bit programs on x86 44. */
	FS_IOC_UNRESVSP = 0x40305829,
	FS_IOC_UNRESVSP64 = 0x4030582b,
	FS_IOC_ZERO_RANGE = 0x40305839,
	FS_IOC32_UNRESVSP = 0x402c5829,
	FS_IOC32_UNRESVSP64 = 0x402c582b,
	FS_IOC32_ZERO_RANGE = 0x402c5839,
	FALLOC_KEEP_SIZE = 0x01,
	FALLOC_PUNCH_HOLE = 0x02,
	FALLOC_COLLAPSE_RANGE = 0x08,
	FALLOC_ZERO_RANGE = 0x10,
	FALLOC_REMOVES = FALLOC_PUNCH_HOLE | FALLOC_COLLAPSE_RANGE | FALLOC_ZERO_RANGE,
	FICLONE = 0x40049409,
	FICLONERANGE = 0x4020940d,
	FIOSETOWN = 0x8901,
	SIOCSPGRP = 0x8902,
	TIOCSTI = 0x5412,
	TIOCLINUX = 0x541c,
	TIOCL_PASTESEL = 3,
	PROT_READ = 1,
	PROT_WRITE = 2,
	IPC_SHMAT = 21, /* first argument of ipc(2) */
	SHM_RDONLY = 010000,
	SHM_EXEC = 0100000,
	PROT_EXEC = 4,
	MAP_ANONYMOUS = 0x20,
	MAP_SHARED = 1, /* also a bit of MAP_SHARED_VALIDATE */
	CREATION_FLAGS =
	    O_CREAT | O_EXCL | O_NOCTTY | O_TRUNC, /* the open file keeps none of them */
};

/* What we need of a struct file. */
struct open_file {
	__u64 inode;
	__u64 dentry;
	__u64 mnt;
	__u32 flags;
	__u32 mode; /* f_mode */
};

/*
 * The descriptors of the current process, for hot programs: three reads less. These take
 * it before anything else, so that the verifier comes here once (see header_of_task).
 */
static __always_inline struct fdtable *descriptors_of(struct task_struct *task)
{
	return task->files->fdt;
}

/* Address of the file behind one of them, 0 if there is none. */
static __always_inline __u64 file_of_descriptor(struct fdtable *table, __s64 fd)
{
	__u64 file = 0;

	if (fd < 0 || (__u64)fd >= table->max_fds)
		return 0;
	bpf_probe_read_kernel(&file, sizeof(file), (void *)table->fd + fd * sizeof(file));
	return file;
}

/* The same where it is not asked at every read and write. */
static __always_inline __u64 file_of_fd(struct task_struct *task, __s64 fd)
{
	__u64 at = 0;
	__u32 most = 0;

	address_of(at, task->files);
	read_field(at, at, struct files_struct, fdt);
	read_field(most, at, struct fdtable, max_fds);
	if (fd < 0 || (__u64)fd >= most)
		return 0;
	read_field(at, at, struct fdtable, fd);
	bpf_probe_read_kernel(&at, sizeof(at), (void *)at + fd * sizeof(at));
	return at;
}

#define front_field(to, field)                                                                     \
	do {                                                                                       \
		__u32 offset_ = bpf_core_field_offset(struct file, field);                         \
		if (offset_ + sizeof(to) <= sizeof(front))                                         \
			to = *(typeof(to) *)((void *)front + offset_);                             \
		else                                                                               \
			bpf_probe_read_kernel(&(to), sizeof(to), (void *)file + offset_);          \
	} while (0)

/*
 * The front of a struct file in one read, which costs a fifth of five. Fields
 * that lie further back (f_path on 6.5 to 6.9) are read alone: the offsets are
 * constants when the program is loaded, the verifier removes the other way. A
 * subprogram, so that the copy is off the stack (512 bytes for a chain of calls)
 * before the path is looked at.
 */
static __noinline __attribute__((unused)) bool open_file_read(struct open_file *to, __u64 file)
{
	__u64 front[12] = {};

	if (!file || bpf_probe_read_kernel(front, sizeof(front), (void *)file))
		return false;
	front_field(to->inode, f_inode);
	front_field(to->dentry, f_path.dentry);
	front_field(to->mnt, f_path.mnt);
	front_field(to->flags, f_flags);
	front_field(to->mode, f_mode);
	return true;
}

/* S_IF* of a file, 0 if there is none, and the address of its inode. */
static __always_inline umode_t type_of(__u64 file, __u64 *inode)
{
	umode_t mode = 0;

	if (!file || read_field(*inode, file, struct file, f_inode))
		return 0;
	read_field(mode, *inode, struct inode, i_mode);
	return mode & S_IFMT;
}

/* Of an open that failed the path that was passed is in the record, and not looked at before. */
#define OPEN_FAILED_CLASSES (1ull << CLASS_OPEN_FAILED | 1ull << CLASS_OPEN_CLIMBING)

/* enum filter_class bits of an open with these flags. */
static __always_inline __u64 open_classes(__u32 flags)
{
	__u64 classes = 0;

	if ((flags & O_ACCMODE) != O_WRONLY)
		classes |= 1ull << CLASS_OPEN_READ;
	if (flags & (O_WRONLY | O_RDWR))
		classes |= 1ull << CLASS_OPEN_WRITE;
	if (flags & O_CREAT)
		classes |= 1ull << CLASS_OPEN_CREATE;
	return classes;
}

/* ---- records (file.bpf.c) ------------------------------------------------------------ */
/*
 * Global functions: what they do is verified once in each program, not at each of its
 * places. A text is named by where it lies in the record.
 */
#define TEXT_AT(type, member) __builtin_offsetof(type, member)
#define NAME_AT(type, path, base) (TEXT_AT(type, path) | TEXT_AT(type, base) << NAME_BASE)

enum name_at {
	NAME_TEXTS = 0x3ff, /* where path and base lie in a record */
	NAME_BASE = 10,
	NAME_ALONE = 1 << 20,  /* nothing else in the record may let it pass */
	NAME_KERNEL = 1 << 21, /* a struct filename, not user memory */
};

/* Identity and path of an open file: what the kernel used. */
int file_describe(__u32 level, __u64 inode, __u64 dentry, __u64 mnt);
/* A name, resolved no further than to the directory that it starts at; the mask of its tokens. */
__u64 name_describe(__u32 level, __s32 dirfd, __u64 string, __u32 at);
/* Sends or drops the record by s->question and the mask. */
int file_finish(__u32 level, __u64 mask);

/* ---- decisions --------------------------------------------------------------------------- */
static __always_inline struct question question_of(struct task_struct *task, struct call_info *call,
						   __u32 kind, __u64 classes, __s64 result)
{
	struct question q = {.classes = classes, .result = result};

	q.generation = filter_generation();
	q.passes = is_daemon(task) ? 0 : filter_passes(q.generation, kind);
	q.syscall = call ? call->number : NO_SYSCALL;
	q.flags = call && call->compat ? RECORD_COMPAT32 : 0;
	return q;
}

static __always_inline bool question_passes(struct question *q, __u64 mask)
{
	return filter_common(q->passes, q->generation, q->classes, q->result) ||
	       ((q->passes & PASS_COMPONENTS) && (mask & q->classes));
}

/* Begins the record unless nothing of the kind can pass. */
static __always_inline struct scratch *file_begin(__u32 kind, struct question *q)
{
	struct scratch *s;

	if (!q->passes) {
		account_in_task(kind, OUTCOME_FILTERED);
		return NULL;
	}
	s = record_begin(kind, sizeof(struct file_event));
	if (s)
		s->question = *q;
	return s;
}

#endif /* BPFWARDEN_FILE_H */
