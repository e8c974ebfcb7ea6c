/* SPDX-License-Identifier: (Apache-2.0 OR GPL-2.0) */
/* Credentials, memory made executable, and calls that change the running kernel. */
#include "privilege.bpf.h"

/* ---- threads ------------------------------------------------------------------- */
/*
 * Old ids are gone at the end of a call (commit_creds frees them), and a hook on
 * the beginning of every call would cost 24 ns each. So what each thread had
 * last is kept. An evicted thread's old ids are reported as unknown.
 */
static __always_inline void credentials_of(struct thread_facts *to, struct task_struct *task)
{
	__u64 cred = 0;

	address_of(cred, task->real_cred);
	read_field(to->effective, cred, struct cred, cap_effective);
	read_field(to->uid, cred, struct cred, uid.val);
	read_field(to->euid, cred, struct cred, euid.val);
	read_field(to->gid, cred, struct cred, gid.val);
	read_field(to->egid, cred, struct cred, egid.val);
}

/*
 * The hash of a program's name, from the task name that begin_new_exec (fs/exec.c)
 * has just made of the last part of bprm->filename, or 0 where that was cut.
 */
static __always_inline __u64 program_of_comm(struct task_struct *task)
{
	__u64 hash = FNV_OFFSET;
	char comm[16];

	if (bpf_probe_read_kernel(comm, sizeof(comm), task->comm))
		return 0;
	for (int i = 0; i < 15; i++) {
		if (!comm[i])
			return hash;
		hash = fnv_fold(hash, comm[i]);
	}
	return 0;
}

/* fexecve: before 6.14 the task name is the descriptor's number, and process.name differs. */
static __always_inline bool bprm_named_by_descriptor(struct linux_binprm *bprm)
{
	__u64 filename = 0, start = 0;

	address_of(filename, bprm->filename);
	bpf_probe_read_kernel(&start, 5, (void *)filename);
	/* Little-endian "/dev/" and "/proc". */
	return start == 0x2f7665642full || start == 0x636f72702full;
}

static __always_inline void thread_keep(struct task_struct *task, __u64 program, __u64 flags)
{
	struct thread_facts now = {.program = program};
	thread_id tid = task->pid;

	credentials_of(&now, task);
	if (!bpf_map_update_elem(&threads, &tid, &now, flags) || flags == BPF_NOEXIST)
		return;
	/*
	 * An LRU map refuses an entry while other CPUs hold all that are free, as in
	 * a flood of forks. What is there then is the program before: the filter
	 * would go by its name. Without an entry everything passes.
	 */
	bpf_map_delete_elem(&threads, &tid);
	failure_count(FAILURE_CALL_MAP_FULL);
}

/* The child runs its parent's program; a thread's name is its process's, kept with the leader. */
PROGRAM(credentials_fork, process, "credentials that a new thread began with");
SEC("tp_btf/sched_process_fork")
int BPF_PROG(credentials_fork, struct task_struct *parent, struct task_struct *child)
{
	process_id leader = parent->tgid;
	struct thread_facts *facts = bpf_map_lookup_elem(&threads, &leader);

	thread_keep(child, facts ? facts->program : 0, BPF_ANY);
	return 0;
}

/* begin_new_exec has committed the new program's credentials; the thread has the leader's id now.
 */
PROGRAM(credentials_exec, process, "credentials and capabilities that changed with an exec");
SEC("tp_btf/sched_process_exec")
int BPF_PROG(credentials_exec, struct task_struct *task, int old_pid, struct linux_binprm *bprm)
{
	thread_keep(task, bprm_named_by_descriptor(bprm) ? 0 : program_of_comm(task), BPF_ANY);
	return 0;
}

/*
 * Run once after attaching: threads that were there before. Of these user space
 * has no better name than the task name either, unless it may have been cut.
 * What a hook has put there meanwhile is newer.
 */
PROGRAM(credentials_seed, process, "credentials of threads that were there before the daemon");
SEC("iter/task")
int credentials_seed(struct bpf_iter__task *ctx)
{
	/* Read once: the verifier forgets a test of ctx->task at the next load. */
	struct task_struct *task = ctx->task;

	if (task)
		thread_keep(task, task->pid == task->tgid ? program_of_comm(task) : 0, BPF_NOEXIST);
	return 0;
}

