/**
 * What windows remember, by key. Most keys come a few times, or with a few values (a port scan's rule sees every
 * connection of the host): such a one is a row of 128 bytes in one table, found by numbers, which costs two or three
 * cache lines where a map, its key, a state, its map and its lists cost ten. Only what does not fit gets a state of
 * its own.
 */
import type { WindowSpec } from './rule.ts';
import { CLOSE, CountState, TemporalState, ValueState } from './sigma/correlation/window-state.ts';

export interface WindowStats {
  /** Keys that are remembered. */
  readonly keys: number;
  /** Times and values that are remembered for them. */
  readonly remembered: number;
  /** Keys forgotten for want of memory although their time was not over. */
  readonly evictions: number;
}

/** A window of a rule. */
export interface Watch {
  /** Of no other definition. */
  readonly number: number;
  readonly spec: WindowSpec;
  readonly enough: (count: number) => boolean;
}

type State = CountState | ValueState | TemporalState;

const REMEMBERED_PER_KEY = 64;
const MAX_NUMBERS = 16_384;
/** Counts keep more than they need, so that events that arrive late find their neighbours. */
const MIN_REMEMBERED = 64;
const FIRST_ROWS = 256;

/** Columns of a row. */
const WIDTH = 16;
const WATCH = 0;
/** Of the key; of a row that is found by text the two are not used. */
const FIRST = 1;
const SECOND = 2;
/** Number of the use when the row was last put at the end of the order. */
const PLACED = 3;
/**
 * What was seen, as long as it fits: times in their order; or values, each with the first and the last time when it
 * was seen. NaN where there is nothing: in all of them where there is a state, which is not asked for before.
 */
const SEEN = 4;
const MOST_TIMES = WIDTH - SEEN;
const PER_VALUE = 3;
const MOST_VALUES = MOST_TIMES / PER_VALUE;
const EARLY = 1;
const LATE = 2;

const NONE = -1;

/** Bounded memory for windows: the key that was used longest ago is forgotten first. */
export class WindowStore {
  readonly #maxKeys: number;
  #columns = new Float64Array(0);
  /** The next row with the same hash; of free rows, the next free one. */
  #next = new Int32Array(0);
  /** The order of last use, to an eighth of the capacity. */
  #older = new Int32Array(0);
  #newer = new Int32Array(0);
  #oldest = NONE;
  #newest = NONE;
  /** By hash. */
  #rows = new Int32Array(0);
  #free = NONE;
  readonly #byText = new Map<string, number>();
  /** Of rows that are found by text. */
  readonly #texts: (string | undefined)[] = [];
  readonly #states: (State | undefined)[] = [];
  #keys = 0;
  #remembered = 0;
  #evictions = 0;
  #latest = 0;
  #uses = 0;
  readonly #numbers = new Map<string, number>();
  /** By number, of the rows that there are. */
  readonly #specs = new Map<number, WindowSpec>();
  #nextNumber = 0;

  constructor(maxKeys = 65_536) {
    this.#maxKeys = maxKeys;
  }

