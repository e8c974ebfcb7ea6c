/**
 * Who feeds whom: programs joined by the pipe or socket pair that one of them
 * had as output and the other as input when it started. Either may start
 * first.
 */
import type { FeedContext, FeedHow, StreamContext } from '../schema/context.ts';
import type { Process } from './process.ts';
import type { Program } from './program.ts';

const MAX_PIPES = 1_024;
/** Programs remembered at each end; a script's commands all have its output. */
const MAX_ENDS = 4;
const MAX_DEPTH = 8;
/** Of a named pipe, who ended so long ago fed somebody else. */
const LASTING_NS = 5e9;
/** A shell goes on at once when what it substituted has ended. */
const SUBSTITUTION_NS = 5e9;

interface Pipe {
  readonly how: FeedHow;
  /** A named pipe is there before and after those that use it. */
  readonly lasting: boolean;
  readonly writers: Node[];
  readonly readers: Node[];
}

/** One started program and the pipes at its standard descriptors. */
interface Node {
  readonly pid: number;
  readonly program: Program;
  readonly inputs: Pipe[];
  readonly outputs: Pipe[];
  /** Its output was put into the text that this program was given. */
  substituted: Node | undefined;
  ended: number | undefined;
}

interface FeedCounts {
  evictions: number;
}

export class Feeds {
  readonly counts: FeedCounts = { evictions: 0 };
  readonly #pipes = new Map<string, Pipe>();
  readonly #nodes = new WeakMap<Program, Node>();
  /** The program whose output a shell has just read to its end. */
  readonly #read = new WeakMap<Process, { readonly node: Node; readonly at: number }>();

  get size(): number {
    return this.#pipes.size;
  }

  /**
   * A program started. Gives the programs of before whose feeders or consumers
   * are other ones now; undefined where it has no part in any stream.
   */
  started(process: Process, ktime: number): readonly Program[] | undefined {
    const { program } = process;
    const { streams } = program.facts;
    const node: Node = { pid: process.pid, program, inputs: [], outputs: [], substituted: undefined, ended: undefined };
    for (const stream of [streams?.stdin, streams?.named?.stream]) {
      const pipe = stream?.reads === true ? this.#pipe(stream, stream.inode) : undefined;
      if (pipe !== undefined) join(node, node.inputs, pipe, pipe.readers, ktime);
    }
    for (const stream of [streams?.stdout, streams?.stderr, streams?.named?.stream]) {
      const pipe = stream?.writes === true ? this.#pipe(stream, stream.peerInode ?? stream.inode) : undefined;
      if (pipe !== undefined) join(node, node.outputs, pipe, pipe.writers, ktime);
    }
    this.#substitute(node, process, ktime);
    if (node.inputs.length === 0 && node.outputs.length === 0 && node.substituted === undefined) return undefined;
    this.#nodes.set(program, node);
    const changed = new Set<Node>();
    spread(node, 'outputs', 'readers', changed);
    spread(node, 'inputs', 'writers', changed);
    changed.delete(node);
    return [...changed].map((one) => one.program);
  }

  /** A program ended: a shell that waited for its output has read it. */
  ended(process: Process, ktime: number): void {
    const node = this.#nodes.get(process.program);
    if (node === undefined || node.pid !== process.pid) return;
    node.ended = ktime;
    const shell = topmost(process.parent);
    if (shell === undefined) return;
    // A pipe that is the shell's own output is read by whoever started the shell.
    const own = this.#nodes.get(shell.program)?.outputs ?? [];
    const read = node.outputs.some((pipe) => pipe.readers.length === 0 && !own.includes(pipe));
    if (read) this.#read.set(shell, { node, at: ktime });
  }

  /** Who feeds the program now. */
  readonly fedBy = (program: Program): FeedContext | undefined => this.#context(program, 'inputs', 'writers');
  /** Whom it feeds now. */
  readonly feeds = (program: Program): FeedContext | undefined => this.#context(program, 'outputs', 'readers');

