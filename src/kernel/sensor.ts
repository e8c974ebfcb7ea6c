import { readFileSync } from 'node:fs';
import { readBtf } from '../btf/btf.ts';
import { elfSection } from '../btf/elf.ts';
import type { Config } from '../config/options.ts';
import { messageOf, WardenError } from '../errors.ts';
import type { Logger } from '../log.ts';
import { BatchDecoder } from '../schema/batch.ts';
import type { HostContext } from '../schema/context.ts';
import { KINDS } from '../schema/kinds.ts';
import { type RecordLayout, recordLayout } from '../schema/layout.ts';
import { errnoName } from '../schema/names/errno.ts';
import { SCHEMA_HASH } from '../schema/schema.gen.ts';
import type { LiveView } from '../schema/view.ts';
import type { CapabilityMask } from './capabilities.ts';
import { type IoTotals, ioTotals, kindCounts, type SyscallCounts, sumCopies, syscallCounts } from './counts.ts';
import { filterEntries } from './filter-map.ts';
import { framed } from './frame.ts';
import { answered, checked, loadNative, type MapInfo, type Native, type RingStats, SensorError } from './native.ts';
import { exitFamily, programGroup, programWanted } from './programs.ts';
import { cgroupRoot, checkRequirements } from './requirements.ts';
import type { AttachReport, KernelCounts, KernelFilter, KindFilter } from './types.ts';

const BULK_BYTES = 1_048_576;
/** What the addon wants beyond one drain of both rings, see native/addon.d.ts. */
const DRAIN_MARGIN = 131_072;

export interface SensorOptions {
  readonly objectPath: string;
  readonly config: Pick<Config, 'monitoring' | 'kernel' | 'response'>;
  readonly log: Logger;
}

/** The layout of an object file's records. Throws NOT_BUILT for a file that has none, SCHEMA_MISMATCH for another layout than this program was built with. */
export function objectLayout(objectPath: string): RecordLayout {
  let layout: RecordLayout;
  try {
    const section = elfSection(readFileSync(objectPath), '.BTF');
    if (section === undefined) throw new Error('it has no BTF');
    layout = recordLayout(readBtf(section));
  } catch (error) {
    throw new WardenError(
      'NOT_BUILT',
      `${objectPath} is no BPF object of bpfwarden: ${messageOf(error)}; run \`npm run build\``,
      { cause: error },
    );
  }
  if (layout.hash !== SCHEMA_HASH) {
    throw new WardenError(
      'SCHEMA_MISMATCH',
      `the records of ${objectPath} are laid out as ${layout.hash}, this program expects ${SCHEMA_HASH}: run \`npm run generate\` and \`npm run build\``,
    );
  }
  return layout;
}

/**
 * The loaded BPF programs. One at a time in a process. Every failure is a
 * SensorError with libbpf's log, or NOT_ROOT, NO_BTF, NOT_BUILT.
 */
export class Sensor {
  readonly layout: RecordLayout;
  readonly #native: Native;
  readonly #config: SensorOptions['config'];
  readonly #log: Logger;
  readonly #kindNumbers: ReadonlyMap<string, number>;
  readonly #infos = new Map<string, MapInfo>();
  readonly #programs: readonly { readonly name: string; readonly section: string; readonly fd: number }[];
  /** Wanted programs that could not be loaded, and why. */
  readonly #leftOut = new Map<string, string>();
  readonly #written: [FilterKeys, FilterKeys] = [NO_KEYS, NO_KEYS];
  #decoder: BatchDecoder | undefined;
  #sweeps = true;
  #closed = false;

  constructor({ objectPath, config, log }: SensorOptions) {
    checkRequirements(objectPath);
    this.#config = config;
    this.#log = log;
    this.layout = objectLayout(objectPath);
    this.#kindNumbers = new Map([...this.layout.kinds.values()].map(({ kind, number }) => [kind, number]));
    const native = loadNative();
    this.#native = native;
    try {
      this.#programs = this.#load(objectPath);
      this.#fillHandlers();
      this.setFilter({ kinds: new Map() });
    } catch (error) {
      native.close();
      if (error instanceof SensorError && error.errno === 1) {
        throw new WardenError('NOT_ROOT', `the kernel does not allow it: ${error.message}`, { cause: error });
      }
      throw error;
    }
  }

