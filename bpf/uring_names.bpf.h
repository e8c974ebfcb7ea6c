/* SPDX-License-Identifier: (Apache-2.0 OR GPL-2.0) */
/*
 * Submitted requests that name files: the record with the names is kept for the
 * completion. Only uring_submit.bpf.c includes this.
 */
#ifndef BPFWARDEN_URING_NAMES_H
#define BPFWARDEN_URING_NAMES_H

#include "uring.bpf.h"

/*
 * The kernel's copy of a name (struct filename *) in a request. Since 7.0 ("allow
 * incomplete imports of filenames") it lies in a struct delayed_filename of one
 * pointer, at the same place.
 */
#define read_filename(to, request, type, field)                                                    \
	do {                                                                                       \
		if (bpf_core_type_exists(struct delayed_filename))                                 \
			read_field(to, request, type##___delayed, field.__incomplete_filename);    \
		else                                                                               \
			read_field(to, request, type, field);                                      \
	} while (0)

/*
 * The functions for each operation are subprograms: what one keeps on the stack is
 * not there for the others.
 */
/* A name that the kernel has copied (struct filename). */
static __always_inline __u64 uring_name(struct scratch *s, __s32 dirfd, __u64 filename, __u32 alone)
{
	return name_describe(s->level, dirfd, filename,
			     NAME_AT(struct file_event, path, base) | NAME_KERNEL | alone);
}

static __always_inline __u64 uring_new_name(struct scratch *s, __s32 dirfd, __u64 filename)
{
	return name_describe(s->level, dirfd, filename,
			     NAME_AT(struct file_event, new_path, new_base) | NAME_KERNEL);
}

/* What had the request's memory before, should it never have completed. */
static __always_inline void uring_fresh(__u64 request)
{
	if (uring_forget(request))
		failure_count(FAILURE_URING_NO_RESULT);
}

static __always_inline struct scratch *uring_begin(struct question *q, __u64 request,
						   enum event_kind kind, __u64 classes)
{
	struct scratch *s;

	*q = question_of(bpf_get_current_task_btf(), NULL, kind, classes, 0);
	if (q->passes & PASS_ERRORS) /* it may yet fail */
		q->result = -1;
	s = file_begin(kind, q);
	if (s)
		s->event.header.flags |= RECORD_IO_URING | RECORD_UNVERIFIED;
	else
		uring_fresh(request);
	return s;
}

/* Keeps the record unless it cannot pass whatever the result. */
/* A global function: verified once, not for each operation. */
__noinline int uring_finish(__u32 level, __u64 request, __u64 mask, __u32 flags)
{
	struct scratch *s = bpf_map_lookup_elem(&scratch, &level);

	if (!s)
		return 0;
	if (!question_passes(&s->question, mask)) {
		record_drop(s, OUTCOME_FILTERED);
		uring_fresh(request);
		return 0;
	}
	if (flags & REQ_F_CQE_SKIP) {
		uring_fresh(request);
	} else if (uring_keep(s, request, mask, s->question.generation)) {
		nest_leave(s->level);
		return 0;
	}
	s->question.result = 0;
	file_finish(level, mask);
	return 0;
}

static __noinline int uring_open(__u64 request, __u32 request_flags)
{
	__u64 filename = 0, flags = 0, mode = 0, mask, classes;
	__u32 generation = filter_generation(), opens;
	struct file_event *e;
	struct question q;
	struct scratch *s;
	__s32 dirfd = 0;

	read_field(flags, request, struct io_open, how.flags);
	classes = open_classes(flags) | OPEN_FAILED_CLASSES;
	q = question_of(bpf_get_current_task_btf(), NULL, EVENT_FILE_OPEN, classes, 0);
	opens = q.passes;
	if (flags & O_CREAT &&
	    !is_daemon(
		bpf_get_current_task_btf())) /* it may turn out to be a file_create as well */
		q.passes |= filter_passes(generation, EVENT_FILE_CREATE);
	if (q.passes & PASS_ERRORS)
		q.result = -1;
	s = file_begin(EVENT_FILE_OPEN, &q);
	if (!s) {
		uring_fresh(request);
		return 0;
	}
	s->event.header.flags |= RECORD_IO_URING | RECORD_UNVERIFIED;
	e = &s->event.file_open;
	read_field(dirfd, request, struct io_open, dfd);
	read_filename(filename, request, struct io_open, filename);
	read_field(mode, request, struct io_open, how.mode);
	e->open_flags = flags;
	e->new_mode = flags & O_CREAT ? mode : 0;
	mask = uring_name(s, dirfd, filename, NAME_ALONE);
	/* Where a link leads is seen when it is open. */
	if (!(request_flags & REQ_F_CQE_SKIP) &&
	    (q.passes & PASS_COMPONENTS || question_passes(&s->question, mask)) &&
	    uring_keep(s, request, mask, q.generation)) {
		__u32 first = 0;
		__u64 *last = bpf_map_lookup_elem(&uring_last, &first);

		if (last)
			*last = request;
		nest_leave(s->level);
		return 0;
	}
	uring_fresh(request);
	s->question.passes = opens;
	s->question.result = 0;
	file_finish(s->level, mask);
	return 0;
}

static __noinline int uring_unlink(__u64 request, __u32 request_flags)
{
	struct question q;
	struct scratch *s =
	    uring_begin(&q, request, EVENT_FILE_UNLINK, KIND_CLASS(EVENT_FILE_UNLINK));
	struct file_event *e;
	__u64 filename = 0, mask;
	__s32 dirfd = 0;
	__u32 flags = 0;

	if (!s)
		return 0;
	e = &s->event.file_unlink;
	read_field(dirfd, request, struct io_unlink, dfd);
	read_field(flags, request, struct io_unlink, flags);
	read_filename(filename, request, struct io_unlink, filename);
	if (flags & AT_REMOVEDIR)
		e->new_mode = S_IFDIR;
	mask = uring_name(s, dirfd, filename, NAME_ALONE);
	uring_finish(s->level, request, mask, request_flags);
	return 0;
}

static __noinline int uring_mkdir(__u64 request, __u32 request_flags)
{
	struct question q;
	struct scratch *s =
	    uring_begin(&q, request, EVENT_FILE_MKDIR, KIND_CLASS(EVENT_FILE_MKDIR));
	struct file_event *e;
	__u64 filename = 0, mask;
	umode_t mode = 0;
	__s32 dirfd = 0;

	if (!s)
		return 0;
	e = &s->event.file_mkdir;
	read_field(dirfd, request, struct io_mkdir, dfd);
	read_field(mode, request, struct io_mkdir, mode);
	read_filename(filename, request, struct io_mkdir, filename);
	e->new_mode = mode;
	mask = uring_name(s, dirfd, filename, NAME_ALONE);
	uring_finish(s->level, request, mask, request_flags);
	return 0;
}

struct uring_names { /* of a rename, link or symlink */
	__u64 old_name;
	__u64 new_name;
	__s32 old_dirfd;
	__s32 new_dirfd;
	__u32 flags;
};

static __always_inline void uring_pair(__u64 request, __u32 request_flags, enum event_kind kind,
				       struct uring_names *names)
{
	struct question q;
	struct scratch *s = uring_begin(&q, request, kind, KIND_CLASS(kind));
	struct file_event *e;
	__u64 mask, name = 0;

	if (!s)
		return;
	e = &s->event.file_rename;
	if (kind == EVENT_FILE_SYMLINK) { /* `path` is the link itself; its target is text, not a
					     path of ours */
		__u32 offset;

		mask = uring_name(s, names->new_dirfd, names->new_name, 0);
		offset = s->length;
		read_field(name, names->old_name, struct filename, name);
		text_kernel(s, &e->new_path, (void *)name, PATH_MAX_BYTES);
		mask |= string_mask(s->level, offset, e->new_path.length, q.generation);
	} else {
		e->open_flags = names->flags;
		mask = uring_name(s, names->old_dirfd, names->old_name, 0);
		mask |= uring_new_name(s, names->new_dirfd, names->new_name);
	}
	uring_finish(s->level, request, mask, request_flags);
}

static __noinline int uring_rename(__u64 request, __u32 request_flags)
{
	struct uring_names names = {};

	read_field(names.old_dirfd, request, struct io_rename, old_dfd);
	read_field(names.new_dirfd, request, struct io_rename, new_dfd);
	read_filename(names.old_name, request, struct io_rename, oldpath);
	read_filename(names.new_name, request, struct io_rename, newpath);
	read_field(names.flags, request, struct io_rename, flags);
	uring_pair(request, request_flags, EVENT_FILE_RENAME, &names);
	return 0;
}

/*
 * link and symlink share struct io_link since fs/io_uring.c was taken apart in 6.0
 * (io_uring/fs.c); before there is io_hardlink and io_symlink.
 */
static __noinline int uring_link(__u64 request, __u32 request_flags)
{
	struct uring_names names = {};

	if (bpf_core_type_exists(struct io_link)) {
		read_field(names.old_dirfd, request, struct io_link, old_dfd);
		read_field(names.new_dirfd, request, struct io_link, new_dfd);
		read_filename(names.old_name, request, struct io_link, oldpath);
		read_filename(names.new_name, request, struct io_link, newpath);
		read_field(names.flags, request, struct io_link, flags);
	} else {
		read_field(names.old_dirfd, request, struct io_hardlink, old_dfd);
		read_field(names.new_dirfd, request, struct io_hardlink, new_dfd);
		read_field(names.old_name, request, struct io_hardlink, oldpath);
		read_field(names.new_name, request, struct io_hardlink, newpath);
		read_field(names.flags, request, struct io_hardlink, flags);
	}
	uring_pair(request, request_flags, EVENT_FILE_LINK, &names);
	return 0;
}

static __noinline int uring_symlink(__u64 request, __u32 request_flags)
{
	struct uring_names names = {};

	/* 6.0, as for uring_link. */
	if (bpf_core_type_exists(struct io_link)) {
		read_field(names.new_dirfd, request, struct io_link, new_dfd);
		read_filename(names.old_name, request, struct io_link, oldpath);
		read_filename(names.new_name, request, struct io_link, newpath);
	} else {
		read_field(names.new_dirfd, request, struct io_symlink, new_dfd);
		read_field(names.old_name, request, struct io_symlink, oldpath);
		read_field(names.new_name, request, struct io_symlink, newpath);
	}
	uring_pair(request, request_flags, EVENT_FILE_SYMLINK, &names);
	return 0;
}

static __noinline int uring_setxattr(__u64 request, __u32 request_flags)
{
	struct question q;
	struct file_event *e;
	__u64 filename = 0, mask;
	struct scratch *s;

	/* 5.19, e9621e2bec80 ("io_uring: add fsetxattr and setxattr support"). */
	if (!bpf_core_type_exists(struct io_xattr))
		return 0;
	s = uring_begin(&q, request, EVENT_FILE_SETXATTR, KIND_CLASS(EVENT_FILE_SETXATTR));
	if (!s)
		return 0;
	e = &s->event.file_setxattr;
	read_filename(filename, request, struct io_xattr, filename);
	mask = uring_name(s, AT_FDCWD, filename, NAME_ALONE);
	/* 5.19: with the request. A version that keeps the name elsewhere reports it without. */
	if (bpf_core_field_exists(struct io_xattr, ctx.kname)) {
		__u64 name = 0;

		read_field(name, request, struct io_xattr, ctx.kname);
		text_kernel(s, &e->attribute, (void *)name, NAME_BYTES);
	}
	uring_finish(s->level, request, mask, request_flags);
	return 0;
}

/* By a descriptor: the name is freed before the completion, the file is still there. */
static __noinline int uring_fsetxattr(__u64 request)
{
	struct uring_attribute attribute = {};
	__u64 name = 0;

	if (!bpf_core_field_exists(struct io_xattr, ctx.kname)) /* 5.19, as for uring_setxattr */
		return 0;
	read_field(name, request, struct io_xattr, ctx.kname);
	bpf_probe_read_kernel_str(attribute.name, sizeof(attribute.name), (void *)name);
	bpf_map_update_elem(&uring_attributes, &request, &attribute, BPF_ANY);
	return 0;
}

#endif /* BPFWARDEN_URING_NAMES_H */
