import type { Logger } from '../log.ts';
import { BARE_HOST, type HostContext } from '../schema/context.ts';
import type { RecordLayout } from '../schema/layout.ts';
import type { LiveView } from '../schema/view.ts';
import { attachPrograms, switchStatistics } from './attach.ts';
import { BlockedEndpoints } from './blocked-endpoints.ts';
import { KernelCounters } from './counters.ts';
import { Drain } from './drain.ts';
import { FilterMaps } from './filter.ts';
import { Integrity, type IntegrityFinding } from './integrity.ts';
import { seedCredentials, seedRecords, ThrottleSweep } from './iterators.ts';
import { type LoadedObject, type Loading, loadObject, type PreventedKinds, type SensorConfig } from './load.ts';
import { answered } from './native.ts';
import { isIterator } from './programs.ts';
import { Prohibitions } from './prohibitions.ts';
import type { AttachReport } from './types.ts';

interface SensorOptions {
  readonly objectPath: string;
  readonly config: SensorConfig;
  readonly log: Logger;
  /** Kinds of events whose calls rules have refused. Default: all that can be. */
  readonly prevented?: PreventedKinds;
  /** What was begun before, with the same of all this. */
  readonly loading?: Loading | undefined;
  /** What the views know beyond their record. */
  readonly host?: HostContext;
}

/**
 * The loaded BPF programs. One at a time in a process. Every failure is a
 * SensorError with libbpf's log, or NOT_ROOT, NO_BTF, LOCKED_DOWN, NOT_BUILT.
 */
export class Sensor {
  readonly filter: FilterMaps;
  readonly counters: KernelCounters;
  readonly drain: Drain;
  /** Undefined when the programs that refuse connections were not loaded. */
  readonly blocked: BlockedEndpoints | undefined;
  /** Undefined when the programs that refuse other calls were not loaded. */
  readonly prohibitions: Prohibitions | undefined;
  readonly #object: LoadedObject;
  readonly #config: SensorConfig;
  readonly #log: Logger;
  readonly #host: HostContext;
  readonly #throttles: ThrottleSweep;
  #integrity: Integrity | undefined;
  #closed = false;

  /** Loads; nothing is attached yet, and nothing passes the filter. */
  constructor({ objectPath, config, log, prevented, loading, host = BARE_HOST }: SensorOptions) {
    this.#config = config;
    this.#log = log;
    this.#host = host;
    this.#object = loading?.finish() ?? loadObject(objectPath, config, prevented);
    try {
      this.filter = new FilterMaps(this.#object);
      this.filter.use({ kinds: new Map() });
      this.counters = new KernelCounters(this.#object, config);
      this.drain = new Drain(this.#object, config, host);
      this.blocked = BlockedEndpoints.of(this.#object);
      this.prohibitions = Prohibitions.of(this.#object);
      this.#throttles = new ThrottleSweep(this.#object, log);
    } catch (error) {
      this.#object.native.close();
      throw error;
    }
  }

  get layout(): RecordLayout {
    return this.#object.layout;
  }

  /** Names of the loaded programs that stay attached; iterators run once, at the start. */
  get programs(): readonly string[] {
    return this.#object.programs.filter((program) => !isIterator(program)).map(({ name }) => name);
  }

  /** Attaches what was loaded; what could not be attached is in the report with the reason. */
  attach(): AttachReport[] {
    const reports = attachPrograms(this.#object);
    seedCredentials(this.#object);
    try {
      this.#integrity = new Integrity(this.#object, this.filter);
    } catch (error) {
      this.#log.error({ err: error }, 'the sensor cannot check itself');
    }
    if (this.#config.kernel.program_statistics) switchStatistics(this.#object, this.#log);
    return reports;
  }

  /** exec-shaped records of the processes that exist now; none where the kernel has no task iterator. */
  seed(): readonly LiveView[] {
    return seedRecords(this.#object, this.#host, this.#log) ?? [];
  }

  /** Lets the kernel announce the end of throttling for processes that have fallen silent meanwhile. */
  sweepThrottles(): void {
    this.#throttles.run();
  }

  /** What somebody else has changed of the sensor since it was attached; what can be put back is. */
  integrity(): readonly IntegrityFinding[] {
    return this.#integrity?.check() ?? [];
  }

  /** Runs what the daemon itself does as if somebody else did it, so that it is seen. */
  asCanary<T>(act: () => T): T {
    const { native } = this.#object;
    const state = new Uint32Array(answered(native, 'map reader_state', native.mapMemory('reader_state')), 0, 2);
    Atomics.store(state, 1, 1);
    try {
      return act();
    } finally {
      Atomics.store(state, 1, 0);
    }
  }

  /** Stops new records without losing those in the rings: detaches, then hands over what is left. */
  finish(): void {
    if (this.#closed) return;
    for (const { name } of this.#object.programs) this.#object.native.detach(name);
    this.drain.finish();
  }

  close(): void {
    this.#closed = true;
    this.#object.native.close();
  }
}
