/** Readers of single members, made from the layout. Offsets are constants of the closures. */
import { addressText } from './address.ts';
import type { FieldValue } from './event.ts';
import type { FieldName } from './fields.ts';
import type { KindLayout, Member } from './layout.ts';
import { decodeList, decodeName, decodeText } from './text.ts';
import type { LiveView, SpanReader, ViewReader } from './view.ts';

export const TEXT_UNREADABLE = 0xffff;
/** Values that one view can keep; the bits of a small integer. */
const MAX_SLOTS = 30;

export class Members {
  readonly layout: KindLayout;
  /** Cached readers by member: whoever asks again shares the slot. */
  readonly #shared = new Map<string, (view: LiveView) => FieldValue>();
  #slots = 0;

  constructor(layout: KindLayout) {
    this.layout = layout;
  }

  has(name: string): boolean {
    return this.layout.members.has(name);
  }

  #member(name: string): Member {
    const member = this.layout.members.get(name);
    if (member === undefined) throw new RangeError(`${this.layout.struct} has no member ${name}`);
    return member;
  }

  /** A number of 1, 2, 4 or 8 bytes. */
  number(name: string): (view: LiveView) => number {
    const { offset, size, meaning } = this.#member(name);
    switch (size) {
      case 1:
        return (view) => view.buffer.data.getUint8(view.at + offset);
      case 2:
        return (view) => view.buffer.data.getUint16(view.at + offset, true);
      case 4:
        return (view) => view.buffer.data.getUint32(view.at + offset, true);
    }
    if (meaning === 'signed') {
      return (view) =>
        view.buffer.data.getInt32(view.at + offset + 4, true) * 4294967296 +
        view.buffer.data.getUint32(view.at + offset, true);
    }
    return (view) =>
      view.buffer.data.getUint32(view.at + offset + 4, true) * 4294967296 +
      view.buffer.data.getUint32(view.at + offset, true);
  }

  /** The low and high half of a 64-bit set. */
  halves(name: string): { low: (view: LiveView) => number; high: (view: LiveView) => number } {
    const { offset } = this.#member(name);
    return {
      low: (view) => view.buffer.data.getUint32(view.at + offset, true),
      high: (view) => view.buffer.data.getUint32(view.at + offset + 4, true),
    };
  }

  /** One of an array of 64-bit words. */
  word(name: string, index: number): (view: LiveView) => number {
    const at = this.#member(name).offset + index * 8;
    return (view) =>
      view.buffer.data.getUint32(view.at + at + 4, true) * 4294967296 + view.buffer.data.getUint32(view.at + at, true);
  }

  /** Such a word as hexadecimal text, exact. */
  hexWord(name: string, index: number): (view: LiveView) => string {
    const at = this.#member(name).offset + index * 8;
    return (view) => `0x${view.buffer.data.getBigUint64(view.at + at, true).toString(16)}`;
  }

  /** The low half of such a word, as a system call takes an int. */
  lowWord(name: string, index: number): (view: LiveView) => number {
    const at = this.#member(name).offset + index * 8;
    return (view) => view.buffer.data.getUint32(view.at + at, true);
  }

  /** A text; undefined when it is empty or could not be read. Decoded once per record. */
  text(name: string): (view: LiveView) => string | undefined {
    const { offset } = this.#member(name);
    return this.#once(name, (view) => {
      const { data, bytes } = view.buffer;
      const length = data.getUint16(view.at + offset + 2, true);
      if (length === 0 || length === TEXT_UNREADABLE) return undefined;
      return decodeText(bytes, view.at + data.getUint16(view.at + offset, true), length);
    });
  }

  /** Where the bytes of a text are; undefined as for `text`. */
  span(name: string): SpanReader {
    const { offset } = this.#member(name);
    return (view) => {
      const { data, span } = view.buffer;
      const length = data.getUint16(view.at + offset + 2, true);
      if (length === 0 || length === TEXT_UNREADABLE) return undefined;
      span.at = view.at + data.getUint16(view.at + offset, true);
      span.length = length;
      return span;
    };
  }

  /** The bytes of a text: a copy; undefined as for `text`. */
  bytes(name: string): (view: LiveView) => Buffer | undefined {
    const { offset } = this.#member(name);
    return (view) => {
      const { data, bytes } = view.buffer;
      const length = data.getUint16(view.at + offset + 2, true);
      if (length === 0 || length === TEXT_UNREADABLE) return undefined;
      const start = view.at + data.getUint16(view.at + offset, true);
      return Buffer.from(bytes.subarray(start, start + length));
    };
  }

  /** Texts that end in a zero byte each. */
  list(name: string): (view: LiveView) => string[] | undefined {
    const { offset } = this.#member(name);
    return (view) => {
      const { data, bytes } = view.buffer;
      const length = data.getUint16(view.at + offset + 2, true);
      if (length === 0 || length === TEXT_UNREADABLE) return undefined;
      return decodeList(bytes, view.at + data.getUint16(view.at + offset, true), length);
    };
  }

  /** The fixed comm array. */
  name(name: string): (view: LiveView) => string {
    const { offset, size } = this.#member(name);
    return this.#once(name, (view) => decodeName(view.buffer.bytes, view.at + offset, size));
  }

  /** A 16-byte address as text. */
  address(name: string): (view: LiveView) => string {
    const { offset } = this.#member(name);
    return this.#once(name, (view) => addressText(view.buffer.bytes, view.at + offset));
  }

  /** Where a member lies, for tests of its bytes. */
  offset(name: string): number {
    return this.#member(name).offset;
  }

  #once<T extends FieldValue>(name: string, compute: (view: LiveView) => T): (view: LiveView) => T {
    let read = this.#shared.get(name) as ((view: LiveView) => T) | undefined;
    if (read === undefined) {
      read = this.cached(compute);
      this.#shared.set(name, read);
    }
    return read;
  }

  /** Computes a value once per record. */
  cached<T extends FieldValue>(compute: (view: LiveView) => T): (view: LiveView) => T {
    if (this.#slots >= MAX_SLOTS) return compute;
    const slot = this.#slots++;
    const bit = 1 << slot;
    return (view) => {
      if ((view.filled & bit) !== 0) return view.slots[slot] as T;
      const value = compute(view);
      view.filled |= bit;
      view.slots[slot] = value;
      return value;
    };
  }
}

/** Readers by field name, as the files of readers/ give them. */
export type FieldReaders = Partial<Record<FieldName, ViewReader>>;