  #context(program: Program, pipes: 'inputs' | 'outputs', ends: 'writers' | 'readers'): FeedContext | undefined {
    const node = this.#nodes.get(program);
    if (node === undefined) return undefined;
    const found = new Map<Node, FeedHow>();
    follow(node, pipes, ends, found, 0);
    found.delete(node);
    const [nearest] = found;
    if (nearest === undefined) return undefined;
    const [first, how] = nearest;
    const names = [...found.keys()].flatMap((one) => one.program.program ?? []);
    return { pid: first.pid, program: first.program, how, programs: [...new Set(names)] };
  }

  #pipe(stream: StreamContext, inode: number | undefined): Pipe | undefined {
    if ((stream.type !== 'pipe' && stream.type !== 'unix') || inode === undefined) return undefined;
    const key = `${stream.device}:${inode}`;
    let pipe = this.#pipes.get(key);
    if (pipe !== undefined) this.#pipes.delete(key);
    else {
      const how = stream.type === 'pipe' ? 'pipe' : 'socket';
      pipe = { how, lasting: stream.path !== undefined, writers: [], readers: [] };
    }
    this.#pipes.set(key, pipe);
    if (this.#pipes.size > MAX_PIPES) {
      const [oldest] = this.#pipes.keys();
      if (oldest !== undefined) this.#pipes.delete(oldest);
      this.counts.evictions++;
    }
    return pipe;
  }

  /**
   * `bash -c "$(curl …)"`, `bash <<< "$(curl …)"`: the shell read the output of a
   * child to its end, and the next program that it starts is given a text, as
   * argument or as input that no program writes.
   */
  #substitute(node: Node, process: Process, ktime: number): void {
    for (const shell of [process, topmost(process.parent)]) {
      const read = shell === undefined ? undefined : this.#read.get(shell);
      if (shell === undefined || read === undefined) continue;
      this.#read.delete(shell);
      if (ktime - read.at <= SUBSTITUTION_NS && isGivenText(node)) node.substituted = read.node;
    }
  }
}

/** Its program is an argument, or input from the shell itself: a pipe of a here-document, a file of it without a name. */
function isGivenText({ program, inputs }: Node): boolean {
  const kind = program.script?.kind;
  if (kind === 'command') return true;
  const stdin = program.facts.streams?.stdin;
  if (kind !== 'stdin' || (stdin?.type !== 'pipe' && stdin?.type !== 'file')) return false;
  return inputs.every(({ lasting, writers }) => !lasting && writers.length === 0);
}

function join(node: Node, own: Pipe[], pipe: Pipe, ends: Node[], ktime: number): void {
  if (own.includes(pipe)) return;
  own.push(pipe);
  if (pipe.lasting) {
    for (const side of [pipe.readers, pipe.writers]) {
      const left = side.filter(({ ended }) => ended === undefined || ended + LASTING_NS >= ktime);
      side.splice(0, side.length, ...left);
    }
  }
  // The same process with another program: what it ran before is no longer there.
  const before = ends.findIndex(({ pid }) => pid === node.pid);
  if (before >= 0) ends.splice(before, 1);
  ends.push(node);
  if (ends.length > MAX_ENDS) ends.shift();
}

/** Everybody down or up the stream, nearest first. */
function spread(
  node: Node,
  pipes: 'inputs' | 'outputs',
  ends: 'writers' | 'readers',
  found: Set<Node>,
  depth = 0,
): void {
  if (depth >= MAX_DEPTH) return;
  for (const pipe of node[pipes]) {
    for (const other of pipe[ends]) {
      if (other === node || found.has(other)) continue;
      found.add(other);
      spread(other, pipes, ends, found, depth + 1);
    }
  }
}

function follow(
  node: Node,
  pipes: 'inputs' | 'outputs',
  ends: 'writers' | 'readers',
  found: Map<Node, FeedHow>,
  depth: number,
): void {
  if (depth >= MAX_DEPTH) return;
  const next: Node[] = [];
  const add = (other: Node, how: FeedHow): void => {
    if (other.pid === node.pid || found.has(other)) return;
    found.set(other, how);
    next.push(other);
  };
  for (const pipe of node[pipes]) for (const other of pipe[ends].toReversed()) add(other, pipe.how);
  if (pipes === 'inputs' && node.substituted !== undefined) add(node.substituted, 'substitution');
  for (const other of next) follow(other, pipes, ends, found, depth + 1);
}

/** The shell itself, where a process is a subshell of it: a fork that runs the same program. */
function topmost(process: Process | undefined): Process | undefined {
  let one = process;
  while (one?.parent !== undefined && one.parent.program === one.program) one = one.parent;
  return one;
}
