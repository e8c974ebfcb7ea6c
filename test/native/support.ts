import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { Native, Status } from '../../native/addon.d.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
export const addonPath = join(root, 'build/Release/bpfwarden.node');

export function loadAddon(): Native {
  return createRequire(import.meta.url)(addonPath) as Native;
}

/** Compiles the test object; `remove` deletes it. */
export function buildFixture(): { readonly path: string; remove(): void } {
  const directory = mkdtempSync(join(tmpdir(), 'bpfwarden-native-'));
  const path = join(directory, 'fixture.bpf.o');
  const multiarch = `/usr/include/${process.arch === 'arm64' ? 'aarch64' : 'x86_64'}-linux-gnu`;
  const include = existsSync(multiarch) ? [`-I${multiarch}`] : [];
  const source = join(root, 'test/native/fixture.bpf.c');
  execFileSync('clang', ['-O2', '-g', '-Wall', '-Werror', '-target', 'bpf', ...include, '-c', source, '-o', path]);
  return { path, remove: () => rmSync(directory, { recursive: true }) };
}

export function u32(...values: number[]): Uint8Array {
  return new Uint8Array(new Uint32Array(values).buffer);
}

export function u64(value: number): Uint8Array {
  return new Uint8Array(new BigUint64Array([BigInt(value)]).buffer);
}

/** kill(2); its number in the native table. */
export const KILL_NUMBER = process.arch === 'arm64' ? 129 : 62;

/** Opens and configures the fixture, without its program that never loads. */
export function openFixture(native: Native, path: string, options: { pid?: number; ringBytes?: number } = {}): void {
  const { pid = process.pid, ringBytes = 1 << 20 } = options;
  // One object per process: kernel tests in the same run may have left theirs open.
  native.close();
  check(native.open(path));
  check(native.setKnob('target_pid', u32(pid)));
  check(native.setKnob('kill_number', u64(KILL_NUMBER)));
  check(native.setMapEntries('bulk_ring', ringBytes));
  check(native.setMapEntries('priority_ring', ringBytes));
  check(native.setAutoload('refused', false));
}

export function loadFixture(native: Native, path: string, options: { pid?: number; ringBytes?: number } = {}): void {
  openFixture(native, path, options);
  if (native.load() !== 0) throw new Error(native.takeLog());
  check(native.attach('on_kill'));
}

export function check(status: Status): void {
  if (status < 0) throw new Error(`native call answered ${status}`);
}

export interface Order {
  readonly bulk?: number;
  readonly priority?: number;
  /** Bytes of a record, 4 to 70,000. */
  readonly size?: number;
}

/** What the program writes at the next kill(2). */
export function order(native: Native, { bulk = 0, priority = 0, size = 64 }: Order): void {
  check(native.writeMap('orders', u32(0), u32(bulk, priority, size, 0)));
}

/** One kill(2) of this process with signal 0. */
export function trigger(): void {
  process.kill(process.pid, 0);
}

export function bufferFor(native: Native, bulkBytes = 1 << 20): ArrayBuffer {
  const info = native.mapInfo('priority_ring');
  if (typeof info === 'number') throw new Error(`mapInfo answered ${info}`);
  return new ArrayBuffer(bulkBytes + info.maxEntries + 131072);
}

export interface Drained {
  readonly lengths: readonly number[];
  readonly numbers: readonly number[];
}

/** Splits [from, to) of a drain's buffer into its records. */
export function split(buffer: ArrayBuffer, from: number, to: number): Drained {
  const view = new DataView(buffer);
  const lengths: number[] = [];
  const numbers: number[] = [];
  let at = from;
  while (at < to) {
    const length = view.getUint32(at, true);
    lengths.push(length);
    numbers.push(view.getUint32(at + 8, true));
    at += 8 + Math.ceil(length / 8) * 8;
  }
  if (at !== to) throw new Error(`records end at ${at}, not at ${to}`);
  return { lengths, numbers };
}

export interface Collector {
  readonly bulk: number[];
  readonly priority: number[];
  readonly calls: [number, number][];
}

/** Starts draining into lists of record numbers. */
export function collect(native: Native, bulkBytes?: number): Collector {
  const buffer = bufferFor(native, bulkBytes);
  const collector: Collector = { bulk: [], priority: [], calls: [] };
  check(
    native.start(
      (bulk, priority) => {
        collector.calls.push([bulk, priority]);
        collector.bulk.push(...split(buffer, 0, bulk).numbers);
        collector.priority.push(...split(buffer, bulk, bulk + priority).numbers);
      },
      buffer,
      bulkBytes,
    ),
  );
  return collector;
}

/** Waits until the condition holds; false after the time limit. */
export async function eventually(condition: () => boolean, milliseconds = 3000): Promise<boolean> {
  const end = Date.now() + milliseconds;
  while (!condition()) {
    if (Date.now() > end) return false;
    await sleep(2);
  }
  return true;
}
