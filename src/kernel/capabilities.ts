import { readdirSync, readFileSync } from 'node:fs';
import { CAPABILITIES } from '../config/capabilities.ts';
import { loadNative } from './native.ts';

/** A set of capabilities: bit n is capability n. */
export type CapabilityMask = bigint;

export function capabilityMask(names: Iterable<string>): CapabilityMask {
  let mask = 0n;
  for (const name of names) {
    const number = CAPABILITIES.indexOf(name);
    if (number < 0) throw new Error(`there is no capability ${name}`);
    mask |= 1n << BigInt(number);
  }
  return mask;
}

export function capabilityList(mask: CapabilityMask): string[] {
  return CAPABILITIES.filter((_, number) => ((mask >> BigInt(number)) & 1n) === 1n);
}

interface ThreadCapabilities {
  readonly tid: number;
  readonly name: string;
  /** Effective, permitted, inheritable and ambient ones together. */
  readonly held: CapabilityMask;
  /** What a program it starts could get back at most. */
  readonly bounding: CapabilityMask;
  readonly noNewPrivileges: boolean;
}

/** CapEff of this process's main thread. */
export function effectiveCapabilities(): CapabilityMask {
  return maskOf(readFileSync('/proc/self/status', 'utf8'), 'CapEff');
}

/** Every thread of this process, Node's own and those that the kernel runs for io_uring too. */
export function threadCapabilities(directory = '/proc/self/task'): ThreadCapabilities[] {
  return readdirSync(directory).flatMap((tid) => {
    let status: string;
    try {
      status = readFileSync(`${directory}/${tid}/status`, 'utf8');
    } catch {
      return []; // It has ended since.
    }
    return [
      {
        tid: Number(tid),
        name: /^Name:\t(.*)$/m.exec(status)?.[1] ?? '',
        held: ['CapEff', 'CapPrm', 'CapInh', 'CapAmb'].reduce((all, set) => all | maskOf(status, set), 0n),
        bounding: maskOf(status, 'CapBnd'),
        noNewPrivileges: /^NoNewPrivs:\t1$/m.test(status),
      },
    ];
  });
}

/** Threads that hold more than `keep`, or whose programs could. */
export function threadsBeyond(
  keep: CapabilityMask,
  threads: readonly ThreadCapabilities[],
): readonly ThreadCapabilities[] {
  return threads.filter(
    ({ held, bounding, noNewPrivileges }) => (held & ~keep) !== 0n || (!noNewPrivileges && (bounding & ~keep) !== 0n),
  );
}

function maskOf(status: string, set: string): CapabilityMask {
  const found = new RegExp(`^${set}:\\s*([0-9a-f]+)$`, 'm').exec(status)?.[1];
  return found === undefined ? 0n : BigInt(`0x${found}`);
}

/** Takes all capabilities but these from every thread of this process, for good: how many threads did not follow, or -errno. */
export function dropCapabilities(keep: CapabilityMask): number {
  return loadNative().dropCapabilities(keep);
}