  stats(): WindowStats {
    return { keys: this.#keys, remembered: this.#remembered, evictions: this.#evictions };
  }

  /** A number for a window's definition: the same one as long as it is the same. */
  numberOf(id: string): number {
    let number = this.#numbers.get(id);
    if (number === undefined) {
      // Definitions that changed in reload after reload: all begin anew.
      if (this.#numbers.size >= MAX_NUMBERS) {
        while (this.#keys > 0) this.#forgetOldest();
        this.#numbers.clear();
        this.#specs.clear();
      }
      number = this.#nextNumber++;
      this.#numbers.set(id, number);
    }
    return number;
  }

  /** An event without a time happens at the latest time seen. */
  timeOf(time: number | undefined): number {
    const at = time ?? this.#latest;
    this.#latest = Math.max(this.#latest, at);
    return at;
  }

  /** The row of a key of at most two numbers; made when there is none. */
  rowOfNumbers(watch: Watch, first: number, second: number): number {
    const columns = this.#columns;
    const { number } = watch;
    let row = this.#rows.length === 0 ? NONE : (this.#rows[this.#hash(number, first, second)] ?? NONE);
    for (; row !== NONE; row = this.#next[row] ?? NONE) {
      const at = row * WIDTH;
      if (columns[at + SECOND] === second && columns[at + FIRST] === first && columns[at + WATCH] === number)
        return this.#used(row);
    }
    return this.#add(watch, first, second, undefined);
  }

  /** The same for any other key. */
  rowOfText(watch: Watch, text: string): number {
    const name = `${watch.number} ${text}`;
    const row = this.#byText.get(name);
    return row === undefined ? this.#add(watch, Number.NaN, Number.NaN, name) : this.#used(row);
  }

  /** Adds an event; the count of the first window with it that is enough. */
  addTime(watch: Watch, row: number, time: number): number | undefined {
    let state = this.#stateOf(row);
    if (state === undefined) {
      if (this.#noteTime(watch, row, time)) return undefined;
      state = this.#grow(watch, row);
    }
    const before = state.size;
    const count = state instanceof CountState ? state.add(time, watch.enough) : undefined;
    this.#grown(state.size - before);
    return count;
  }

  /** Adds a value; how many different ones there were in the first window with it that is enough. */
  addValue(watch: Watch, row: number, time: number, value: number | string | undefined): number | undefined {
    if (value === undefined) {
      this.#grown(0);
      return undefined;
    }
    let state = this.#stateOf(row);
    if (state === undefined) {
      if (typeof value === 'number' && this.#noteValue(watch, row, time, value)) return undefined;
      state = this.#grow(watch, row);
    }
    const before = state.size;
    const count = state instanceof ValueState ? state.add(time, value, watch.enough) : undefined;
    this.#grown(state.size - before);
    return count;
  }

  #stateOf(row: number): State | undefined {
    return Number.isNaN(this.#columns[row * WIDTH + SEEN]) ? this.#states[row] : undefined;
  }

  /** Notes the time in the row, where it is the last one, there is room, and it cannot be enough yet. */
  #noteTime({ spec }: Watch, row: number, time: number): boolean {
    const columns = this.#columns;
    const begin = row * WIDTH + SEEN;
    const most = Math.min(MOST_TIMES, spec.count - 1);
    let times = 0;
    while (times < most && !Number.isNaN(columns[begin + times])) times++;
    if (times === most || (times > 0 && time < (columns[begin + times - 1] ?? 0))) return false;
    columns[begin + times] = time;
    this.#grown(1);
    return true;
  }

  /** The same for a value, as `ValueState` notes it. */
  #noteValue({ spec }: Watch, row: number, time: number, value: number): boolean {
    const columns = this.#columns;
    const begin = row * WIDTH + SEEN;
    const end = begin + PER_VALUE * Math.min(MOST_VALUES, spec.count - 1);
    let place = NONE;
    let at = begin;
    for (; at < end && !Number.isNaN(columns[at]); at += PER_VALUE) {
      if (columns[at] === value) place = at;
      if (lastOf(columns, at) > time) return false;
    }
    if (place !== NONE) {
      const isSecond = Number.isNaN(columns[place + LATE]);
      if (!isSecond && time - (columns[place + EARLY] ?? 0) > spec.seconds * CLOSE) return false;
      columns[place + LATE] = time;
      return true;
    }
    if (at === end) return false;
    columns[at] = value;
    columns[at + EARLY] = time;
    this.#grown(1);
    return true;
  }

  /** Adds an event that holds for some of the steps; the length of the run of them that it completes. */
  addSteps(watch: Watch, row: number, time: number, held: readonly number[]): number | undefined {
    const state = this.#states[row] ?? this.#grow(watch, row);
    const before = state.size;
    const count =
      state instanceof TemporalState && held.length > 0 ? state.addOrdered(time, held, watch.enough) : undefined;
    this.#grown(state.size - before);
    return count;
  }

  /** What a row without a state remembers, as that would tell it. */
  #seenIn(row: number, spec: WindowSpec | undefined): Pick<State, 'size' | 'newest'> {
    const columns = this.#columns;
    const step = spec?.type === 'distinct' ? PER_VALUE : 1;
    const end = (row + 1) * WIDTH;
    let newest = Number.NEGATIVE_INFINITY;
    let size = 0;
    for (let at = row * WIDTH + SEEN; at < end && !Number.isNaN(columns[at]); at += step) {
      size++;
      newest = Math.max(newest, step === 1 ? (columns[at] ?? 0) : lastOf(columns, at));
    }
    return { size, newest };
  }

  /** Gives the row a state of its own, with what it remembers. */
  #grow({ spec, enough }: Watch, row: number): State {
    const state = newState(spec);
    const seen = this.#columns.subarray(row * WIDTH + SEEN, (row + 1) * WIDTH);
    if (state instanceof CountState) {
      for (const time of seen) if (!Number.isNaN(time)) state.add(time, enough);
    } else if (state instanceof ValueState) {
      const places = [0, 1, 2, 3].map((place) => place * PER_VALUE).filter((place) => !Number.isNaN(seen[place]));
      // The one that was used last comes last.
      for (const place of places.sort((a, b) => lastOf(seen, a) - lastOf(seen, b))) {
        const value = seen[place] ?? 0;
        state.add(seen[place + EARLY] ?? 0, value, enough);
        const late = seen[place + LATE] ?? Number.NaN;
        if (!Number.isNaN(late)) state.add(late, value, enough);
      }
    }
    seen.fill(Number.NaN);
    this.#states[row] = state;
    return state;
  }

