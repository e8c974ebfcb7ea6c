/** Which of Falco's event types our kinds of event are. The table of docs/falco.md follows from it. */
import { SYSCALLS } from '../../schema/names/syscalls.ts';
import { all, type Condition, exists, field, not } from '../tree.ts';

interface EventTypes {
  /** Falco's names, the likeliest first. */
  readonly types: readonly string[];
  /** Falco's category of it. */
  readonly category: string;
  readonly note?: string;
  /**
   * Only these are events of their own in Falco; the kind also stands beside
   * another event of ours, which is the one that Falco has.
   */
  readonly only?: readonly string[];
}

const file = (...types: string[]): EventTypes => ({ types, category: 'file' });
const call = (category: string, ...types: string[]): EventTypes => ({ types, category });

export const EVENT_TYPES: Readonly<Record<string, EventTypes>> = {
  process_exec: call('process', 'execve', 'execveat'),
  process_fork: { ...call('process', 'clone', 'clone3', 'fork', 'vfork'), note: 'processes, not threads' },
  process_exit: call('process', 'procexit'),
  process_ptrace: { ...call('process', 'ptrace'), note: 'without peeks and continues' },
  process_rename: { ...call('process', 'prctl'), note: 'PR_SET_NAME only' },
  process_vm_read: call('process', 'process_vm_readv'),
  process_vm_write: call('process', 'process_vm_writev'),
  pidfd_getfd: call('process', 'pidfd_getfd'),
  kill: {
    ...call('signal', 'kill', 'tkill', 'tgkill', 'pidfd_send_signal', 'rt_sigqueueinfo', 'rt_tgsigqueueinfo'),
    note: 'to other processes',
  },
  file_open: file('openat', 'open', 'openat2', 'creat', 'open_by_handle_at'),
  file_read: {
    ...file('read', 'pread', 'pread64', 'readv', 'preadv', 'preadv2'),
    note: 'the first read of an open file by a process',
  },
  file_write: {
    ...file('write', 'pwrite', 'pwrite64', 'writev', 'pwritev', 'pwritev2'),
    note: 'the first write to an open file by a process',
  },
  file_create: {
    ...file('openat', 'open', 'openat2', 'creat', 'mknod', 'mknodat'),
    only: ['mknod', 'mknodat'],
    note: 'mknod and mknodat; a file created by an open is its file_open',
  },
  file_unlink: file('unlinkat', 'unlink', 'rmdir'),
  file_rename: file('rename', 'renameat', 'renameat2'),
  file_link: file('linkat', 'link'),
  file_symlink: file('symlinkat', 'symlink'),
  file_mkdir: file('mkdirat', 'mkdir'),
  file_chmod: file('fchmodat', 'chmod', 'fchmod', 'fchmodat2'),
  file_chown: file('fchownat', 'chown', 'fchown', 'lchown'),
  file_truncate: file('truncate', 'ftruncate'),
  file_setxattr: file('setxattr', 'lsetxattr', 'fsetxattr', 'setxattrat'),
  file_removexattr: file('removexattr', 'lremovexattr', 'fremovexattr', 'removexattrat'),
  file_chattr: { ...file('ioctl', 'file_setattr'), note: 'flags of an inode (chattr)' },
  file_utimens: file('utimensat', 'utime', 'utimes', 'futimesat'),
  net_conn: { ...call('net', 'connect'), note: 'TCP and UDP' },
  net_accept: { ...call('net', 'accept4', 'accept'), note: 'TCP' },
  net_listen: { ...call('net', 'listen', 'bind'), note: 'listen of TCP, bind of UDP sockets' },
  net_close: { ...call('net', 'close', 'shutdown'), note: 'the end of a TCP connection' },
  net_send: {
    ...call('net', 'sendto', 'sendmsg', 'sendmmsg'),
    note: 'the first datagram of an unconnected UDP socket to a peer',
  },
  socket_raw: { ...call('net', 'socket'), note: 'raw, packet and vsock sockets' },
  socket_create: { ...call('net', 'socket'), note: 'netlink, alg, bluetooth and other rare families' },
  unix_connect: { ...call('net', 'connect'), note: 'Unix sockets' },
  socket_dup: {
    ...call('IPC', 'dup2', 'dup', 'dup3', 'fcntl'),
    note: 'a connected socket that becomes standard input, output or error',
  },
  setuid: call('user', 'setuid', 'setreuid', 'setresuid', 'setfsuid'),
  setgid: call('user', 'setgid', 'setregid', 'setresgid', 'setfsgid', 'setgroups'),
  capset: call('process', 'capset'),
  unshare: call('process', 'unshare'),
  setns: call('process', 'setns'),
  chroot: call('process', 'chroot'),
  mount: call('file', 'mount', 'move_mount', 'open_tree', 'fsmount', 'mount_setattr'),
  umount: call('file', 'umount2', 'umount'),
  pivot_root: call('file', 'pivot_root'),
  module_load: call('other', 'finit_module', 'init_module'),
  module_unload: call('other', 'delete_module'),
  bpf_load: { ...call('other', 'bpf'), note: 'loading of programs' },
  bpf_access: { ...call('other', 'bpf'), note: 'a link or program that was detached or replaced' },
  perf_event_open: call('other', 'perf_event_open'),
  userfaultfd: call('file', 'userfaultfd'),
  keyctl: call('other', 'keyctl', 'add_key', 'request_key'),
  memfd_create: call('memory', 'memfd_create', 'memfd_secret'),
  mprotect_exec: { ...call('memory', 'mprotect', 'pkey_mprotect'), note: 'memory that becomes executable' },
  mmap_exec: { ...call('memory', 'mmap', 'mmap2'), note: 'executable memory without a file, or writable too' },
  prctl: {
    ...call('process', 'prctl'),
    note: 'PR_SET_DUMPABLE, _MM, _PTRACER, _KEEPCAPS, _SECUREBITS, PR_CAP_AMBIENT',
  },
  personality: call('process', 'personality'),
  acct: call('system', 'acct'),
  process_control: { ...call('process', 'prlimit', 'setpriority'), note: 'of another process' },
  fanotify: call('other', 'fanotify_init', 'fanotify_mark'),
  sethostname: call('system', 'sethostname', 'setdomainname'),
  modify_ldt: call('process', 'modify_ldt'),
  seccomp: call('process', 'seccomp', 'prctl'),
  kernel_log: call('system', 'syslog'),
  terminal_input: { ...call('file', 'ioctl'), note: 'TIOCSTI' },
  io_uring_setup: call('IPC', 'io_uring_setup'),
  ioperm: call('other', 'ioperm', 'iopl'),
  reboot: call('system', 'reboot', 'kexec_load', 'kexec_file_load'),
  swapon: call('file', 'swapon', 'swapoff'),
  settimeofday: call('time', 'settimeofday', 'clock_settime'),
};

