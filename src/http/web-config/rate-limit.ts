import type { WebSettings } from './read.ts';

/** A token bucket over all requests, as the exporter-toolkit has it. */
export class RateLimit {
  #tokens = Number.POSITIVE_INFINITY;
  #last = 0;

  /** Whether a request may pass at `now` (milliseconds that never go back). */
  allows(limit: WebSettings['rateLimit'], now: number): boolean {
    if (limit === undefined) return true;
    this.#tokens = Math.min(limit.burst, this.#tokens + (now - this.#last) / limit.intervalMs);
    this.#last = now;
    if (this.#tokens < 1) return false;
    this.#tokens--;
    return true;
  }
}
