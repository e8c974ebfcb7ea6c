import type { Config } from '../config/options.ts';

/** What switches a program on: `response` programs change what processes get and are loaded only for enforcement. */
type ProgramGroup = 'always' | 'process' | 'network' | 'filesystem' | 'response';

interface ProgramRow {
  readonly group: ProgramGroup;
  /** What is not seen, or not done, without it. */
  readonly watches: string;
  /** It hooks a function of the kernel, which not every kernel lets be done; every event comes without it, too. */
  readonly hook: boolean;
  /** The kind of events whose calls it refuses. */
  readonly prevents?: string;
}

const row = (group: ProgramGroup, watches: string): ProgramRow => ({ group, watches, hook: false });
const prevent = (kind: string, call: string): ProgramRow => ({
  group: 'response',
  watches: `rules that are decided in the kernel do not refuse ${call}`,
  hook: true,
  prevents: kind,
});
const hook = (group: ProgramGroup, call: string): ProgramRow => ({
  group,
  watches: `the final path of ${call} (without it the one that was passed: event.unverified)`,
  hook: true,
});

/** Every program of the BPF object; a test compares. `NAME__WHERE` is the hook of NAME under another kernel's name for it. */
const PROGRAMS: Readonly<Record<string, ProgramRow>> = {
  sys_exit: row('always', 'every kind that is read at the end of a system call'),
  process_exec: row('always', 'process_exec: without it no process is known by its program'),
  process_fork: row('always', 'process_fork'),
  process_exit: row('always', 'process_exit'),
  process_seed: row('always', 'processes that were there before the daemon (/proc is read instead)'),
  rate_sweep: row('always', 'the end of a throttle of a process that has fallen silent'),
  exit_exec: row('always', 'process_exec that failed'),
  process_rename: row('process', 'process_rename'),
  signal_sent: row('process', 'kill'),
  credentials_exec: row('process', 'credentials and capabilities that changed with an exec'),
  credentials_fork: row('process', 'credentials that a new thread began with'),
  credentials_seed: row('process', 'credentials of threads that were there before the daemon'),
  exit_credential: row('process', 'setuid, setgid, capset'),
  exit_trace: row('process', 'process_ptrace, process_vm_read, process_vm_write, pidfd_getfd, kill that was refused'),
  exit_namespace: row('process', 'unshare, setns, chroot, pivot_root, mount, umount'),
  exit_bpf: row('process', 'bpf_load, bpf_access'),
  exit_kernel: row(
    'process',
    'module_load, module_unload, perf_event_open, keyctl, ioperm, reboot, swapon, settimeofday',
  ),
  exit_memory: row('process', 'memfd_create, mprotect_exec, mmap_exec, userfaultfd'),
  exit_uring: row('process', 'io_uring_setup'),
  uring_submit: row('process', 'by io_uring: file_open and what else names a file, and requests without a completion'),
  uring_queue: row('process', 'by io_uring: whether a worker opened a file (else it may be reported as unverified)'),
  uring_complete: row('process', 'by io_uring: results; everything is reported when it is submitted'),
  uring_overflow: row('process', 'by io_uring: what completes while the queue of completions is full'),
  exit_open: row('filesystem', 'file_open, file_create'),
  exit_read: row('filesystem', 'file_read'),
  exit_write: row('filesystem', 'file_write'),
  exit_access: row('filesystem', 'first reads and writes that are reported at all'),
  exit_copy: row('filesystem', 'file_read and file_write by sendfile, splice, copy_file_range, clones of files'),
  exit_ioctl: row('always', 'inode flags, clones of files and injected terminal input'),
  exit_mmap: row('always', 'mmap_exec, and file_read and file_write by mappings'),
  exit_control: row('process', 'prctl, personality, seccomp, accounting, the kernel’s log, terminal input'),
  exit_remove: row('filesystem', 'file_unlink'),
  exit_rename: row('filesystem', 'file_rename'),
  exit_link: row('filesystem', 'file_link, file_symlink'),
  exit_make: row('filesystem', 'file_mkdir, file_create by mknod'),
  exit_attribute: row('filesystem', 'file_chmod, file_chown, file_truncate, file_setxattr, file_utimens'),
  resolved_unlink: hook('filesystem', 'unlink'),
  resolved_rmdir: hook('filesystem', 'rmdir'),
  resolved_mkdir: hook('filesystem', 'mkdir'),
  resolved_mknod: hook('filesystem', 'mknod'),
  resolved_symlink: hook('filesystem', 'symlink'),
  resolved_link: hook('filesystem', 'link'),
  resolved_rename: hook('filesystem', 'rename'),
  resolved_chmod: hook('filesystem', 'chmod by path'),
  resolved_chown: hook('filesystem', 'chown by path'),
  resolved_truncate: hook('filesystem', 'truncate'),
  resolved_utimens: hook('filesystem', 'utimensat by path'),
  resolved_setxattr: hook('filesystem', 'setxattr by path'),
  resolved_removexattr: hook('filesystem', 'removexattr by path'),
  resolved_mount: hook('process', 'mount'),
  resolved_move_mount: hook('process', 'move_mount'),
  resolved_umount: hook('process', 'umount'),
  resolved_pivot_root: hook('process', 'pivot_root'),
  exit_socket: row('network', 'net_accept, net_listen, socket_raw'),
  exit_send: row('network', 'bytes sent; net_send where the cgroup programs are missing'),
  exit_receive: row('network', 'bytes received; net_dns, so host names of destinations'),
  exit_connect: row('network', 'net_conn by UDP, connects that were refused, unix_connect'),
  exit_inet: row('network', 'net_conn by UDP, and connects that were refused'),
  exit_unix: row('network', 'unix_connect'),
  exit_dup: row('network', 'socket_dup'),
  socket_state: row('network', 'net_conn, net_accept and net_close by TCP'),
  socket_retransmit: row('network', 'net_conn to peers that do not answer'),
  send_ipv4: row('network', 'net_send by IPv4 as the kernel has it (the system call is reported instead)'),
  send_ipv6: row('network', 'net_send by IPv6 as the kernel has it'),
  prevent_open: prevent('file_open', 'open'),
  prevent_exec: prevent('process_exec', 'exec'),
  prevent_unlink: prevent('file_unlink', 'unlink'),
  prevent_rmdir: prevent('file_unlink', 'rmdir'),
  prevent_rename: prevent('file_rename', 'rename'),
  prevent_link: prevent('file_link', 'link'),
  prevent_symlink: prevent('file_symlink', 'symlink'),
  prevent_mkdir: prevent('file_mkdir', 'mkdir'),
  prevent_create: prevent('file_create', 'mknod, and opens that create'),
  prevent_chmod: prevent('file_chmod', 'chmod'),
  prevent_chown: prevent('file_chown', 'chown'),
  prevent_truncate: prevent('file_truncate', 'truncate'),
  prevent_connect: prevent('net_conn', 'connect'),
  block_connect4: row('response', 'blocked connects by IPv4'),
  block_connect6: row('response', 'blocked connects by IPv6'),
  block_sendmsg4: row('response', 'blocked datagrams by IPv4'),
  block_sendmsg6: row('response', 'blocked datagrams by IPv6'),
};

