/* SPDX-License-Identifier: (Apache-2.0 OR GPL-2.0) */
/*
 * One privileged call, failed ones too. Registers at the end of a call still
 * hold its arguments; what a program did is taken from the kernel's objects
 * where there is one (credentials, root directory, file, BPF program), and from
 * user memory, marked unverified, where there is none.
 */
#ifndef BPFWARDEN_PRIVILEGE_H
#define BPFWARDEN_PRIVILEGE_H

#include "file.bpf.h"
#include "task.bpf.h"

/* Also where no rule wants the kind. */
static __always_inline struct scratch *call_begin_always(enum event_kind kind, struct pt_regs *regs,
							 struct task_struct *task,
							 struct call_info *call, long result)
{
	struct scratch *s = record_begin(kind, sizeof(struct call_event));
	struct call_event *e;

	if (!s)
		return NULL;
	e = &s->event.capset;
	header_of_call(&e->header, task, call, result);
	e->argument[0] = ARG0(regs, *call);
	e->argument[1] = ARG1(regs, *call);
	e->argument[2] = ARG2(regs, *call);
	e->argument[3] = ARG3(regs, *call);
	e->argument[4] = ARG4(regs, *call);
	e->argument[5] = ARG5(regs, *call);
	return s;
}

static __always_inline struct scratch *call_begin(enum event_kind kind, struct pt_regs *regs,
						  struct task_struct *task, struct call_info *call,
						  long result)
{
	if (kind_wanted(kind) && !is_daemon(task))
		return call_begin_always(kind, regs, task, call, result);
	account(kind, OUTCOME_FILTERED);
	return NULL;
}

static __always_inline void call_end(struct scratch *s)
{
	call_submit(s, RING_PRIORITY, call_object(&s->event.capset), 1);
}

/* For kinds that honest programs do a thousand times a second: those would crowd out the execs. */
static __always_inline void call_end_bulk(struct scratch *s)
{
	call_submit(s, RING_BULK, call_object(&s->event.capset), 1);
}

static __always_inline void call_report(enum event_kind kind, struct pt_regs *regs,
					struct task_struct *task, struct call_info *call,
					long result)
{
	struct scratch *s = call_begin(kind, regs, task, call, result);

	if (s)
		call_end(s);
}

/* A string argument: the program's word. */
static __always_inline void call_text(struct scratch *s, struct text *text, __u64 pointer,
				      const __u32 most)
{
	if (!pointer)
		return;
	s->event.header.flags |= RECORD_UNVERIFIED;
	text_user(s, text, (void *)pointer, most);
}

/* A path argument, with the directory that it starts at. */
static __always_inline void call_path(struct scratch *s, struct task_struct *task, __s32 dirfd,
				      __u64 pointer)
{
	struct call_event *e = &s->event.capset;
	struct question q = question_of(task, NULL, s->kind, EVERY_CLASS, 0);

	name_describe(s, &e->path, &e->base, &q, dirfd, pointer, false);
}

/* ---- descriptors ------------------------------------------------------------- */
/* Path and identity of an open file. */
static __always_inline void call_file(struct scratch *s, __u64 file)
{
	__u64 dentry = 0, mnt = 0, inode = 0;

	if (!file)
		return;
	read_field(inode, file, struct file, f_inode);
	read_field(dentry, file, struct file, f_path.dentry);
	read_field(mnt, file, struct file, f_path.mnt);
	file_identity_of(&s->event.capset.file, inode);
	text_path(s, &s->event.capset.path, dentry, mnt);
}

/* The last component of an open file's name, for files without a path (memfd:x, mnt:[...]), without
 * its first `skip` bytes. */
static __always_inline void call_file_name(struct scratch *s, __u64 file, const __u32 skip)
{
	__u64 dentry = 0, name = 0;

	read_field(dentry, file, struct file, f_path.dentry);
	read_field(name, dentry, struct dentry, d_name.name);
	text_kernel(s, &s->event.capset.name, (void *)(name + skip), NAME_BYTES);
}

#endif /* BPFWARDEN_PRIVILEGE_H */
