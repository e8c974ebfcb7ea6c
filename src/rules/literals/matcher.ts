/** What looks for the anchors of all rules in one reading of an event at once. */
import type { Span } from '../../schema/event.ts';
import { fieldName } from '../../schema/fields.ts';
import { foldCase } from '../predicate/fold.ts';
import type { Anchor, Reading } from './anchors.ts';
import { type Alphabet, Automaton, type Pattern } from './automaton.ts';

export const NO_TARGETS: readonly number[] = Object.freeze([]);

/** With more literals on one reading, whole texts are looked up by their hash. */
const MAX_PATTERNS = 4096;
/** Texts remembered per field of the process, and directories: they repeat from event to event. */
const MAX_REMEMBERED = 1024;
const MAX_REMEMBERED_LENGTH = 512;

/** All anchors on one reading. */
export class Matcher {
  readonly reading: Reading;
  readonly #long = new Map<string, number[]>();
  readonly #values = new Map<number | boolean, number[]>();
  readonly #automaton: Automaton | undefined;
  readonly #looseNumbers: boolean;
  /** No longer text has an anchor: folding keeps the length. */
  readonly #longest: number;
  readonly #remembered: Map<string, readonly number[]> | undefined;
  readonly #scratch: number[] = [];

  constructor(reading: Reading, anchors: readonly Target[], alphabet: Alphabet) {
    this.reading = reading;
    const patterns: Pattern[] = [];
    const hashed = anchors.length > MAX_PATTERNS;
    for (const { anchor, target } of anchors) {
      if (anchor.type === 'value') push(this.#values, anchor.value, target);
      else if (anchor.type === 'text') {
        if (anchor.how === 'equal' && hashed) push(this.#long, anchor.text, target);
        else patterns.push({ how: anchor.how, text: anchor.text, target });
      }
    }
    this.#automaton = patterns.length === 0 ? undefined : new Automaton(patterns, alphabet);
    this.#longest = anchors.reduce(
      (most, { anchor }) =>
        anchor.type !== 'text'
          ? most
          : anchor.how === 'equal'
            ? Math.max(most, anchor.text.length)
            : Number.POSITIVE_INFINITY,
      0,
    );
    this.#looseNumbers = anchors.some(({ anchor }) => anchor.type === 'text' && anchor.loose);
    const repeats = /^(process|user|container|host)\.|^file\.directory$/.test(fieldName(reading.field));
    this.#remembered = repeats ? new Map() : undefined;
  }

  /** Targets whose anchors the value has. The list is valid until the next call. */
  find(value: string | number | boolean): readonly number[] {
    if (typeof value === 'string') return this.#findText(value);
    const found = this.#values.get(value) ?? NO_TARGETS;
    return this.#looseNumbers ? [...found, ...this.#findText(String(value))] : found;
  }

  /** The same of the bytes of a text; undefined where only the text itself can tell. */
  findBytes(span: Span): readonly number[] | undefined {
    if (this.#long.size > 0 || this.#automaton === undefined) return undefined;
    const found = this.#scratch;
    found.length = 0;
    return this.#automaton.scanBytes(span, found) ? found : undefined;
  }

  #findText(text: string): readonly number[] {
    if (text.length > this.#longest) return NO_TARGETS;
    if (this.#remembered === undefined || text.length > MAX_REMEMBERED_LENGTH) return this.#scan(text);
    let found = this.#remembered.get(text);
    if (found === undefined) {
      const scanned = this.#scan(text);
      found = scanned.length === 0 ? NO_TARGETS : [...new Set(scanned)];
      if (this.#remembered.size >= MAX_REMEMBERED) this.#remembered.clear();
      this.#remembered.set(text, found);
    }
    return found;
  }

  #scan(text: string): readonly number[] {
    const found = this.#scratch;
    found.length = 0;
    if (this.#long.size > 0) {
      const targets = this.#long.get(foldCase(text));
      if (targets !== undefined) for (const target of targets) found.push(target);
    }
    this.#automaton?.scan(text, found);
    return found;
  }
}

function push<K>(map: Map<K, number[]>, key: K, target: number): void {
  const targets = map.get(key);
  if (targets === undefined) map.set(key, [target]);
  else if (targets.at(-1) !== target) targets.push(target);
}

export interface Target {
  readonly anchor: Anchor;
  readonly target: number;
}
