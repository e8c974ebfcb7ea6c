/* SPDX-License-Identifier: (Apache-2.0 OR GPL-2.0) */
/*
 * Strings of a record: from the kernel, from user memory, and paths, which
 * path.bpf.c builds. Each finds room behind those that are there, or is marked.
 */
#ifndef BPFWARDEN_TEXT_H
#define BPFWARDEN_TEXT_H

#include "sensor.bpf.h"

/* ---- strings ---------------------------------------------------------------------------- */
static __always_inline void text_unreadable(struct scratch *s, struct text *text)
{
	text->offset = 0;
	text->length = TEXT_UNREADABLE;
	s->event.header.flags |= RECORD_UNREADABLE;
	failure_count(FAILURE_STRING_UNREADABLE);
}

/* Room for `most` more bytes: their offset, or -1 (then the text stays empty and the record is
 * marked). */
static __always_inline __s64 text_room(struct scratch *s, const __u32 most)
{
	__u64 offset = s->length;

	barrier_var(offset);
	if (offset > RECORD_BYTES - most) {
		s->event.header.flags |= RECORD_TRUNCATED;
		return -1;
	}
	return offset;
}

static __always_inline void text_done(struct scratch *s, struct text *text, __u64 offset,
				      __u32 length)
{
	text->offset = offset;
	text->length = length;
	s->length = offset + length;
}

/* A NUL-terminated string in the kernel, at most `most` - 1 bytes (`most` is a constant, <= 4096).
 */
static __always_inline void text_kernel(struct scratch *s, struct text *text, const void *from,
					const __u32 most)
{
	__s64 offset = text_room(s, most);
	long got;

	if (offset < 0)
		return;
	got = bpf_probe_read_kernel_str(s->bytes + offset, most, from);
	if (got <= 0) {
		text_unreadable(s, text);
		return;
	}
	if (got == most)
		s->event.header.flags |= RECORD_TRUNCATED;
	text_done(s, text, offset, got - 1);
}

/* The same from user memory: what the program passed, never verified. False when it could not be
 * read. */
static __always_inline bool text_user(struct scratch *s, struct text *text, const void *from,
				      const __u32 most)
{
	__s64 offset = text_room(s, most);
	long got;

	if (offset < 0)
		return false;
	got = bpf_probe_read_user_str(s->bytes + offset, most, from);
	if (got < 0) {
		text_unreadable(s, text);
		return false;
	}
	/*
	 * For "" up to 6.12: the NUL is there but not counted, see "mm/maccess: fix
	 * strncpy_from_user_nofault() empty string handling".
	 */
	if (!got)
		got = 1;
	/* A path of PATH_MAX bytes is whole: the kernel takes no longer one. */
	if (got == most && most < PATH_MAX_BYTES)
		s->event.header.flags |= RECORD_TRUNCATED;
	text_done(s, text, offset, got - 1);
	return true;
}

enum text_source { FROM_KERNEL, FROM_USER };

/*
 * Bytes, NULs included: argument and environment blocks of a program, what it sends,
 * paths that another hook has built. `most`, up to 8192, and `source` are constants.
 */
static __always_inline void text_bytes(struct scratch *s, struct text *text, const void *from,
				       __u64 length, const __u32 most,
				       const enum text_source source)
{
	__s64 offset = text_room(s, most);
	long failed = 0;

	if (offset < 0)
		return;
	barrier_var(length);
	if (length > most)
		length = most;
	if (length && source == FROM_USER)
		failed = bpf_probe_read_user(s->bytes + offset, length, from);
	else if (length)
		failed = bpf_probe_read_kernel(s->bytes + offset, length, from);
	if (failed) {
		text_unreadable(s, text);
		return;
	}
	text_done(s, text, offset, length);
}

/* ---- paths (path.bpf.c) ------------------------------------------------------------------ */
enum path_result {
	PATH_START = 0xffff, /* offset in path_scratch.path where the text begins; it ends at
				PATH_MAX_BYTES */
	PATH_CUT = 1 << 16,  /* more than 4,096 bytes or 128 components: the end is kept */
	PATH_UNREADABLE = 1 << 17,
	PATH_TOP = 1 << 20,      /* within a walk: tree_up decides how it goes on */
	PATH_DETACHED = 1 << 18, /* of a mount that is in no tree that the process sees */
	PATH_OVERLAID = 1 << 19, /* through an overlay that is not the process's root */
};

/*
 * Builds the absolute path of (dentry, vfsmount), across mounts, to the root of
 * the mount namespace, into path_scratch[level]. A global function: verified
 * once, and callable from every file.
 */
__u64 path_build(__u32 level, __u64 dentry, __u64 mnt);

/* Steps of such a walk, with its state in path_scratch[level]. False: cannot begin; at the top. */
bool walk_begin(__u32 level, __u64 dentry, __u64 mnt);
bool mount_up(__u32 level);
bool tree_up(__u32 level);
__u64 mount_of_dentry(__u64 dentry);

/* The text that path_build or cgroup_path_build left; `most` is a constant <= 4096. */
static __always_inline void text_built_path(struct scratch *s, struct text *text, __u64 result,
					    const __u32 most)
{
	__u32 level = s->level;
	struct path_scratch *p = bpf_map_lookup_elem(&path_scratch, &level);
	__u64 start = result & PATH_START, length;
	__s64 offset;

	if (!p)
		return;
	if (result & PATH_UNREADABLE) {
		text_unreadable(s, text);
		return;
	}
	if (result & PATH_DETACHED)
		s->event.header.flags |= RECORD_UNVERIFIED;
	if (result & PATH_OVERLAID)
		s->event.header.flags |= RECORD_OVERLAID;
	if (result & PATH_CUT) {
		s->event.header.flags |= RECORD_TRUNCATED;
		failure_count(FAILURE_PATH_TRUNCATED);
	}
	offset = text_room(s, most);
	if (offset < 0 || start > PATH_MAX_BYTES)
		return;
	length = PATH_MAX_BYTES - start;
	if (length > most) { /* the end is what tells */
		start = PATH_MAX_BYTES - most;
		length = most;
		s->event.header.flags |= RECORD_TRUNCATED;
	}
	barrier_var(length);
	if (length > most)
		return;
	if (length && bpf_probe_read_kernel(s->bytes + offset, length, (void *)p->path + start)) {
		text_unreadable(s, text);
		return;
	}
	text_done(s, text, offset, length);
}

/* `dentry` and `mnt` are plain addresses (read with bpf_probe_read_kernel), not BTF pointers. */
static __always_inline void text_path(struct scratch *s, struct text *text, __u64 dentry, __u64 mnt)
{
	text_built_path(s, text, path_build(s->level, dentry, mnt), PATH_MAX_BYTES);
}

#endif /* BPFWARDEN_TEXT_H */
