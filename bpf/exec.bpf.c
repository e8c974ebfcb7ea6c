/* SPDX-License-Identifier: (Apache-2.0 OR GPL-2.0) */
/* Programs that start, that failed to start, and those that ran before we did. */
#include "again.bpf.h"
#include "task.bpf.h"
#include "call.bpf.h"
#include "filter.bpf.h"
#include "stream.bpf.h"

enum exec_limits {
	ARGS_BYTES = 12288,
	ARGS_HEAD = 8192, /* of longer ones; with the tail again 12,288 */
	ARGS_TAIL = 4096,
	ENV_BYTES = 8192,
	ENV_TAIL = 1024,
};

/* The file that became the process: `file` is a plain address. */
static __always_inline void executable_describe(struct scratch *s, struct process_exec *e,
						__u64 file)
{
	struct record_header *h = &e->header;
	__u64 inode = 0, dentry = 0, mnt = 0, name = 0, start = 0, sb = 0;
	unsigned long sb_flags = 0;
	__u32 magic;

	read_field(inode, file, struct file, f_inode);
	read_field(dentry, file, struct file, f_path.dentry);
	read_field(mnt, file, struct file, f_path.mnt);
	file_identity_of(&e->exe, inode);
	inode_times(inode, &e->exe_mtime, &e->exe_ctime);
	magic = inode_magic(inode);
	if (e->exe.links == 0 || dentry_unhashed(dentry))
		h->flags |= RECORD_PATH_DELETED;
	if (magic == TMPFS_MAGIC || magic == (__u32)HUGETLBFS_MAGIC) {
		/* memfd_create (mm/memfd.c) names the file "memfd:" + name. */
		read_field(name, dentry, struct dentry, d_name.name);
		bpf_probe_read_kernel(&start, 6, (void *)name);
		if (start == 0x3a64666d656dull) /* little-endian "memfd:" */
			h->flags |= RECORD_EXE_MEMFD;
	}
	if (e->exe.mode & S_ISUID)
		h->flags |= RECORD_EXE_SETUID;
	if ((e->exe.mode & (S_ISGID | S_IXGRP)) == (S_ISGID | S_IXGRP))
		h->flags |= RECORD_EXE_SETGID;
	read_field(sb, inode, struct inode, i_sb);
	read_field(sb_flags, sb, struct super_block, s_flags);
	if (!(sb_flags & SB_RDONLY) &&
	    identity_may_write(&e->exe, h->euid, e->egid, e->cap_effective))
		h->flags |= RECORD_EXE_WRITABLE;
	if (magic == OVERLAYFS_MAGIC)
		h->flags |= overlay_upper(inode) ? RECORD_EXE_UPPER : RECORD_EXE_LOWER;
	text_path(s, &e->path, dentry, mnt);
}

static __always_inline void arguments_describe(struct scratch *s, struct process_exec *e,
					       __u64 start, __u64 end)
{
	__u64 length = end - start;

	e->args_length = length;
	if (length <= ARGS_BYTES) {
		text_bytes(s, &e->args, (void *)start, length, ARGS_BYTES, FROM_USER);
		return;
	}
	s->event.header.flags |= RECORD_TRUNCATED;
	text_bytes(s, &e->args, (void *)start, ARGS_HEAD, ARGS_HEAD, FROM_USER);
	text_bytes(s, &e->args_tail, (void *)(end - ARGS_TAIL), ARGS_TAIL, ARGS_TAIL, FROM_USER);
}

static __always_inline void environment_describe(struct scratch *s, struct process_exec *e,
						 __u64 start, __u64 end)
{
	__u64 length = end - start;

	e->env_length = length;
	if (length <= ENV_BYTES) {
		text_bytes(s, &e->env, (void *)start, length, ENV_BYTES, FROM_USER);
		return;
	}
	text_bytes(s, &e->env, (void *)start, ENV_BYTES, ENV_BYTES, FROM_USER);
	if (length <= ENV_BYTES + ENV_TAIL) {
		text_bytes(s, &e->env_tail, (void *)(start + ENV_BYTES), length - ENV_BYTES,
			   ENV_TAIL, FROM_USER);
		return;
	}
	s->event.header.flags |= RECORD_ENV_TRUNCATED;
	text_bytes(s, &e->env_tail, (void *)(end - ENV_TAIL), ENV_TAIL, ENV_TAIL, FROM_USER);
}

static __always_inline int on_exec(struct task_struct *task, struct linux_binprm *bprm)
{
	__u64 mm = 0, file = 0, filename = 0, interp = 0, start = 0, end = 0;
	struct process_exec *e;
	struct scratch *s;

	if (!kind_wanted(EVENT_PROCESS_EXEC)) {
		account(EVENT_PROCESS_EXEC, OUTCOME_FILTERED);
		return 0;
	}
	s = record_begin(EVENT_PROCESS_EXEC, sizeof(*e));
	if (!s)
		return 0;
	e = &s->event.process_exec;
	header_fill(&e->header, task, 0);
	exec_of_task(e, task);
	address_of(file, bprm->file);
	executable_describe(s, e, file);
	address_of(filename, bprm->filename);
	address_of(interp, bprm->interp);
	text_kernel(s, &e->filename, (void *)filename, PATH_MAX_BYTES);
	if (interp != filename)
		text_kernel(s, &e->interp, (void *)interp, NAME_BYTES);
	address_of(mm, task->mm);
	read_field(start, mm, struct mm_struct, arg_start);
	read_field(end, mm, struct mm_struct, arg_end);
	arguments_describe(s, e, start, end);
	/*
	 * In a crowd a program that its user has not run lately has a reserve beside that for
	 * other arguments (of the texts so far the last ones): who varies those hides no program.
	 */
	if (!crowd_admits(EVENT_PROCESS_EXEC, e->exe.inode, 1 + (s->length >> 10)) &&
	    !crowd_spare(EVENT_PROCESS_EXEC, record_object(s->level, sizeof(*e)),
			 (1 + (s->length >> 10)) << 1)) {
		record_drop(s, OUTCOME_LOST_RING_FULL);
		return 0;
	}
	streams_describe(s, e, task);
	e->named_fd = descriptor_of_arguments(s);
	if (e->named_fd != NO_DESCRIPTOR)
		stream_describe(s, &e->named, file_of_fd(task, e->named_fd));
	text_cwd(s, &e->cwd, task);
	text_tty(s, &e->tty, task);
	text_cgroup(s, &e->cgroup, task);
	read_field(start, mm, struct mm_struct, env_start);
	read_field(end, mm, struct mm_struct, env_end);
	environment_describe(s, e, start, end);
	record_submit(s, RING_PRIORITY);
	return 0;
}

