/** Falco's fd.* and fs.path.* fields: what the descriptor of a call refers to. */

import type { FieldValue } from '../../../schema/event.ts';
import { wantsClimbing } from '../../literals/open-classes.ts';
import { all, any, type Condition, FALSE, field, leaf, not, TRUE } from '../../tree.ts';
import {
  ABSENT,
  combined,
  constant,
  derive,
  derived,
  FAILED,
  first,
  flag,
  type Meaning,
  SUCCEEDED,
} from '../meaning.ts';
import { familyCharacter, tupleMeaning } from '../socket-values.ts';
import { BY_CALL, FD_NUMBER, NOT_DIRECTORY } from './arguments.ts';
import { address, type FalcoField, type FalcoFields, missing, network, number, port, text, truth } from './spec.ts';

type What = 'open' | 'file' | 'changed' | 'connection' | 'listener' | 'socket' | 'unix' | 'memory' | 'none';

const WHAT: Readonly<Record<string, What>> = {
  file_open: 'open',
  file_create: 'open',
  file_read: 'file',
  file_write: 'file',
  file_chmod: 'changed',
  file_chown: 'changed',
  file_truncate: 'changed',
  file_utimens: 'changed',
  file_setxattr: 'changed',
  net_conn: 'connection',
  net_accept: 'connection',
  net_close: 'connection',
  net_send: 'connection',
  socket_dup: 'connection',
  net_listen: 'listener',
  socket_raw: 'socket',
  socket_create: 'socket',
  unix_connect: 'unix',
  file_removexattr: 'changed',
  memfd_create: 'memory',
  module_load: 'changed',
};

const what = (kind: string): What => WHAT[kind] ?? 'none';
const cases = (when: Condition, chosen: Meaning, otherwise: Meaning): Meaning => ({
  is: 'cases',
  when,
  chosen,
  otherwise,
});

/** Calls that take a path have no descriptor in Falco. */
const DESCRIPTOR_CALLS = BY_CALL('fchmod', 'fchown', 'ftruncate', 'fsetxattr', 'fremovexattr', 'finit_module');
const byDescriptor = (meaning: Meaning) => cases(DESCRIPTOR_CALLS, meaning, ABSENT);

/** A meaning for each sort of descriptor; without one the event has no such value. */
function by(meanings: Partial<Record<What, Meaning>>): FalcoField['of'] {
  return (kind) => meanings[what(kind)] ?? ABSENT;
}

function files(open: Meaning, path: Meaning = open): FalcoField['of'] {
  return by({ open, file: path, changed: byDescriptor(path) });
}

const PATH = first('file.path');
/** As it was passed, where that is known and not the same. */
const PASSED: Meaning = {
  is: 'first',
  subjects: [
    {
      from: 'derived',
      derived: {
        ...derive('fd.nameraw', ['file.passed_path', 'file.path'], (passed, path) => passed ?? path),
        climbs: wantsClimbing,
      },
    },
  ],
};
const FAMILY = ['network.family', 'network.source.ip', 'network.destination.ip'] as const;
const character = derived('fd.typechar', FAMILY, familyCharacter);
const familyName = derived('fd.type', FAMILY, (family, source, destination) => {
  const found = familyCharacter(family, source, destination);
  return found === '4' ? 'ipv4' : found === '6' ? 'ipv6' : undefined;
});

/** Who serves: of a connection the destination, of a listener the only end it has. */
const client = (name: string) => by({ connection: first(`network.source.${name}`) });
const server = (name: string) =>
  by({ connection: first(`network.destination.${name}`), listener: first(`network.source.${name}`) });
const both = (name: string) => {
  const subjects = [field(`network.source.${name}`), field(`network.destination.${name}`)];
  return by({ connection: { is: 'ends', subjects }, listener: { is: 'ends', subjects } });
};
/** On this side: the source of what goes out, the destination of what comes in. */
const OUTBOUND = new Set(['net_conn', 'net_send']);
const INBOUND = leaf(field('network.direction'), { op: 'equal', values: ['inbound'] });
function side(of: (end: 'source' | 'destination') => Meaning, here: boolean): FalcoField['of'] {
  const [near, far] = here ? (['source', 'destination'] as const) : (['destination', 'source'] as const);
  return (kind) => {
    if (what(kind) !== 'connection') return ABSENT;
    if (OUTBOUND.has(kind)) return of(near);
    if (kind === 'net_accept') return of(far);
    return cases(INBOUND, of(far), of(near));
  };
}
const addressOf = (end: string) => first(`network.${end}.ip`);
const portOf = (end: string) => first(`network.${end}.port`);

