/**
 * Every field that a rule can name, once: name, type, where it is present and
 * what it means. The checkers of all rule languages, rules/rule.schema.json
 * and docs/events.md follow from this table. How a live record yields each
 * field is in readers.ts, keyed by the same names.
 */

import { ACTOR_FIELDS } from './fields/actor.ts';
import { CONTAINER_FIELDS } from './fields/container.ts';
import { FILE_FIELDS } from './fields/file.ts';
import { PROGRAM_FIELDS, TARGET_PROGRAM_FIELDS, TARGETS } from './fields/program.ts';

export type FieldType = 'string' | 'int' | 'double' | 'bool' | 'list<string>' | 'map<string>' | 'list<process>';

export interface FieldSpec {
  readonly type: FieldType;
  /** `all`, or a prefix of kind names (`file_`), or kind names. */
  readonly kinds: 'all' | readonly string[];
  readonly doc: string;
}

const NET = ['net_', 'socket_'] as const;

export const FIELDS = {
  'event.type': { type: 'string', kinds: 'all', doc: 'Event kind' },
  'event.id': { type: 'string', kinds: 'all', doc: 'Identifier of the event' },
  'event.behaviors': {
    type: 'list<string>',
    kinds: 'all',
    doc: 'What happened, whichever way it was done: file_placed, file_removed, permissions_changed …; see docs/rules.md. Of an operation that failed: empty',
  },
  'event.error': { type: 'string', kinds: 'all', doc: "errno name when the operation failed, '' when it succeeded" },
  'event.unverified': {
    type: 'bool',
    kinds: 'all',
    doc: 'A path is what the program passed, not what the kernel used',
  },
  'event.truncated': { type: 'bool', kinds: 'all', doc: 'A string of the event was cut; its end was kept' },
  'event.unreadable': { type: 'bool', kinds: 'all', doc: 'A string of the event could not be read in the kernel' },
  'event.incomplete': {
    type: 'bool',
    kinds: 'all',
    doc: 'Process context was repaired from /proc or is missing, because an earlier event was lost',
  },
  'event.syscall': { type: 'string', kinds: 'all', doc: 'System call that did it, absent for other sources' },
  'event.source': { type: 'string', kinds: 'all', doc: 'syscall, syscall32, io_uring, kernel or daemon' },
  'event.timestamp': { type: 'double', kinds: 'all', doc: 'Unix seconds with a fraction' },
  'event.result': { type: 'int', kinds: 'all', doc: 'Return value of the operation, -errno on failure' },

  'process.pid': { type: 'int', kinds: 'all', doc: 'Process id in the initial pid namespace' },
  'process.ppid': { type: 'int', kinds: 'all', doc: "Parent's process id" },
  'process.tid': { type: 'int', kinds: 'all', doc: 'Thread id' },
  'process.name': {
    type: 'string',
    kinds: 'all',
    doc: 'Name the program was started by: last part of the path given to execve (a symbolic link keeps its own name, a script is named itself)',
  },
  'process.comm': {
    type: 'string',
    kinds: 'all',
    doc: 'Task name at the time of the event, 15 bytes, which the program can change',
  },
  'process.path': { type: 'string', kinds: 'all', doc: 'Resolved path of the executable the kernel runs' },
  'process.filename': { type: 'string', kinds: 'all', doc: 'File name given to execve, as the kernel copied it' },
  'process.interpreter': { type: 'string', kinds: 'all', doc: 'Interpreter that runs a script' },
  'process.args': { type: 'list<string>', kinds: 'all', doc: 'Argument list, argv[0] included' },
  'process.command_line': { type: 'string', kinds: 'all', doc: 'Arguments joined by single spaces' },
  'process.cwd': { type: 'string', kinds: 'all', doc: 'Working directory at exec' },
  'process.uid': { type: 'int', kinds: 'all', doc: 'Real user id' },
  'process.euid': { type: 'int', kinds: 'all', doc: 'Effective user id' },
  'process.gid': { type: 'int', kinds: 'all', doc: 'Real group id' },
  'process.auid': { type: 'int', kinds: 'all', doc: 'Audit (login) user id; absent when unset' },
  'process.capabilities': { type: 'list<string>', kinds: 'all', doc: 'Effective capabilities, such as CAP_SYS_ADMIN' },
  'process.tty': { type: 'string', kinds: 'all', doc: 'Controlling terminal, such as pts0; absent without one' },
  'process.start_time': { type: 'double', kinds: 'all', doc: 'Start of the process, Unix seconds' },
  'process.entity_id': { type: 'string', kinds: 'all', doc: 'Identifies one process on one boot of one host' },
  'process.memfd': { type: 'bool', kinds: 'all', doc: 'The executable is a memory file' },
  'process.deleted': { type: 'bool', kinds: 'all', doc: 'The executable had no name any more when it was started' },
  'process.writable': { type: 'bool', kinds: 'all', doc: 'The process may write its own executable' },
  'process.upper_layer': {
    type: 'bool',
    kinds: 'all',
    doc: "The executable is in an overlay file system's upper layer",
  },
  'process.lower_layer': {
    type: 'bool',
    kinds: 'all',
    doc: "The executable is in an overlay file system's lower layer alone: it is the image's",
  },
  'process.setuid': { type: 'bool', kinds: 'all', doc: 'The executable has the set-user-id or set-group-id bit' },
  'process.inode': { type: 'int', kinds: 'all', doc: 'Inode of the executable' },
  'process.sha256': {
    type: 'string',
    kinds: 'all',
    doc: 'SHA-256 of the executable, computed on demand; absent while unknown',
  },
  'process.md5': {
    type: 'string',
    kinds: 'all',
    doc: 'MD5 of the executable, computed on demand; absent while unknown',
  },
  'process.env': {
    type: 'map<string>',
    kinds: 'all',
    doc: 'Environment at exec, only the variables of the allow-list',
  },
  'process.cgroup': { type: 'string', kinds: 'all', doc: 'Path in the cgroup hierarchy' },
  'process.own_namespaces': {
    type: 'list<string>',
    kinds: 'all',
    doc: "Namespaces that are not those of pid 1: mount, pid, network, user, uts, ipc; absent where all are pid 1's",
  },
  'process.host_namespaces': { type: 'bool', kinds: 'all', doc: 'All namespaces are those of pid 1' },
  'process.thread_leader': { type: 'bool', kinds: 'all', doc: 'The acting thread is the main thread' },
  'process.exit_code': { type: 'int', kinds: ['process_exit'], doc: 'Exit status, 0 to 255' },
  'process.exit_signal': { type: 'int', kinds: ['process_exit'], doc: 'Signal that ended the process, 0 if none' },
  'process.child.pid': { type: 'int', kinds: ['process_fork'], doc: "The new process's id" },
  'process.new_name': { type: 'string', kinds: ['process_rename'], doc: 'Task name set by prctl or a write to comm' },

  'process.parent.pid': { type: 'int', kinds: 'all', doc: "Parent's process id" },
  'process.parent.name': { type: 'string', kinds: 'all', doc: "Parent's name" },
  'process.parent.path': { type: 'string', kinds: 'all', doc: "Parent's executable" },
  'process.parent.args': { type: 'list<string>', kinds: 'all', doc: "Parent's arguments" },
  'process.parent.command_line': { type: 'string', kinds: 'all', doc: "Parent's arguments joined by spaces" },
  'process.parent.cwd': { type: 'string', kinds: 'all', doc: "Parent's working directory at its exec" },
  'process.parent.uid': { type: 'int', kinds: 'all', doc: "Parent's real user id" },
  'process.parent.euid': { type: 'int', kinds: 'all', doc: "Parent's effective user id" },
  'process.parent.tty': { type: 'string', kinds: 'all', doc: "Parent's terminal" },
  'process.parent.entity_id': { type: 'string', kinds: 'all', doc: "Parent's entity id" },
  'process.parent.start_time': { type: 'double', kinds: 'all', doc: "Parent's start, Unix seconds" },
  'process.ancestors': {
    type: 'list<process>',
    kinds: 'all',
    doc: 'Up to 16 ancestors, parent first, each with pid, name, path, args, command_line, program, effective_path, trusted, injected; of those above a program that was made to run other code trusted is false and injected true: what stands below is not their work',
  },
  'process.ancestor_names': { type: 'list<string>', kinds: 'all', doc: 'Names of the ancestors, parent first' },
  'process.ancestor_paths': { type: 'list<string>', kinds: 'all', doc: 'Executables of the ancestors, parent first' },
  ...PROGRAM_FIELDS,
  ...ACTOR_FIELDS,

  'user.name': { type: 'string', kinds: 'all', doc: 'Name of process.uid' },
  ...CONTAINER_FIELDS,
  'host.name': { type: 'string', kinds: 'all', doc: 'Host name' },

  ...FILE_FIELDS,

  'network.transport': { type: 'string', kinds: NET, doc: 'tcp, udp, icmp or the protocol number' },
  'network.family': { type: 'string', kinds: NET, doc: 'ipv4, ipv6, packet, vsock, netlink' },
  'network.direction': { type: 'string', kinds: NET, doc: 'outbound, inbound or listening' },
  'network.source.ip': {
    type: 'string',
    kinds: NET,
    doc: 'Source address; for listen the local one, for accept that of the peer',
  },
  'network.source.port': { type: 'int', kinds: NET, doc: 'Source port; for listen the bound port' },
  'network.destination.ip': {
    type: 'string',
    kinds: NET,
    doc: 'Destination address; for accept the peer is the source',
  },
  'network.destination.port': { type: 'int', kinds: NET, doc: 'Destination port' },
  'network.source.hostname': {
    type: 'string',
    kinds: NET,
    doc: 'As network.destination.hostname, of the source address: of accept the peer',
  },
  'network.destination.hostname': {
    type: 'string',
    kinds: NET,
    doc: 'Name that resolved to the address, from DNS answers that the process or one of its last four ancestors read from a name server of its resolv.conf; else absent',
  },
  'network.bytes_sent': { type: 'int', kinds: ['net_close', 'net_send'], doc: 'Bytes sent' },
  'network.bytes_received': { type: 'int', kinds: ['net_close'], doc: 'Bytes received' },
  'network.duration': { type: 'double', kinds: ['net_close'], doc: 'Seconds since connect or accept' },
  'socket.type': { type: 'string', kinds: ['socket_raw', 'socket_create'], doc: 'raw, packet, dgram, stream' },
  'socket.protocol': { type: 'int', kinds: ['socket_raw', 'socket_create'], doc: 'Protocol number' },
  'socket.fd': { type: 'int', kinds: ['socket_dup'], doc: 'Descriptor 0, 1 or 2 that the socket became' },

  'target.sensor': {
    type: 'bool',
    kinds: TARGETS,
    doc: 'The process acted upon is bpfwarden itself',
  },
  'target.pid': {
    type: 'int',
    kinds: TARGETS,
    doc: 'Process acted upon',
  },
  'target.name': {
    type: 'string',
    kinds: TARGETS,
    doc: 'Its name',
  },
  'target.path': {
    type: 'string',
    kinds: TARGETS,
    doc: 'Its executable',
  },
  'target.uid': {
    type: 'int',
    kinds: TARGETS,
    doc: 'Its user id',
  },
  ...TARGET_PROGRAM_FIELDS,
  'ptrace.request': {
    type: 'string',
    kinds: ['process_ptrace'],
    doc: 'PTRACE_ATTACH, PTRACE_TRACEME, PTRACE_SEIZE, PTRACE_POKETEXT, ...',
  },
  'signal.number': { type: 'int', kinds: ['kill'], doc: 'Signal number' },
  'signal.name': { type: 'string', kinds: ['kill'], doc: 'Signal name, such as SIGKILL' },
  'credentials.old_uid': { type: 'int', kinds: ['setuid', 'setgid', 'capset'], doc: 'Real user id before' },
  'credentials.old_euid': { type: 'int', kinds: ['setuid', 'setgid', 'capset'], doc: 'Effective user id before' },
  'credentials.new_uid': { type: 'int', kinds: ['setuid', 'setgid', 'capset'], doc: 'Real user id after' },
  'credentials.new_euid': { type: 'int', kinds: ['setuid', 'setgid', 'capset'], doc: 'Effective user id after' },
  'credentials.old_gid': { type: 'int', kinds: ['setuid', 'setgid'], doc: 'Real group id before' },
  'credentials.new_gid': { type: 'int', kinds: ['setuid', 'setgid'], doc: 'Real group id after' },
  'credentials.new_egid': { type: 'int', kinds: ['setuid', 'setgid'], doc: 'Effective group id after' },
  'credentials.requested': {
    type: 'int',
    kinds: ['setuid', 'setgid'],
    doc: 'Id asked for: first argument of the call',
  },
  'capabilities.before': { type: 'list<string>', kinds: ['capset'], doc: 'Effective capabilities before' },
  'capabilities.after': { type: 'list<string>', kinds: ['capset'], doc: 'Effective capabilities after' },
  'namespaces.flags': {
    type: 'list<string>',
    kinds: ['unshare', 'setns', 'process_fork'],
    doc: 'CLONE_NEWUSER, CLONE_NEWNS, ...: namespaces that were made or entered; for a fork those of the child that are not its parent’s',
  },
  'mount.source': { type: 'string', kinds: ['mount'], doc: 'Source' },
  'mount.type': { type: 'string', kinds: ['mount'], doc: 'File system type' },
  'mount.flags': { type: 'list<string>', kinds: ['mount', 'umount'], doc: 'MS_BIND, MS_REMOUNT, ...' },
  'module.name': { type: 'string', kinds: ['module_load', 'module_unload'], doc: 'Kernel module' },
  'module.parameters': { type: 'string', kinds: ['module_load'], doc: 'Parameters' },
  'bpf.command': { type: 'string', kinds: ['bpf_load', 'bpf_access'], doc: 'BPF_PROG_LOAD, BPF_LINK_DETACH, ...' },
  'bpf.object': { type: 'string', kinds: ['bpf_access'], doc: 'map, program or link' },
  'bpf.object_id': { type: 'int', kinds: ['bpf_access'], doc: 'Its id; absent where it is not known' },
  'bpf.sensor': { type: 'bool', kinds: ['bpf_access'], doc: 'It belongs to bpfwarden itself' },
  'bpf.program_type': { type: 'int', kinds: ['bpf_load'], doc: 'enum bpf_prog_type' },
  'bpf.name': { type: 'string', kinds: ['bpf_load'], doc: 'Program name' },
  'memfd.name': { type: 'string', kinds: ['memfd_create'], doc: 'Name given to memfd_create' },
  'memory.protection': {
    type: 'list<string>',
    kinds: ['mprotect_exec', 'mmap_exec'],
    doc: 'PROT_READ, PROT_WRITE, PROT_EXEC',
  },
  'memory.anonymous': { type: 'bool', kinds: ['mprotect_exec', 'mmap_exec'], doc: 'The memory has no file' },
  'memory.length': {
    type: 'int',
    kinds: ['mprotect_exec', 'mmap_exec', 'process_vm_read', 'process_vm_write'],
    doc: 'Bytes',
  },
  'keyctl.operation': {
    type: 'string',
    kinds: ['keyctl'],
    doc: 'KEYCTL_JOIN_SESSION_KEYRING, ..., or ADD_KEY, REQUEST_KEY for the calls of these names',
  },
  'keyctl.type': { type: 'string', kinds: ['keyctl'], doc: 'add_key, request_key: type of the key, such as user' },
  'keyctl.description': { type: 'string', kinds: ['keyctl'], doc: 'add_key, request_key: description of the key' },
  'prctl.option': { type: 'string', kinds: ['prctl'], doc: 'PR_SET_DUMPABLE, PR_SET_MM, PR_SET_PTRACER, ...' },
  'prctl.value': { type: 'int', kinds: ['prctl'], doc: 'First argument of the option, low 32 bits' },
  'personality.flags': {
    type: 'list<string>',
    kinds: ['personality'],
    doc: 'READ_IMPLIES_EXEC, ADDR_NO_RANDOMIZE, ...',
  },
  'seccomp.operation': { type: 'string', kinds: ['seccomp'], doc: 'SECCOMP_SET_MODE_STRICT or _FILTER' },
  'kernel_log.action': {
    type: 'string',
    kinds: ['kernel_log'],
    doc: 'SYSLOG_ACTION_READ_ALL, SYSLOG_ACTION_READ_CLEAR, SYSLOG_ACTION_CLEAR, SYSLOG_ACTION_CONSOLE_OFF, ...',
  },
  'modify_ldt.writes': { type: 'bool', kinds: ['modify_ldt'], doc: 'An entry was written, not read' },
  'fanotify.permission': {
    type: 'bool',
    kinds: ['fanotify'],
    doc: 'It may refuse what others do, not only be told',
  },
  'sethostname.name': { type: 'string', kinds: ['sethostname'], doc: 'Name that was set' },
  'syscall.args': { type: 'list<string>', kinds: 'all', doc: 'Arguments of a privileged call, hexadecimal' },
  'throttle.kind': { type: 'string', kinds: ['throttle'], doc: 'Kind held back' },
  'throttle.started': { type: 'bool', kinds: ['throttle'], doc: 'Begin or end' },
  'throttle.dropped': { type: 'int', kinds: ['throttle'], doc: 'Events held back' },
  'sensor.finding': {
    type: 'string',
    kinds: ['sensor'],
    doc: 'gap (nothing was watched until now), changed (from outside) or blind (it does not see itself)',
  },
  'sensor.check': { type: 'string', kinds: ['sensor'], doc: 'Of changed and blind: handlers, filter, links or canary' },
  'sensor.detail': { type: 'string', kinds: ['sensor'], doc: 'What was found, in words' },
  'sensor.repaired': { type: 'bool', kinds: ['sensor'], doc: 'It is as it was again' },
  'sensor.blind_seconds': {
    type: 'double',
    kinds: ['sensor'],
    doc: 'How long nothing was watched, while the host ran',
  },
  'sensor.previous_end': {
    type: 'string',
    kinds: ['sensor'],
    doc: 'How the daemon before ended: orderly, unexpected (killed, out of memory, crashed) or with_host (the host stopped before it)',
  },
} as const satisfies Record<string, FieldSpec>;

