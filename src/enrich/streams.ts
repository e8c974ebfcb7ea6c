/** What a program's descriptors lead to, from its exec record. */
import type { StreamContext, StreamType } from '../schema/context.ts';
import type { KindShape, LiveView } from '../schema/view.ts';

const S_IFMT = 0o170000;
const AF_UNIX = 1;
const AF_INET = 2;
const AF_INET6 = 10;
const NO_DESCRIPTOR = 0xffffffff;
/** Kernel encoding of a device: major << 20 | minor. */
const MEMORY_DEVICES: Readonly<Record<number, string>> = {
  3: '/dev/null',
  5: '/dev/zero',
  7: '/dev/full',
  8: '/dev/random',
  9: '/dev/urandom',
};
const TTY_MAJOR = 4;
const TTY_AUX_MAJOR = 5;
const PTS_MAJOR = 136;
const PTS_MAJORS = 8;

export interface Streams {
  readonly stdin: StreamContext;
  readonly stdout: StreamContext;
  readonly stderr: StreamContext;
  /** The descriptor that the arguments name, as /dev/fd/63. */
  readonly named: { readonly descriptor: number; readonly stream: StreamContext } | undefined;
}

const CLOSED: StreamContext = Object.freeze({ type: 'closed', reads: false, writes: false });

export function streamsReader({ members }: KindShape): (view: LiveView) => Streams {
  const one = (name: string): ((view: LiveView) => StreamContext) => {
    const number = (field: string) => members.number(`${name}.${field}`);
    const [mode, inode, device, special, access] = ['mode', 'inode', 'device', 'special', 'access'].map(number);
    const [family, port, peerInode] = [number('family'), number('peer.port'), number('peer_inode')];
    const ip = members.address(`${name}.peer.ip`);
    const path = members.text(`${name}.path`);
    return (view) => {
      const bits = mode?.(view) ?? 0;
      if (bits === 0) return CLOSED;
      const direction = access?.(view) ?? 0;
      const common = {
        inode: inode?.(view),
        device: device?.(view),
        reads: (direction & 1) !== 0,
        writes: (direction & 2) !== 0,
      };
      const socketFamily = family(view);
      const remote = socketFamily === AF_INET || socketFamily === AF_INET6 ? port(view) : 0;
      const [type, named] = typeOf(bits, special?.(view) ?? 0, socketFamily, path(view));
      return {
        type,
        ...common,
        ...(named === undefined ? {} : { path: named }),
        ...(remote === 0 ? {} : { ip: ip(view), port: remote }),
        ...(socketFamily === AF_UNIX && peerInode(view) !== 0 ? { peerInode: peerInode(view) } : {}),
      };
    };
  };
  const [stdin, stdout, stderr, named] = [one('input'), one('output'), one('error'), one('named')];
  const descriptor = members.number('named_fd');
  return (view) => ({
    stdin: stdin(view),
    stdout: stdout(view),
    stderr: stderr(view),
    named: descriptor(view) === NO_DESCRIPTOR ? undefined : { descriptor: descriptor(view), stream: named(view) },
  });
}

function typeOf(
  mode: number,
  special: number,
  family: number,
  path: string | undefined,
): [StreamType, string | undefined] {
  switch (mode & S_IFMT) {
    case 0o140000:
      return [family === AF_UNIX ? 'unix' : 'socket', undefined];
    case 0o010000:
      return ['pipe', path];
    case 0o020000:
      return device(special, path);
    case 0o060000:
      return ['device', path];
    case 0o040000:
      return ['directory', path];
    case 0o100000:
      return [/(^|\/)memfd:/.test(path ?? '') ? 'memfd' : 'file', path];
  }
  return ['anon', undefined];
}

function device(special: number, path: string | undefined): [StreamType, string | undefined] {
  const major = special >>> 20;
  const minor = special & 0xfffff;
  if (major === 1 && MEMORY_DEVICES[minor] !== undefined)
    return [minor === 3 ? 'null' : 'device', MEMORY_DEVICES[minor]];
  if (major >= PTS_MAJOR && major < PTS_MAJOR + PTS_MAJORS)
    return ['tty', `/dev/pts/${(major - PTS_MAJOR) * 256 + minor}`];
  if (major === TTY_MAJOR) return ['tty', path];
  if (major === TTY_AUX_MAJOR) return ['tty', minor === 0 ? '/dev/tty' : minor === 1 ? '/dev/console' : path];
  return ['device', path];
}