  /**
   * Loads what the configuration wants and the kernel has. A program that this
   * kernel's verifier refuses is left out and reported; only the ones that
   * feed the process table are indispensable.
   */
  #load(objectPath: string) {
    const native = this.#native;
    for (;;) {
      checked(native, `open ${objectPath}`, native.open(objectPath));
      this.#setKnobs();
      const wanted: string[] = [];
      for (const { name, available } of answered(native, 'list programs', native.programs())) {
        const on = programWanted(name, this.#config) && !this.#leftOut.has(name);
        if (on && available) wanted.push(name);
        else if (on) this.#leftOut.set(name, 'this kernel does not have what it attaches to');
        checked(native, `select ${name}`, native.setAutoload(name, on && available));
      }
      this.#selectFamilies(wanted);
      const status = native.load();
      if (status >= 0) return answered(native, 'list programs', native.programs()).filter(({ autoload }) => autoload);
      const failure = new SensorError('load the BPF programs', -status, native.takeLog());
      const refused = refusedProgram(failure.log);
      if (refused === undefined || !wanted.includes(refused) || programGroup(refused) === 'always') throw failure;
      this.#leftOut.set(refused, `the kernel refused it: ${failure.message}`);
      native.close();
    }
  }

  /** sys_exit passes over system calls whose family has no handler. */
  #selectFamilies(programs: readonly string[]): void {
    let families = 0n;
    for (const name of programs) {
      const index = this.layout.enums.get('syscall_family')?.get(`FAMILY_${exitFamily(name)}`);
      if (index !== undefined) families |= 1n << BigInt(index);
    }
    const bytes = new Uint8Array(BigUint64Array.of(families).buffer);
    checked(this.#native, 'set families', this.#native.setKnob('families', bytes));
  }

