import { FormatError } from '../btf/bytes.ts';
import { BARE_HOST, type HostContext } from './context.ts';
import type { KindSpec } from './kinds/spec.ts';
import type { RecordLayout } from './layout.ts';
import { TEXT_UNREADABLE } from './members.ts';
import { shapesOf } from './readers.ts';
import { type KindShape, LiveView, type RecordBuffer, recordBuffer, SIZE_AT } from './view.ts';

/** Records that could not be taken: `truncated` shorter than it says or than its kind, `corrupt` otherwise wrong. */
interface DecodeErrors {
  truncated: number;
  corrupt: number;
  unknown_kind: number;
}

/** [u32 length][u32 zero] before each record; records start at multiples of 8. */
const FRAME_BYTES = 8;
/** header.kind and header.time: what is read, beside the size, before the kind is known. */
const KIND_AT = 0;
const TIME_AT = 8;
/** Shortest thing that can be looked at: kind, size and time. */
const LEAST_BYTES = 16;

/**
 * Turns a drained buffer into views: bulk records in [0, bulkBytes), priority
 * records behind them, both checked and merged by kernel time. The views and
 * the array that `decode` returns are reused by the next call.
 */
export class BatchDecoder {
  readonly errors: DecodeErrors = { truncated: 0, corrupt: 0, unknown_kind: 0 };
  readonly shapes: readonly (KindShape | undefined)[];
  readonly #buffer: RecordBuffer;
  readonly #host: HostContext;
  readonly #bulk: LiveView[] = [];
  readonly #priority: LiveView[] = [];
  readonly #batch: LiveView[] = [];
  #bulkCount = 0;
  #priorityCount = 0;

  constructor(layout: RecordLayout, buffer: ArrayBuffer, host: HostContext = BARE_HOST) {
    for (const { kind, members } of layout.kinds.values()) {
      const places = ['header.kind', 'header.size', 'header.time'].map((name) => members.get(name)?.offset);
      if (places.join() !== [KIND_AT, SIZE_AT, TIME_AT].join())
        throw new FormatError(`BTF: the header of ${kind} differs`);
    }
    this.shapes = shapesOf(layout);
    this.#buffer = recordBuffer(buffer);
    this.#host = host;
  }

  /** Views in the order of kernel time. Throws nothing: what is wrong is counted in `errors`. */
  decode(bulkBytes: number, priorityBytes: number): readonly LiveView[] {
    this.#bulkCount = this.#read(0, bulkBytes, 'bulk');
    this.#priorityCount = this.#read(bulkBytes, bulkBytes + priorityBytes, 'priority');
    return this.#merge();
  }

  #read(start: number, end: number, ring: KindSpec['ring']): number {
    const { data } = this.#buffer;
    const pool = ring === 'bulk' ? this.#bulk : this.#priority;
    const stop = Math.min(end, data.byteLength);
    let count = 0;
    let at = start;
    while (at + FRAME_BYTES <= stop) {
      const length = data.getUint32(at, true);
      at += FRAME_BYTES;
      if (length > stop - at) {
        this.errors.truncated++;
        return count;
      }
      const shape = this.#check(at, length);
      if (shape !== undefined) {
        let view = pool[count];
        if (view === undefined) {
          view = new LiveView(shape, this.#buffer, this.#host);
          pool.push(view);
        }
        const time = data.getUint32(at + TIME_AT + 4, true) * 4294967296 + data.getUint32(at + TIME_AT, true);
        view.bind(shape, at, time, ring);
        count++;
      }
      at += (length + 7) & ~7;
    }
    if (at < stop) this.errors.truncated++;
    return count;
  }

  /** The shape of a well-formed record; otherwise counts what is wrong with it. */
  #check(at: number, length: number): KindShape | undefined {
    const { data } = this.#buffer;
    if (length < LEAST_BYTES) {
      this.errors.truncated++;
      return undefined;
    }
    const shape = this.shapes[data.getUint32(at + KIND_AT, true)];
    if (shape === undefined) {
      this.errors.unknown_kind++;
      return undefined;
    }
    const size = data.getUint32(at + SIZE_AT, true);
    if (size !== length || size < shape.layout.size) {
      if (size > length || length < shape.layout.size) this.errors.truncated++;
      else this.errors.corrupt++;
      return undefined;
    }
    const { texts } = shape;
    for (let index = 0; index < texts.length; index++) {
      const member = at + (texts[index] as number);
      const textLength = data.getUint16(member + 2, true);
      if (textLength === 0 || textLength === TEXT_UNREADABLE) continue;
      const offset = data.getUint16(member, true);
      if (offset < shape.layout.size || offset + textLength > size) {
        this.errors.corrupt++;
        return undefined;
      }
    }
    return shape;
  }

  /** Each ring is nearly in order (CPUs overlap by little), so the sort has next to nothing to do. */
  #merge(): readonly LiveView[] {
    const batch = this.#batch;
    let bulk = 0;
    let priority = 0;
    let sorted = true;
    let last = 0;
    const count = this.#bulkCount + this.#priorityCount;
    for (let index = 0; index < count; index++) {
      const a = bulk < this.#bulkCount ? this.#bulk[bulk] : undefined;
      const b = priority < this.#priorityCount ? this.#priority[priority] : undefined;
      const takeBulk = b === undefined || (a !== undefined && a.ktime < b.ktime);
      const view = (takeBulk ? a : b) as LiveView;
      if (takeBulk) bulk++;
      else priority++;
      if (view.ktime < last) sorted = false;
      last = view.ktime;
      batch[index] = view;
    }
    batch.length = count;
    if (!sorted) batch.sort((a, b) => a.ktime - b.ktime);
    return batch;
  }
}
