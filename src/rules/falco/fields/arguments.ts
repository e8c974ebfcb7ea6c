/** Arguments of system calls: evt.arg.NAME and evt.rawarg.NAME, by our kind of event. */
import { type Derived, field, leaf, not } from '../../tree.ts';
import {
  domainName,
  joined,
  modeNames,
  modeNumber,
  modeText,
  resultOf,
  resultText,
  socketType,
} from '../event-values.ts';
import { EVENT_TYPES } from '../events.ts';
import { ABSENT, combined, constant, derive, derived, FAILED, first, LACKING, type Meaning } from '../meaning.ts';
import { argumentText, commandText, execFlags, firstArgument } from '../process-values.ts';
import { tupleMeaning } from '../socket-values.ts';
import { parameterAt } from './positions.ts';
import { PROCESS_FIELDS } from './process.ts';

type Arguments = Readonly<Record<string, Meaning>>;

const RES = derived('evt.arg.res', ['event.result', 'event.error'], resultText);
const PATH = first('file.path');
const NEW_PATH = first('file.new_path');

/** Packet sockets are a kind of their own. */
const RARE_DOMAIN: Derived = {
  ...derive('evt.arg.domain of a rare family', ['network.family'], domainName),
  neverLive: (test) => 'values' in test && test.values.every((value) => String(value).includes('AF_PACKET')),
};

/** The path of a descriptor as Falco writes it, or the error that came instead. */
const FD: Meaning = {
  is: 'cases',
  when: FAILED,
  chosen: RES,
  otherwise: derived('evt.arg.fd', ['file.path'], (path) => (typeof path === 'string' ? `<f>${path}` : undefined)),
};

const names = (name: string, from: string): Meaning => ({
  is: 'names',
  over: field(from),
  joined: derive(`${name} of ${from}`, [from], joined),
});
const mode = derived('evt.arg.mode of a chmod', ['file.mode'], modeNames);
const user = (name: string, from: string): Meaning =>
  derived(`${name} of ${from}`, [from, 'user.name', 'process.uid'], (id, own, uid) => {
    if (typeof id !== 'number') return undefined;
    if (id === uid && own !== undefined) return own;
    return id === 0 ? 'root' : String(id);
  });

const group = (name: string, from: string): Meaning =>
  derived(`${name} of ${from}`, [from, 'group.name', 'process.gid'], (id, own, gid) => {
    if (typeof id !== 'number') return undefined;
    if (id === gid && own !== undefined) return own;
    return id === 0 ? 'root' : String(id);
  });

/** What a field of the process is, too, in digits where it is a number. */
function ofProcess(name: string): Meaning {
  const row = PROCESS_FIELDS[name];
  if (row === undefined) return ABSENT;
  const meaning = row.of('', undefined);
  if (row.type !== 'number') return meaning;
  return combined(`${name} in digits`, [meaning], ([value]) => (value === undefined ? undefined : String(value)));
}
const PROCESS: Arguments = {
  exe: derived('evt.arg.exe', ['process.args', 'process.command_line'], firstArgument),
  args: derived('evt.arg.args', ['process.args', 'process.command_line'], argumentText),
  tid: first('process.tid', 'process.pid'),
  pid: first('process.pid'),
  ptid: first('process.ppid'),
  cwd: first('process.cwd'),
  comm: { is: 'comm', subjects: [field('process.name')] },
};
/** A user is a name where it has one. */
const USER = derived(
  'evt.arg.uid of a process',
  ['user.effective.name', 'process.euid', 'process.uid', 'user.name'],
  (effective, euid, uid, name) => {
    const id = euid ?? uid;
    return effective ?? (id === uid && name !== undefined ? name : id === 0 ? 'root' : (id ?? name));
  },
);

const OPEN: Arguments = {
  fd: FD,
  name: PATH,
  flags: names('evt.arg.flags', 'file.flags'),
  mode: derived('evt.arg.mode', ['file.mode'], modeText),
};
const TUPLE = {
  res: RES,
  fd: tupleMeaning('evt.arg.fd of a socket', true),
  tuple: tupleMeaning('evt.arg.tuple', false),
};