/** What a program stands in for: `uring_submit` for `uring_submit__sqe`, the same hook under the name that other kernels have for it. */
export function programBase(name: string): string {
  return name.replace(/__.*$/, '');
}

function rowOf(name: string): ProgramRow {
  const found = PROGRAMS[programBase(name)];
  if (found === undefined)
    throw new Error(`the BPF object has a program ${name} that src/kernel/programs.ts does not know`);
  return found;
}

/** Names that the table has. */
export const PROGRAM_NAMES: readonly string[] = Object.keys(PROGRAMS);

export function programGroup(name: string): ProgramGroup {
  return rowOf(name).group;
}

/** What is not seen, or not done, without a program. */
export function programWatches(name: string): string {
  return rowOf(name).watches;
}

/** Whether a program hooks a function of the kernel, so that a kernel may refuse to attach it. */
export function isHook(name: string): boolean {
  return rowOf(name).hook;
}

/** The kind of events whose calls a program refuses; undefined for one that refuses none by rules. */
export function programPrevents(name: string): string | undefined {
  return rowOf(name).prevents;
}

/** Kinds whose calls rules can have refused, where functions can be hooked. */
export const PREVENTABLE: ReadonlySet<string> = new Set(
  Object.values(PROGRAMS).flatMap(({ prevents }) => (prevents === undefined ? [] : [prevents])),
);

/** What to do about a program that a kernel should have taken. */
export const REPORT_IT =
  'all others work; `npm run test:kernels -- VERSION` shows it on a kernel of Debian: report it with the output of `check --kernel` and `uname -r`';

/** Whether the configuration wants a program. */
export function programWanted(
  name: string,
  config: Pick<Config, 'kernel' | 'monitoring' | 'response'>,
  prevented: ReadonlySet<string> = PREVENTABLE,
): boolean {
  const prevents = programPrevents(name);
  if (prevents !== undefined && !prevented.has(prevents) && !(name === 'prevent_create' && prevented.has('file_open')))
    return false;
  if (programGroup(name) !== 'response' && isHook(name) && !config.kernel.resolve_paths) return false;
  switch (programGroup(name)) {
    case 'always':
      return true;
    case 'process':
      return config.monitoring.enable_process;
    case 'network':
      return config.monitoring.enable_network;
    case 'filesystem':
      return config.monitoring.enable_filesystem;
    case 'response':
      return config.response.enforce;
  }
}

/** `open` for program exit_open: its place in exit_handlers is enumerator FAMILY_OPEN. */
export function exitFamily(program: string): string | undefined {
  return /^exit_(.+)$/.exec(program)?.[1]?.toUpperCase();
}

/** Iterators run once when asked and attach to nothing. */
export function isIterator({ section }: { readonly section: string }): boolean {
  return section.startsWith('iter/');
}
