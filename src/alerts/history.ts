import { SEVERITIES, type Severity } from '../rules/types.ts';
import type { EventJson, EventRecord, FieldValue } from '../schema/event.ts';
import { fieldId } from '../schema/fields.ts';
import { textAt, valueAt } from './line.ts';
import type { Alert, Repeats } from './types.ts';
import { explainAlert } from './why.ts';

/** What of the remembered alerts and events somebody asks for; streams have a filter, lists a query. */
export interface AlertFilter {
  /** Lowest severity. */
  readonly severity?: Severity;
  readonly rule?: string;
  /** Event kind. */
  readonly event?: string;
}
export interface EventFilter {
  /** Event kind. */
  readonly event?: string;
  readonly pid?: number;
}
interface Page {
  /** Unix seconds, inclusive. */
  readonly since?: number;
  readonly until?: number;
  readonly limit: number;
}
export type AlertQuery = AlertFilter & Page;
export type EventQuery = EventFilter & Page;

/** An alert with what helps to judge it. */
export interface AlertDetail extends Alert {
  /** One sentence per condition that was true. */
  readonly explanation: readonly string[];
  /** What the same process did before, oldest first. */
  readonly recent_events: readonly EventJson[];
}

/** A fixed number of entries; the oldest makes room. */
class Ring<T> {
  readonly #capacity: number;
  readonly #entries: T[] = [];
  #pushed = 0;

  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  /** The number of the entry, which counts on, and what made room. */
  push(entry: T): { readonly number: number; readonly gone: T | undefined } | undefined {
    if (this.#capacity === 0) return undefined;
    const number = this.#pushed++;
    const gone = this.#entries[number % this.#capacity];
    this.#entries[number % this.#capacity] = entry;
    return { number, gone };
  }

  /** The entry of a number; undefined when it is gone, or never was. */
  at(number: number): T | undefined {
    return number < this.#pushed - this.#capacity ? undefined : this.#entries[number % this.#capacity];
  }

  /** Newest first. */
  *newest(): Generator<T> {
    for (let number = this.#pushed - 1; number >= 0; number--) {
      const entry = this.at(number);
      if (entry === undefined) return;
      yield entry;
    }
  }
}

const RECENT_EVENTS = 20;

interface Entry {
  alert: Alert;
  /** Shared with the ring of events: rendered only when somebody asks. */
  readonly recent: readonly EventRecord[];
}

interface Remembered {
  readonly event: EventRecord;
  /** The number of the event before it that has the same process id; -1 without one. */
  readonly before: number;
}

const ENTITY = fieldId('process.entity_id') ?? -1;
const PID = fieldId('process.pid') ?? -1;

/** The last alerts and events, in memory, for /api/v1. What it hands out is redacted. */
export class History {
  readonly #alerts: Ring<Entry>;
  readonly #events: Ring<Remembered>;
  /** The number of the newest event by process id: what a process did is found without a look at all others. */
  readonly #newestOf = new Map<FieldValue, number>();
  readonly #redactEvent: (event: EventJson) => EventJson;

  constructor(options: { alerts: number; events: number; redactEvent: (event: EventJson) => EventJson }) {
    this.#alerts = new Ring(options.alerts);
    this.#events = new Ring(options.events);
    this.#redactEvent = options.redactEvent;
  }

  /** Costs two stores: fit for every event. */
  addEvent(event: EventRecord): void {
    const pid = event.value(PID);
    const added = this.#events.push({ event, before: this.#newestOf.get(pid) ?? -1 });
    if (added === undefined) return;
    this.#newestOf.set(pid, added.number);
    const gone = added.gone?.event.value(PID);
    // Of what made room no number may stay when it was the newest of its process.
    if (added.gone !== undefined && this.#events.at(this.#newestOf.get(gone) ?? -1) === undefined)
      this.#newestOf.delete(gone);
  }

  /** `event` is what raised the alert. An update takes the place of what it updates, and keeps the event that came first. */
  addAlert(alert: Alert, event: EventRecord): void {
    if (alert.repeated !== undefined && this.#update(alert)) return;
    this.#alerts.push({ alert, recent: this.#recent(event) });
  }

  /** Newest first. */
  alerts(query: AlertQuery): Alert[] {
    const result: Alert[] = [];
    for (const { alert } of this.#alerts.newest()) {
      if (result.length >= query.limit) break;
      if (alertMatches(alert, query) && within(alert.timestamp, query)) result.push(alert);
    }
    return result;
  }

  alert(id: string): AlertDetail | undefined {
    for (const { alert, recent } of this.#alerts.newest()) {
      if (alert.alert_id !== id) continue;
      const recent_events = recent.map((event) => this.#redactEvent(event.toJSON()));
      return { ...alert, explanation: explainAlert(alert), recent_events };
    }
    return undefined;
  }

  /** Newest first. */
  events(query: EventQuery): EventJson[] {
    const result: EventJson[] = [];
    for (const { event } of this.#events.newest()) {
      if (result.length >= query.limit) break;
      if (eventMatches(event, query) && within(event.timestamp ?? 0, query))
        result.push(this.#redactEvent(event.toJSON()));
    }
    return result;
  }

  #update(alert: Alert): boolean {
    for (const entry of this.#alerts.newest()) {
      if (entry.alert.alert_id !== alert.alert_id) continue;
      const { repeated } = alert;
      entry.alert =
        repeated === undefined ? entry.alert : { ...entry.alert, repeated: merged(entry.alert.repeated, repeated) };
      return true;
    }
    return false;
  }

  #recent(event: EventRecord): EventRecord[] {
    const entity = event.value(ENTITY);
    const pid = event.value(PID);
    if (entity === undefined && pid === undefined) return [];
    const result: EventRecord[] = [];
    let one = this.#events.at(this.#newestOf.get(pid) ?? -1);
    for (; one !== undefined && result.length < RECENT_EVENTS; one = this.#events.at(one.before)) {
      const other = one.event;
      if (other.id !== event.id && (entity === undefined || other.value(ENTITY) === entity)) result.push(other);
    }
    return result.reverse();
  }
}

/** All repeats of an alert: those of its earlier updates and the new ones. */
function merged(before: Repeats | undefined, now: Repeats): Repeats {
  if (before === undefined) return now;
  return { ...now, count: before.count + now.count, first: Math.min(before.first, now.first) };
}

const within = (timestamp: number, { since, until }: { since?: number; until?: number }) =>
  (since === undefined || timestamp >= since) && (until === undefined || timestamp <= until);

export function alertMatches(alert: Alert, filter: AlertFilter): boolean {
  if (filter.severity !== undefined && SEVERITIES.indexOf(alert.severity) < SEVERITIES.indexOf(filter.severity))
    return false;
  if (filter.rule !== undefined && alert.rule.name !== filter.rule) return false;
  return filter.event === undefined || textAt(alert, 'event.type') === filter.event;
}

function eventMatches(event: EventRecord, filter: EventFilter): boolean {
  return (
    (filter.event === undefined || event.kind === filter.event) &&
    (filter.pid === undefined || event.value(PID) === filter.pid)
  );
}

/** The same for an event that is JSON already. */
export function eventJsonMatches(event: EventJson, filter: EventFilter): boolean {
  return (
    (filter.event === undefined || valueAt(event, 'event.type') === filter.event) &&
    (filter.pid === undefined || valueAt(event, 'process.pid') === filter.pid)
  );
}
