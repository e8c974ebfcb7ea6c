/** Fields of the privileged operations: arguments as the kernel had them in its registers, and what it acted upon. */
import { ownPid } from '../../own-pid.ts';
import { kindHasField } from '../fields.ts';
import { kindSpec } from '../kinds.ts';
import type { FieldReaders, Members } from '../members.ts';
import {
  bpfCommandName,
  capabilityNames,
  familyName,
  keyctlName,
  prctlName,
  ptraceName,
  seccompName,
  signalName,
  socketTypeName,
  syslogActionName,
  transportName,
} from '../names/enums.ts';
import {
  mountFlagNames,
  namespaceFlagNames,
  personalityNames,
  protectionNames,
  umountFlagNames,
} from '../names/flags.ts';
import { syscallName } from '../names/syscalls.ts';
import type { LiveView } from '../view.ts';
import { identityReaders, pathReader, pathReaders } from './file.ts';
import { endpointReaders } from './network.ts';

const ARGUMENTS = 6;

/** A process acted upon: its id from the record, the rest from the process table. */
function targetReaders(members: Members): FieldReaders {
  const pid = members.number('target_pid');
  return {
    'target.pid': (view) => (pid(view) === 0 ? undefined : pid(view)),
    'target.sensor': (view) => (pid(view) === 0 ? undefined : pid(view) === ownPid()),
    'target.name': (view) => view.target?.program.name,
    'target.path': (view) => view.target?.program.path,
    'target.uid': (view) => view.target?.uid,
  };
}

/** In an id: not known, because the process is older than the sensor. */
const UNKNOWN_ID = 0xffffffff;

function credentialReaders(members: Members): FieldReaders {
  const known = (name: string) => {
    const read = members.number(name);
    return (view: LiveView) => (read(view) === UNKNOWN_ID ? undefined : read(view));
  };
  return {
    'credentials.old_uid': known('old_uid'),
    'credentials.old_euid': known('old_euid'),
    'credentials.new_uid': known('new_uid'),
    'credentials.new_euid': known('new_euid'),
    'credentials.old_gid': known('old_gid'),
    'credentials.new_gid': known('new_gid'),
    'credentials.new_egid': known('new_egid'),
  };
}

function capabilityReader(members: Members, name: string) {
  const { low, high } = members.halves(name);
  return (view: LiveView) => capabilityNames(low(view), high(view));
}

/** Memory of a mapping without a file has neither inode nor path. */
function anonymousReader(members: Members) {
  const inode = members.number('file.inode');
  return (view: LiveView) => inode(view) === 0;
}

function socketReaders(members: Members): FieldReaders {
  const family = members.number('family');
  const type = members.number('socket_type');
  const protocol = members.number('protocol');
  return {
    'network.family': (view) => familyName(family(view)),
    'network.transport': (view) => (protocol(view) === 0 ? undefined : transportName(protocol(view))),
    'socket.type': (view) => socketTypeName(type(view)),
    'socket.protocol': protocol,
    ...endpointReaders(members, family),
  };
}

/** In place of an operation: add_key or request_key, the calls of these names. */
const NO_OPERATION = 0xffffffff;
const LDT_WRITE_NEW = 0x11;

function keyctlReaders(members: Members, operation: (view: LiveView) => number): FieldReaders {
  const syscall = members.number('header.syscall');
  return {
    'keyctl.operation': (view) =>
      operation(view) === NO_OPERATION ? syscallName(syscall(view))?.toUpperCase() : keyctlName(operation(view)),
  };
}

const BPF_OBJECTS = ['', 'map', 'program', 'link'] as const;

function bpfObjectReaders(argument: (index: number) => (view: LiveView) => number): FieldReaders {
  const [id, own, type] = [argument(1), argument(2), argument(3)];
  return {
    'bpf.object': (view) => BPF_OBJECTS[type(view)],
    'bpf.object_id': (view) => (id(view) === 0 ? undefined : id(view)),
    'bpf.sensor': (view) => own(view) !== 0,
  };
}

/** Where the kinds that have a field differ in where it is. */
function argumentReaders(members: Members): FieldReaders {
  const { kind } = members.layout;
  const argument = (index: number) => members.lowWord('argument', index);
  const named = (index: number, names: (value: number) => string | readonly string[]) => {
    const read = argument(index);
    return (view: LiveView) => names(read(view));
  };
  const first = argument(0);
  return {
    'ptrace.request': named(0, ptraceName),
    'signal.number': argument(1),
    'signal.name': named(1, signalName),
    'credentials.requested': argument(0),
    // setns names the namespaces after the descriptor of one.
    'namespaces.flags': named(kindSpec(kind)?.keeps === 'enters_namespace' ? 1 : 0, namespaceFlagNames),
    'mount.flags': kindHasField(kind, 'mount.source') ? named(3, mountFlagNames) : named(1, umountFlagNames),
    'bpf.command': named(0, bpfCommandName),
    'bpf.program_type': argument(3),
    'memory.protection': named(2, protectionNames),
    // Memory of another process: what was copied; own memory: what was asked for.
    'memory.length': kindHasField(kind, 'memory.protection')
      ? members.word('argument', 1)
      : members.number('header.result'),
    'prctl.option': named(0, prctlName),
    'prctl.value': argument(1),
    'personality.flags': named(0, personalityNames),
    'seccomp.operation': named(0, seccompName),
    'kernel_log.action': named(0, syslogActionName),
    'modify_ldt.writes': (view) => first(view) === 1 || first(view) === LDT_WRITE_NEW,
    'fanotify.permission': (view) => first(view) !== 0,
    'socket.fd': argument(1),
    ...keyctlReaders(members, argument(0)),
    ...bpfObjectReaders(argument),
  };
}

/** What a text of the record is depends on the kind; it has only the fields that its kind has. */
function textReaders(members: Members): FieldReaders {
  const [name, detail] = [members.text('name'), members.text('detail')];
  return {
    'process.new_name': name,
    'mount.source': name,
    'mount.type': detail,
    'module.name': name,
    'module.parameters': detail,
    'bpf.name': name,
    'memfd.name': name,
    'sethostname.name': name,
    'keyctl.type': name,
    'keyctl.description': detail,
  };
}

/** Every field that a privileged operation can have; which of them a kind has, the table of fields says. */
export function callReaders(members: Members): FieldReaders {
  const words = Array.from({ length: ARGUMENTS }, (_, index) => members.hexWord('argument', index));
  return {
    ...pathReaders(pathReader(members, 'path', 'base')),
    ...identityReaders(members),
    'syscall.args': (view) => words.map((word) => word(view)),
    ...targetReaders(members),
    ...credentialReaders(members),
    ...socketReaders(members),
    ...argumentReaders(members),
    ...textReaders(members),
    'memory.anonymous': anonymousReader(members),
    'capabilities.before': capabilityReader(members, 'old_effective'),
    'capabilities.after': capabilityReader(members, 'new_effective'),
  };
}
