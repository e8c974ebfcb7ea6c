/* SPDX-License-Identifier: (Apache-2.0 OR GPL-2.0) */
/*
 * Names that begin with a link of /proc to what the process itself has: its root,
 * its working directory, one of its descriptors. Such a link leads there whatever
 * its text says, so the kernel's own objects take its place.
 */
#include "filter.bpf.h"

enum magic_state {
	EXPECT_TOP,       /* proc or dev */
	EXPECT_SELF,      /* self, thread-self, the process's own number */
	EXPECT_ENTRY,     /* task, root, cwd, fd */
	EXPECT_THREAD,    /* a number */
	EXPECT_NUMBER,    /* of a descriptor */
	EXPECT_FD,        /* after /dev: fd */
	MAGIC_PARTS = 12, /* of a name that are looked at, empty ones and dots included */
};

/* The number that name[0 .. size) spells, or -1. */
static __always_inline __s64 number_of(const char *name, __u32 size)
{
	__s64 number = 0;

	if (!size || size > 7)
		return -1;
	for (__u32 i = 0; i < 7; i++) {
		__u8 digit = name[i] - '0';

		if (i >= size)
			break;
		if (digit > 9)
			return -1;
		number = number * 10 + digit;
	}
	return number;
}

static __always_inline bool is_word(const char *name, __u32 size, const char *word, __u32 length)
{
	if (size != length)
		return false;
	for (__u32 i = 0; i < length; i++)
		if (name[i] != word[i])
			return false;
	return true;
}

#define IS(text) is_word(p->name, size, text, sizeof(text) - 1)

/*
 * What the absolute name at scratch[level].bytes[offset .. offset + length) begins
 * with: enum magic in bits 0 to 7, how many bytes of it are the link in bits 8 to
 * 31, the descriptor's number from bit 32 on. 0: it begins with no such link.
 */
__noinline __u64 magic_link(__u32 level, __u32 offset, __u32 length)
{
	struct path_scratch *p = bpf_map_lookup_elem(&path_scratch, &level);
	struct task_struct *task = bpf_get_current_task_btf();
	__u32 at = offset, end = offset + length, state = EXPECT_TOP;

	if (!p)
		return 0;
	for (int i = 0; i < MAGIC_PARTS; i++) {
		__u32 size = string_component(level, at, end);
		__u64 consumed;
		__s64 number;

		if (size >= NAME_BYTES)
			return 0;
		consumed = (__u64)(at + size - offset) << 8;
		at += size + 1;
		if (!size || IS(".")) {
			if (at >= end)
				return 0;
			continue;
		}
		number = number_of(p->name, size);
		switch (state) {
		case EXPECT_TOP:
			if (IS("proc"))
				state = EXPECT_SELF;
			else if (IS("dev"))
				state = EXPECT_FD;
			else
				return 0;
			break;
		case EXPECT_SELF:
			if (!IS("self") && !IS("thread-self") && number != task->tgid &&
			    number != task->pid)
				return 0;
			state = EXPECT_ENTRY;
			break;
		case EXPECT_ENTRY:
			if (IS("root"))
				return MAGIC_ROOT | consumed;
			if (IS("cwd"))
				return MAGIC_CWD | consumed;
			if (IS("task"))
				state = EXPECT_THREAD;
			else if (IS("fd"))
				state = EXPECT_NUMBER;
			else
				return 0;
			break;
		case EXPECT_THREAD:
			if (number < 0)
				return 0;
			state = EXPECT_ENTRY;
			break;
		case EXPECT_FD:
			if (!IS("fd"))
				return 0;
			state = EXPECT_NUMBER;
			break;
		default:
			if (number < 0)
				return 0;
			return MAGIC_FD | consumed | (__u64)number << 32;
		}
		if (at >= end)
			return 0;
	}
	return 0;
}
