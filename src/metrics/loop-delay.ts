/**
 * How late the event loop is. Node's own monitor, which prom-client starts, wakes the
 * process a hundred times a second, which is half of what a daemon at rest costs: here
 * that is only done while there is work to be late for, and at rest once a second.
 */
import { createHistogram, performance } from 'node:perf_hooks';
import { everySecond } from '../every-second.ts';

const SECOND_MS = 1_000;
const FINE_MS = 10;
/** Part of a second that the loop was at work, from which on it is looked at closely. */
const BUSY = 0.05;

export class LoopDelay {
  /** Nanoseconds. */
  readonly #delays = createHistogram();
  #utilization = performance.eventLoopUtilization();
  #second = performance.now();
  #fine: NodeJS.Timeout | undefined;

  constructor() {
    everySecond(() => {
      this.#second = this.#note(this.#second + SECOND_MS);
      const now = performance.eventLoopUtilization();
      const { utilization } = performance.eventLoopUtilization(now, this.#utilization);
      this.#utilization = now;
      if (utilization > BUSY) this.#fine ??= this.#lookClosely();
      else {
        clearInterval(this.#fine);
        this.#fine = undefined;
      }
    });
  }

  #lookClosely(): NodeJS.Timeout {
    let last = performance.now();
    return setInterval(() => {
      last = this.#note(last + FINE_MS);
    }, FINE_MS).unref();
  }

  /** Something that was due at a time happens now. */
  #note(due: number): number {
    const now = performance.now();
    this.#delays.record(Math.max(1, Math.round((now - due) * 1e6)));
    return now;
  }

  /** Seconds since it was last asked. */
  take(): { readonly max: number; readonly mean: number; readonly p50: number; readonly p99: number } {
    const delays = this.#delays;
    const taken =
      delays.count === 0
        ? { max: 0, mean: 0, p50: 0, p99: 0 }
        : {
            max: delays.max / 1e9,
            mean: delays.mean / 1e9,
            p50: delays.percentile(50) / 1e9,
            p99: delays.percentile(99) / 1e9,
          };
    delays.reset();
    return taken;
  }
}
