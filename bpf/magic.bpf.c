/* SPDX-License-Identifier: (Apache-2.0 OR GPL-2.0) */
/*
 * Names that begin with a link of /proc to what the process itself has: its root,
 * its working directory, one of its descriptors. Such a link leads there whatever
 * its text says, so the kernel's own objects take its place.
 */
#include "filter.bpf.h"
#include "repeat.bpf.h"

enum magic_state {
	EXPECT_TOP = 1,   /* proc or dev */
	EXPECT_SELF,      /* self, thread-self, the process's own number */
	EXPECT_ENTRY,     /* task, root, cwd, fd */
	EXPECT_THREAD,    /* a number */
	EXPECT_NUMBER,    /* of a descriptor */
	EXPECT_FD,        /* after /dev: fd */
	MAGIC_PARTS = 12, /* of a name that are looked at, empty ones and dots included */
};

/*
 * The number that path_scratch[level].name[0 .. size) spells, or -1. A global
 * function, so that what follows is looked at once and not for every length.
 */
__noinline __s64 number_of(__u32 level, __u32 size)
{
	struct path_scratch *p = bpf_map_lookup_elem(&path_scratch, &level);
	__s64 number = 0;

	if (!p || !size || size > 7)
		return -1;
	for (__u32 i = 0; i < 7; i++) {
		__u8 digit = p->name[i] - '0';

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

/* The next state, 0 where the name begins with no link, or what it begins with (more than a state). */
static __always_inline __u64 magic_next(struct path_scratch *p, __u32 level, __u32 size,
					__u64 consumed)
{
	struct task_struct *task = bpf_get_current_task_btf();
	__s64 number = number_of(level, size);

	switch (*(volatile __u32 *)&p->step.state) {
	case EXPECT_TOP:
		return IS("proc") ? EXPECT_SELF : IS("dev") ? EXPECT_FD : 0;
	case EXPECT_SELF:
		return IS("self") || IS("thread-self") || number == task->tgid ||
			       number == task->pid
			   ? EXPECT_ENTRY
			   : 0;
	case EXPECT_ENTRY:
		if (IS("root"))
			return MAGIC_ROOT | consumed;
		if (IS("cwd"))
			return MAGIC_CWD | consumed;
		return IS("task") ? EXPECT_THREAD : IS("fd") ? EXPECT_NUMBER : 0;
	case EXPECT_THREAD:
		return number < 0 ? 0 : EXPECT_ENTRY;
	case EXPECT_FD:
		return IS("fd") ? EXPECT_NUMBER : 0;
	default:
		return number < 0 ? 0 : MAGIC_FD | consumed | (__u64)number << 32;
	}
}

struct magic_context {
	__u32 level;
	__u32 offset;
};

static __noinline long magic_step(__u32 i, void *context)
{
	struct magic_context *magic = context;
	__u32 level = magic->level, at, size;
	struct path_scratch *p = bpf_map_lookup_elem(&path_scratch, &level);
	__u64 next;

	if (!p)
		return 1;
	at = p->step.from;
	size = string_component(level, at, p->step.end);
	if (size >= NAME_BYTES)
		return 1;
	p->step.from = at + size + 1;
	if (size && !IS(".")) {
		next = magic_next(p, level, size, (__u64)(at + size - magic->offset) << 8);
		if (next > EXPECT_FD) {
			p->step.result = next;
			return 1;
		}
		if (!next)
			return 1;
		p->step.state = next;
	}
	return p->step.from >= p->step.end;
}

/*
 * What the absolute name at scratch[level].bytes[offset .. offset + length) begins
 * with: enum magic in bits 0 to 7, how many bytes of it are the link in bits 8 to
 * 31, the descriptor's number from bit 32 on. 0: it begins with no such link.
 */
__noinline __u64 magic_link(__u32 level, __u32 offset, __u32 length)
{
	struct path_scratch *p = bpf_map_lookup_elem(&path_scratch, &level);
	struct magic_context magic = {level, offset};

	if (!p)
		return 0;
	p->step.from = offset;
	p->step.end = offset + length;
	p->step.state = EXPECT_TOP;
	p->step.result = 0;
	repeat(MAGIC_PARTS, magic_step, &magic);
	return p->step.result;
}
