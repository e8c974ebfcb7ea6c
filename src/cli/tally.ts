/** Keys remembered between two tables; what comes beyond is counted as one. */
const MAX_KEYS = 10_000;
const REST = '(others)';

/** Counts by key since the last look, in bounded memory. */
export class Tally {
  readonly #counts = new Map<string, number>();

  add(key: string, count = 1): void {
    const known = this.#counts.get(key);
    if (known !== undefined) this.#counts.set(key, known + count);
    else if (this.#counts.size < MAX_KEYS) this.#counts.set(key, count);
    else this.#counts.set(REST, (this.#counts.get(REST) ?? 0) + count);
  }

  /** The largest, and starts anew. */
  top(rows: number): { readonly key: string; readonly count: number }[] {
    const sorted = [...this.#counts].sort(([, a], [, b]) => b - a).slice(0, rows);
    this.#counts.clear();
    return sorted.map(([key, count]) => ({ key, count }));
  }
}
