import { behaviorPath, behaviorsOf } from '../behaviors.ts';
import type { FieldReaders, Members } from '../members.ts';
import { errnoName } from '../names/errno.ts';
import { syscallName } from '../names/syscalls.ts';
import { RECORD_FLAGS as F } from './flags.ts';

/** In header.syscall: no system call, or a 32-bit call without a native counterpart. */
const NO_SYSCALL = 0xffffffff;

/** event.*, of every kind, and the paths of what happened. */
export function eventReaders(members: Members): FieldReaders {
  const { kind } = members.layout;
  const flags = members.number('header.flags');
  const syscall = members.number('header.syscall');
  const result = members.number('header.result');
  const tid = members.number('header.tid');
  return {
    'event.type': () => kind,
    // Unique on a host: a thread does one thing at a time. Base 36 keeps it short.
    'event.id': (view) => `${view.ktime.toString(36)}-${tid(view).toString(36)}-${view.shape.layout.number}`,
    'event.behaviors': members.cached(behaviorsOf),
    'file.placed_path': (view) => behaviorPath(view, 'file_placed'),
    'file.removed_path': (view) => behaviorPath(view, 'file_removed'),
    'event.error': (view) => errnoName(result(view)),
    'event.result': result,
    'event.unverified': (view) => (flags(view) & F.UNVERIFIED) !== 0,
    'event.truncated': (view) => (flags(view) & F.TRUNCATED) !== 0,
    'event.unreadable': (view) => (flags(view) & F.UNREADABLE) !== 0,
    'event.incomplete': (view) => view.process === undefined || view.process.incomplete,
    'event.syscall': (view) => {
      const number = syscall(view);
      return number === NO_SYSCALL ? undefined : syscallName(number);
    },
    'event.source': (view) => {
      const bits = flags(view);
      if ((bits & F.IO_URING) !== 0) return 'io_uring';
      if ((bits & F.COMPAT32) !== 0) return 'syscall32';
      return syscall(view) === NO_SYSCALL ? 'kernel' : 'syscall';
    },
    'event.timestamp': (view) => view.host.toUnix(view.ktime),
    'host.name': (view) => (view.host.hostName === '' ? undefined : view.host.hostName),
  };
}
