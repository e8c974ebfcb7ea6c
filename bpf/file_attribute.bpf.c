/* SPDX-License-Identifier: (Apache-2.0 OR GPL-2.0) */
/* Mode, owner, length, extended attributes, times. */
#include "resolved.bpf.h"

/* What a call of the family says: which file, and what about it. */
struct change {
	enum event_kind kind;
	__s32 dirfd; /* where `path` starts */
	__s32 fd;    /* >= 0: the file itself, verified */
	__u32 mode;
	__u32 owner;
	__u32 group;
	__u64 path;
	__u64 value; /* bytes; of an attribute the user string that names it */
};

/* AT_EMPTY_PATH, or a null path for utimensat: the descriptor is the file. */
static __always_inline void change_at(struct change *c, struct pt_regs *regs,
				      struct call_info *call, __u64 flags)
{
	char first = 1;

	c->dirfd = ARG0(regs, *call);
	c->path = ARG1(regs, *call);
	if (c->path && (flags & AT_EMPTY_PATH))
		bpf_probe_read_user(&first, 1, (void *)c->path);
	if ((!c->path || !first) && c->dirfd != AT_FDCWD)
		c->fd = c->dirfd;
}

/* FS_*_FL of the FS_XFLAG_* that have one. */
static __always_inline __u32 flags_of_xflags(__u64 flags)
{
	return (flags & 0x08 ? 0x10 : 0) | (flags & 0x10 ? 0x20 : 0) | (flags & 0x20 ? 0x08 : 0) |
	       (flags & 0x40 ? 0x80 : 0) | (flags & 0x80 ? 0x40 : 0);
}

/* ioctl(FS_IOC_SETFLAGS, FS_IOC_FSSETXATTR), file_setattr: the flags lie in user memory; and the
 * ioctls that are a fallocate. */
static __always_inline void flags_of_change(struct change *c, struct pt_regs *regs,
					    struct call_info *call)
{
	__u64 flags = 0;

	c->kind = EVENT_FILE_CHATTR;
	if (call->call == CALL_FILE_SETATTR) {
		change_at(c, regs, call, ARG4(regs, *call));
		bpf_probe_read_user(&flags, 8, (void *)ARG2(regs, *call));
		c->mode = flags_of_xflags(flags);
		return;
	}
	c->fd = ARG0(regs, *call);
	switch ((__u32)ARG1(regs, *call)) { /* ioctl_preallocate (fs/ioctl.c) */
	case FS_IOC_UNRESVSP:
	case FS_IOC_UNRESVSP64:
	case FS_IOC32_UNRESVSP:
	case FS_IOC32_UNRESVSP64:
		c->kind = EVENT_FILE_TRUNCATE;
		c->mode = FALLOC_KEEP_SIZE | FALLOC_PUNCH_HOLE;
		return;
	case FS_IOC_ZERO_RANGE:
	case FS_IOC32_ZERO_RANGE:
		c->kind = EVENT_FILE_TRUNCATE;
		c->mode = FALLOC_KEEP_SIZE | FALLOC_ZERO_RANGE;
		return;
	}
	bpf_probe_read_user(&flags, 4, (void *)ARG2(regs, *call));
	c->mode = (__u32)ARG1(regs, *call) == FS_IOC_FSSETXATTR ? flags_of_xflags(flags) : flags;
}

static __always_inline void change_of(struct change *c, struct pt_regs *regs,
				      struct call_info *call)
{
	c->dirfd = AT_FDCWD;
	c->fd = -1;
	c->path = ARG0(regs, *call);
	c->owner = c->group = (__u32)-1;
	switch (call->call) {
	case CALL_FCHMOD:
		c->fd = ARG0(regs, *call);
		/* fallthrough */
	case CALL_CHMOD:
		c->kind = EVENT_FILE_CHMOD;
		c->mode = ARG1(regs, *call);
		break;
	case CALL_FCHMODAT:
	case CALL_FCHMODAT2:
		c->kind = EVENT_FILE_CHMOD;
		change_at(c, regs, call, call->call == CALL_FCHMODAT2 ? ARG3(regs, *call) : 0);
		c->mode = ARG2(regs, *call);
		break;
	case CALL_FCHOWN:
		c->fd = ARG0(regs, *call);
		/* fallthrough */
	case CALL_CHOWN:
	case CALL_LCHOWN:
		c->kind = EVENT_FILE_CHOWN;
		c->owner = ARG1(regs, *call);
		c->group = ARG2(regs, *call);
		break;
	case CALL_FCHOWNAT:
		c->kind = EVENT_FILE_CHOWN;
		change_at(c, regs, call, ARG4(regs, *call));
		c->owner = ARG2(regs, *call);
		c->group = ARG3(regs, *call);
		break;
	case CALL_FTRUNCATE:
	case CALL_FTRUNCATE64:
		c->fd = ARG0(regs, *call);
		/* fallthrough */
	case CALL_TRUNCATE:
	case CALL_TRUNCATE64:
		c->kind = EVENT_FILE_TRUNCATE;
		c->value = ARG1(regs, *call);
#if defined(__TARGET_ARCH_x86)
		if (call->compat &&
		    (call->call == CALL_TRUNCATE64 || call->call == CALL_FTRUNCATE64))
			c->value |= ARG2(regs, *call) << 32;
#else
		/* arm passes a 64-bit value in an even pair of registers. */
		if (call->compat &&
		    (call->call == CALL_TRUNCATE64 || call->call == CALL_FTRUNCATE64))
			c->value = ARG2(regs, *call) | ARG3(regs, *call) << 32;
#endif
		break;
	case CALL_FSETXATTR:
		c->fd = ARG0(regs, *call);
		/* fallthrough */
	case CALL_SETXATTR:
	case CALL_LSETXATTR:
		c->kind = EVENT_FILE_SETXATTR;
		c->value = ARG1(regs, *call);
		break;
	case CALL_FREMOVEXATTR:
		c->fd = ARG0(regs, *call);
		/* fallthrough */
	case CALL_REMOVEXATTR:
	case CALL_LREMOVEXATTR:
		c->kind = EVENT_FILE_REMOVEXATTR;
		c->value = ARG1(regs, *call);
		break;
	case CALL_REMOVEXATTRAT:
		c->kind = EVENT_FILE_REMOVEXATTR;
		change_at(c, regs, call, ARG2(regs, *call));
		c->value = ARG3(regs, *call);
		break;
	case CALL_FALLOCATE:
		c->kind = EVENT_FILE_TRUNCATE;
		c->fd = ARG0(regs, *call);
		c->mode = ARG1(regs, *call);
		break;
	case CALL_IOCTL:
	case CALL_FILE_SETATTR:
		flags_of_change(c, regs, call);
		break;
	case CALL_SETXATTRAT:
		c->kind = EVENT_FILE_SETXATTR;
		change_at(c, regs, call, ARG2(regs, *call));
		c->value = ARG3(regs, *call);
		break;
	case CALL_UTIMENSAT:
	case CALL_FUTIMESAT:
		c->kind = EVENT_FILE_UTIMENS;
		change_at(c, regs, call, call->call == CALL_UTIMENSAT ? ARG3(regs, *call) : 0);
		break;
	default: /* utime, utimes */
		c->kind = EVENT_FILE_UTIMENS;
	}
}

