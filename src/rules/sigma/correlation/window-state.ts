/**
 * What a correlation remembers of one group. All times are the events' own, in
 * seconds; a late event is put in its place and completes what it completes.
 * Each state is bounded: a flood of one kind of event cannot push out the
 * others, and what is dropped never hides that a minimum is reached in order.
 */

/** Says whether the count of one window fulfils the correlation. */
type Fulfilled = (count: number) => boolean;

interface GroupState {
  /** Number of things remembered. */
  readonly size: number;
  readonly newest: number;
}

/** Index of the first element that is not less than `time`. */
function lowerBound(times: readonly number[], time: number): number {
  let low = 0;
  let high = times.length;
  if (high > 0 && (times[high - 1] ?? 0) < time) return high;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((times[middle] ?? 0) < time) low = middle + 1;
    else high = middle;
  }
  return low;
}

function upperBound(times: readonly number[], time: number): number {
  const high = times.length;
  if (high > 0 && (times[high - 1] ?? 0) <= time) return high;
  let at = lowerBound(times, time);
  while (at < high && times[at] === time) at++;
  return at;
}

/** event_count: the times of the events. */
export class CountState implements GroupState {
  readonly #span: number;
  readonly #limit: number;
  readonly #least: number;
  readonly #times: number[] = [];

  /** @param least No smaller count fulfils the condition: windows are not looked at before there are so many. */
  constructor(span: number, limit: number, least = 0) {
    this.#span = span;
    this.#limit = limit;
    this.#least = least;
  }

  get size(): number {
    return this.#times.length;
  }

  get newest(): number {
    return this.#times.at(-1) ?? Number.NEGATIVE_INFINITY;
  }

