/** Records as the kernel writes them, made from the layout; for tests without a kernel. */

import { objectLayout } from '../../scripts/generate-schema.ts';
import type { KindLayout, RecordLayout } from '../../src/schema/layout.ts';

export const LAYOUT: RecordLayout = objectLayout();

export type MemberValue = number | bigint | string | Buffer | readonly number[] | readonly bigint[] | null;
export type Values = Readonly<Record<string, MemberValue>>;

const BULK_KINDS = /^(?:file_|net_)/;

function write(
  view: DataView,
  layout: KindLayout,
  name: string,
  value: MemberValue,
  strings: Buffer[],
  size: number,
): void {
  const member = layout.members.get(name);
  if (member === undefined) throw new Error(`${layout.kind} has no ${name}`);
  const { offset, meaning } = member;
  if (meaning === 'text') {
    if (value === null) {
      view.setUint16(offset + 2, 0xffff, true);
      return;
    }
    const bytes = Buffer.isBuffer(value) ? value : Buffer.from(String(value), 'utf8');
    view.setUint16(offset, size, true);
    view.setUint16(offset + 2, bytes.length, true);
    strings.push(bytes);
  } else if (meaning === 'name') {
    Buffer.from(view.buffer).write(String(value), offset, member.size - 1, 'latin1');
  } else if (Array.isArray(value)) {
    value.forEach((element: number | bigint, index) => {
      if (meaning === 'address') view.setUint8(offset + index, Number(element));
      else view.setBigUint64(offset + index * 8, BigInt(element), true);
    });
  } else if (member.size === 8) view.setBigInt64(offset, BigInt.asIntN(64, BigInt(value as number)), true);
  else if (member.size === 4) view.setUint32(offset, Number(value) >>> 0, true);
  else view.setUint16(offset, Number(value), true);
}

/** One record of the kind. Texts: a string, '' for none, null for unreadable. */
export function record(kind: string, values: Values = {}): Buffer {
  const layout = LAYOUT.kinds.get(kind);
  if (layout === undefined) throw new Error(`no kind ${kind}`);
  const fixed = Buffer.alloc(layout.size);
  const view = new DataView(fixed.buffer, fixed.byteOffset, fixed.length);
  const whole = new DataView(new ArrayBuffer(layout.size));
  const strings: Buffer[] = [];
  let size = layout.size;
  for (const [name, value] of Object.entries({
    'header.kind': layout.number,
    'header.syscall': 0xffffffff,
    ...values,
  })) {
    write(whole, layout, name, value, strings, size);
    size = layout.size + strings.reduce((sum, text) => sum + text.length, 0);
  }
  whole.setUint32(layout.members.get('header.size')?.offset ?? 4, size, true);
  for (let index = 0; index < layout.size; index++) view.setUint8(index, whole.getUint8(index));
  return Buffer.concat([fixed, ...strings]);
}

/** Records in frames, as the addon leaves them in its buffer. */
export function frames(records: readonly Buffer[]): Buffer {
  return Buffer.concat(
    records.map((bytes) => {
      const frame = Buffer.alloc(8 + ((bytes.length + 7) & ~7));
      frame.writeUInt32LE(bytes.length, 0);
      bytes.copy(frame, 8);
      return frame;
    }),
  );
}

/** A drained buffer: bulk records first, then priority records; `size` bytes at least. */
export function drained(records: readonly Buffer[], size = 0) {
  const kindOf = (bytes: Buffer) =>
    [...LAYOUT.kinds.values()].find(({ number }) => number === bytes.readUInt32LE(0))?.kind ?? '';
  const bulk = frames(records.filter((bytes) => BULK_KINDS.test(kindOf(bytes))));
  const priority = frames(records.filter((bytes) => !BULK_KINDS.test(kindOf(bytes))));
  const buffer = new ArrayBuffer(Math.max(size, bulk.length + priority.length));
  Buffer.from(buffer).set(Buffer.concat([bulk, priority]));
  return { buffer, bulkBytes: bulk.length, priorityBytes: priority.length };
}

/** ::ffff:a.b.c.d */
export function ipv4(text: string): number[] {
  return [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, ...text.split('.').map(Number)];
}
