/** Which system calls a kind of event stands for: all uses of them, so that a rule on the call misses none. */

import type { FieldName } from '../../../schema/fields.ts';
import { familyName, ptraceName, syslogActionName } from '../../../schema/names/enums.ts';
import { SYSCALLS } from '../../../schema/names/syscalls.ts';
import { all, any, type Condition, exists, field, kindIs, leaf, not } from '../../tree.ts';

const CALLS: Readonly<Record<string, string>> = {
  process_exec: 'execve execveat',
  process_fork: 'fork vfork clone clone3',
  process_exit: 'exit exit_group',
  process_ptrace: 'ptrace',
  process_vm_read: 'process_vm_readv',
  process_vm_write: 'process_vm_writev',
  pidfd_getfd: 'pidfd_getfd',
  kill: 'kill tkill tgkill pidfd_send_signal rt_sigqueueinfo rt_tgsigqueueinfo',
  file_open: 'open openat openat2 creat open_by_handle_at',
  file_create: 'mknod mknodat',
  file_unlink: 'unlink unlinkat rmdir',
  file_rename: 'rename renameat renameat2',
  file_link: 'link linkat',
  file_symlink: 'symlink symlinkat',
  file_mkdir: 'mkdir mkdirat',
  file_chmod: 'chmod fchmod fchmodat fchmodat2',
  file_chown: 'chown fchown lchown fchownat',
  file_truncate: 'truncate ftruncate',
  file_setxattr: 'setxattr lsetxattr fsetxattr setxattrat',
  file_utimens: 'utime utimes futimesat utimensat',
  net_conn: 'connect',
  net_accept: 'accept accept4',
  net_listen: 'listen bind',
  net_send: 'sendto sendmsg sendmmsg',
  // Of the families that are recorded: netlink, alg, packet and other rare ones.
  socket_create: 'socket',
  socket_raw: 'socket',
  setuid: 'setuid setreuid setresuid setfsuid',
  setgid: 'setgid setregid setresgid setfsgid setgroups',
  capset: 'capset',
  unshare: 'unshare',
  setns: 'setns',
  chroot: 'chroot',
  mount: 'mount move_mount open_tree fsmount mount_setattr',
  umount: 'umount umount2',
  pivot_root: 'pivot_root',
  module_load: 'init_module finit_module',
  module_unload: 'delete_module',
  bpf_load: 'bpf',
  perf_event_open: 'perf_event_open',
  userfaultfd: 'userfaultfd',
  keyctl: 'keyctl add_key request_key',
  memfd_create: 'memfd_create memfd_secret',
  io_uring_setup: 'io_uring_setup',
  ioperm: 'ioperm iopl',
  reboot: 'reboot kexec_load kexec_file_load',
  swapon: 'swapon swapoff',
  settimeofday: 'settimeofday clock_settime',
  kernel_log: 'syslog',
  personality: 'personality',
  acct: 'acct',
  fanotify: 'fanotify_init fanotify_mark',
  sethostname: 'sethostname setdomainname',
};

export const AUDITED_KINDS: readonly string[] = Object.keys(CALLS);

/**
 * Name and number of each call of these kinds, with what makes an event that
 * call. Numbers are those of x86_64, for which rules are written. An event
 * that does not say its call may be any of its kind.
 */
export function callCases(kinds: readonly string[]): (readonly [string, Condition])[] {
  const subject = field('event.syscall');
  return kinds.flatMap((kind) =>
    (CALLS[kind] ?? '').split(' ').flatMap((name): (readonly [string, Condition])[] => {
      const same = any([not(exists(subject)), leaf(subject, { op: 'equal', values: [name] })]);
      const holds = all([kindIs(kind), same]);
      const number = SYSCALLS.x64.indexOf(name);
      return number < 0
        ? [[name, holds]]
        : [
            [name, holds],
            [String(number), holds],
          ];
    }),
  );
}

interface Register {
  readonly call: string;
  readonly kind: string;
  readonly of: FieldName;
  readonly nameOf: (value: number) => string;
  readonly until: number;
}

/** Calls whose first register says what is done, and the field that has it by its name. */
const FIRST_REGISTERS: readonly Register[] = [
  { call: 'ptrace', kind: 'process_ptrace', of: 'ptrace.request', nameOf: ptraceName, until: 0x4210 },
  { call: 'syslog', kind: 'kernel_log', of: 'kernel_log.action', nameOf: syslogActionName, until: 10 },
  { call: 'socket', kind: 'socket_create', of: 'network.family', nameOf: familyName, until: 0xff },
  { call: 'socket', kind: 'socket_raw', of: 'network.family', nameOf: familyName, until: 0xff },
];

/** Names and numbers of the calls whose `a0` can be asked for. */
export const CALLS_WITH_REGISTER: ReadonlySet<string> = new Set(
  FIRST_REGISTERS.flatMap(({ call }) => [call, String(SYSCALLS.x64.indexOf(call))]),
);

/** Values of `a0` of those calls; audit writes registers as hexadecimal numbers, rules have both forms. */
export function registerCases(kinds: readonly string[]): (readonly [string, Condition])[] {
  return FIRST_REGISTERS.filter(({ kind }) => kinds.includes(kind)).flatMap(({ kind, of, nameOf, until }) =>
    Array.from({ length: until + 1 }, (_, value) => value).flatMap((value): (readonly [string, Condition])[] => {
      const name = nameOf(value);
      // Without a name it is a number.
      if (name === String(value) || /^[^A-Za-z]/.test(name)) return [];
      const holds = all([kindIs(kind), leaf(field(of), { op: 'equal', values: [name] })]);
      return [...new Set([String(value), value.toString(16), `0x${value.toString(16)}`])].map((text) => [text, holds]);
    }),
  );
}