/** In the order of Falco's own parameters, as far as our events have them. */
const BY_KIND: Readonly<Record<string, Arguments>> = {
  process_exec: {
    res: RES,
    ...PROCESS,
    env: ofProcess('proc.env'),
    tty: ofProcess('proc.tty'),
    vpgid: ofProcess('proc.vpgid'),
    loginuid: { is: 'first', subjects: [field('process.auid')], otherwise: '-1' },
    flags: derived('evt.arg.flags', ['process.writable', 'process.upper_layer', 'process.memfd'], execFlags),
    cap_inheritable: ofProcess('thread.cap_inheritable'),
    cap_permitted: ofProcess('thread.cap_permitted'),
    cap_effective: ofProcess('thread.cap_effective'),
    exe_ino: first('process.inode'),
    exe_ino_ctime: ofProcess('proc.exe_ino.ctime'),
    exe_ino_mtime: ofProcess('proc.exe_ino.mtime'),
    uid: USER,
    trusted_exepath: first('process.path'),
    pgid: ofProcess('proc.pgid'),
    gid: group('evt.arg.gid', 'process.gid'),
    filename: first('process.filename', 'process.path'),
    cmdline: derived('evt.arg.cmdline', ['process.name', 'process.args', 'process.command_line'], commandText),
  },
  process_fork: {
    res: first('process.child.pid'),
    ...PROCESS,
    uid: USER,
    gid: group('evt.arg.gid', 'process.gid'),
    vpid: ofProcess('proc.vpid'),
    pidns_init_start_ts: ofProcess('proc.pidns_init_start_ts'),
  },
  process_exit: {
    status: first('process.exit_code'),
    ret: first('process.exit_code'),
    sig: first('process.exit_signal'),
  },
  process_ptrace: { res: RES, request: first('ptrace.request'), pid: first('target.pid') },
  process_rename: { res: RES, option: constant('PR_SET_NAME'), arg2_str: first('process.new_name') },
  process_vm_read: { res: first('event.result'), pid: first('target.pid') },
  process_vm_write: { res: first('event.result'), pid: first('target.pid') },
  pidfd_getfd: { pid: first('target.pid') },
  kill: { res: RES, pid: first('target.pid'), tid: first('target.pid'), sig: first('signal.name', 'signal.number') },
  file_open: OPEN,
  file_create: OPEN,
  file_read: { res: RES, fd: FD, size: first('file.bytes') },
  file_write: { res: RES, fd: FD, size: first('file.bytes') },
  file_unlink: { res: RES, path: PATH, name: PATH },
  file_rename: { res: RES, oldpath: PATH, newpath: NEW_PATH },
  file_link: { res: RES, oldpath: PATH, newpath: NEW_PATH },
  file_symlink: { res: RES, target: NEW_PATH, linkpath: PATH },
  file_mkdir: { res: RES, path: PATH, mode: derived('evt.arg.mode', ['file.mode'], modeText) },
  file_chmod: { res: RES, filename: PATH, fd: FD, mode },
  file_chown: {
    res: RES,
    path: PATH,
    pathname: PATH,
    fd: FD,
    uid: user('evt.arg.uid', 'file.owner'),
    gid: group('evt.arg.gid', 'file.group'),
  },
  file_truncate: { res: RES, path: PATH, fd: FD, length: first('file.bytes') },
  file_setxattr: { res: RES, path: PATH, name: first('file.attribute') },
  file_utimens: { res: RES, path: PATH },
  net_conn: { ...TUPLE, addr: tupleMeaning('evt.arg.addr', false, 'destination') },
  net_accept: { fd: TUPLE.fd, tuple: TUPLE.tuple },
  net_listen: { res: RES, fd: TUPLE.fd, addr: tupleMeaning('evt.arg.addr of a listener', false, 'source') },
  net_close: { res: RES, fd: TUPLE.fd },
  net_send: { ...TUPLE, size: first('network.bytes_sent') },
  socket_raw: {
    domain: derived('evt.arg.domain', ['network.family'], domainName),
    type: derived('evt.arg.type', ['socket.type'], socketType),
    proto: first('socket.protocol'),
  },
  socket_create: {
    domain: { is: 'first', subjects: [{ from: 'derived', derived: RARE_DOMAIN }] },
    type: derived('evt.arg.type', ['socket.type'], socketType),
    proto: first('socket.protocol'),
  },
  unix_connect: { res: RES, addr: PATH },
  prctl: { res: RES, option: first('prctl.option'), arg2_int: first('prctl.value') },
  seccomp: { res: RES, op: first('seccomp.operation') },
  file_removexattr: { res: RES, path: PATH, name: first('file.attribute') },
  file_chattr: { res: RES, fd: FD },
  terminal_input: { res: RES, request: constant('5412') },
  acct: { res: RES, name: PATH },
  socket_dup: {
    res: derived('evt.arg.res of a dup', ['event.result', 'socket.fd'], (result, fd) =>
      resultText(result ?? fd, undefined),
    ),
    newfd: first('socket.fd'),
  },
  setuid: {
    res: RES,
    uid: user('evt.arg.uid', 'credentials.requested'),
    ruid: user('evt.arg.ruid', 'credentials.new_uid'),
    euid: user('evt.arg.euid', 'credentials.new_euid'),
  },
  setgid: {
    res: RES,
    gid: group('evt.arg.gid', 'credentials.requested'),
    rgid: group('evt.arg.rgid', 'credentials.new_gid'),
    egid: group('evt.arg.egid', 'credentials.new_egid'),
  },
  capset: { res: RES, cap_effective: derived('evt.arg.cap_effective', ['capabilities.after'], joinedWords) },
  unshare: { res: RES, flags: names('evt.arg.flags', 'namespaces.flags') },
  setns: { res: RES, nstype: names('evt.arg.nstype', 'namespaces.flags') },
  chroot: { res: RES, path: PATH },
  mount: {
    res: RES,
    dev: first('mount.source'),
    dir: PATH,
    type: first('mount.type'),
    flags: names('evt.arg.flags', 'mount.flags'),
  },
  umount: { res: RES, name: PATH, flags: names('evt.arg.flags', 'mount.flags') },
  module_load: { res: RES, uargs: first('module.parameters'), name: first('module.name') },
  module_unload: { res: RES, name: first('module.name') },
  bpf_load: { fd: RES, cmd: { is: 'first', subjects: [field('bpf.command')], otherwise: 'BPF_PROG_LOAD' } },
  bpf_access: { cmd: first('bpf.command') },
  userfaultfd: { res: RES },
  io_uring_setup: { res: RES },
  memfd_create: { fd: RES, name: first('memfd.name') },
  mprotect_exec: { res: RES, length: first('memory.length'), prot: names('evt.arg.prot', 'memory.protection') },
  mmap_exec: { res: RES, length: first('memory.length'), prot: names('evt.arg.prot', 'memory.protection') },
};

