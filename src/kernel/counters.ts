import { readFileSync } from 'node:fs';
import {
  type IoTotals,
  ioTotals,
  kindCounts,
  leftOutRuns,
  lostOf,
  type SyscallCounts,
  sumCopies,
  syscallCounts,
} from './counts.ts';
import type { LoadedObject, SensorConfig } from './load.ts';
import { answered, type MapInfo } from './native.ts';
import { isIterator } from './programs.ts';
import type { KernelCounts } from './types.ts';

export interface ProgramStatistics {
  readonly runs: number;
  readonly seconds: number;
  readonly skipped: number;
  /** Instructions that the verifier looked at; 0 before Linux 5.16. */
  readonly verified: number;
}

/** What the kernel side counts, read from its maps when asked. */
export class KernelCounters {
  readonly #object: LoadedObject;
  readonly #countsSyscalls: boolean;
  readonly #kindNumbers: ReadonlyMap<string, number>;
  readonly #infos = new Map<string, MapInfo>();

  constructor(object: LoadedObject, { monitoring }: Pick<SensorConfig, 'monitoring'>) {
    this.#object = object;
    this.#countsSyscalls = monitoring.syscall_counts;
    this.#kindNumbers = new Map([...object.layout.kinds.values()].map(({ kind, number }) => [kind, number]));
  }

  events(): KernelCounts {
    return kindCounts(this.#sums('kind_counts'), this.#kindNumbers);
  }

  /** Events of some kinds that the kernel could not hand over: what is cheap to ask for once a second. */
  lost(kinds: readonly string[]): number {
    const info = this.#info('kind_counts');
    let lost = 0;
    for (const kind of kinds) {
      const number = this.#kindNumbers.get(kind);
      if (number === undefined) continue;
      const key = new Uint8Array(Uint32Array.of(number).buffer);
      const { native } = this.#object;
      lost += lostOf(answered(native, 'read kind_counts', native.readMap('kind_counts', key)), info);
    }
    return lost;
  }

  io(): IoTotals {
    return ioTotals(this.#sums('io_totals'));
  }

  /** Empty unless [monitoring] syscall_counts is on. */
  syscalls(): Map<string, SyscallCounts> {
    return this.#countsSyscalls ? syscallCounts(this.#sums('syscall_counts')) : new Map();
  }

  /** What something bounded in the kernel could not hold, by enum failure. */
  failures(): Map<string, number> {
    const sums = this.#sums('failure_counts');
    const names = this.#object.layout.enums.get('failure') ?? new Map<string, number>();
    return new Map(
      [...names].map(([name, number]) => [name.replace('FAILURE_', '').toLowerCase(), sums.get(number)?.[0] ?? 0]),
    );
  }

  /**
   * By program. Runs and seconds are zero unless [kernel] program_statistics or the sysctl kernel.bpf_stats_enabled is on.
   * Skipped: the kernel never runs a program twice at once on a CPU (kernel/trace/bpf_trace.c, __bpf_trace_run); of a pair, what both left out.
   */
  programs(): Map<string, ProgramStatistics> {
    const statistics = new Map<string, ProgramStatistics>();
    for (const program of this.#object.programs) {
      if (isIterator(program)) continue;
      // kernel/bpf/syscall.c bpf_prog_show_fdinfo
      const text = readFileSync(`/proc/self/fdinfo/${program.fd}`, 'utf8');
      const number = (key: string) => Number(new RegExp(`^${key}:\\s*(\\d+)`, 'm').exec(text)?.[1] ?? 0);
      statistics.set(program.name, {
        runs: number('run_cnt'),
        seconds: number('run_time_ns') / 1e9,
        skipped: number('recursion_misses'),
        verified: number('verified_insns'),
      });
    }
    const skipped = leftOutRuns(new Map([...statistics].map(([name, one]) => [name, one.skipped])));
    return new Map([...statistics].map(([name, one]) => [name, { ...one, skipped: skipped.get(name) ?? 0 }]));
  }

  #sums(map: string): Map<number, number[]> {
    const { native } = this.#object;
    return sumCopies(answered(native, `read ${map}`, native.readMap(map)), this.#info(map));
  }

  #info(map: string): MapInfo {
    const { native } = this.#object;
    const info = this.#infos.get(map) ?? answered(native, `describe ${map}`, native.mapInfo(map));
    this.#infos.set(map, info);
    return info;
  }
}
