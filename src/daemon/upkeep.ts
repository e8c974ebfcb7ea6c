import type { Enricher } from '../enrich/enricher.ts';
import type { BootClock } from '../kernel/clock.ts';
import type { Sensor } from '../kernel/sensor.ts';
import { kindsWhere } from '../schema/kinds.ts';

const TICK_MS = 1_000;
/** Kinds whose loss makes the process table uncertain. */
const TABLE_KINDS = kindsWhere(({ keeps = '' }) => ['exec', 'fork', 'exit'].includes(keeps));

interface UpkeepOptions {
  readonly clock: BootClock;
  readonly enricher: Enricher;
  readonly sensor: Sensor;
}

/** What is done once a second: the clock, processes that ended, throttling that ended, losses. */
export class Upkeep {
  readonly #options: UpkeepOptions;
  readonly #timer = setInterval(() => this.#tick(), TICK_MS);
  #lost = 0;

  constructor(options: UpkeepOptions) {
    this.#options = options;
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #tick(): void {
    const { clock, enricher, sensor } = this.#options;
    clock.tick();
    // With a backlog in the ring, processes that ended are still needed for what they did before.
    enricher.tick(sensor.drain.stats().bulkPending > 0 ? 0 : clock.now());
    sensor.sweepThrottles();
    const counts = sensor.counters.events();
    let lost = 0;
    for (const kind of TABLE_KINDS) {
      const count = counts.get(kind);
      if (count !== undefined) lost += count.lost_ring_full + count.lost_scratch;
    }
    if (lost > this.#lost) enricher.noteLoss();
    this.#lost = lost;
  }
}