  #used(row: number): number {
    this.#uses++;
    // The order need not be exact, and keeping it costs more than the rest.
    if (this.#uses - (this.#columns[row * WIDTH + PLACED] ?? 0) > this.#maxKeys >> 3) {
      this.#takeOut(row);
      this.#putLast(row);
    }
    return row;
  }

  #add({ number, spec }: Watch, first: number, second: number, text: string | undefined): number {
    if (this.#free === NONE) this.#makeRoom();
    const row = this.#free;
    this.#free = this.#next[row] ?? NONE;
    const columns = this.#columns;
    const at = row * WIDTH;
    columns[at + WATCH] = number;
    columns[at + FIRST] = first;
    columns[at + SECOND] = second;
    columns.fill(Number.NaN, at + SEEN, at + WIDTH);
    this.#specs.set(number, spec);
    this.#texts[row] = text;
    this.#states[row] = undefined;
    if (text === undefined) this.#link(row);
    else this.#byText.set(text, row);
    this.#uses++;
    this.#putLast(row);
    this.#keys++;
    return row;
  }

  /** Twice as many rows, up to one more than there may be: what is too much is forgotten after it was added. */
  #makeRoom(): void {
    const before = this.#next.length;
    const size = Math.min(Math.max(FIRST_ROWS, before * 2), this.#maxKeys + 1);
    this.#columns = longer(this.#columns, new Float64Array(size * WIDTH));
    this.#next = longer(this.#next, new Int32Array(size));
    this.#older = longer(this.#older, new Int32Array(size));
    this.#newer = longer(this.#newer, new Int32Array(size));
    // A power of two, so that the hash need not be divided.
    this.#rows = new Int32Array(2 ** Math.ceil(Math.log2(size))).fill(NONE);
    for (let row = 0; row < before; row++) if (this.#texts[row] === undefined) this.#link(row);
    for (let row = size - 1; row >= before; row--) {
      this.#next[row] = this.#free;
      this.#free = row;
      this.#texts[row] = undefined;
      this.#states[row] = undefined;
    }
  }

  #hash(number: number, first: number, second: number): number {
    let hash = Math.imul(number, 0x9e3779b1) ^ first;
    hash = Math.imul(hash ^ (hash >>> 15), 0x85ebca6b) ^ second;
    hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
    return (hash ^ (hash >>> 16)) & (this.#rows.length - 1);
  }

  #hashOf(row: number): number {
    const at = row * WIDTH;
    const columns = this.#columns;
    return this.#hash(columns[at + WATCH] ?? 0, columns[at + FIRST] ?? 0, columns[at + SECOND] ?? 0);
  }

  #link(row: number): void {
    const hash = this.#hashOf(row);
    this.#next[row] = this.#rows[hash] ?? NONE;
    this.#rows[hash] = row;
  }

  #unlink(row: number): void {
    const hash = this.#hashOf(row);
    let before = this.#rows[hash] ?? NONE;
    if (before === row) {
      this.#rows[hash] = this.#next[row] ?? NONE;
      return;
    }
    while (this.#next[before] !== row) before = this.#next[before] ?? NONE;
    this.#next[before] = this.#next[row] ?? NONE;
  }

  #putLast(row: number): void {
    this.#columns[row * WIDTH + PLACED] = this.#uses;
    this.#older[row] = this.#newest;
    this.#newer[row] = NONE;
    if (this.#newest === NONE) this.#oldest = row;
    else this.#newer[this.#newest] = row;
    this.#newest = row;
  }

  #takeOut(row: number): void {
    const older = this.#older[row] ?? NONE;
    const newer = this.#newer[row] ?? NONE;
    if (older === NONE) this.#oldest = newer;
    else this.#newer[older] = newer;
    if (newer === NONE) this.#newest = older;
    else this.#older[newer] = older;
  }

  /** Notes by how much a row grew, and makes room. */
  #grown(size: number): void {
    this.#remembered += size;
    while (this.#keys > this.#maxKeys || (this.#remembered > this.#maxKeys * REMEMBERED_PER_KEY && this.#keys > 0))
      this.#forgetOldest();
  }

  #forgetOldest(): void {
    const row = this.#oldest;
    const spec = this.#specs.get(this.#columns[row * WIDTH + WATCH] ?? 0);
    const { size, newest } = this.#states[row] ?? this.#seenIn(row, spec);
    this.#remembered -= size;
    if (newest >= this.#latest - 2 * (spec?.seconds ?? 0)) this.#evictions++;
    this.#takeOut(row);
    const text = this.#texts[row];
    if (text === undefined) this.#unlink(row);
    else this.#byText.delete(text);
    this.#texts[row] = undefined;
    this.#states[row] = undefined;
    this.#next[row] = this.#free;
    this.#free = row;
    this.#keys--;
  }
}

/** When a value was seen last. */
function lastOf(columns: Float64Array, at: number): number {
  const late = columns[at + LATE] ?? Number.NaN;
  return Number.isNaN(late) ? (columns[at + EARLY] ?? Number.NaN) : late;
}

function newState(spec: WindowSpec): State {
  const limit = Math.max(MIN_REMEMBERED, 2 * spec.count);
  if (spec.type === 'count') return new CountState(spec.seconds, limit, spec.count);
  return spec.type === 'distinct'
    ? new ValueState(spec.seconds, limit, spec.count)
    : new TemporalState(spec.seconds, spec.count);
}

function longer<T extends Float64Array | Int32Array>(before: T, after: T): T {
  after.set(before);
  return after;
}
