/** Fields of the privileged operations: arguments as the kernel had them in its registers, and what it acted upon. */
import { pid as ownPid } from 'node:process';
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
    'target.sensor': (view) => (pid(view) === 0 ? undefined : pid(view) === ownPid),
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
    'keyctl.type': members.text('name'),
    'keyctl.description': members.text('detail'),
  };
}

const BPF_OBJECTS = ['', 'map', 'program', 'link'] as const;

function bpfAccessReaders(argument: (index: number) => (view: LiveView) => number): FieldReaders {
  const [command, id, own, type] = [argument(0), argument(1), argument(2), argument(3)];
  return {
    'bpf.command': (view) => bpfCommandName(command(view)),
    'bpf.object': (view) => BPF_OBJECTS[type(view)],
    'bpf.object_id': (view) => (id(view) === 0 ? undefined : id(view)),
    'bpf.sensor': (view) => own(view) !== 0,
  };
}

function ownReaders(members: Members): FieldReaders {
  const argument = (index: number) => members.lowWord('argument', index);
  const whole = (index: number) => members.word('argument', index);
  const named = (index: number, names: (value: number) => string | readonly string[]) => {
    const read = argument(index);
    return (view: LiveView) => names(read(view));
  };
  switch (members.layout.kind) {
    case 'process_ptrace':
      return { ...targetReaders(members), 'ptrace.request': named(0, ptraceName) };
    case 'process_vm_read':
    case 'process_vm_write':
      return { ...targetReaders(members), 'memory.length': members.number('header.result') };
    case 'pidfd_getfd':
    case 'perf_event_open':
      return targetReaders(members);
    case 'kill':
      return { ...targetReaders(members), 'signal.number': argument(1), 'signal.name': named(1, signalName) };
    case 'setuid':
    case 'setgid':
      return { ...credentialReaders(members), 'credentials.requested': argument(0) };
    case 'capset':
      return {
        ...credentialReaders(members),
        'capabilities.before': capabilityReader(members, 'old_effective'),
        'capabilities.after': capabilityReader(members, 'new_effective'),
      };
    case 'unshare':
      return { 'namespaces.flags': named(0, namespaceFlagNames) };
    case 'setns':
      return { 'namespaces.flags': named(1, namespaceFlagNames) };
    case 'mount':
      return {
        'mount.source': members.text('name'),
        'mount.type': members.text('detail'),
        'mount.flags': named(3, mountFlagNames),
      };
    case 'umount':
      return { 'mount.flags': named(1, umountFlagNames) };
    case 'module_load':
      return { 'module.name': members.text('name'), 'module.parameters': members.text('detail') };
    case 'module_unload':
      return { 'module.name': members.text('name') };
    case 'bpf_load':
      return {
        'bpf.command': named(0, bpfCommandName),
        'bpf.program_type': argument(3),
        'bpf.name': members.text('name'),
      };
    case 'bpf_access':
      return bpfAccessReaders(argument);
    case 'memfd_create':
      return { 'memfd.name': members.text('name') };
    case 'mprotect_exec':
    case 'mmap_exec':
      return {
        'memory.length': whole(1),
        'memory.protection': named(2, protectionNames),
        'memory.anonymous': anonymousReader(members),
      };
    case 'keyctl':
      return keyctlReaders(members, argument(0));
    case 'prctl':
      return { 'prctl.option': named(0, prctlName), 'prctl.value': argument(1) };
    case 'personality':
      return { 'personality.flags': named(0, personalityNames) };
    case 'seccomp':
      return { 'seccomp.operation': named(0, seccompName) };
    case 'kernel_log':
      return { 'kernel_log.action': named(0, syslogActionName) };
    case 'modify_ldt': {
      const operation = argument(0);
      return { 'modify_ldt.writes': (view) => operation(view) === 1 || operation(view) === LDT_WRITE_NEW };
    }
    case 'socket_raw':
    case 'socket_create':
      return socketReaders(members);
    case 'socket_dup':
      return { ...socketReaders(members), 'socket.fd': argument(1) };
  }
  return {};
}

/** Fields of a privileged operation's kind. */
export function callReaders(members: Members): FieldReaders {
  const words = Array.from({ length: ARGUMENTS }, (_, index) => members.hexWord('argument', index));
  return {
    ...pathReaders(pathReader(members, 'path', 'base')),
    ...identityReaders(members),
    'syscall.args': (view) => words.map((word) => word(view)),
    ...ownReaders(members),
  };
}
