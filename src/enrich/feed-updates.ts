import type { EventRecord } from '../schema/event.ts';
import { FIELD_NAMES } from '../schema/fields.ts';
import { feedValues } from '../schema/readers/program.ts';
import { id, recordFromValues } from '../schema/record.ts';
import type { LiveView } from '../schema/view.ts';
import type { Program } from './program.ts';

/** Starts whose other end may still come. */
const MAX_WAITING = 512;
const WAIT_NS = 60e9;

interface FeedUpdateCounts {
  /** Starts handed over again, because the other end came after them. */
  updated: number;
  /** Forgotten while the other end could still come. */
  evictions: number;
}

/**
 * Starts of programs with a pipe, kept until the program at its other end
 * starts: then the event is handed over again, complete. Nothing is kept while
 * no rule asks who feeds whom.
 */
export class FeedUpdates {
  readonly counts: FeedUpdateCounts = { updated: 0, evictions: 0 };
  readonly #waiting = new Map<Program, EventRecord>();
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

  /** A program with a pipe started; `changed` are those of before that it completes. */
  started(program: Program, view: LiveView, changed: readonly Program[]): void {
    if (!this.#on) return;
    for (const other of changed) this.#complete(other);
    this.#expire(view.ktime);
    this.#waiting.set(program, view.snapshot());
    if (this.#waiting.size <= MAX_WAITING) return;
    for (const oldest of this.#waiting.keys()) {
      this.#waiting.delete(oldest);
      this.counts.evictions++;
      return;
    }
  }

  #complete(program: Program): void {
    const before = this.#waiting.get(program);
    if (before === undefined) return;
    const values = FIELD_NAMES.map((_, field) => before.value(field));
    for (const [name, value] of feedValues(program)) values[id(name)] = value;
    const event = recordFromValues(values, before.ktime);
    this.#waiting.set(program, event);
    this.counts.updated++;
    this.#listener(event, before);
  }

  #expire(ktime: number): void {
    for (const [program, event] of this.#waiting) {
      if ((event.ktime ?? 0) + WAIT_NS > ktime) return;
      this.#waiting.delete(program);
    }
  }
}
