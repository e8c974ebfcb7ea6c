/** Falco's evt.* fields. */

import { quoted } from '../../../visible.ts';
import { all, any, type Condition, exists, field, kindIs, leaf, not } from '../../tree.ts';
import { conditionOf, questionOf } from '../compare.ts';
import { dateAndTime, isoTime, resultName, resultOf, timeOfDay } from '../event-values.ts';
import { EVENT_TYPES, isEventType, untold } from '../events.ts';
import { FalcoFault } from '../fault.ts';
import { ABSENT, combined, constant, derive, derived, FAILED, first, flag, type Meaning } from '../meaning.ts';
import { nanoseconds } from '../process-values.ts';
import {
  ARGUMENT_NAMES,
  ARGUMENTS_OF,
  argumentMeaning,
  OTHER_ARGUMENTS,
  RAW_NUMBERS,
  RAW_TEXTS,
  rawArgument,
} from './arguments.ts';
import { type FalcoField, type FalcoFields, missing, number, text, truth } from './spec.ts';

function types(kind: string): Meaning {
  const entry = EVENT_TYPES[kind];
  if (entry === undefined) return ABSENT;
  const { only } = entry;
  return {
    is: 'types',
    types: only ?? entry.types,
    assumed: entry.types,
    untold: untold(entry),
    closed: only === undefined,
  };
}

const OPENS = new Set(['file_open', 'file_create']);
const anyFlag = (...names: string[]): Condition => ({
  type: 'quantifier',
  how: 'any',
  over: field('file.flags'),
  where: leaf({ from: 'element', level: 0 }, { op: 'equal', values: names }),
});
const ACCESS = field('file.access');
/** By the flags only where the event does not tell the access: a live one does, and its list of flags is made when it is read. */
const opened = (access: readonly string[], ...flags: string[]): Condition =>
  any([leaf(ACCESS, { op: 'equal', values: access }), all([not(exists(ACCESS)), anyFlag(...flags)])]);
const CREATED = any([leaf(field('file.created'), { op: 'equal', values: [true] }), anyFlag('O_TMPFILE')]);
const EXECUTABLE: Condition = leaf(
  {
    from: 'derived',
    derived: derive('executable(file.mode)', ['file.mode'], (mode) =>
      typeof mode === 'string' && /^[0-7]+$/.test(mode) ? (Number.parseInt(mode, 8) & 0o111) !== 0 : undefined,
    ),
  },
  { op: 'equal', values: [true] },
);

/** Of an open; false for everything else, as in Falco. */
const ofOpen = (holds: Condition) => (kind: string) => flag(OPENS.has(kind) ? holds : any([]));

const result: FalcoField['of'] = (kind) => {
  const success = OPENS.has(kind) ? 3 : 0;
  const dup = kind === 'socket_dup';
  const names = dup ? ['event.result', 'event.error', 'socket.fd'] : ['event.result', 'event.error'];
  const name = dup ? 'evt.rawres of a dup' : OPENS.has(kind) ? 'evt.rawres of an open' : 'evt.rawres';
  return {
    is: 'result',
    derived: derive(name, names, (value, error, fd) => resultOf(value ?? fd, error, success)),
    failed: FAILED,
  };
};

const category = (kind: string): Meaning => {
  const entry = EVENT_TYPES[kind];
  return entry === undefined ? ABSENT : constant(entry.category);
};
const time = (name: string, make: (seconds: unknown) => string | undefined) =>
  text(
    derived(name, ['event.timestamp'], (seconds) => make(seconds)),
    'exact to about a microsecond',
  );

const seconds = (value: unknown) => (typeof value === 'number' ? value : undefined);
const READS = new Set(['file_read']);
const FILE_WRITES = new Set(['file_write']);
const SENDS = new Set(['net_send']);
const WRITES = new Set([...FILE_WRITES, ...SENDS]);
const truthOf = (holds: boolean) => flag(holds ? kindIs(...Object.keys(EVENT_TYPES)) : any([]));

/** 1 or 0. */
const counted = (when: Condition): Meaning => ({ is: 'cases', when, chosen: constant(1), otherwise: constant(0) });
const errorOf = (what: string) => (kind: string) => {
  const own = EVENT_TYPES[kind]?.category ?? 'other';
  const known = ['file', 'net', 'memory'].includes(own) ? own : 'other';
  return known === what ? counted(FAILED) : constant(0);
};
const isOfType: FalcoField['of'] = (kind, type = '') => {
  if (!isEventType(type)) throw new FalcoFault(`the event type ${quoted(type)} is unknown`, { unknown: true });
  return counted(conditionOf(types(kind), questionOf('evt.type', 'text', '=', [type])));
};
const length =
  (...kinds: readonly ReadonlySet<string>[]): FalcoField['of'] =>
  (kind) =>
    kinds.some((set) => set.has(kind)) ? first('file.bytes', 'network.bytes_sent') : ABSENT;
