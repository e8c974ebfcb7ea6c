/** The texts of an exec record. Hosts start the same things again and again: equal texts are decoded once. */
import type { Identity } from '../schema/identity/program.ts';
import type { KindShape, LiveView } from '../schema/view.ts';
import { type Injection, injectionsOf } from './injection.ts';
import type { LookedLike, Looks } from './likenesses.ts';
import { pickVariables } from './procfs.ts';

/** Stands where the kernel cut a text. */
const CUT = '…';
/** Longer texts are decoded every time; so are texts that were seen once. */
const MAX_BYTES = 2_048;
const MAX_KNOWN = 512;
const SEEN_ONCE = 2_048;
const MEMBERS = ['path', 'filename', 'interp', 'args', 'args_tail', 'env', 'env_tail', 'cwd', 'tty', 'cgroup'] as const;

let made = 0;

export class ExecTexts implements LookedLike {
  /** Of no other texts. */
  readonly number = ++made;
  readonly path: string | undefined;
  readonly filename: string | undefined;
  readonly interpreter: string | undefined;
  readonly cwd: string | undefined;
  readonly tty: string | undefined;
  readonly cgroup: string | undefined;
  /** The middle may be missing: see `isCut`. */
  readonly args: readonly string[] | undefined;
  readonly isCut: boolean;
  /** Those that the configuration names. */
  readonly env: Readonly<Record<string, string>> | undefined;
  /** What variables make the program run beside what it is. */
  readonly injections: readonly Injection[] | undefined;
  looks: Looks | undefined = undefined;
  likeness = 0;
  #commandLine: string | undefined;
  #identity:
    | {
        readonly identity: Identity;
        readonly of: {
          readonly copyOf: string | undefined;
          readonly terminal: boolean;
          readonly name: string | undefined;
        };
      }
    | undefined;

  constructor(
    text: (name: string) => string | undefined,
    list: (name: string) => string[] | undefined,
    environment: ReadonlySet<string>,
  ) {
    this.path = text('path');
    this.filename = text('filename');
    this.interpreter = text('interp');
    this.cwd = text('cwd');
    this.tty = text('tty');
    this.cgroup = text('cgroup');
    const head = list('args');
    const tail = list('args_tail') ?? [];
    this.args = head === undefined ? undefined : joinCut(head, tail);
    this.isCut = tail.length > 0;
    const variables = joinVariables(list('env'), list('env_tail') ?? []);
    this.env = variables === undefined ? undefined : pickVariables(variables, environment);
    this.injections = variables === undefined ? undefined : injectionsOf(variables);
  }

  get commandLine(): string | undefined {
    if (this.#commandLine === undefined && this.args !== undefined) this.#commandLine = this.args.join(' ');
    return this.#commandLine;
  }

  /** What the program is, where it was worked out for the same of everything that it depends on beside these texts. */
  identityOf(copyOf: string | undefined, terminal: boolean, name: string | undefined): Identity | undefined {
    const { of } = this.#identity ?? {};
    const isSame = of?.copyOf === copyOf && of?.terminal === terminal && of?.name === name;
    return isSame ? this.#identity?.identity : undefined;
  }

  keepIdentity(identity: Identity, copyOf: string | undefined, terminal: boolean, name: string | undefined): void {
    this.#identity = { identity, of: { copyOf, terminal, name } };
  }
}

/** Head and tail of a list that the kernel had to cut, the cut shown in the texts on both sides of it. */
function joinCut(head: readonly string[], tail: readonly string[]): readonly string[] {
  if (tail.length === 0) return head;
  return [...head.slice(0, -1), `${head.at(-1) ?? ''}${CUT}`, `${CUT}${tail[0]}`, ...tail.slice(1)];
}

/** The first text of the tail may go on where the last one of the head ends, or be one of its own. */
function joinVariables(head: readonly string[] | undefined, tail: readonly string[]): readonly string[] | undefined {
  if (head === undefined || tail.length === 0) return head;
  return [...head, `${head.at(-1) ?? ''}${tail[0]}`, ...tail];
}

interface Known {
  /** Where the texts lie in the record, and all bytes behind its fixed part. */
  readonly places: Uint32Array;
  readonly data: DataView;
  readonly texts: ExecTexts;
}

/** Reads the texts of the records of a kind: the same object for equal ones, as long as it is remembered. */
export function execTextsReader(shape: KindShape, environment: ReadonlySet<string>): (view: LiveView) => ExecTexts {
  const { members, layout } = shape;
  const texts = new Map(MEMBERS.map((name) => [name as string, members.text(name)]));
  const lists = new Map(MEMBERS.map((name) => [name as string, members.list(name)]));
  const offsets = MEMBERS.map((name) => members.offset(name));
  const size = members.number('header.size');
  const known = new Map<number, Known>();
  const once = new Set<number>();
  const places = new Uint32Array(offsets.length);

  const decode = (view: LiveView) =>
    new ExecTexts(
      (name) => texts.get(name)?.(view),
      (name) => lists.get(name)?.(view),
      environment,
    );

  return (view) => {
    const { data } = view.buffer;
    const begin = view.at + layout.size;
    const length = size(view) - layout.size;
    if (length > MAX_BYTES) return decode(view);
    for (let at = 0; at < places.length; at++) places[at] = data.getUint32(view.at + (offsets[at] ?? 0), true);
    const hash = hashOf(data, begin, length);
    const before = known.get(hash);
    if (before !== undefined && isSame(before, places, data, begin, length)) return before.texts;
    const read = decode(view);
    if (once.delete(hash)) {
      if (known.size >= MAX_KNOWN) known.clear();
      // A copy: the slice of a Buffer is none, and the next drain writes over it.
      known.set(hash, {
        places: places.slice(),
        data: new DataView(data.buffer.slice(data.byteOffset + begin, data.byteOffset + begin + length)),
        texts: read,
      });
      return read;
    }
    if (once.size >= SEEN_ONCE) once.clear();
    once.add(hash);
    return read;
  };
}

/** FNV-1a, of four bytes at a time: a start has some hundred. */
function hashOf(data: DataView, begin: number, length: number): number {
  let hash = 0x811c9dc5;
  const end = begin + length;
  const words = end - 3;
  let at = begin;
  for (; at < words; at += 4) {
    hash = Math.imul(hash ^ data.getInt32(at, true), 0x01000193);
    // What differs in high bytes alone must reach the low ones.
    hash ^= hash >>> 15;
  }
  for (; at < end; at++) hash = Math.imul(hash ^ data.getUint8(at), 0x01000193);
  return hash >>> 0;
}

function isSame(known: Known, places: Uint32Array, data: DataView, begin: number, length: number): boolean {
  if (known.data.byteLength !== length) return false;
  for (let at = 0; at < places.length; at++) if (known.places[at] !== places[at]) return false;
  let at = 0;
  for (; at < length - 3; at += 4) if (known.data.getInt32(at, true) !== data.getInt32(begin + at, true)) return false;
  for (; at < length; at++) if (known.data.getUint8(at) !== data.getUint8(begin + at)) return false;
  return true;
}