function joinedWords(words: unknown): string | undefined {
  return Array.isArray(words) ? words.join(' ') : undefined;
}

/** Arguments that some of Falco's events of a kind have, as others of ours do, and ours of this kind do not. */
const LACKED: Readonly<Record<string, readonly string[]>> = {
  process_fork: ['flags', 'tty'],
  process_vm_read: ['data'],
  process_vm_write: ['data'],
  pidfd_getfd: ['fd', 'flags'],
  file_unlink: ['flags'],
  file_rename: ['flags'],
  file_link: ['flags'],
  file_chown: ['flags'],
  file_setxattr: ['fd', 'size'],
  file_removexattr: ['fd'],
  file_chattr: ['request'],
  capset: ['cap_inheritable', 'cap_permitted'],
  setns: ['fd'],
  module_load: ['fd', 'flags', 'length'],
  bpf_access: ['fd'],
  userfaultfd: ['flags'],
  memfd_create: ['flags'],
  mprotect_exec: ['addr'],
  mmap_exec: ['addr', 'flags', 'fd'],
  seccomp: ['flags'],
  io_uring_setup: ['flags'],
};

/** All names that an argument has in some kind of event. */
export const ARGUMENTS_OF = (kind: string): readonly string[] => Object.keys(BY_KIND[kind] ?? {});
export const ARGUMENT_NAMES: ReadonlySet<string> = new Set(Object.values(BY_KIND).flatMap(Object.keys));

