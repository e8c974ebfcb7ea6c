import type { ProcessContext, ProgramContext } from './context.ts';
import type { FieldId } from './fields.ts';

/** What a field of an event can hold. An absent field is `undefined`, never null or ''. */
export type FieldValue =
  | string
  | number
  | boolean
  | readonly string[]
  | Readonly<Record<string, string>>
  | readonly ProcessSummary[]
  | undefined;

/** One process in `process.ancestors`, nearest first. */
export interface ProcessSummary {
  readonly pid: number;
  readonly name?: string;
  readonly path?: string;
  readonly args?: readonly string[];
  readonly command_line?: string;
  readonly program?: string;
  readonly effective_path?: string;
  readonly trusted?: boolean;
  readonly injected?: boolean;
  readonly start_time?: number;
  readonly entity_id?: string;
}

/**
 * What rules evaluate: a live record in the kernel's buffer (EventView) or a
 * recorded event (EventRecord). `value` is cheap to call again: readers cache.
 */
export interface FieldSource {
  /** The event kind's name, such as `process_exec`; for a recorded event it may be a name this version does not know. */
  readonly kind: string;
  /** The value of a field, undefined where the event does not have it. */
  value(field: FieldId): FieldValue;
}

/** An event as JSON: the field names of the rules, nested. */
export type EventJson = { readonly [key: string]: unknown };

/** Bytes of a shared buffer. */
export interface Span {
  readonly bytes: Uint8Array;
  readonly at: number;
  readonly length: number;
}

/**
 * A live record. It is valid only inside the batch callback that handed it
 * over: the buffer below it is reused. What outlives the batch holds
 * `snapshot()`.
 */
export interface EventView extends FieldSource {
  readonly live: true;
  /** Kernel time, CLOCK_BOOTTIME nanoseconds. */
  readonly ktime: number;
  /** Who acted, and what it ran at the time. */
  readonly process: ProcessContext | undefined;
  readonly program: ProgramContext | undefined;
  /** The bytes of a text, where they alone are its value: what only looks for literals makes no text of them. Valid until the next call. */
  span(field: FieldId): Span | undefined;
  /** An IPv4 address as a number, for fields that are addresses: what only compares it makes no text of it. */
  address(field: FieldId): number | undefined;
  /** In which of a few ways it happened: a number for each kind, see variants.ts. */
  variant(): number;
  /** What all events of its kind and variant have in common. */
  variantValues(): ReadonlyMap<FieldId, FieldValue>;
  snapshot(): EventRecord;
}

/** An event that owns its data. */
export interface EventRecord extends FieldSource {
  readonly live: false;
  /** Unix seconds with a fraction; for a recorded event without one, undefined. */
  readonly timestamp: number | undefined;
  /** The id the event came with, or the one the daemon gave it. */
  readonly id: string;
  /** CLOCK_BOOTTIME nanoseconds for a live event, undefined for a recorded one. */
  readonly ktime: number | undefined;
  /** The event as every output writes it. */
  toJSON(): EventJson;
}
