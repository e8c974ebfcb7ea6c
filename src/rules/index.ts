/**
 * Which rules could match an event. Rules are found by the kind of event and
 * by their anchors; anchors of one field are looked for together. What is
 * found is confirmed by the rule's predicate.
 */
import type { FieldSource } from '../schema/event.ts';
import { fieldName } from '../schema/fields.ts';
import { type Anchor, anchorsOf, isPresent, type Reading, read } from './anchors.ts';
import { Alphabet, Automaton, type Pattern } from './automaton.ts';
import { foldCase } from './fold.ts';
import type { CompiledRule } from './rule.ts';
import { knowsKind, specialise } from './specialise.ts';

const NONE: readonly CompiledRule[] = Object.freeze([]);
const NO_TARGETS: readonly number[] = Object.freeze([]);

/** Kinds that get a plan of their own; recordings can have any name. */
const MAX_KINDS = 256;
/** Texts remembered per field of the process: they repeat from event to event. */
const MAX_REMEMBERED = 1024;
const MAX_REMEMBERED_LENGTH = 512;

/** All anchors on one reading. */
class Matcher {
  readonly reading: Reading;
  readonly targets: ReadonlySet<number>;
  readonly #equal = new Map<string, number[]>();
  readonly #values = new Map<number | boolean, number[]>();
  readonly #automaton: Automaton | undefined;
  readonly #looseNumbers: boolean;
  readonly #remembered: Map<string, readonly number[]> | undefined;
  readonly #scratch: number[] = [];

  constructor(reading: Reading, anchors: readonly { anchor: Anchor; target: number }[], alphabet: Alphabet) {
    this.reading = reading;
    this.targets = new Set(anchors.map(({ target }) => target));
    const patterns: Pattern[] = [];
    for (const { anchor, target } of anchors) {
      if (anchor.type === 'value') push(this.#values, anchor.value, target);
      else if (anchor.type === 'text') {
        if (anchor.how === 'equal') push(this.#equal, anchor.text, target);
        else patterns.push({ how: anchor.how, text: anchor.text, target });
      }
    }
    this.#automaton = patterns.length === 0 ? undefined : new Automaton(patterns, alphabet);
    this.#looseNumbers = anchors.some(({ anchor }) => anchor.type === 'text' && anchor.loose);
    const repeats = /^(process|user|container|host)\./.test(fieldName(reading.field));
    this.#remembered = repeats ? new Map() : undefined;
  }

  /** Targets whose anchors the value has. The list is valid until the next call. */
  find(value: string | number | boolean): readonly number[] {
    if (typeof value === 'string') return this.#findText(value);
    const found = this.#values.get(value) ?? NO_TARGETS;
    return this.#looseNumbers ? [...found, ...this.#findText(String(value))] : found;
  }

  #findText(text: string): readonly number[] {
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
    if (this.#equal.size > 0) {
      const targets = this.#equal.get(foldCase(text));
      if (targets !== undefined) found.push(...targets);
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

/** What has to be looked at for one kind of event. */
interface Plan {
  /** By rule: 1 where events of the kind can match. */
  readonly possible: Uint8Array;
  readonly matchers: readonly Matcher[];
  readonly present: readonly { readonly reading: Reading; readonly rules: readonly number[] }[];
  /** Rules without an anchor. */
  readonly always: readonly number[];
}

export class RuleIndex {
  readonly #rules: readonly CompiledRule[];
  readonly #matchers: readonly Matcher[];
  readonly #present: readonly { readonly reading: Reading; readonly rules: readonly number[] }[];
  readonly #always: readonly number[];
  readonly #plans = new Map<string, Plan>();
  /** By rule: the number of the event it was last tried for. */
  readonly #tried: Float64Array;
  #event = 0;
  #plan: Plan;
  #found: CompiledRule[] | undefined;
  #source: FieldSource | undefined;
  #matcher: Matcher | undefined;

  constructor(rules: readonly CompiledRule[]) {
    this.#rules = rules;
    this.#tried = new Float64Array(rules.length);
    const byReading = new Map<string, { reading: Reading; anchors: { anchor: Anchor; target: number }[] }>();
    const present = new Map<string, { reading: Reading; rules: number[] }>();
    const always: number[] = [];
    const alphabet = new Alphabet();
    rules.forEach((rule, target) => {
      const anchors = anchorsOf(rule.condition);
      if (anchors === undefined) always.push(target);
      for (const anchor of anchors ?? []) {
        const { reading } = anchor;
        if (anchor.type === 'present') {
          const entry = present.get(reading.id) ?? { reading, rules: [] };
          if (entry.rules.at(-1) !== target) entry.rules.push(target);
          present.set(reading.id, entry);
        } else {
          const entry = byReading.get(reading.id) ?? { reading, anchors: [] };
          entry.anchors.push({ anchor, target });
          byReading.set(reading.id, entry);
          if (anchor.type === 'text' && anchor.how !== 'equal') alphabet.add(anchor.text);
        }
      }
    });
    alphabet.close();
    this.#matchers = [...byReading.values()].map(({ reading, anchors }) => new Matcher(reading, anchors, alphabet));
    this.#present = [...present.values()];
    this.#always = always;
    this.#plan = this.#makePlan('');
  }

  #makePlan(kind: string): Plan {
    const possible = Uint8Array.from(this.#rules, (rule) => {
      const condition = specialise(rule.condition, knowsKind(kind));
      return condition.type === 'const' && !condition.value ? 0 : 1;
    });
    const can = (target: number) => possible[target] === 1;
    return {
      possible,
      matchers: this.#matchers.filter((matcher) => [...matcher.targets].some(can)),
      present: this.#present
        .map(({ reading, rules }) => ({ reading, rules: rules.filter(can) }))
        .filter(({ rules }) => rules.length > 0),
      always: this.#always.filter(can),
    };
  }

  #planFor(kind: string): Plan {
    let plan = this.#plans.get(kind);
    if (plan === undefined) {
      plan = this.#makePlan(this.#plans.size < MAX_KINDS ? kind : '');
      if (this.#plans.size < MAX_KINDS) this.#plans.set(kind, plan);
    }
    return plan;
  }

  /** The rules whose predicates hold for the event, in no particular order. Allocates nothing when there are none. */
  candidates(event: FieldSource): readonly CompiledRule[] {
    this.#event++;
    this.#found = undefined;
    this.#source = event;
    const plan = this.#planFor(event.kind);
    this.#plan = plan;
    for (const target of plan.always) this.#try(target);
    for (const { reading, rules } of plan.present) {
      if (isPresent(event, reading)) for (const target of rules) this.#try(target);
    }
    for (const matcher of plan.matchers) {
      this.#matcher = matcher;
      read(event, matcher.reading, this.#visit);
    }
    this.#source = undefined;
    return this.#found ?? NONE;
  }

  readonly #visit = (value: string | number | boolean): void => {
    const found = this.#matcher?.find(value);
    if (found !== undefined) for (const target of found) this.#try(target);
  };

  #try(target: number): void {
    const rule = this.#rules[target];
    if (rule === undefined || this.#source === undefined) return;
    if (this.#plan.possible[target] !== 1 || this.#tried[target] === this.#event) return;
    this.#tried[target] = this.#event;
    rule.statistics.evaluations++;
    if (!rule.matches(this.#source)) return;
    rule.statistics.matches++;
    this.#found ??= [];
    this.#found.push(rule);
  }
}
