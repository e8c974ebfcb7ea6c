import type { FieldValue } from '../schema/event.ts';
import { type FieldName, fieldId } from '../schema/fields.ts';
import type { AlertDraft } from './alert.ts';
import type { Repeats } from './types.ts';

/** What differs between the repeats of one alert and helps to judge it. No arguments: a secret in them is only recognised beside its option. */
const TELLING: readonly FieldName[] = [
  'process.name',
  'process.pid',
  'user.name',
  'file.path',
  'file.new_path',
  'network.source.ip',
  'network.destination.ip',
  'network.destination.port',
  'target.name',
];
const TELLING_IDS = TELLING.map((name) => [name, fieldId(name) ?? -1] as const);
const MAX_VALUES = 8;
const MAX_TEXT = 256;
const MAX_EXAMPLES = 5;

/** Repeats that were held back since the alert or its last update, in bounded memory. By event time. */
export class Held {
  /** The newest. */
  draft: AlertDraft;
  #count = 0;
  #first = Number.POSITIVE_INFINITY;
  #last = Number.NEGATIVE_INFINITY;
  readonly #values = new Map<FieldName, Set<string | number | boolean>>();
  readonly #more = new Set<FieldName>();
  readonly #examples: string[] = [];

  constructor(draft: AlertDraft) {
    this.draft = draft;
  }

  add(draft: AlertDraft): void {
    this.draft = draft;
    this.#count += 1;
    this.#first = Math.min(this.#first, draft.timestamp);
    this.#last = Math.max(this.#last, draft.timestamp);
    if (this.#examples.length < MAX_EXAMPLES) this.#examples.push(draft.event.id);
    for (const [name, id] of TELLING_IDS) {
      // In a burst most are full after a few events.
      if (!this.#more.has(name)) this.#note(name, draft.event.value(id));
    }
  }

  repeats(): Repeats {
    // One value for all is in the alert itself.
    const distinct = [...this.#values].filter(([, values]) => values.size > 1);
    return {
      count: this.#count,
      first: this.#first,
      last: this.#last,
      ...(distinct.length === 0
        ? {}
        : { distinct: Object.fromEntries(distinct.map(([name, values]) => [name, [...values]])) }),
      ...(this.#more.size === 0 ? {} : { more: [...this.#more] }),
      events: [...this.#examples],
    };
  }

  #note(name: FieldName, value: FieldValue): void {
    if (typeof value !== 'string' && typeof value !== 'number' && typeof value !== 'boolean') return;
    const short = typeof value === 'string' ? value.slice(0, MAX_TEXT) : value;
    const values = this.#values.get(name) ?? new Set();
    this.#values.set(name, values);
    if (values.has(short)) return;
    if (values.size < MAX_VALUES) values.add(short);
    else this.#more.add(name);
  }
}