/** Kinds whose events have types of Falco's. */
export const FALCO_KINDS = Object.keys(EVENT_TYPES);

const RECORDED = new Set(Object.values(EVENT_TYPES).flatMap(({ types }) => types));

/** Names of Falco's that are no system calls. */
const OTHER_TYPES =
  'syscall procexit switch drop scapevent signaldeliver container infra notification page_fault page_fault_user page_fault_kernel tracer cpu_hotplug k8s mesos pluginevent asyncevent useradded userdeleted groupadded groupdeleted procinfo sysdigevent sysdigevent_2 pread pwrite select getdents umount mmap2 prlimit sigreturn eventfd signalfd inotify_init pipe send recv llseek stat64 lstat64 fstat64 fork vfork clone semop semget semctl accept';

const KNOWN = new Set([
  ...RECORDED,
  ...SYSCALLS.x64.filter((name) => name !== undefined),
  ...SYSCALLS.arm64.filter((name) => name !== undefined),
  ...OTHER_TYPES.split(' '),
]);

/** Whether Falco knows an event type of this name. */
export const isEventType = (name: string): boolean => KNOWN.has(name);
/** Whether there are events of this type here. */
export const isRecorded = (name: string): boolean => RECORDED.has(name);

/** When an event that does not tell its system call can be one of its kind's assumed types. */
export function untold({ only }: EventTypes): Condition {
  const unknown = not(exists(field('event.syscall')));
  // A live event by io_uring has none either, but tells its source.
  return only === undefined ? unknown : all([unknown, not(exists(field('event.source')))]);
}