const loopback = (end: string) => leaf(field(`network.${end}.ip`), { op: 'cidr', values: ['127.0.0.0/8', '::1/128'] });
const isServer: FalcoField['of'] = (kind) => {
  if (what(kind) === 'listener' || kind === 'net_accept') return flag(TRUE);
  return what(kind) === 'connection' ? flag(any([loopback('destination'), INBOUND])) : ABSENT;
};

const PROTOCOLS: Readonly<Record<string, string>> = { net_send: 'udp' };
const protocol: FalcoField['of'] = (kind) => {
  if (what(kind) !== 'connection' && what(kind) !== 'listener') return ABSENT;
  const otherwise = PROTOCOLS[kind] ?? 'tcp';
  return { is: 'first', subjects: [field('network.transport')], otherwise };
};

const nameOf = (end: string) => cases(loopback(end), ABSENT, first(`network.${end}.hostname`));
const DNS =
  'a name that the process, or one above it, read in a DNS answer for the address; Falco asks the resolver for the addresses of the name; absent for loopback';

const device = (part: 0 | 1) =>
  files(
    derived(part === 0 ? 'fd.dev.major' : 'fd.dev.minor', ['file.device'], (value) =>
      typeof value === 'string' ? Number(value.split(':')[part]) : undefined,
    ),
  );

/** As the kernel writes it for programs (new_encode_dev). */
function deviceNumber(device: FieldValue): number | undefined {
  if (typeof device !== 'string') return undefined;
  const [major = 0, minor = 0] = device.split(':').map(Number);
  return (minor & 0xff) | (major << 8) | ((minor & ~0xff) << 12);
}

/** The container's short id and a field of the descriptor, joined by a colon. */
const inContainer =
  (name: 'fd.name' | 'fd.directory'): FalcoField['of'] =>
  (kind) => {
    const path = FD_FIELDS[name]?.of(kind, undefined) ?? ABSENT;
    return combined(`container and ${name} of ${kind}`, [first('container.id'), path], ([id, of]) =>
      of === undefined ? undefined : `${typeof id === 'string' ? id.slice(0, 12) : 'host'}:${String(of)}`,
    );
  };

const SUCCESS_ONLY = (meaning: Meaning) => cases(SUCCEEDED, meaning, ABSENT);
const NAMED_KINDS = new Set(
  'file_open file_create file_unlink file_mkdir file_chmod file_chown umount file_truncate file_setxattr file_utimens chroot'.split(
    ' ',
  ),
);
const SOURCES: Readonly<Record<string, readonly [source: string, target: string]>> = {
  file_rename: ['file.path', 'file.new_path'],
  // Falco's source of a link is the new name.
  file_link: ['file.new_path', 'file.path'],
  file_symlink: ['file.path', 'file.new_path'],
  mount: ['mount.source', 'file.path'],
};
const pathOf = (kind: string) => (NAMED_KINDS.has(kind) ? SUCCESS_ONLY(PATH) : ABSENT);
const endOf = (index: 0 | 1) => (kind: string) => {
  const names = SOURCES[kind];
  return names === undefined ? ABSENT : SUCCESS_ONLY(first(names[index]));
};

const RESOLVED = 'resolved by the kernel: links are followed, so /var/run/x is /run/x';
const RAW = 'absolute: the text that was passed is not kept';
const RAW_NAME =
  'of an open (and a failed one) as it was passed, by io_uring and of reads and writes the resolved path; when the open is over, so that a program may have changed it';
const NUMBERS = 'the return value of an open; of other calls it is not known which, only that it is not negative';
const SOME_NUMBER: Meaning = {
  is: 'result',
  derived: derive('fd.num of a call that is given it', [], () => undefined),
  failed: FALSE,
};

const CALLS = 'of calls that open or use a descriptor, as in Falco';