/** Names of arguments that Falco has and our events do not. */
export const OTHER_ARGUMENTS: ReadonlySet<string> = new Set(
  'dirfd olddirfd newdirfd linkdirfd olddir newdir dev ino data size pos request argument addr offset whence cgroups vtid pgft_maj pgft_min vm_size vm_rss vm_swap fdlimit backlog queuepct queuelen queuemax how level optname val optlen mask events initval maxevents timeout fds nfds clockid resource cur max newcur newmax oldcur oldmax next peer source special quotafilepath cmd id type core reaper_tid suid sgid status gid flags2 image cpu action ID nativeID plugin_id event_data resolve linkflags arg2_int bytes_transferred sopts entries sq_entries cq_entries sq_thread_cpu sq_thread_idle arg nr_args sq_flags features to_submit min_complete sig opcode nr_args mappings init_type in_fd out_fd fd_in fd_out fd1 fd2 oldfd target_fd pid_fd uargs flags nstype interval futex op next'.split(
    ' ',
  ),
);

/** The argument at this place; of an event that does not tell its system call as of the likeliest. */
function meaningAt(kind: string, place: number): Meaning {
  const types = EVENT_TYPES[kind]?.types ?? [];
  const names = types.map((type) => parameterAt(type, place));
  const of = (name: string | undefined): Meaning => {
    if (name === undefined) return ABSENT;
    return Object.hasOwn(BY_KIND[kind] ?? {}, name) ? argumentMeaning(kind, name) : LACKING;
  };
  const [likeliest] = names;
  let meaning = of(likeliest);
  for (const name of new Set(names)) {
    if (name === likeliest) continue;
    const having = types.filter((_, at) => names[at] === name);
    meaning = { is: 'cases', when: BY_CALL(...having), chosen: of(name), otherwise: meaning };
  }
  return meaning;
}

/** The argument of this name, or at this place. */
export function argumentMeaning(kind: string, argument: string): Meaning {
  if (/^\d+$/.test(argument)) return meaningAt(kind, Number(argument));
  const known = BY_KIND[kind];
  if (LACKED[kind]?.includes(argument) === true) return LACKING;
  if (known === undefined) return ABSENT;
  return Object.hasOwn(known, argument) ? (known[argument] ?? ABSENT) : ABSENT;
}

/** Numbers of which the form in evt.arg is a name. */
const RAW: Readonly<Record<string, Meaning>> = {
  res: derived('evt.rawarg.res', ['event.result', 'event.error'], (result, error) => resultOf(result, error)),
  mode: derived('evt.rawarg.mode', ['file.mode'], modeNumber),
  uid: first('credentials.requested', 'file.owner', 'process.euid', 'process.uid'),
  gid: first('credentials.requested', 'file.group', 'process.gid'),
  pid: first('target.pid', 'process.pid'),
  sig: first('signal.number', 'process.exit_signal'),
  size: first('file.bytes', 'network.bytes_sent'),
  length: first('memory.length', 'file.bytes'),
};
const TEXTUAL = new Set([
  'name',
  'path',
  'pathname',
  'filename',
  'oldpath',
  'newpath',
  'linkpath',
  'target',
  'exe',
  'cwd',
  'comm',
]);

const PASSED_NAME = first('file.passed_path', 'file.path');

export const RAW_NUMBERS: ReadonlySet<string> = new Set(Object.keys(RAW));
export const RAW_TEXTS: ReadonlySet<string> = TEXTUAL;

export function rawArgument(kind: string, argument: string): Meaning {
  const known = BY_KIND[kind];
  if (known === undefined || !Object.hasOwn(known, argument)) return ABSENT;
  if (kind === 'file_open' && argument === 'name') return PASSED_NAME;
  return RAW[argument] ?? (TEXTUAL.has(argument) ? argumentMeaning(kind, argument) : ABSENT);
}

/** The descriptor of an open: its return value, which is -1 in Falco when it failed. */
export const FD_NUMBER: Meaning = {
  is: 'result',
  derived: derive('fd.num', ['event.result', 'event.error'], (result, error) =>
    Math.max(-1, resultOf(result, error, 3)),
  ),
  failed: FAILED,
};

/** The call was one of these. */
export const BY_CALL = (...types: readonly string[]) => leaf(field('event.syscall'), { op: 'equal', values: types });
export const NOT_DIRECTORY = not({
  type: 'quantifier',
  how: 'any',
  over: field('file.flags'),
  where: leaf({ from: 'element', level: 0 }, { op: 'equal', values: ['O_DIRECTORY'] }),
});