PROGRAM(exit_credential, process, "setuid, setgid, capset");
SEC("tp_btf/sys_exit")
int BPF_PROG(exit_credential, struct pt_regs *regs, long result)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct call_info call = call_of(regs, task);
	struct thread_facts now = {}, old = {.uid = -1, .euid = -1, .gid = -1, .egid = -1};
	struct thread_facts *known;
	struct call_event *e;
	thread_id tid = task->pid;
	enum event_kind kind;
	struct scratch *s;

	switch (call.call) {
	case CALL_CAPSET:
		kind = EVENT_CAPSET;
		break;
	case CALL_SETUID:
	case CALL_SETREUID:
	case CALL_SETRESUID:
	case CALL_SETFSUID:
		kind = EVENT_SETUID;
		break;
	default:
		kind = EVENT_SETGID;
	}
	credentials_of(&now, task);
	known = bpf_map_lookup_elem(&threads, &tid);
	if (known) {
		old = *known;
		now.program = old.program;
	}
	bpf_map_update_elem(&threads, &tid, &now, BPF_ANY);
	s = call_begin(kind, regs, &call, result);
	if (!s)
		return 0;
	e = &s->event.capset;
	e->old_uid = old.uid;
	e->old_euid = old.euid;
	e->old_gid = old.gid;
	e->old_egid = old.egid;
	e->old_effective = old.effective;
	e->new_uid = now.uid;
	e->new_euid = now.euid;
	e->new_gid = now.gid;
	e->new_egid = now.egid;
	e->new_effective = now.effective;
	call_end(s);
	return 0;
}

/* ---- memory ----------------------------------------------------------------------- */
enum memory_flags { FMODE_WRITE = 2 };

/*
 * Memory that is made executable: mprotect always, mmap when the pages are
 * anonymous, writable too, or of a file open for writing. Mapping a program or
 * a library (private, read and execute) is none of that and the common case.
 */
static __always_inline void on_mmap(struct pt_regs *regs, struct task_struct *task,
				    struct call_info *call, long result)
{
	__u64 array = call->call == CALL_OLD_MMAP ? ARG0(regs, *call) : 0;
	__u32 protection = PACKED_ARG(2, regs, *call, array);
	__u32 flags = PACKED_ARG(3, regs, *call, array);
	__u64 file = 0;
	struct scratch *s;
	fmode_t mode = 0;

	if (!(protection & PROT_EXEC))
		return;
	if (!(flags & MAP_ANONYMOUS)) {
		file = file_of_fd(task, (__s32)PACKED_ARG(4, regs, *call, array));
		if (file)
			read_field(mode, file, struct file, f_mode);
		if (!(protection & PROT_WRITE) && !(mode & FMODE_WRITE))
			return;
	}
	s = call_begin(EVENT_MMAP_EXEC, regs, call, result);
	if (!s)
		return;
	if (array) {
		s->event.header.flags |= RECORD_UNVERIFIED;
		s->event.mmap_exec.argument[0] = (__u32)result;
		s->event.mmap_exec.argument[1] = packed_argument(array, 1);
		s->event.mmap_exec.argument[2] = protection;
		s->event.mmap_exec.argument[3] = flags;
	}
	call_file_describe(s->level, file);
	call_end_bulk(s);
}

/* A segment of System V memory mapped to be executed, which no mmap shows. The flags are the third
 * argument also where the 32-bit table has one call for all of them. */
static __always_inline void on_shared(struct pt_regs *regs, struct task_struct *task,
				      struct call_info *call, long result)
{
	__u32 flags = ARG2(regs, *call);
	struct scratch *s;

	if ((call->call == CALL_IPC && (ARG0(regs, *call) & 0xffff) != IPC_SHMAT) ||
	    !(flags & SHM_EXEC))
		return;
	s = call_begin(EVENT_MMAP_EXEC, regs, call, result);
	if (!s)
		return;
	s->event.mmap_exec.argument[0] = result;
	s->event.mmap_exec.argument[1] = 0; /* only the segment knows its length */
	s->event.mmap_exec.argument[2] =
	    PROT_READ | PROT_EXEC | (flags & SHM_RDONLY ? 0 : PROT_WRITE);
	call_end_bulk(s);
}

static __always_inline void on_memfd(struct pt_regs *regs, struct task_struct *task,
				     struct call_info *call, long result)
{
	struct scratch *s = call_begin(EVENT_MEMFD_CREATE, regs, call, result);
	__u64 file = result < 0 ? 0 : file_of_fd(task, result);

	if (!s)
		return;
	if (file) {
		call_file_describe(s->level, file);
		call_file_name(s, file, call->call == CALL_MEMFD_CREATE ? sizeof("memfd:") - 1 : 0);
	} else if (call->call == CALL_MEMFD_CREATE) {
		call_text(s, &s->event.memfd_create.name, ARG0(regs, *call), NAME_BYTES);
	}
	call_end(s);
}

PROGRAM(exit_memory, process, "memfd_create, mprotect_exec, mmap_exec, userfaultfd");
SEC("tp_btf/sys_exit")
int BPF_PROG(exit_memory, struct pt_regs *regs, long result)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct call_info call = call_of(regs, task);
	struct scratch *s;

	switch (call.call) {
	case CALL_MMAP:
	case CALL_MMAP2:
	case CALL_OLD_MMAP:
		on_mmap(regs, task, &call, result);
		break;
	case CALL_MPROTECT:
	case CALL_PKEY_MPROTECT:
		if (!(ARG2(regs, call) & PROT_EXEC))
			break;
		s = call_begin(EVENT_MPROTECT_EXEC, regs, &call, result);
		if (s)
			call_end_bulk(s);
		break;
	case CALL_SHMAT: /* do_shmat (ipc/shm.c) */
	case CALL_IPC:
		on_shared(regs, task, &call, result);
		break;
	case CALL_MEMFD_CREATE:
	case CALL_MEMFD_SECRET:
		on_memfd(regs, task, &call, result);
		break;
	case CALL_USERFAULTFD:
		call_report(EVENT_USERFAULTFD, regs, &call, result);
		break;
	}
	return 0;
}