export const FD_FIELDS: FalcoFields = {
  'fd.num': number(
    by({
      open: FD_NUMBER,
      file: SOME_NUMBER,
      changed: byDescriptor(SOME_NUMBER),
      connection: SOME_NUMBER,
      listener: SOME_NUMBER,
      socket: SOME_NUMBER,
      unix: SOME_NUMBER,
      memory: SOME_NUMBER,
    }),
    NUMBERS,
  ),
  'fd.type': text(
    by({
      open: cases(FAILED, ABSENT, cases(NOT_DIRECTORY, constant('file'), constant('directory'))),
      file: constant('file'),
      changed: byDescriptor(constant('file')),
      connection: familyName,
      listener: familyName,
      unix: constant('unix'),
      memory: constant('memfd'),
    }),
    'a directory is one that was opened with O_DIRECTORY, as in Falco',
  ),
  'fd.types': missing('the other descriptors of a process are not in our events', 'optional index'),
  'fd.typechar': text(
    by({
      open: cases(any([NOT_DIRECTORY, FAILED]), constant('f'), constant('d')),
      file: constant('f'),
      changed: byDescriptor(constant('f')),
      connection: character,
      listener: character,
      socket: character,
      unix: constant('u'),
      memory: constant('m'),
    }),
  ),
  'fd.name': text(
    by({
      open: PATH,
      file: PATH,
      changed: byDescriptor(PATH),
      connection: tupleMeaning('fd.name', false),
      listener: tupleMeaning('fd.name of a listener', false, 'source'),
      unix: PATH,
      memory: derived('fd.name of a memory file', ['memfd.name'], (name) =>
        typeof name === 'string' ? `memfd:${name}` : undefined,
      ),
    }),
    `${RESOLVED}; of a Unix socket the path alone; ${CALLS}`,
  ),
  'fd.nameraw': text(files(PASSED, PATH), RAW_NAME),
  'fd.directory': text(
    files(cases(any([NOT_DIRECTORY, FAILED]), first('file.directory'), PATH), first('file.directory')),
    RESOLVED,
  ),
  'fd.filename': text(
    files(cases(all([NOT_DIRECTORY, not(FAILED)]), first('file.name'), ABSENT), first('file.name')),
    RESOLVED,
  ),
  'fd.ino': number(files(first('file.inode'))),
  'fd.dev': number(files(derived('fd.dev', ['file.device'], deviceNumber))),
  'fd.dev.major': number(device(0)),
  'fd.dev.minor': number(device(1)),
  'fd.is_upper_layer': missing('in which layer of an overlay a file lies is known of executables alone'),
  'fd.is_lower_layer': missing('in which layer of an overlay a file lies is known of executables alone'),
  'fd.uid': missing('of sysdig; use fd.num and thread.tid'),
  'fd.containername': text(inContainer('fd.name'), RESOLVED),
  'fd.containerdirectory': text(inContainer('fd.directory'), RESOLVED),

  'fd.ip': address(both('ip')),
  'fd.cip': address(client('ip')),
  'fd.sip': address(server('ip')),
  'fd.lip': address(side(addressOf, true), 'by the direction of the connection'),
  'fd.rip': address(side(addressOf, false), 'by the direction of the connection'),
  'fd.net': network(both('ip')),
  'fd.cnet': network(client('ip')),
  'fd.snet': network(server('ip')),
  'fd.lnet': network(side(addressOf, true), 'by the direction of the connection'),
  'fd.rnet': network(side(addressOf, false), 'by the direction of the connection'),
  'fd.port': port(both('port')),
  'fd.cport': port(client('port')),
  'fd.sport': port(server('port')),
  'fd.lport': port(side(portOf, true), 'by the direction of the connection'),
  'fd.rport': port(side(portOf, false), 'by the direction of the connection'),
  'fd.proto': port(both('port')),
  'fd.cproto': missing('use fd.cport'),
  'fd.sproto': missing('use fd.sport'),
  'fd.lproto': missing('use fd.lport'),
  'fd.rproto': missing('use fd.rport'),
  'fd.l4proto': text(protocol),
  'fd.sockfamily': text(
    by({ connection: constant('ip'), listener: constant('ip'), unix: constant('unix') }),
    'sockets of the IP families and connections of Unix sockets only',
  ),
  'fd.is_server': truth(isServer, 'of a connection to an address of this host other than loopback, false'),
  'fd.connected': truth((kind) => {
    if (what(kind) !== 'connection' && what(kind) !== 'listener') return ABSENT;
    return flag(kind === 'net_send' || kind === 'net_listen' ? any([]) : TRUE);
  }),
  'fd.name_changed': truth((kind) => {
    if (what(kind) !== 'connection' && what(kind) !== 'listener') return ABSENT;
    return flag(OUTBOUND.has(kind) ? TRUE : any([]));
  }),
  'fd.cip.name': text(by({ connection: nameOf('source') }), DNS),
  'fd.lip.name': text(side(nameOf, true), DNS),
  'fd.sip.name': text(by({ connection: nameOf('destination') }), DNS),
  'fd.rip.name': text(side(nameOf, false), DNS),

  'fs.path.name': text(pathOf, 'absolute'),
  'fs.path.nameraw': text(
    (kind) => (kind === 'file_open' ? SUCCESS_ONLY(PASSED) : pathOf(kind)),
    `of an open as it was passed; else ${RAW}`,
  ),
  'fs.path.source': text(endOf(0), 'absolute'),
  'fs.path.sourceraw': text(endOf(0), RAW),
  'fs.path.target': text(endOf(1), 'absolute; of a symbolic link the text that it holds'),
  'fs.path.targetraw': text(endOf(1), RAW),
};