/*
 * bprm_execve -> exec_binprm (fs/exec.c): the new program is in place
 *   -> trace_sched_process_exec(current, old_pid, bprm)
 * Nothing here is what the caller passed: the file is the opened one, the
 * arguments are the copies on the new stack, which nobody has run on yet. For a
 * script bprm->file is the interpreter, bprm->filename the script.
 */
PROGRAM(process_exec, always, "process_exec: without it no process is known by its program");
SEC("tp_btf/sched_process_exec")
int BPF_PROG(process_exec, struct task_struct *task, int old_pid, struct linux_binprm *bprm)
{
	run_noted(RUN_EXEC);
	return on_exec(task, bprm);
}

SEC("tp_btf/sched_process_exec")
int BPF_PROG(process_exec__again, struct task_struct *task, int old_pid, struct linux_binprm *bprm)
{
	return run_left_out(RUN_EXEC) ? on_exec(task, bprm) : 0;
}

/*
 * execve, execveat that returned an error: there is no file to look at, the name
 * is what user space passed. Success is process_exec's.
 */
PROGRAM(exit_exec, always, "process_exec that failed");
SEC("tp_btf/sys_exit")
int BPF_PROG(exit_exec, struct pt_regs *regs, long result)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct call_info call = call_of(regs, task);
	struct process_exec *e;
	struct scratch *s;
	__u64 filename;

	if (result >= 0 || result_restarts(result))
		return 0;
	if (!kind_wanted(EVENT_PROCESS_EXEC)) {
		account(EVENT_PROCESS_EXEC, OUTCOME_FILTERED);
		return 0;
	}
	s = record_begin(EVENT_PROCESS_EXEC, sizeof(*e));
	if (!s)
		return 0;
	e = &s->event.process_exec;
	header_of_call(s, &call, result);
	e->header.flags |= RECORD_UNVERIFIED;
	exec_of_task(e, task);
	filename = call.call == CALL_EXECVEAT ? ARG1(regs, call) : ARG0(regs, call);
	text_user(s, &e->filename, (void *)filename, PATH_MAX_BYTES);
	if (!record_admits(s, sizeof(*e), 0, 1)) {
		record_drop(s, OUTCOME_THROTTLED);
		return 0;
	}
	text_cwd(s, &e->cwd, task);
	text_tty(s, &e->tty, task);
	text_cgroup(s, &e->cgroup, task);
	record_submit(s, RING_PRIORITY);
	return 0;
}

/*
 * bpf_iter task (kernel/bpf/task_iter.c): every process that is there when user
 * space reads the iterator. Arguments and environment are in the other process's
 * memory, out of reach here: marked unreadable, user space reads them from /proc.
 */
PROGRAM(process_seed, always,
	"processes that were there before the daemon (/proc is read instead)");
SEC("iter/task")
int process_seed(struct bpf_iter__task *ctx)
{
	struct seq_file *seq = ctx->meta->seq;
	struct task_struct *task = ctx->task;
	struct process_exec *e;
	struct scratch *s;
	__u64 exe = 0, length;
	__u32 level;

	if (!task || task->pid != task->tgid)
		return 0;
	level = nest_enter();
	if (level >= NEST_LEVELS)
		return 0;
	s = bpf_map_lookup_elem(&scratch, &level);
	if (!s) {
		nest_leave(level);
		return 0;
	}
	e = &s->event.process_exec;
	__builtin_memset(e, 0, sizeof(*e));
	s->length = sizeof(*e);
	s->level = level;
	e->header.kind = EVENT_PROCESS_EXEC;
	header_fill(&e->header, task, 0);
	e->header.flags |= RECORD_SEEDED | RECORD_UNREADABLE;
	exec_of_task(e, task);
	address_of(exe, task->mm);
	read_field(exe, exe, struct mm_struct, exe_file);
	if (exe)
		executable_describe(s, e, exe);
	streams_describe(s, e, task);
	e->args.length = TEXT_UNREADABLE;
	e->env.length = TEXT_UNREADABLE;
	text_cwd(s, &e->cwd, task);
	text_tty(s, &e->tty, task);
	text_cgroup(s, &e->cgroup, task);
	length = s->length;
	barrier_var(length);
	if (length > RECORD_BYTES)
		length = RECORD_BYTES;
	e->header.size = length;
	bpf_seq_write(seq, s->bytes, length);
	nest_leave(level);
	return 0;
}