/* ---- the running kernel --------------------------------------------------------------- */
static __always_inline void on_module(struct pt_regs *regs, struct task_struct *task,
				      struct call_info *call, long result)
{
	bool unload = call->call == CALL_DELETE_MODULE;
	enum event_kind kind = unload ? EVENT_MODULE_UNLOAD : EVENT_MODULE_LOAD;
	struct scratch *s = call_begin(kind, regs, call, result);
	struct call_event *e;

	if (!s)
		return;
	e = &s->event.module_load;
	if (unload) {
		call_text(s, &e->name, ARG0(regs, *call), NAME_BYTES);
	} else if (call->call == CALL_FINIT_MODULE) {
		call_text(s, &e->detail, ARG1(regs, *call), NAME_BYTES);
		call_file_describe(s->level, file_of_fd(task, ARG0(regs, *call)));
	} else {
		call_text(s, &e->detail, ARG2(regs, *call), NAME_BYTES);
	}
	call_end(s);
}

static __always_inline void on_key(struct pt_regs *regs, struct task_struct *task,
				   struct call_info *call, long result)
{
	struct scratch *s = call_begin(EVENT_KEYCTL, regs, call, result);

	if (!s)
		return;
	if (call->call !=
	    CALL_KEYCTL) { /* add_key, request_key: type and description; never the payload */
		s->event.keyctl.argument[0] = ~0ull; /* their first argument is a pointer */
		call_text(s, &s->event.keyctl.name, ARG0(regs, *call), NAME_BYTES);
		call_text(s, &s->event.keyctl.detail, ARG1(regs, *call), NAME_BYTES);
	}
	call_end(s);
}

static __always_inline void on_perf(struct pt_regs *regs, struct task_struct *task,
				    struct call_info *call, long result)
{
	struct scratch *s = call_begin(EVENT_PERF_EVENT_OPEN, regs, call, result);
	__s32 pid = ARG1(regs, *call);

	if (!s)
		return;
	if (pid > 0)
		s->event.perf_event_open.target_pid = pid;
	call_end(s);
}

static __always_inline void on_swap(struct pt_regs *regs, struct task_struct *task,
				    struct call_info *call, long result)
{
	struct scratch *s = call_begin(EVENT_SWAPON, regs, call, result);

	if (!s)
		return;
	call_path(s, AT_FDCWD, ARG0(regs, *call));
	call_end(s);
}

/* adjtimex and clock_adjtime that only ask have no mode (struct timex begins with it). */
static __always_inline bool timex_sets_clock(const void *timex)
{
	__u32 modes = 0;

	return !bpf_probe_read_user(&modes, sizeof(modes), timex) && modes;
}

PROGRAM(
    exit_kernel, process,
    "module_load, module_unload, perf_event_open, keyctl, ioperm, reboot, swapon, settimeofday");
SEC("tp_btf/sys_exit")
int BPF_PROG(exit_kernel, struct pt_regs *regs, long result)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct call_info call = call_of(regs, task);

	switch (call.call) {
	case CALL_INIT_MODULE:
	case CALL_FINIT_MODULE:
	case CALL_DELETE_MODULE:
		on_module(regs, task, &call, result);
		break;
	case CALL_PERF_EVENT_OPEN:
		on_perf(regs, task, &call, result);
		break;
	case CALL_KEYCTL:
	case CALL_ADD_KEY:
	case CALL_REQUEST_KEY:
		on_key(regs, task, &call, result);
		break;
	case CALL_REBOOT:
	case CALL_KEXEC_LOAD:
	case CALL_KEXEC_FILE_LOAD:
		call_report(EVENT_REBOOT, regs, &call, result);
		break;
	case CALL_SWAPON:
	case CALL_SWAPOFF:
		on_swap(regs, task, &call, result);
		break;
	case CALL_IOPERM:
	case CALL_IOPL:
		call_report(EVENT_IOPERM, regs, &call, result);
		break;
	case CALL_ADJTIMEX:
		if (timex_sets_clock((void *)ARG0(regs, call)))
			call_report(EVENT_SETTIMEOFDAY, regs, &call, result);
		break;
	case CALL_CLOCK_ADJTIME:
		if (timex_sets_clock((void *)ARG1(regs, call)))
			call_report(EVENT_SETTIMEOFDAY, regs, &call, result);
		break;
	case CALL_SETTIMEOFDAY:
	case CALL_CLOCK_SETTIME:
	case CALL_STIME:
		call_report(EVENT_SETTIMEOFDAY, regs, &call, result);
		break;
	}
	return 0;
}
