import type { HostContext, ProcessContext, ProgramContext } from './context.ts';
import type { EventRecord, EventView, FieldValue, Span } from './event.ts';
import { FIELD_NAMES, type FieldId } from './fields.ts';
import type { KindSpec } from './kinds/spec.ts';
import type { KindLayout } from './layout.ts';
import type { Members } from './members.ts';
import { recordFromValues } from './record.ts';
import type { Variants } from './variants.ts';

/** Where a record says how many bytes it has: header.size. */
export const SIZE_AT = 4;

/** How a view yields the bytes of a text. */
export type SpanReader = (view: LiveView) => Span | undefined;

/** How a view yields an IPv4 address as a number. */
export type AddressReader = (view: LiveView) => number | undefined;

/** How a view yields a field. */
export type ViewReader = (view: LiveView) => FieldValue;

/** Everything that is the same for all events of a kind. */
export interface KindShape {
  readonly kind: string;
  readonly layout: KindLayout;
  /** Undefined for a kind that only the object has. */
  readonly spec: KindSpec | undefined;
  /** By field id; undefined where the kind does not have the field. */
  readonly readers: readonly (ViewReader | undefined)[];
  /** By field id; undefined where more than bytes of the record make the value. */
  readonly spans: readonly (SpanReader | undefined)[];
  /** By field id, of fields that are addresses. */
  readonly addresses: readonly (AddressReader | undefined)[];
  readonly variants: Variants;
  /** Offsets of the `struct text` members, for the check of a record. */
  readonly texts: readonly number[];
  /** For readers of members that are no fields; it owns the views' slots. */
  readonly members: Members;
}

/** The shared buffer in the two forms that reading needs. */
export interface RecordBuffer {
  readonly bytes: Buffer;
  readonly data: DataView;
  /** What `LiveView.span` gives; one for all views. */
  readonly span: { bytes: Uint8Array; at: number; length: number };
}

export function recordBuffer(buffer: ArrayBuffer): RecordBuffer {
  const bytes = Buffer.from(buffer);
  return { bytes, data: new DataView(buffer), span: { bytes, at: 0, length: 0 } };
}

/**
 * One record in the shared buffer. There is one class for all kinds: rules call
 * `value` on every event, and with a hidden class per kind that call would be
 * megamorphic. What differs by kind is in `shape`. Views are reused from batch
 * to batch; nothing but texts that were asked for is allocated per event.
 */
export class LiveView implements EventView {
  readonly live = true;
  shape: KindShape;
  readonly buffer: RecordBuffer;
  host: HostContext;
  at = 0;
  ktime = 0;
  /** The ring it came through. */
  ring: KindSpec['ring'] = 'priority';
  /** Actor, and for kinds that have one the process acted upon; set by enrichment. */
  process: ProcessContext | undefined = undefined;
  /** What the actor ran at the time of the event; it may have started another program since. */
  program: ProgramContext | undefined = undefined;
  target: ProcessContext | undefined = undefined;
  /** Values computed for this record: bit n of `filled` says that slot n holds one. */
  filled = 0;
  readonly slots: FieldValue[] = [];

  constructor(shape: KindShape, buffer: RecordBuffer, host: HostContext) {
    this.shape = shape;
    this.buffer = buffer;
    this.host = host;
  }

  get kind(): string {
    return this.shape.kind;
  }

  bind(shape: KindShape, at: number, ktime: number, ring: KindSpec['ring']): void {
    this.shape = shape;
    this.at = at;
    this.ktime = ktime;
    this.ring = ring;
    this.process = undefined;
    this.program = undefined;
    this.target = undefined;
    this.filled = 0;
  }

  value(field: FieldId): FieldValue {
    const read = this.shape.readers[field];
    return read === undefined ? undefined : read(this);
  }

  span(field: FieldId): Span | undefined {
    const read = this.shape.spans[field];
    return read === undefined ? undefined : read(this);
  }

  address(field: FieldId): number | undefined {
    const read = this.shape.addresses[field];
    return read === undefined ? undefined : read(this);
  }

  variant(): number {
    return this.shape.variants.of(this);
  }

  variantValues(): ReadonlyMap<FieldId, FieldValue> {
    return this.shape.variants.values(this.variant());
  }

  /** Bytes of the record. */
  get size(): number {
    return this.buffer.data.getUint32(this.at + SIZE_AT, true);
  }

  /** The same in another buffer: it stays when the next drain takes this one's bytes. */
  copiedTo(buffer: RecordBuffer, at: number): LiveView {
    buffer.bytes.set(this.buffer.bytes.subarray(this.at, this.at + this.size), at);
    const copy = new LiveView(this.shape, buffer, this.host);
    copy.bind(this.shape, at, this.ktime, this.ring);
    copy.process = this.process;
    copy.program = this.program;
    copy.target = this.target;
    return copy;
  }

  snapshot(): EventRecord {
    const values: FieldValue[] = [];
    for (let field = 0; field < FIELD_NAMES.length; field++) values.push(this.value(field));
    return recordFromValues(values, this.ktime);
  }
}
