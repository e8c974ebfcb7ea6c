/** Kinds about processes and what they do to each other. */
import { EXIT, KERNEL, type KindSpec, REGISTERS } from './spec.ts';

export const PROCESS_KINDS = {
  process_exec: {
    group: 'always',
    what: 'A program was started, or (with event.error) could not be started',
    hook: 'tp_btf/sched_process_exec; failures tp_btf/sys_exit of execve and execveat',
    from: 'fs/exec.c bprm_execve: bprm->file, mm->arg_start, mm->env_start',
    verified:
      'yes; a failed exec has only process.filename, as it was passed, and the fields of the process that tried',
    blind:
      'Code that a running program loads by itself (dlopen, an interpreter’s own files) is no exec; see mmap_exec and file_open.',
    behaviors: [
      { is: 'program_started', path: 'process.path' },
      { is: 'credentials_gained', when: [{ field: 'process.setuid', in: [true] }] },
    ],
  },
  process_fork: {
    group: 'always',
    what: 'A process was created (threads are not)',
    hook: 'tp_btf/sched_process_fork',
    from: 'kernel/fork.c kernel_clone: parent and child task_struct',
    verified: KERNEL,
  },
  process_exit: {
    group: 'always',
    what: 'The last thread of a process ended',
    hook: 'tp_btf/sched_process_exit',
    from: 'kernel/exit.c do_exit: signal_struct',
    verified: KERNEL,
  },
  process_ptrace: {
    group: 'process',
    what: 'A process was attached to, seized, or its memory or registers were changed by ptrace',
    hook: EXIT,
    from: 'kernel/ptrace.c ptrace: registers; the target from its pid',
    verified: REGISTERS,
    blind: 'Peeks and continues of an attached tracer are left out.',
  },
  process_rename: {
    group: 'process',
    what: 'A task name was set by prctl or /proc/PID/comm',
    hook: 'tp_btf/task_rename',
    from: 'fs/exec.c __set_task_comm',
    verified: KERNEL,
    blind: 'A program that overwrites its own argv in memory is not seen.',
  },
  process_vm_read: {
    group: 'process',
    what: "Another process's memory was read by process_vm_readv",
    hook: EXIT,
    from: 'mm/process_vm_access.c: registers',
    verified: REGISTERS,
    blind: 'Reads through /proc/PID/mem are file events.',
  },
  process_vm_write: {
    group: 'process',
    what: "Another process's memory was written by process_vm_writev",
    hook: EXIT,
    from: 'mm/process_vm_access.c: registers',
    verified: REGISTERS,
    blind: 'Writes through /proc/PID/mem are file events.',
  },
  pidfd_getfd: {
    group: 'process',
    what: 'A descriptor was taken from another process',
    hook: EXIT,
    from: 'kernel/pid.c pidfd_getfd: the pidfd’s struct pid',
    verified: KERNEL,
  },
  kill: {
    group: 'process',
    what: 'A signal was sent to another process',
    hook: 'tp_btf/signal_generate; refused ones tp_btf/sys_exit of kill, tkill, tgkill, pidfd_send_signal, rt_sigqueueinfo',
    from: 'kernel/signal.c __send_signal_locked: target task and signal',
    verified: KERNEL,
    blind: 'Signals of the kernel itself and of a process to itself are left out.',
  },
} as const satisfies Record<string, KindSpec>;
