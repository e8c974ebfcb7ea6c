/** Rules that look at several events: how often, how many different, in which order. */
import { createHash } from 'node:crypto';
import { ipv4Number } from '../schema/address.ts';
import type { FieldSource } from '../schema/event.ts';
import { ADDRESS_FIELDS, ipv4Of } from './predicate/address.ts';
import { compilePredicate, type Predicate } from './predicate/compile.ts';
import { type Elements, type Reader, reader, type Value } from './predicate/values.ts';
import type { CompiledRule } from './rule.ts';
import type { Subject } from './tree.ts';
import type { RuleMatch } from './types.ts';
import type { Watch, WindowStore } from './window-store.ts';

/** A part of a key or a value that is counted, addresses as numbers where they are IPv4. */
type Part = (event: FieldSource) => number | string | undefined;

interface Watched extends Watch {
  readonly by: readonly Part[];
  readonly shown: readonly Reader[];
  readonly distinct: Part | undefined;
  readonly steps: readonly Predicate[];
}

const NO_ELEMENTS: Elements = [];

function textOf(value: Exclude<Value, undefined>): string {
  if (typeof value === 'string') return value;
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}

/** The same for an address of a live event, which need not become a text, and the text of it. */
function partOf(subject: Subject): Part {
  const read = reader(subject);
  const isWhole = subject.from === 'field' && subject.key === undefined && subject.index === undefined;
  if (!isWhole || subject.transform !== undefined || !ADDRESS_FIELDS.has(subject.field)) {
    return (event) => {
      const value = read(event, NO_ELEMENTS);
      return value === undefined || typeof value === 'number' ? value : textOf(value);
    };
  }
  const { field } = subject;
  return (event) => {
    const address = ipv4Of(event, field);
    if (address !== undefined) return address;
    const value = event.value(field);
    return typeof value === 'string' ? (ipv4Number(value) ?? value) : undefined;
  };
}

/** The windows of one rule set. What they remember is in a WindowStore, which outlives the rule set. */
export class Windows {
  readonly #store: WindowStore;
  /** By the index of the rule. */
  readonly #watched: (Watched | undefined)[];

  constructor(store: WindowStore, rules: readonly CompiledRule[]) {
    this.#store = store;
    this.#watched = rules.map((rule) => {
      const spec = rule.definition.window;
      return spec === undefined
        ? undefined
        : {
            number: store.numberOf(windowId(rule)),
            spec,
            by: spec.by.map(({ subject }) => partOf(subject)),
            shown: spec.by.map(({ subject }) => reader(subject)),
            distinct: spec.distinct === undefined ? undefined : partOf(spec.distinct),
            steps: spec.steps.map(compilePredicate),
            enough: (count) => count >= spec.count,
          };
    });
  }

  /**
   * Takes note of an event that the rule's condition matched.
   *
   * @param time Event time in seconds; an event without one happens at the latest time seen.
   * @returns undefined for a rule without window, false while the window is not complete, else what came together.
   */
  observe(rule: CompiledRule, event: FieldSource, time: number | undefined): RuleMatch['window'] | false | undefined {
    const watched = this.#watched[rule.index];
    if (watched === undefined) return undefined;
    const row = this.#rowOf(watched, event);
    const count = row === undefined ? undefined : this.#note(watched, row, event, time);
    return count === undefined ? false : { count, seconds: watched.spec.seconds, key: this.#keyOf(watched, event) };
  }

  #keyOf({ spec, shown }: Watched, event: FieldSource): Record<string, string> {
    return Object.fromEntries(spec.by.map(({ name }, part) => [name, textOf(shown[part]?.(event, NO_ELEMENTS) ?? '')]));
  }

  /** undefined where the event lacks a part of the key. */
  #rowOf(watched: Watched, event: FieldSource): number | undefined {
    const { by } = watched;
    const first = by.length === 0 ? 0 : by[0]?.(event);
    const second = by.length < 2 ? 0 : by[1]?.(event);
    if (first === undefined || second === undefined) return undefined;
    if (by.length <= 2 && typeof first === 'number' && typeof second === 'number')
      return this.#store.rowOfNumbers(watched, first, second);
    // No live value holds a NUL, and two recorded ones that do could at worst share a window.
    let name = `${first}\0${second}`;
    for (let part = 2; part < by.length; part++) {
      const value = by[part]?.(event);
      if (value === undefined) return undefined;
      name += `\0${value}`;
    }
    return this.#store.rowOfText(watched, name);
  }

  #note(watched: Watched, row: number, event: FieldSource, time: number | undefined): number | undefined {
    const { spec, distinct, steps } = watched;
    const store = this.#store;
    const at = store.timeOf(time);
    if (spec.type === 'count') return store.addTime(watched, row, at);
    if (spec.type === 'distinct') return store.addValue(watched, row, at, distinct?.(event));
    const held: number[] = [];
    for (let number = 0; number < steps.length; number++) if (steps[number]?.(event) === true) held.push(number);
    return store.addSteps(watched, row, at, held);
  }
}

/** Name and definition: a reload keeps what is remembered for a window that did not change. */
function windowId(rule: CompiledRule): string {
  const { window } = rule.definition;
  const definition = JSON.stringify([rule.condition, window]);
  return `${rule.info.name}\0${createHash('sha256').update(definition).digest('base64')}`;
}
