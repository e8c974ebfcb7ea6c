export interface BucketLimit {
  /** What may be taken at once. */
  readonly burst: number;
  /** Milliseconds until one more may be taken. */
  readonly everyMs: number;
}

/** N at once and so many a second: whatever is limited by time is limited by this. Starts full. */
export class TokenBucket {
  #tokens = Number.POSITIVE_INFINITY;
  #filled = 0;

  /** Takes one, if there is one. `now`: milliseconds that never go back. */
  take({ burst, everyMs }: BucketLimit, now: number): boolean {
    this.#tokens = Math.min(burst, this.#tokens + (now - this.#filled) / everyMs);
    this.#filled = now;
    if (this.#tokens < 1) return false;
    this.#tokens -= 1;
    return true;
  }
}

/** So many a second, and no more at once. */
export const perSecond = (count: number): BucketLimit => ({ burst: count, everyMs: 1000 / count });
