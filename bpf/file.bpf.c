/* SPDX-License-Identifier: (Apache-2.0 OR GPL-2.0) */
/* What goes into the records of files, and whether they go out. */
#include "file.bpf.h"

_Static_assert(sizeof(union event) <= NAME_TEXTS + 1, "a text of a record is named by ten bits");

static __always_inline struct text *text_at(struct scratch *s, __u32 at)
{
	barrier_var(at);
	return (struct text *)(s->bytes + (at & NAME_TEXTS));
}

/* ---- files that we hold -------------------------------------------------------------- */
__noinline int file_describe(__u32 level, __u64 inode, __u64 dentry, __u64 mnt)
{
	struct scratch *s = bpf_map_lookup_elem(&scratch, &level);
	struct file_event *e;

	if (!s)
		return 0;
	e = (struct file_event *)&s->event;
	file_identity_of(&e->file, inode);
	if (!e->file.links || dentry_unhashed(dentry))
		e->header.flags |= RECORD_PATH_DELETED;
	text_path(s, &e->path, dentry, mnt);
	return 0;
}

__noinline int file_finish(__u32 level, __u64 mask)
{
	struct scratch *s = bpf_map_lookup_elem(&scratch, &level);
	struct question *q;

	if (!s)
		return 0;
	q = &s->question;
	if (!question_passes(q, mask)) {
		record_drop(s, OUTCOME_FILTERED);
		return 0;
	}
	if (!record_admits(s, sizeof(struct file_event), 0,
			   is_sensitive(q->passes, mask, q->classes))) {
		record_drop(s, OUTCOME_THROTTLED);
		return 0;
	}
	/* Only now, since most are dropped. */
	header_now(level, q->result, q->syscall, q->flags);
	record_submit(s, RING_BULK);
	return 0;
}

/* ---- names ------------------------------------------------------------------------------ */
/* Takes a link of /proc off the front of the name; what it leads to is where the rest starts. */
static __always_inline __u64 magic_take(struct scratch *s, struct text *path, __u32 offset)
{
	__u64 magic = magic_link(s->level, offset, path->length);
	__u32 consumed = magic >> 8 & 0xffffff;

	if (!magic || consumed > path->length)
		return 0;
	path->offset += consumed;
	path->length -= consumed;
	return magic;
}

/* The name as it was passed, or as the kernel has copied it. */
static __always_inline bool name_read(struct scratch *s, struct text *path, __u64 string, __u32 at)
{
	__u64 name = 0;

	if (!(at & NAME_KERNEL)) {
		s->event.header.flags |= RECORD_UNVERIFIED;
		return text_user(s, path, (void *)string, PATH_MAX_BYTES);
	}
	read_field(name, string, struct filename, name);
	text_kernel(s, path, (void *)name, PATH_MAX_BYTES);
	return path->length != TEXT_UNREADABLE;
}

/*
 * Finds the directory that the name starts at, which is the kernel's own: `base` is set
 * for a relative path, and for an absolute one of a process whose root is not that of its
 * mount namespace. In both cases the path lies below it. Returns the mask of the tokens of
 * both; without one that passes, and if the name is alone, base stays empty.
 */
__noinline __u64 name_describe(__u32 level, __s32 dirfd, __u64 string, __u32 at)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct scratch *s = bpf_map_lookup_elem(&scratch, &level);
	__u64 dentry = 0, mnt = 0, mask, magic = 0;
	struct text *path, *base;
	__u32 offset;
	char first = 0;

	if (!s)
		return EVERY_CLASS;
	offset = s->length;
	path = text_at(s, at);
	if (!name_read(s, path, string, at))
		return EVERY_CLASS;
	barrier_var(offset);
	if (offset < RECORD_BYTES)
		first = s->bytes[offset];
	mask = string_mask(level, offset, path->length, s->question.generation);
	if (first == '/')
		magic = magic_take(s, path, offset);
	if ((magic & MAGIC_KIND) == MAGIC_ROOT) { /* the rest may begin with another one */
		__u64 again = magic_take(s, path, path->offset);

		magic = again ? again : magic;
	}
	if ((magic & MAGIC_KIND) == MAGIC_CWD || (magic & MAGIC_KIND) == MAGIC_FD) {
		dirfd = (magic & MAGIC_KIND) == MAGIC_FD ? (__s32)(magic >> 32) : AT_FDCWD;
		first = 0;
	}
	if (first == '/') {
		address_of(mnt, task->fs);
		read_field(dentry, mnt, struct fs_struct, root.dentry);
		read_field(mnt, mnt, struct fs_struct, root.mnt);
	} else if (dirfd == AT_FDCWD) {
		address_of(mnt, task->fs);
		read_field(dentry, mnt, struct fs_struct, pwd.dentry);
		read_field(mnt, mnt, struct fs_struct, pwd.mnt);
	} else {
		__u64 file = file_of_fd(task, dirfd);

		if (file) {
			read_field(dentry, file, struct file, f_path.dentry);
			read_field(mnt, file, struct file, f_path.mnt);
		}
	}
	base = text_at(s, at >> NAME_BASE);
	if (!dentry) {
		text_unreadable(s, base);
		return EVERY_CLASS;
	}
	mask |= directory_mask(level, dentry, mnt, s->question.generation);
	if (at & NAME_ALONE && !question_passes(&s->question, mask))
		return mask;
	text_path(s, base, dentry, mnt);
	if (!path->length) { /* the link is the whole name */
		*path = *base;
		base->offset = base->length = 0;
		return mask;
	}
	/* Most processes have the namespace's root as theirs. */
	if (first == '/' && base->length == 1) {
		s->length = base->offset;
		base->offset = base->length = 0;
	}
	return mask;
}
