/**
 * The stack that each BPF program takes, with everything that it calls. The
 * verifier adds the frames of a chain of calls up and refuses more than 512
 * bytes; until 6.8 it rounded each frame up to 32 bytes, later ones round less,
 * so that what a new kernel accepts an old one may refuse. Nor may a chain have more
 * than eight frames. This reads the object and needs no kernel.
 *   stack-depth.ts [OBJECT] [--table]     exit 1 when a program takes more than 448 bytes or eight frames
 */
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { argv, exit } from 'node:process';
import { pathToFileURL } from 'node:url';
import { type BpfFunction, bpfFunctions } from './bpf-functions.ts';

/** 64 bytes below the kernel's limit: compilers differ. */
export const MOST_STACK = 448;
/** MAX_CALL_FRAMES (include/linux/bpf_verifier.h). */
export const MOST_FRAMES = 8;
const ROUNDED_TO = 32;

const INSTRUCTION_BYTES = 8;
const FRAME_POINTER = 10;
const CLASS_LD = 0x00;
const CLASS_LDX = 0x01;
const CLASS_ST = 0x02;
const CLASS_STX = 0x03;
const WIDE_LOAD = 0x18;
const MOVE_REGISTER = 0xbf;
const ADD_IMMEDIATE = 0x07;

export interface StackChain {
  readonly program: string;
  readonly section: string;
  /** Frames of the deepest chain of calls, each rounded up. */
  readonly bytes: number;
  readonly calls: readonly { readonly name: string; readonly frame: number }[];
  /** Those of the longest chain. */
  readonly frames: readonly string[];
}

type Chain = Pick<StackChain, 'bytes' | 'calls' | 'frames'>;

/** How far below its frame pointer a function reaches: loads and stores by it, and addresses made from it. */
function frameBytes({ code }: BpfFunction): number {
  const view = new DataView(code.buffer, code.byteOffset, code.byteLength);
  let deepest = 0;
  const aliases = new Set<number>();
  for (let at = 0; at + INSTRUCTION_BYTES <= code.length; at += INSTRUCTION_BYTES) {
    const operation = view.getUint8(at);
    const registers = view.getUint8(at + 1);
    const [to, from] = [registers & 15, registers >> 4];
    const offset = view.getInt16(at + 2, true);
    const type = operation & 7;
    const base = type === CLASS_LDX ? from : type === CLASS_ST || type === CLASS_STX ? to : undefined;
    if (base === FRAME_POINTER) deepest = Math.max(deepest, -offset);
    if (operation === ADD_IMMEDIATE && aliases.has(to)) deepest = Math.max(deepest, -view.getInt32(at + 4, true));
    if (operation === MOVE_REGISTER && from === FRAME_POINTER) aliases.add(to);
    else if (type !== CLASS_ST && type !== CLASS_STX) aliases.delete(to);
    if (type === CLASS_LD && operation === WIDE_LOAD) at += INSTRUCTION_BYTES;
  }
  return deepest;
}

const rounded = (bytes: number) => Math.ceil(Math.max(bytes, 1) / ROUNDED_TO) * ROUNDED_TO;

/** The deepest chain of every program of an object, deepest first. */
export function stackChains(object: Uint8Array): StackChain[] {
  const functions = new Map(bpfFunctions(object).map((each) => [each.name, { ...each, frame: frameBytes(each) }]));
  const chain = (name: string, above: readonly string[]): Chain => {
    const each = functions.get(name);
    if (each === undefined) throw new Error(`${above.at(-1)} calls ${name}, which is not in the object`);
    if (above.includes(name)) throw new Error(`${name} calls itself`);
    let deepest: Chain = { bytes: 0, calls: [], frames: [] };
    let longest: StackChain['frames'] = [];
    for (const called of each.calls) {
      const below = chain(called, [...above, name]);
      if (below.bytes > deepest.bytes) deepest = below;
      if (below.frames.length > longest.length) longest = below.frames;
    }
    return {
      bytes: rounded(each.frame) + deepest.bytes,
      calls: [{ name, frame: each.frame }, ...deepest.calls],
      frames: [name, ...longest],
    };
  };
  return [...functions.values()]
    .filter(({ section }) => section !== '.text')
    .map(({ name, section }) => ({ program: name, section, ...chain(name, []) }))
    .sort((a, b) => b.bytes - a.bytes || a.program.localeCompare(b.program));
}

const line = ({ program, bytes, calls }: StackChain) =>
  `${String(bytes).padStart(4)}  ${program}: ${calls.map(({ name, frame }) => `${name} ${frame}`).join(' > ')}`;

if (import.meta.url === pathToFileURL(resolve(argv[1] ?? '')).href) {
  const table = argv.includes('--table');
  const [path = 'build/bpf/bpfwarden.bpf.o'] = argv.slice(2).filter((argument) => !argument.startsWith('--'));
  const chains = stackChains(readFileSync(path));
  if (table) for (const each of chains) console.log(line(each));
  const over = chains.filter(({ bytes }) => bytes > MOST_STACK);
  if (over.length > 0) {
    console.error(
      `stack-depth: ${over.length} programs of ${path} take more than ${MOST_STACK} bytes of stack (bytes, then the frames of the chain); kernels before 6.16 refuse more than 512. Keep what a caller holds in a per-CPU map, or return to it before the next call:`,
    );
    for (const each of over) console.error(line(each));
    exit(1);
  }
  const long = chains.filter(({ frames }) => frames.length > MOST_FRAMES);
  if (long.length > 0) {
    console.error(
      `stack-depth: chains of calls of ${path} that have more than ${MOST_FRAMES} frames, which every kernel refuses:`,
    );
    for (const { frames } of long) console.error(frames.join(' > '));
    exit(1);
  }
}