const TRANSFERRED = 'of the first call on an open file or to a peer';
const argumentsText: FalcoField['of'] = (kind) => {
  const names = ARGUMENTS_OF(kind);
  const meanings = names.map((name) => argumentMeaning(kind, name));
  return combined(`evt.args of ${kind}`, meanings, (values) =>
    values.flatMap((value, index) => (value === undefined ? [] : `${names[index]}=${String(value)}`)).join(' '),
  );
};

const LATENCY = 'calls are reported when they end; how long they took is not measured';
const BUFFER = 'what is read and written is not recorded';

const SYSLOG = 'what is written to the system log is not recorded';
const INFRASTRUCTURE = 'what Docker itself tells is not recorded';
const POLL = 'polls are not recorded';

export const EVENT_FIELDS: FalcoFields = {
  'evt.num': number(constant(1), 'always 1: never 0, which is what never_true asks'),
  'evt.type': text(types, { differs: 'see the table of event types' }),
  'syscall.type': text(types, { differs: 'see the table of event types' }),
  'evt.type.is': number(isOfType, { argument: 'name', differs: 'see the table of event types' }),
  'evt.dir': text(constant('<'), { differs: 'always <, as in Falco since 0.42' }),
  'evt.source': text(constant('syscall')),
  'evt.is_async': truth(truthOf(false)),
  'evt.asynctype': text(ABSENT),
  'evt.pluginname': text(ABSENT),
  'evt.plugininfo': text(ABSENT),
  'evt.hostname': text(first('host.name')),
  'evt.category': text(category, { differs: 'by the kind of event' }),
  'evt.cpu': missing('the CPU is not in our events'),
  'evt.res': text(derived('evt.res', ['event.error'], resultName)),
  'evt.rawres': number(result),
  'evt.failed': truth(flag(FAILED)),
  'evt.count': number(constant(1)),
  'evt.count.error': number({ is: 'cases', when: FAILED, chosen: constant(1), otherwise: constant(0) }),
  'evt.count.error.file': number(errorOf('file')),
  'evt.count.error.net': number(errorOf('net')),
  'evt.count.error.memory': number(errorOf('memory')),
  'evt.count.error.other': number(errorOf('other')),
  'evt.count.exit': number(constant(1)),
  'evt.count.procinfo': number(constant(0)),
  'evt.count.threadinfo': number(constant(0)),
  'evt.is_open_read': truth(ofOpen(opened(['read', 'read_write'], 'O_RDONLY', 'O_RDWR')), {
    differs: 'false for O_PATH, which Falco takes for reading',
  }),
  'evt.is_open_write': truth(ofOpen(opened(['write', 'read_write'], 'O_WRONLY', 'O_RDWR'))),
  'evt.is_open_create': truth(ofOpen(CREATED)),
  'evt.is_open_exec': truth(
    ofOpen({ type: 'all', of: [any([anyFlag('O_CREAT', 'O_TMPFILE'), CREATED]), EXECUTABLE] }),
    {
      differs: 'by the mode that the file has, where Falco has the one that was asked for',
    },
  ),
  'evt.is_io': truth((kind) => truthOf(READS.has(kind) || WRITES.has(kind))),
  'evt.is_io_read': truth((kind) => truthOf(READS.has(kind))),
  'evt.is_io_write': truth((kind) => truthOf(WRITES.has(kind))),
  'evt.io_dir': text((kind) => (READS.has(kind) ? constant('read') : WRITES.has(kind) ? constant('write') : ABSENT)),
  'evt.is_wait': truth(truthOf(false)),
  'evt.is_syslog': truth(truthOf(false)),
  'evt.time': time('evt.time', (value) => timeOfDay(seconds(value), true)),
  'evt.time.s': time('evt.time.s', (value) => timeOfDay(seconds(value), false)),
  'evt.time.iso8601': time('evt.time.iso8601', (value) => isoTime(seconds(value))),
  'evt.datetime': time('evt.datetime', (value) => dateAndTime(seconds(value), true)),
  'evt.datetime.s': time('evt.datetime.s', (value) => dateAndTime(seconds(value), false)),
  'evt.outputtime': time('evt.outputtime', (value) => timeOfDay(seconds(value), true)),
  'evt.rawtime': number(derived('evt.rawtime', ['event.timestamp'], nanoseconds), 'exact to about a microsecond'),
  'evt.rawtime.s': number(
    derived('evt.rawtime.s', ['event.timestamp'], (value) =>
      typeof value === 'number' ? Math.floor(value) : undefined,
    ),
  ),
  'evt.rawtime.ns': number(
    derived('evt.rawtime.ns', ['event.timestamp'], (value) =>
      typeof value === 'number' ? Math.round((value - Math.floor(value)) * 1e6) * 1000 : undefined,
    ),
    'exact to about a microsecond',
  ),
  'evt.reltime': missing('there is no capture that begins somewhere'),
  'evt.reltime.s': missing('there is no capture that begins somewhere'),
  'evt.reltime.ns': missing('there is no capture that begins somewhere'),
  'evt.latency': missing(LATENCY),
  'evt.latency.s': missing(LATENCY),
  'evt.latency.ns': missing(LATENCY),
  'evt.latency.human': missing(LATENCY),
  'evt.latency.quantized': missing(LATENCY),
  'evt.wait_latency': missing(LATENCY),
  'evt.deltatime': missing('the event before is not remembered'),
  'evt.deltatime.s': missing('the event before is not remembered'),
  'evt.deltatime.ns': missing('the event before is not remembered'),
  'evt.around': missing('for searching in captures', 'index'),
  'evt.buffer': missing(BUFFER),
  'evt.buflen': number(length(READS, WRITES), TRANSFERRED),
  'evt.buflen.in': number(length(READS), TRANSFERRED),
  'evt.buflen.out': number(length(WRITES), TRANSFERRED),
  'evt.buflen.file': number(length(READS, FILE_WRITES), TRANSFERRED),
  'evt.buflen.file.in': number(length(READS), TRANSFERRED),
  'evt.buflen.file.out': number(length(FILE_WRITES), TRANSFERRED),
  'evt.buflen.net': number(length(SENDS), TRANSFERRED),
  'evt.buflen.net.in': missing('what is received is not recorded'),
  'evt.buflen.net.out': number(length(SENDS), TRANSFERRED),
  'evt.args': text(argumentsText, 'of the arguments that our events have; see the table of arguments'),
  'evt.info': text(argumentsText, 'as evt.args'),
  'evt.abspath': text((kind, side) => (side === 'dst' ? argumentMeaning(kind, 'newpath') : first('file.path')), {
    argument: 'name',
    differs: 'for every event with a path',
  }),
  'evt.arg': text((kind, argument) => (argument === undefined ? ABSENT : argumentMeaning(kind, argument)), {
    argument: 'name or index',
    differs:
      'paths are absolute; numbers count Falco’s own parameters, of which our events have some; see the table of arguments',
  }),
  'evt.rawarg': text((kind, argument) => (argument === undefined ? ABSENT : rawArgument(kind, argument)), {
    argument: 'name',
    differs: 'paths are absolute; flags in numbers are not there',
  }),

  'evt.infra.docker.name': missing(INFRASTRUCTURE),
  'evt.infra.docker.container.id': missing(INFRASTRUCTURE),
  'evt.infra.docker.container.name': missing(INFRASTRUCTURE),
  'evt.infra.docker.container.image': missing(INFRASTRUCTURE),
  'util.cnt': missing('events are not counted one by one'),
  'syslog.facility.str': missing(SYSLOG),
  'syslog.facility': missing(SYSLOG),
  'syslog.severity.str': missing(SYSLOG),
  'syslog.severity': missing(SYSLOG),
  'syslog.message': missing(SYSLOG),
  'fdlist.nums': missing(POLL),
  'fdlist.names': missing(POLL),
  'fdlist.cips': missing(POLL),
  'fdlist.sips': missing(POLL),
  'fdlist.cports': missing(POLL),
  'fdlist.sports': missing(POLL),
};

/** What is wrong with the argument of evt.arg, undefined when our events have it; `unknown`: so do Falco's not. */
export function argumentFault(
  name: string,
  argument: string,
): { readonly message: string; readonly known: boolean } | undefined {
  if (name === 'evt.arg' && (/^\d+$/.test(argument) || ARGUMENT_NAMES.has(argument))) return undefined;
  if (name === 'evt.rawarg' && (RAW_NUMBERS.has(argument) || RAW_TEXTS.has(argument))) return undefined;
  const known = ARGUMENT_NAMES.has(argument) || OTHER_ARGUMENTS.has(argument);
  return { message: known ? 'is not in our events' : 'is no argument of a system call', known };
}

/** evt.rawarg has the type of its argument. */
export function rawIsNumber(argument: string): boolean {
  return RAW_NUMBERS.has(argument);
}