/* What a hook wrote down, if it did; a subprogram, for the stack of its caller. */
static __noinline __u64 named_describe(struct scratch *s, struct pt_regs *regs, __u32 generation,
				       bool done)
{
	struct resolved *r;
	struct file_event *e;
	__u64 mask;

	if (!s)
		return EVERY_CLASS;
	r = resolved_of(regs, bpf_get_current_task_btf());
	if (!r)
		return EVERY_CLASS;
	e = (struct file_event *)&s->event;
	mask = resolved_describe(s, r, generation);
	/* It was written down before the call changed it. */
	if (s->kind == EVENT_FILE_CHMOD && done)
		e->file.mode = (e->file.mode & ~07777) | (e->new_mode & 07777);
	return mask;
}

/*
 * chmod_common, chown_common, do_truncate, setxattr, vfs_utimes (fs/open.c,
 * fs/xattr.c, fs/utimes.c) -> sys_exit. With a descriptor the file is the
 * kernel's own; with a path it is what a hook wrote down (resolved.bpf.h), else what
 * user space passed, unverified. The values are from the registers, so verified.
 */
static __always_inline void on_attribute(struct pt_regs *regs, struct task_struct *task,
					 struct call_info call, long result)
{
	struct change c = {};
	struct open_file file = {};
	struct file_event *e;
	struct question q;
	struct scratch *s;
	__u64 mask;

	if (result_restarts(result))
		return;
	/* Only what takes content away. */
	if (call.call == CALL_FALLOCATE && !(ARG1(regs, call) & FALLOC_REMOVES))
		return;
	change_of(&c, regs, &call);
	/*
	 * The verifier forgets here which call it was: else it looks at all that follows once
	 * for each, half a million instructions on 6.1.
	 */
	bpf_probe_read_kernel(&c, sizeof(c), &c);
	q = question_of(task, &call, c.kind, KIND_CLASS(c.kind), result);
	s = file_begin(c.kind, &q);
	if (!s)
		return;
	e = (struct file_event *)&s->event;
	e->new_mode = c.mode;
	e->new_owner = c.owner;
	e->new_group = c.group;
	if (c.kind != EVENT_FILE_SETXATTR && c.kind != EVENT_FILE_REMOVEXATTR)
		e->bytes = c.value;
	if (c.fd >= 0 && open_file_read(&file, file_of_fd(task, c.fd))) {
		mask = file_mask(file.dentry, file.mnt, q.generation);
		if (question_passes(&q, mask)) {
			e->open_flags = file.flags;
			file_describe(s->level, file.inode, file.dentry, file.mnt);
		}
	} else {
		mask = named_describe(s, regs, q.generation, result == 0);
		if (!e->path.offset && c.fd >= 0) /* EBADF */
			text_unreadable(s, &e->path);
		else if (!e->path.offset)
			mask = name_describe(s->level, c.dirfd, c.path,
					     NAME_AT(struct file_event, path, base) | NAME_ALONE);
	}
	if (c.value && (c.kind == EVENT_FILE_SETXATTR || c.kind == EVENT_FILE_REMOVEXATTR))
		text_user(s, &e->attribute, (void *)c.value, NAME_BYTES);
	file_finish(s->level, mask);
}

PROGRAM(exit_attribute, filesystem,
	"file_chmod, file_chown, file_truncate, file_setxattr, file_utimens");
SEC("tp_btf/sys_exit")
int BPF_PROG(exit_attribute, struct pt_regs *regs, long result)
{
	struct task_struct *task = bpf_get_current_task_btf();

	on_attribute(regs, task, call_of(regs, task), result);
	resolved_release(resolved_find(bpf_get_current_pid_tgid()));
	return 0;
}