  /** Adds an event; the count of the first window with it that fulfils the correlation. */
  add(time: number, fulfilled: Fulfilled): number | undefined {
    const times = this.#times;
    if (times.length === 0 || (times.at(-1) ?? 0) <= time) times.push(time);
    else times.splice(upperBound(times, time), 0, time);
    if (times.length < this.#least) return undefined;
    const last = upperBound(times, time + this.#span);
    for (let end = upperBound(times, time) - 1; end < last; end++) {
      const count = end + 1 - lowerBound(times, (times[end] ?? 0) - this.#span);
      if (fulfilled(count)) {
        this.#shrink();
        return count;
      }
    }
    this.#shrink();
    return undefined;
  }

  /** A quarter more than the limit is kept, so that not every event moves all times. */
  #shrink(): void {
    if (this.#times.length > this.#limit * 1.25) this.#times.splice(0, this.#times.length - this.#limit);
  }
}

/** Drops what lies between two neighbours so close that every window sees one of them. */
export const CLOSE = 1 / 8;
const TIMES_OF_A_VALUE = 32;

/** value_count: for each value the times when it was seen. */
export class ValueState implements GroupState {
  readonly #span: number;
  readonly #limit: number;
  readonly #least: number;
  /** The first value and its times: most groups never have another one, and a map for each takes its room. */
  #only: string | number | undefined;
  readonly #timesOfOnly: number[] = [];
  /** All of them, in the order of last use. */
  #values: Map<string | number, number[]> | undefined;
  newest = Number.NEGATIVE_INFINITY;

  /** @param least As for CountState. */
  constructor(span: number, limit: number, least = 0) {
    this.#span = span;
    this.#limit = limit;
    this.#least = least;
  }

  get size(): number {
    return this.#values?.size ?? (this.#only === undefined ? 0 : 1);
  }

  add(time: number, value: string | number, fulfilled: Fulfilled): number | undefined {
    const late = time < this.newest;
    this.newest = Math.max(this.newest, time);
    const times = this.#note(value, time);
    let found: number | undefined;
    if (this.size >= this.#least) {
      if (late) found = this.#windows(time).find((count) => fulfilled(count));
      else {
        const count = this.#since(time - this.#span);
        if (fulfilled(count)) found = count;
      }
    }
    this.#thin(times);
    if (this.#values !== undefined && this.#values.size > this.#limit) {
      for (const oldest of this.#values.keys()) {
        this.#values.delete(oldest);
        break;
      }
    }
    return found;
  }

  /** The times of a value, with this one; it becomes the one used last. */
  #note(value: string | number, time: number): number[] {
    if (this.#values === undefined) {
      this.#only ??= value;
      if (this.#only === value) {
        this.#insert(this.#timesOfOnly, time);
        return this.#timesOfOnly;
      }
      this.#values = new Map([[this.#only, this.#timesOfOnly]]);
    }
    const before = this.#values.get(value);
    // A list that is made empty and grows takes room for 17.
    const times = before ?? [time];
    if (before !== undefined) {
      this.#values.delete(value);
      this.#insert(times, time);
    }
    this.#values.set(value, times);
    return times;
  }

  /** What lies before the last time and is close to it would be dropped: it is overwritten. */
  #insert(times: number[], time: number): void {
    const last = times.length - 1;
    if (last >= 0 && (times[last] ?? 0) > time) times.splice(upperBound(times, time), 0, time);
    else if (last > 0 && time - (times[last - 1] ?? 0) <= this.#span * CLOSE) times[last] = time;
    else times.push(time);
  }

  #all(): Iterable<readonly number[]> {
    return this.#values?.values() ?? [this.#timesOfOnly];
  }

  /** Number of different values that were seen then or later. */
  #since(time: number): number {
    let count = 0;
    for (const times of this.#all()) if ((times[times.length - 1] ?? Number.NEGATIVE_INFINITY) >= time) count++;
    return count;
  }

  /** Number of different values in each window that has the event at `time` and ends with an event. */
  #windows(time: number): number[] {
    const ends = new Set([time]);
    if (time < this.newest) {
      for (const times of this.#all()) {
        for (let at = lowerBound(times, time); at < times.length; at++) {
          const end = times[at] ?? 0;
          if (end > time + this.#span) break;
          ends.add(end);
        }
      }
    }
    return [...ends].map((end) => {
      let count = 0;
      for (const times of this.#all()) {
        const at = upperBound(times, end) - 1;
        if (at >= 0 && (times[at] ?? 0) >= end - this.#span) count++;
      }
      return count;
    });
  }

  #thin(times: number[]): void {
    for (let at = times.length - 2; at > 0 && times.length > 2; at--) {
      if ((times[at + 1] ?? 0) - (times[at - 1] ?? 0) <= this.#span * CLOSE) times.splice(at, 1);
    }
    if (times.length > TIMES_OF_A_VALUE) times.shift();
  }
}

interface Entry {
  readonly time: number;
  /** Number of the event in order of arrival: one event can match several rules. */
  readonly event: number;
  readonly rule: number;
}

const MAX_ENTRIES = 2048;

/** temporal and temporal_ordered: which rule matched when. */
export class TemporalState implements GroupState {
  readonly #span: number;
  readonly #least: number;
  #entries: Entry[] = [];
  #events = 0;

  /** @param least No run of fewer rules fulfils the condition: runs are not looked for before so many have matched. */
  constructor(span: number, least = 0) {
    this.#span = span;
    this.#least = least;
  }

  get size(): number {
    return this.#entries.length;
  }

  get newest(): number {
    return this.#entries.at(-1)?.time ?? Number.NEGATIVE_INFINITY;
  }

  /** Adds an event that matched the rules; the rules of the first window with it that fulfils the correlation. */
  addAny(
    time: number,
    rules: readonly number[],
    fulfilled: (present: ReadonlySet<number>) => boolean,
  ): number | undefined {
    this.#insert(time, rules);
    const found = this.#ends(time)
      .map((end) => new Set(this.#window(end).map((entry) => entry.rule)))
      .find(fulfilled);
    this.#thin();
    return found?.size;
  }

  /** The same for rules in their order: the length of the longest run of rules in order that the event is part of. */
  addOrdered(time: number, rules: readonly number[], fulfilled: Fulfilled): number | undefined {
    const event = this.#insert(time, rules);
    const found =
      this.#least > 1 && this.#isOfOne()
        ? undefined
        : this.#ends(time)
            .map((end) => longestRun(this.#window(end), event))
            .find(fulfilled);
    this.#thin();
    return found;
  }

  /** A run of rules in order is of different ones. */
  #isOfOne(): boolean {
    const entries = this.#entries;
    for (const { rule } of entries) if (rule !== entries[0]?.rule) return false;
    return true;
  }

  #insert(time: number, rules: readonly number[]): number {
    const event = this.#events++;
    let at = this.#entries.length;
    while (at > 0 && (this.#entries[at - 1]?.time ?? 0) > time) at--;
    this.#entries.splice(at, 0, ...rules.map((rule) => ({ time, event, rule })));
    return event;
  }

  #ends(time: number): number[] {
    const later = this.#entries.filter((entry) => entry.time > time && entry.time <= time + this.#span);
    return [...new Set([time, ...later.map((entry) => entry.time)])];
  }

  #window(end: number): Entry[] {
    return this.#entries.filter((entry) => entry.time <= end && entry.time >= end - this.#span);
  }

  #thin(): void {
    const entries = this.#entries;
    for (let at = entries.length - 2; at > 0; at--) {
      const [before, entry, after] = [entries[at - 1], entries[at], entries[at + 1]];
      if (before === undefined || entry === undefined || after === undefined) continue;
      const run = before.rule === entry.rule && after.rule === entry.rule;
      if (run && after.time - before.time <= this.#span * CLOSE) entries.splice(at, 1);
    }
    if (entries.length > MAX_ENTRIES) entries.splice(0, entries.length - MAX_ENTRIES);
  }
}

/** Longest run of different events whose rules follow in rising order and of which `event` is one. */
function longestRun(entries: readonly Entry[], event: number): number {
  const own = entries.filter((entry) => entry.event === event);
  const first = entries.findIndex((entry) => entry.event === event);
  const before = rising(entries.slice(0, first), (entry) => entry.rule);
  const after = rising(entries.slice(first + own.length).reverse(), (entry) => -entry.rule);
  return Math.max(0, ...own.map((entry) => 1 + before(entry.rule) + after(-entry.rule)));
}

/** Longest rising run in the entries that stays below a limit. */
function rising(entries: readonly Entry[], rank: (entry: Entry) => number): (limit: number) => number {
  const best = new Map<number, number>();
  const below = (limit: number) => Math.max(0, ...[...best].filter(([key]) => key < limit).map(([, length]) => length));
  for (let at = 0; at < entries.length; ) {
    const event = entries[at]?.event;
    const updates: [number, number][] = [];
    for (; at < entries.length && entries[at]?.event === event; at++) {
      const entry = entries[at];
      if (entry !== undefined) updates.push([rank(entry), below(rank(entry)) + 1]);
    }
    for (const [key, length] of updates) best.set(key, Math.max(best.get(key) ?? 0, length));
  }
  return below;
}
