export interface BackoffOptions {
  readonly baseMs: number;
  readonly maxMs: number;
  /** After this many failures in a row the breaker opens: one alert at a time tries the receiver. */
  readonly breakerAfter: number;
  /** 0 to 1, below 1. */
  readonly random: () => number;
}

export const BACKOFF: BackoffOptions = { baseMs: 250, maxMs: 60_000, breakerAfter: 5, random: Math.random };

/**
 * How long to wait after failures: doubling, with jitter over the upper half,
 * so that many daemons do not return to a receiver at the same moment. Its
 * breaker is open after a few failures in a row and closes with a success.
 */
export class Backoff {
  readonly #options: BackoffOptions;
  #failures = 0;

  constructor(options: BackoffOptions) {
    this.#options = options;
  }

  get failures(): number {
    return this.#failures;
  }

  get open(): boolean {
    return this.#failures >= this.#options.breakerAfter;
  }

  succeeded(): void {
    this.#failures = 0;
  }

  /** Counts a failure and gives the wait in milliseconds; the receiver's own wish is respected up to the maximum. */
  failed(retryAfterMs = 0): number {
    const { baseMs, maxMs, random } = this.#options;
    const full = Math.min(maxMs, baseMs * 2 ** Math.min(this.#failures, 30));
    this.#failures += 1;
    const jittered = full / 2 + (full / 2) * random();
    return Math.max(jittered, Math.min(retryAfterMs, maxMs));
  }
}
