import { SYSCALLS } from '../schema/names/syscalls.ts';
import { ENUMS, STRUCTS } from '../schema/schema.gen.ts';
import type { MapInfo } from './native.ts';
import { isAgain } from './programs.ts';
import type { EventOutcome, KernelCounts } from './types.ts';

const { kind_counts: KIND, io_totals: IO, syscall_counts: SYSCALL } = STRUCTS;
const U64 = 8;

/** Where each outcome's count stands among the columns of struct kind_counts. */
const OUTCOMES: Readonly<Record<EventOutcome, number>> = {
  seen: column(KIND.outcome) + ENUMS.event_outcome.OUTCOME_SEEN,
  filtered: column(KIND.outcome) + ENUMS.event_outcome.OUTCOME_FILTERED,
  throttled: column(KIND.outcome) + ENUMS.event_outcome.OUTCOME_THROTTLED,
  submitted: column(KIND.outcome) + ENUMS.event_outcome.OUTCOME_SUBMITTED,
  lost_ring_full: column(KIND.outcome) + ENUMS.event_outcome.OUTCOME_LOST_RING_FULL,
  lost_scratch: column(KIND.outcome) + ENUMS.event_outcome.OUTCOME_LOST_SCRATCH,
};

/** The number of a member among the u64 columns of its struct. */
function column({ offset }: { readonly offset: number }): number {
  return offset / U64;
}

export interface IoTotals {
  readonly fileRead: { readonly calls: number; readonly bytes: number };
  readonly fileWrite: { readonly calls: number; readonly bytes: number };
  readonly networkSend: { readonly calls: number; readonly bytes: number };
  readonly networkReceive: { readonly calls: number; readonly bytes: number };
}

export interface SyscallCounts {
  readonly calls: number;
  /** By errno class: denied, missing, again, failed. */
  readonly errors: Readonly<Record<'denied' | 'missing' | 'again' | 'failed', number>>;
}

/** A u64 as a number, exact up to 2^53; by halves, since a BigInt is memory for each of thousands. */
function count(view: DataView, at: number): number {
  return view.getUint32(at, true) + view.getUint32(at + 4, true) * 2 ** 32;
}

/** Sums the u64 columns of a per-CPU array over all CPUs: key to columns. */
export function sumCopies(bytes: Uint8Array, info: MapInfo): Map<number, number[]> {
  const columns = info.valueSize / 8;
  const stride = Math.ceil(info.valueSize / 8) * 8;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const sums = new Map<number, number[]>();
  const entry = info.keySize + stride * info.copies;
  for (let at = 0; at + entry <= bytes.byteLength; at += entry) {
    const sum = new Array<number>(columns).fill(0);
    for (let copy = 0; copy < info.copies; copy++) {
      const base = at + info.keySize + copy * stride;
      for (let column = 0; column < columns; column++) {
        sum[column] = (sum[column] ?? 0) + count(view, base + column * U64);
      }
    }
    sums.set(view.getUint32(at, true), sum);
  }
  return sums;
}

/** What was lost of the one kind whose copies these are. */
export function lostOf(copies: Uint8Array, { valueSize, copies: cpus }: MapInfo): number {
  const view = new DataView(copies.buffer, copies.byteOffset, copies.byteLength);
  let lost = 0;
  for (let copy = 0; copy < cpus; copy++)
    for (const at of [OUTCOMES.lost_ring_full, OUTCOMES.lost_scratch]) lost += count(view, copy * valueSize + at * U64);
  return lost;
}

/** Exact counts by kind name. */
export function kindCounts(
  sums: ReadonlyMap<number, readonly number[]>,
  kindNumbers: ReadonlyMap<string, number>,
): KernelCounts {
  const counts = new Map<string, Record<EventOutcome, number>>();
  for (const [kind, number] of kindNumbers) {
    const sum = sums.get(number) ?? [];
    counts.set(
      kind,
      Object.fromEntries(Object.entries(OUTCOMES).map(([outcome, at]) => [outcome, sum[at] ?? 0])) as Record<
        EventOutcome,
        number
      >,
    );
  }
  return counts;
}

/** seen minus every other outcome; 0 unless events disappeared without a count. */
export function unaccounted(counts: KernelCounts): number {
  let difference = 0;
  for (const count of counts.values()) {
    difference +=
      count.seen - count.filtered - count.throttled - count.submitted - count.lost_ring_full - count.lost_scratch;
  }
  return difference;
}

export function ioTotals(sums: ReadonlyMap<number, readonly number[]>): IoTotals {
  const total = sums.get(0) ?? [];
  const of = (member: { readonly offset: number }) => total[column(member)] ?? 0;
  return {
    fileRead: { calls: of(IO.file_read_calls), bytes: of(IO.file_read_bytes) },
    fileWrite: { calls: of(IO.file_write_calls), bytes: of(IO.file_write_bytes) },
    networkSend: { calls: of(IO.net_send_calls), bytes: of(IO.net_send_bytes) },
    networkReceive: { calls: of(IO.net_receive_calls), bytes: of(IO.net_receive_bytes) },
  };
}

/** Calls by system call name; numbers that the table does not know are `other`. */
export function syscallCounts(
  sums: ReadonlyMap<number, readonly number[]>,
  arch: string = process.arch,
): Map<string, SyscallCounts> {
  const names = SYSCALLS[arch === 'arm64' ? 'arm64' : 'x64'];
  const counts = new Map<string, SyscallCounts>();
  for (const [number, sum] of sums) {
    const of = (member: { readonly offset: number }) => sum[column(member)] ?? 0;
    const calls = of(SYSCALL.calls);
    if (calls === 0) continue;
    const name = names[number] ?? 'other';
    const before = counts.get(name);
    counts.set(name, {
      calls: (before?.calls ?? 0) + calls,
      errors: {
        denied: (before?.errors.denied ?? 0) + of(SYSCALL.denied),
        missing: (before?.errors.missing ?? 0) + of(SYSCALL.missing),
        again: (before?.errors.again ?? 0) + of(SYSCALL.again),
        failed: (before?.errors.failed ?? 0) + of(SYSCALL.failed),
      },
    });
  }
  return counts;
}

/**
 * Runs that nobody did, of those that the kernel left out of each program. NAME__again does what NAME was left out of
 * (bpf/again.bpf.h): a run is lost when both were, so at most the smaller number are.
 */
export function leftOutRuns(skipped: ReadonlyMap<string, number>): Map<string, number> {
  return new Map(
    [...skipped].map(([name, runs]) => [
      name,
      isAgain(name) ? 0 : Math.min(runs, skipped.get(`${name}__again`) ?? runs),
    ]),
  );
}
