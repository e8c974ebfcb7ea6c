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

/* In the flags: also where no rule wants the kind. No flag of a record has this bit. */
enum { CALL_ALWAYS = 1u << 31 };

/* record.bpf.c, verified once in each program. The level of the record that was begun, or NEST_LEVELS. */
__u32 call_open(__u32 kind, __s64 result, __u32 syscall, __u32 flags);
/* Sends it, or counts it as throttled. */
int call_finish(__u32 level, __u32 ring);
/* Path and identity of an open file. */
int call_file_describe(__u32 level, __u64 file);

static __always_inline struct scratch *call_begin_as(enum event_kind kind, struct pt_regs *regs,
						     struct call_info *call, long result,
						     __u32 flags)
{
	__u32 level = call_open(kind, result, call->number, flags | flags_of_call(call));
	struct scratch *s = bpf_map_lookup_elem(&scratch, &level);
	struct call_event *e;

	if (!s)
		return NULL;
	e = &s->event.capset;
	e->argument[0] = ARG0(regs, *call);
	e->argument[1] = ARG1(regs, *call);
	e->argument[2] = ARG2(regs, *call);
	e->argument[3] = ARG3(regs, *call);
	e->argument[4] = ARG4(regs, *call);
	e->argument[5] = ARG5(regs, *call);
	return s;
}

static __always_inline struct scratch *call_begin(enum event_kind kind, struct pt_regs *regs,
						  struct call_info *call, long result)
{
	return call_begin_as(kind, regs, call, result, 0);
}

static __always_inline void call_end(struct scratch *s)
{
	call_finish(s->level, RING_PRIORITY);
}

/* For kinds that honest programs do a thousand times a second: those would crowd out the execs. */
static __always_inline void call_end_bulk(struct scratch *s)
{
	call_finish(s->level, RING_BULK);
}

static __always_inline void call_report(enum event_kind kind, struct pt_regs *regs,
					struct call_info *call, long result)
{
	struct scratch *s = call_begin(kind, regs, call, result);

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
static __always_inline void call_path(struct scratch *s, __s32 dirfd, __u64 pointer)
{
	s->question.generation =
	    filter_generation(); /* of a name that is not alone no more is asked */
	name_describe(s->level, dirfd, pointer, NAME_AT(struct call_event, path, base));
}

/* ---- descriptors ------------------------------------------------------------- */
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
