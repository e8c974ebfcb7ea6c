/** Rules that look at several events: how often, how many different, in which order. */
import { createHash } from 'node:crypto';
import type { FieldSource } from '../schema/event.ts';
import { compilePredicate, type Predicate } from './predicate/compile.ts';
import { type Elements, type Reader, reader, type Value } from './predicate/values.ts';
import type { CompiledRule, WindowSpec } from './rule.ts';
import { CountState, TemporalState, ValueState } from './sigma/correlation/window-state.ts';
import type { RuleMatch } from './types.ts';

export interface WindowStats {
  /** Keys that are remembered. */
  readonly keys: number;
  /** Times and values that are remembered for them. */
  readonly remembered: number;
  /** Keys forgotten for want of memory although their time was not over. */
  readonly evictions: number;
}

interface Entry {
  readonly state: CountState | ValueState | TemporalState;
  readonly seconds: number;
  /** Number of the use when the entry was last put at the end of the order. */
  placed: number;
}

interface Watched {
  /** Of the keys in the store. */
  readonly prefix: string;
  readonly spec: WindowSpec;
  readonly by: readonly Reader[];
  readonly distinct: Reader | undefined;
  readonly steps: readonly Predicate[];
  readonly enough: (count: number) => boolean;
}

const REMEMBERED_PER_KEY = 64;
const MAX_PREFIXES = 16_384;
/** Counts keep more than they need, so that events that arrive late find their neighbours. */
const MIN_REMEMBERED = 64;

const NO_ELEMENTS: Elements = [];

function textOf(value: Exclude<Value, undefined>): string {
  if (typeof value === 'string') return value;
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}

/** The windows of one rule set. What they remember is in a WindowStore, which outlives the rule set. */
export class Windows {
  readonly #store: WindowStore;
  readonly #watched = new WeakMap<CompiledRule, Watched>();

  constructor(store: WindowStore, rules: readonly CompiledRule[]) {
    this.#store = store;
    for (const rule of rules) {
      const spec = rule.definition.window;
      if (spec === undefined) continue;
      this.#watched.set(rule, {
        prefix: store.prefixOf(windowId(rule)),
        spec,
        by: spec.by.map(({ subject }) => reader(subject)),
        distinct: spec.distinct === undefined ? undefined : reader(spec.distinct),
        steps: spec.steps.map(compilePredicate),
        enough: (count) => count >= spec.count,
      });
    }
  }

  /**
   * Takes note of an event that the rule's condition matched.
   *
   * @param time Event time in seconds; an event without one happens at the latest time seen.
   * @returns undefined for a rule without window, false while the window is not complete, else what came together.
   */
  observe(rule: CompiledRule, event: FieldSource, time: number | undefined): RuleMatch['window'] | false | undefined {
    const watched = this.#watched.get(rule);
    if (watched === undefined) return undefined;
    // No live value holds a NUL, and two recorded ones that do could at worst share a window.
    let name = watched.prefix;
    for (let part = 0; part < watched.by.length; part++) {
      const value = watched.by[part]?.(event, NO_ELEMENTS);
      if (value === undefined) return false;
      name += part === 0 ? textOf(value) : `\0${textOf(value)}`;
    }
    const { spec } = watched;
    const store = this.#store;
    const at = store.timeOf(time);
    const { state } = store.take(name, spec);
    const before = state.size;
    const count = this.#add(watched, state, at, event);
    store.grown(state.size - before);
    if (count === undefined) return false;
    const key = Object.fromEntries(
      spec.by.map((one, part) => [one.name, textOf(watched.by[part]?.(event, NO_ELEMENTS) ?? '')]),
    );
    return { count, seconds: spec.seconds, key };
  }

  #add(
    { distinct, steps, enough }: Watched,
    state: Entry['state'],
    time: number,
    event: FieldSource,
  ): number | undefined {
    if (state instanceof CountState) return state.add(time, enough);
    if (state instanceof ValueState) {
      const value = distinct?.(event, []);
      return value === undefined ? undefined : state.add(time, textOf(value), enough);
    }
    const held = steps.flatMap((step, at) => (step(event) ? [at] : []));
    return held.length === 0 ? undefined : state.addOrdered(time, held, enough);
  }
}

/** Name and definition: a reload keeps what is remembered for a window that did not change. */
function windowId(rule: CompiledRule): string {
  const { window } = rule.definition;
  const definition = JSON.stringify([rule.condition, window]);
  return `${rule.info.name}\0${createHash('sha256').update(definition).digest('base64')}`;
}

/** Bounded memory for windows: the key that was used longest ago is forgotten first. */
export class WindowStore {
  readonly #maxKeys: number;
  /** In the order of last use, to an eighth of the capacity. */
  readonly #entries = new Map<string, Entry>();
  #remembered = 0;
  #evictions = 0;
  #latest = 0;
  #uses = 0;
  readonly #prefixes = new Map<string, string>();
  #nextPrefix = 0;

  constructor(maxKeys = 65_536) {
    this.#maxKeys = maxKeys;
  }

  stats(): WindowStats {
    return { keys: this.#entries.size, remembered: this.#remembered, evictions: this.#evictions };
  }

  /** A short name for a window's definition: keys are looked up for every event and should be short. */
  prefixOf(id: string): string {
    let prefix = this.#prefixes.get(id);
    if (prefix === undefined) {
      // Definitions that changed in reload after reload.
      if (this.#prefixes.size >= MAX_PREFIXES) this.#prefixes.clear();
      prefix = `${this.#nextPrefix++} `;
      this.#prefixes.set(id, prefix);
    }
    return prefix;
  }

  /** An event without a time happens at the latest time seen. */
  timeOf(time: number | undefined): number {
    const at = time ?? this.#latest;
    this.#latest = Math.max(this.#latest, at);
    return at;
  }

  /** What is remembered for a key; made when there is nothing. */
  take(name: string, spec: WindowSpec): Entry {
    this.#uses++;
    let entry = this.#entries.get(name);
    if (entry === undefined) {
      entry = { state: newState(spec), seconds: spec.seconds, placed: this.#uses };
      this.#entries.set(name, entry);
    } else if (this.#uses - entry.placed > this.#maxKeys >> 3) {
      // The order need not be exact, and keeping it costs more than the rest.
      this.#entries.delete(name);
      this.#entries.set(name, entry);
      entry.placed = this.#uses;
    }
    return entry;
  }

  /** Notes by how much an entry grew, and makes room. */
  grown(size: number): void {
    this.#remembered += size;
    if (this.#entries.size > this.#maxKeys || this.#remembered > this.#maxKeys * REMEMBERED_PER_KEY) this.#evict();
  }

  #evict(): void {
    for (const [name, { state, seconds }] of this.#entries) {
      const full = this.#entries.size > this.#maxKeys || this.#remembered > this.#maxKeys * REMEMBERED_PER_KEY;
      if (!full) return;
      this.#entries.delete(name);
      this.#remembered -= state.size;
      if (state.newest >= this.#latest - 2 * seconds) this.#evictions++;
    }
  }
}

function newState(spec: WindowSpec): Entry['state'] {
  const limit = Math.max(MIN_REMEMBERED, 2 * spec.count);
  if (spec.type === 'count') return new CountState(spec.seconds, limit, spec.count);
  return spec.type === 'distinct' ? new ValueState(spec.seconds, limit, spec.count) : new TemporalState(spec.seconds);
}