  #setKnobs(): void {
    const { kernel, monitoring } = this.#config;
    const u32 = (name: string, value: number) =>
      checked(this.#native, `set ${name}`, this.#native.setKnob(name, new Uint8Array(Uint32Array.of(value).buffer)));
    u32('daemon_pid', process.pid);
    u32('rate_limit', kernel.rate_limit);
    u32('rate_burst', kernel.rate_burst);
    // Without the cgroup programs, sends are reported from the system call.
    u32('sends_seen_in_kernel', cgroupRoot() === undefined || this.#leftOut.has('send_ipv4') ? 0 : 1);
    // Without completions, what io_uring does is reported when it is submitted.
    u32('uring_results_seen', this.#leftOut.has('uring_complete') ? 0 : 1);
    u32('count_syscalls', monitoring.syscall_counts ? 1 : 0);
    for (const [map, bytes] of [
      ['bulk_ring', kernel.ring_bytes],
      ['priority_ring', kernel.priority_ring_bytes],
    ] as const) {
      checked(this.#native, `size ${map}`, this.#native.setMapEntries(map, bytes));
    }
  }

  /** sys_exit goes on to exit_handlers[family]; a family without a handler is not looked at. */
  #fillHandlers(): void {
    const families = this.layout.enums.get('syscall_family');
    if (families === undefined) throw new WardenError('SCHEMA_MISMATCH', 'the BPF object has no enum syscall_family');
    for (const { name, fd } of this.#programs) {
      const family = exitFamily(name);
      if (family === undefined) continue;
      const index = families.get(`FAMILY_${family}`);
      if (index === undefined)
        throw new WardenError('SCHEMA_MISMATCH', `the BPF object has no FAMILY_${family} for program ${name}`);
      const bytes = (value: number) => new Uint8Array(Uint32Array.of(value).buffer);
      checked(this.#native, `install ${name}`, this.#native.writeMap('exit_handlers', bytes(index), bytes(fd)));
    }
  }

  /** Attaches what was loaded; what could not be attached is in the report with the reason. sys_exit comes last: then its handlers are complete. */
  attach(): AttachReport[] {
    const root = cgroupRoot();
    const reports: AttachReport[] = [];
    const direct = this.#programs.filter(
      ({ name, section }) => exitFamily(name) === undefined && !section.startsWith('iter/'),
    );
    const ordered = [
      ...direct.filter(({ name }) => name !== 'sys_exit'),
      ...direct.filter(({ name }) => name === 'sys_exit'),
    ];
    for (const { name, section } of ordered) {
      if (!section.startsWith('cgroup/')) reports.push(this.#attachOne(name));
      else if (root === undefined)
        reports.push({ program: name, attached: false, reason: 'no cgroup version 2 hierarchy is mounted' });
      else reports.push(this.#attachOne(name, root));
    }
    for (const { name } of this.#programs) {
      if (exitFamily(name) !== undefined)
        reports.push({
          program: name,
          attached: reports.some(({ program, attached }) => program === 'sys_exit' && attached),
        });
    }
    for (const [program, reason] of this.#leftOut) reports.push({ program, attached: false, reason });
    if (this.#programs.some(({ name }) => name === 'credentials_seed')) this.#native.readIterator('credentials_seed');
    if (this.#config.kernel.program_statistics) this.#switchStatistics();
    return reports;
  }

  #attachOne(program: string, cgroup?: string): AttachReport {
    const status = this.#native.attach(program, cgroup);
    if (status >= 0) return { program, attached: true };
    return {
      program,
      attached: false,
      reason: new SensorError(`attach ${program}`, -status, this.#native.takeLog()).message,
    };
  }

  /** On as long as this process lives: a stopped or killed daemon leaves no program of the host slower. */
  #switchStatistics(): void {
    const status = this.#native.enableStatistics();
    if (status >= 0) return;
    this.#log.warn(
      { reason: errnoName(status) },
      'the kernel does not let program statistics be switched on: it takes CAP_SYS_ADMIN and Linux 5.8',
    );
  }

  /**
   * Puts a filter in force at one moment: the generation that is not active is
   * written, then made the active one. Kinds that feed the process table and
   * the DNS names always pass.
   */
  setFilter(filter: KernelFilter): void {
    const kinds = new Map<string, KindFilter>(filter.kinds);
    for (const [kind, { group }] of Object.entries(KINDS)) {
      if (group === 'always') kinds.set(kind, { pass: 'whole', because: 'the process table needs it' });
      // Feeds network.destination.hostname; without enable_network its program is not there.
      if (kind === 'net_dns') kinds.set(kind, { pass: 'whole', because: 'names of destinations come from it' });
    }
    const native = this.#native;
    const state = new Uint32Array(answered(native, 'map filter_state', native.mapMemory('filter_state')), 0, 2);
    const next = state[0] === 0 ? 1 : 0;
    const entries = filterEntries({ kinds }, this.#kindNumbers, next);
    const old = this.#written[next];
    if (old.tokens.length > 0)
      checked(native, 'clear filter_tokens', native.writeMap('filter_tokens', old.tokens, null));
    if (old.cidrs.length > 0) checked(native, 'clear filter_cidrs', native.writeMap('filter_cidrs', old.cidrs, null));
    if (entries.tokenKeys.length > 0)
      checked(native, 'write filter_tokens', native.writeMap('filter_tokens', entries.tokenKeys, entries.tokenMasks));
    if (entries.cidrKeys.length > 0)
      checked(native, 'write filter_cidrs', native.writeMap('filter_cidrs', entries.cidrKeys, entries.cidrMasks));
    checked(
      native,
      'write filter_tables',
      native.writeMap('filter_tables', new Uint8Array(Uint32Array.of(next).buffer), entries.table),
    );
    this.#written[next] = { tokens: entries.tokenKeys, cidrs: entries.cidrKeys };
    Atomics.store(state, 0, next);
    Atomics.add(state, 1, 1);
  }

  #sums(map: string): Map<number, number[]> {
    let info = this.#infos.get(map);
    if (info === undefined) {
      info = answered(this.#native, `describe ${map}`, this.#native.mapInfo(map));
      this.#infos.set(map, info);
    }
    return sumCopies(answered(this.#native, `read ${map}`, this.#native.readMap(map)), info);
  }

  counts(): KernelCounts {
    return kindCounts(this.#sums('kind_counts'), this.#kindNumbers);
  }

  totals(): IoTotals {
    return ioTotals(this.#sums('io_totals'));
  }

  /** Empty unless [monitoring] syscall_counts is on. */
  syscalls(): Map<string, SyscallCounts> {
    return this.#config.monitoring.syscall_counts ? syscallCounts(this.#sums('syscall_counts')) : new Map();
  }

  /** What something bounded in the kernel could not hold, by enum failure. */
  failures(): Map<string, number> {
    const sums = this.#sums('failure_counts');
    const names = this.layout.enums.get('failure') ?? new Map<string, number>();
    return new Map(
      [...names].map(([name, number]) => [name.replace('FAILURE_', '').toLowerCase(), sums.get(number)?.[0] ?? 0]),
    );
  }

  /** Runs and seconds by program; zero unless [kernel] program_statistics or the sysctl kernel.bpf_stats_enabled is on. */
  programStatistics(): Map<string, { runs: number; seconds: number }> {
    const statistics = new Map<string, { runs: number; seconds: number }>();
    for (const { name, fd, section } of this.#programs) {
      if (section.startsWith('iter/')) continue;
      // kernel/bpf/syscall.c bpf_prog_show_fdinfo
      const text = readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8');
      const number = (key: string) => Number(new RegExp(`^${key}:\\s*(\\d+)`, 'm').exec(text)?.[1] ?? 0);
      statistics.set(name, { runs: number('run_cnt'), seconds: number('run_time_ns') / 1e9 });
    }
    return statistics;
  }

  /** Names of the loaded programs that stay attached; iterators run once, at the start. */
  get programs(): readonly string[] {
    return this.#programs.filter(({ section }) => !section.startsWith('iter/')).map(({ name }) => name);
  }

  /** exec-shaped records of the processes that exist now, undefined where the kernel has no task iterator. */
  seed(host: HostContext): readonly LiveView[] | undefined {
    const bytes = this.#native.readIterator('process_seed');
    if (typeof bytes === 'number') {
      this.#log.debug({ log: this.#native.takeLog() }, 'no task iterator');
      return undefined;
    }
    return new BatchDecoder(this.layout, framed(bytes), host).decode(0, Number.MAX_SAFE_INTEGER);
  }

  /** Lets the kernel announce the end of throttling for processes that have fallen silent meanwhile. */
  sweepThrottles(): void {
    if (!this.#sweeps || !this.#programs.some(({ name }) => name === 'rate_sweep')) return;
    const open = answered(this.#native, 'read rate_episodes', this.#native.readMap('rate_episodes'));
    // Key and value of the only entry.
    if (new DataView(open.buffer, open.byteOffset).getUint32(4, true) === 0) return;
    const swept = this.#native.readIterator('rate_sweep');
    if (typeof swept !== 'number') return;
    this.#sweeps = false;
    this.#log.warn(
      { reason: errnoName(swept), log: this.#native.takeLog() },
      'throttled processes that fall silent will have no end record before they exit',
    );
  }

  /** Begins to hand over records. The views are invalid when the callback returns. */
  start(host: HostContext, onBatch: (batch: readonly LiveView[]) => void): void {
    const buffer = new ArrayBuffer(BULK_BYTES + this.#config.kernel.priority_ring_bytes + DRAIN_MARGIN);
    const decoder = new BatchDecoder(this.layout, buffer, host);
    this.#decoder = decoder;
    const drained = (bulkBytes: number, priorityBytes: number) => onBatch(decoder.decode(bulkBytes, priorityBytes));
    checked(this.#native, 'start draining', this.#native.start(drained, buffer, { bulkBytes: BULK_BYTES }));
  }

  get decodeErrors(): BatchDecoder['errors'] {
    return this.#decoder?.errors ?? { truncated: 0, corrupt: 0, unknown_kind: 0 };
  }

  ringStats(): RingStats {
    return answered(this.#native, 'ring statistics', this.#native.ringStats());
  }

  /** Stops new records without losing those in the rings: detaches, then hands over what is left. */
  finish(): void {
    if (this.#closed) return;
    for (const { name } of this.#programs) this.#native.detach(name);
    for (let round = 0; round < 1000 && this.#native.drain() > 0; round++);
  }

  /** For responses: writes a map entry, such as a blocked address. */
  writeMap(map: string, key: Uint8Array, value: Uint8Array | null): void {
    checked(this.#native, `write ${map}`, this.#native.writeMap(map, key, value));
  }

  /** Signals exactly the process that started at `startTicks`; 0 or -errno. */
  pidfdSignal(pid: number, signal: number, startTicks: number): number {
    return this.#native.pidfdSignal(pid, signal, startTicks);
  }

  /** Takes all capabilities but these from every thread, for good: how many threads did not follow, or -errno. */
  dropCapabilities(keep: CapabilityMask): number {
    return this.#native.dropCapabilities(keep);
  }

  close(): void {
    this.#closed = true;
    this.#native.close();
  }
}

/** libbpf's words: `prog 'NAME': failed to load: -22` */
function refusedProgram(log: string): string | undefined {
  return /prog '([^']+)': (?:BPF program load failed|failed to load)/.exec(log)?.[1];
}

interface FilterKeys {
  readonly tokens: Uint8Array;
  readonly cidrs: Uint8Array;
}
const NO_KEYS: FilterKeys = { tokens: new Uint8Array(0), cidrs: new Uint8Array(0) };