export type FieldName = keyof typeof FIELDS;

/** Position of a field in the table; what compiled code uses instead of the name. */
export type FieldId = number;

export const FIELD_NAMES = Object.keys(FIELDS) as FieldName[];

/** Other names for fields, from ECS. */
export const FIELD_ALIASES: Readonly<Record<string, FieldName>> = {
  'process.executable': 'process.path',
  'process.parent.executable': 'process.parent.path',
  'process.working_directory': 'process.cwd',
  'process.exe_upper_layer': 'process.upper_layer',
  'user.id': 'process.uid',
  event_type: 'event.type',
  timestamp: 'event.timestamp',
  pid: 'process.pid',
  process: 'process.name',
  target_ip: 'network.destination.ip',
  target_port: 'network.destination.port',
};

const IDS = new Map<string, FieldId>(FIELD_NAMES.map((name, index) => [name, index]));
for (const [alias, name] of Object.entries(FIELD_ALIASES)) IDS.set(alias, IDS.get(name) as FieldId);

/** The id of a field or alias, undefined for an unknown name. */
export function fieldId(name: string): FieldId | undefined {
  return IDS.get(name);
}

export function fieldName(id: FieldId): FieldName {
  const name = FIELD_NAMES[id];
  if (name === undefined) throw new RangeError(`no field ${id}`);
  return name;
}

export function fieldSpec(id: FieldId): FieldSpec {
  return FIELDS[fieldName(id)];
}

/** Whether events of the kind can have the field. */
export function kindHasField(kind: string, name: FieldName): boolean {
  const { kinds }: FieldSpec = FIELDS[name];
  return kinds === 'all' || kinds.some((entry) => (entry.endsWith('_') ? kind.startsWith(entry) : kind === entry));
}
