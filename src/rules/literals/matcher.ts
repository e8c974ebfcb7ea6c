/** What looks for the anchors of all rules in one reading of an event at once. */

import { ipv4Number } from '../../schema/address.ts';
import { fieldName } from '../../schema/fields.ts';
import { ADDRESS_FIELDS } from '../predicate/address.ts';
import { foldCase } from '../predicate/fold.ts';
import { type Anchor, onPath, type Reading } from './anchors.ts';
import { Alphabet, Automaton, Hits, type Pattern } from './automaton.ts';
import type { Placement } from './placements.ts';

const NOTHING = new Hits();

/** With more literals on one reading, whole texts are looked up by their hash. */
const MAX_PATTERNS = 4096;
/** Literals that are looked for in the bytes of a record: of more only a few letters of each would have room. */
const MAX_SEARCHED = 16_384;
/** Texts remembered per field of the process, and directories: they repeat from event to event. */
const MAX_REMEMBERED = 1024;
const MAX_REMEMBERED_LENGTH = 512;

/** All anchors on one reading. */
export class Matcher {
  readonly reading: Reading;
  readonly #long = new Map<string, number[]>();
  readonly #values = new Map<number | boolean, Hits>();
  /** Until the first value comes that no kind has an automaton for. */
  #patterns: readonly Pattern[];
  readonly #alphabet: Alphabet;
  #automaton: Automaton | undefined;
  readonly #looseNumbers: boolean;
  /** No longer text has an anchor: folding keeps the length. */
  readonly #longest: number;
  readonly #remembered: Map<string, Hits> | undefined;
  /** Where whole addresses are all that is looked for: targets by the number of an IPv4 address. */
  readonly #ofAddresses: ReadonlyMap<number, Hits> | undefined;
  readonly #scratch = new Hits();

  constructor(reading: Reading, anchors: readonly Target[], alphabet: Alphabet) {
    this.reading = reading;
    const patterns: Pattern[] = [];
    this.#patterns = patterns;
    this.#alphabet = alphabet;
    const hashed = anchors.length > MAX_PATTERNS;
    for (const { anchor, target } of anchors) {
      if (anchor.type === 'value') {
        const found = this.#values.get(anchor.value) ?? new Hits();
        if (!found.targets.includes(target)) found.add(target);
        this.#values.set(anchor.value, found);
      } else if (anchor.type === 'text') {
        if (anchor.how === 'equal' && hashed) push(this.#long, anchor.text, target);
        else patterns.push({ how: anchor.how, text: anchor.text, target });
      }
    }
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
    const ofWhole = anchors.every(({ anchor }) => anchor.type === 'text' && anchor.how === 'equal');
    this.#ofAddresses = ADDRESS_FIELDS.has(reading.field) && ofWhole ? byAddress(anchors) : undefined;
  }

  /** Targets whose anchors an IPv4 address has; undefined where its text has to be looked at. */
  findAddress(address: number): Hits | undefined {
    return this.#ofAddresses === undefined ? undefined : (this.#ofAddresses.get(address) ?? NOTHING);
  }

  /** Targets whose anchors the value has. Valid until the next call. */
  find(value: string | number | boolean): Hits {
    if (typeof value === 'string') return this.#findText(value);
    const found = this.#values.get(value) ?? NOTHING;
    if (!this.#looseNumbers) return found;
    this.#scan(String(value));
    for (let at = 0; at < found.count; at++) this.#scratch.add(found.targets[at] ?? 0);
    return this.#scratch;
  }

  /** What looks for these alone; null where there are so many that whole texts are looked up. */
  newAutomaton(patterns: readonly Pattern[]): Automaton | null {
    return patterns.length > MAX_SEARCHED ? null : new Automaton(patterns, this.#alphabet);
  }

  #findText(text: string): Hits {
    if (text.length > this.#longest) return NOTHING;
    if (this.#remembered === undefined || text.length > MAX_REMEMBERED_LENGTH) return this.#scan(text);
    let found = this.#remembered.get(text);
    if (found === undefined) {
      found = copyOf(this.#scan(text));
      if (this.#remembered.size >= MAX_REMEMBERED) this.#remembered.clear();
      this.#remembered.set(text, found);
    }
    return found;
  }

  #scan(text: string): Hits {
    const found = this.#scratch;
    found.count = 0;
    const targets = this.#long.size > 0 ? this.#long.get(foldCase(text)) : undefined;
    if (targets !== undefined) for (const target of targets) found.add(target);
    if (this.#patterns.length > 0) {
      this.#automaton = new Automaton(this.#patterns, this.#alphabet);
      this.#patterns = [];
    }
    this.#automaton?.scan(text, found);
    return found;
  }
}

/** Each target once. */
function copyOf({ targets, count }: Hits): Hits {
  if (count === 0) return NOTHING;
  const copy = new Hits();
  for (const target of new Set(targets.slice(0, count))) copy.add(target);
  return copy;
}

function byAddress(anchors: readonly Target[]): ReadonlyMap<number, Hits> {
  const found = new Map<number, Hits>();
  for (const { anchor, target } of anchors) {
    const address = anchor.type === 'text' ? ipv4Number(anchor.text) : undefined;
    if (address === undefined) continue;
    const hits = found.get(address) ?? new Hits();
    hits.add(target);
    found.set(address, hits);
  }
  return found;
}

function push(map: Map<string, number[]>, key: string, target: number): void {
  const targets = map.get(key);
  if (targets === undefined) map.set(key, [target]);
  else if (targets.at(-1) !== target) targets.push(target);
}

export interface Target {
  readonly anchor: Anchor;
  readonly target: number;
}

/** By reading, what looks for the anchors of all rules in it; targets are places in the list. */
export function matchersOf(placements: readonly Placement[]): ReadonlyMap<string, Matcher> {
  const byReading = new Map<string, { reading: Reading; anchors: Target[] }>();
  const alphabet = new Alphabet();
  placements.forEach(({ byKind, otherwise }, target) => {
    const seen = new Set<string>();
    // Kinds share most of them.
    const own = [...new Set([...byKind.values(), otherwise].flatMap((anchors) => anchors ?? []))];
    for (const anchor of [...own, ...own.flatMap((one) => onPath(one) ?? [])]) {
      if (anchor.type === 'present') continue;
      const { reading, type } = anchor;
      const key = type === 'text' ? `${reading.id} ${anchor.how} ${anchor.text}` : `${reading.id} ${anchor.value}`;
      if (seen.has(key)) continue;
      seen.add(key);
      const entry = byReading.get(reading.id) ?? { reading, anchors: [] };
      entry.anchors.push({ anchor, target });
      byReading.set(reading.id, entry);
      if (type === 'text') alphabet.add(anchor.text);
    }
  });
  alphabet.close();
  return new Map([...byReading].map(([id, { reading, anchors }]) => [id, new Matcher(reading, anchors, alphabet)]));
}
