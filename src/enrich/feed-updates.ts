import type { EventRecord, FieldValue } from '../schema/event.ts';
import { FIELD_NAMES } from '../schema/fields.ts';
import { feedValues } from '../schema/readers/program.ts';
import { id, recordFromValues } from '../schema/record.ts';
import { type LiveView, recordBuffer } from '../schema/view.ts';
import type { Process } from './process.ts';
import type { Program } from './program.ts';

/** Starts whose other end may still come. */
const MAX_WAITING = 512;
/** Of their records. */
const WAITING_BYTES = 1 << 20;
const WAIT_NS = 60e9;

interface FeedUpdateCounts {
  /** Starts handed over again, because the other end came after them. */
  updated: number;
  /** Forgotten while the other end could still come. */
  evictions: number;
}

type Feeds = Pick<Program, 'fedBy' | 'feeds'>;

/**
 * A start as it was evaluated. Few are ever completed, and all values of an event cost more
 * than the rest of a start: its record is kept until they are asked for.
 */
interface Waiting {
  readonly process: Process;
  readonly ktime: number;
  /** Where its record is. */
  readonly at: number;
  readonly size: number;
  start: { readonly view: LiveView; readonly feeds: Feeds } | EventRecord;
}

/**
 * Starts of programs with a pipe, kept until the program at its other end
 * starts: then the event is handed over again, complete. Nothing is kept while
 * no rule asks who feeds whom.
 */
export class FeedUpdates {
  readonly counts: FeedUpdateCounts = { updated: 0, evictions: 0 };
  /** Oldest first, as are their records in the buffer, which begins anew at its end. */
  readonly #waiting = new Map<Program, Waiting>();
  /** Processes that wait, and those above them: what is read of a start later is of them as they were. */
  readonly #above = new WeakSet<Process>();
  readonly #records = recordBuffer(new ArrayBuffer(WAITING_BYTES));
  #end = 0;
  #listener: (event: EventRecord, before: EventRecord) => void = () => undefined;
  #on = false;

  /** `listener` gets the event with what is known now, and as it was evaluated. */
  onFed(listener: (event: EventRecord, before: EventRecord) => void): void {
    this.#listener = listener;
  }

  switch(on: boolean): void {
    this.#on = on;
    if (!on) this.#waiting.clear();
  }

  get on(): boolean {
    return this.#on;
  }

  /** The program of a process is about to become another one. */
  replaces(process: Process): void {
    if (!this.#above.has(process)) return;
    for (const waiting of this.#waiting.values()) {
      if ('view' in waiting.start && isOrIsBelow(waiting.process, process)) waiting.start = asEvaluated(waiting);
    }
  }

  /** A program with a pipe started; `changed` are those of before that it completes. */
  started(process: Process, view: LiveView, changed: readonly Program[]): void {
    if (!this.#on) return;
    for (const other of changed) this.#complete(other);
    this.#expire(view.ktime);
    this.#keep(process, view);
  }

  #keep(process: Process, view: LiveView): void {
    const { program } = process;
    const { size, ktime } = view;
    if (this.#end + size > WAITING_BYTES) {
      this.#evict(({ at }) => at >= this.#end);
      this.#end = 0;
    }
    const at = this.#end;
    this.#end += size;
    this.#evict((before) => before.at < this.#end && at < before.at + before.size);
    const [oldest] = this.#waiting.keys();
    if (oldest !== undefined && this.#waiting.size === MAX_WAITING) this.#forget(oldest);
    const { fedBy, feeds } = program;
    const start = { view: view.copiedTo(this.#records, at), feeds: { fedBy, feeds } };
    this.#waiting.set(program, { process, ktime, at, size, start });
    for (let above: Process | undefined = process; above !== undefined && !this.#above.has(above); above = above.parent)
      this.#above.add(above);
  }

  /** Those whose record is in the way: the oldest that have one. */
  #evict(isInTheWay: (waiting: Waiting) => boolean): void {
    for (const [program, waiting] of this.#waiting) {
      if (!('view' in waiting.start)) continue;
      if (!isInTheWay(waiting)) return;
      this.#forget(program);
    }
  }

  #forget(program: Program): void {
    this.#waiting.delete(program);
    this.counts.evictions++;
  }

  #complete(program: Program): void {
    const waiting = this.#waiting.get(program);
    if (waiting === undefined) return;
    const before = asEvaluated(waiting);
    const event = withFeeds((field) => before.value(field), before.ktime, program);
    waiting.start = event;
    this.counts.updated++;
    this.#listener(event, before);
  }

  #expire(ktime: number): void {
    for (const [program, waiting] of this.#waiting) {
      if (waiting.ktime + WAIT_NS > ktime) return;
      this.#waiting.delete(program);
    }
  }
}

function isOrIsBelow(process: Process, above: Process): boolean {
  for (let one: Process | undefined = process; one !== undefined; one = one.parent) if (one === above) return true;
  return false;
}

function asEvaluated({ start }: Waiting): EventRecord {
  if (!('view' in start)) return start;
  const { view, feeds } = start;
  return withFeeds((field) => view.value(field), view.ktime, feeds);
}

function withFeeds(value: (field: number) => FieldValue, ktime: number | undefined, feeds: Feeds): EventRecord {
  const values = FIELD_NAMES.map((_, field) => value(field));
  for (const [name, of] of feedValues(feeds)) values[id(name)] = of;
  return recordFromValues(values, ktime);
}
