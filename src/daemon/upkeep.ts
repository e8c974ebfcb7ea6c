import type { Enricher } from '../enrich/enricher.ts';
import { messageOf } from '../errors.ts';
import { everySecond } from '../every-second.ts';
import type { BootClock } from '../kernel/clock.ts';
import type { Sensor } from '../kernel/sensor.ts';
import type { Logger } from '../log.ts';
import { kindsWhere } from '../schema/kinds.ts';

const COMPLAIN_MS = 60_000;
/** With nothing to read, losses are asked for this seldom. */
const QUIET_TICKS = 10;
/** Kinds whose loss makes the process table uncertain. */
const TABLE_KINDS = kindsWhere(({ keeps = '' }) => ['exec', 'fork', 'exit'].includes(keeps));

interface UpkeepOptions {
  readonly clock: BootClock;
  readonly enricher: Enricher;
  readonly sensor: Sensor;
  readonly run: { beat(): void };
  readonly log: Logger;
}

/** What is done once a second: the clock, processes that ended, throttling that ended, losses. */
export class Upkeep {
  readonly #options: UpkeepOptions;
  readonly stop = everySecond(() => this.#tick());
  #lost = 0;
  #complained = Number.NEGATIVE_INFINITY;
  #records = 0;
  /** Ticks without a record. */
  #quiet = 0;

  constructor(options: UpkeepOptions) {
    this.#options = options;
  }

  /** Without a descriptor to be had, or memory, some of it fails: it is tried again in a second, and the rest goes on. */
  #tick(): void {
    const { clock, enricher, sensor, run } = this.#options;
    this.#attempt(() => run.beat());
    this.#attempt(() => clock.tick());
    // With a backlog in the ring, processes that ended are still needed for what they did before.
    this.#attempt(() => enricher.tick(sensor.drain.stats().bulkPending > 0 ? 0 : clock.now()));
    this.#attempt(() => sensor.sweepThrottles());
    this.#attempt(() => this.#noteLosses());
  }

  #attempt(act: () => void): void {
    try {
      act();
    } catch (error) {
      const now = performance.now();
      if (now - this.#complained < COMPLAIN_MS) return;
      this.#complained = now;
      this.#options.log.error({ reason: messageOf(error) }, 'the upkeep of a second failed');
    }
  }

  #noteLosses(): void {
    const { enricher, sensor } = this.#options;
    // Nothing is lost while nothing comes, but for what no memory was there for.
    const { records } = sensor.drain.stats();
    this.#quiet = records === this.#records ? this.#quiet + 1 : 0;
    this.#records = records;
    if (this.#quiet % QUIET_TICKS !== 0) return;
    const lost = sensor.counters.lost(TABLE_KINDS);
    if (lost > this.#lost) enricher.noteLoss();
    this.#lost = lost;
  }
}
