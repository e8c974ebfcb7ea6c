/** What identifies the content of an executable without reading all of it. */
import { createHash } from 'node:crypto';

/** Reads up to `length` bytes at `position`; fewer at the end of the file. */
export type ReadAt = (position: number, length: number) => Buffer;

export interface Content {
  /** The GNU build id, which the linker made from the whole content. */
  readonly buildId: string | undefined;
  /** Length, and a hash of a page in the middle: for files without a build id, or with a forged one. */
  readonly sample: string | undefined;
}

const PAGE = 4096;
const ELF_MAGIC = 0x464c457f;
const PT_NOTE = 4;
const NT_GNU_BUILD_ID = 3;
const MAX_HEADERS = 64;
const MAX_NOTES = 4096;

/** The build id that the notes of an ELF file tell; undefined without one, and for anything else. ELF, gABI chapter 5. */
export function buildIdOf(head: Buffer, readAt: ReadAt): string | undefined {
  if (head.length < 64 || head.readUInt32LE(0) !== ELF_MAGIC || head[5] !== 1) return undefined;
  const wide = head[4] === 2;
  const offset = wide ? Number(head.readBigUInt64LE(32)) : head.readUInt32LE(28);
  const size = head.readUInt16LE(wide ? 54 : 42);
  const count = Math.min(head.readUInt16LE(wide ? 56 : 44), MAX_HEADERS);
  if (size < (wide ? 56 : 32) || !Number.isSafeInteger(offset)) return undefined;
  const part = (at: number, length: number) =>
    at + length <= head.length ? head.subarray(at, at + length) : readAt(at, length);
  const table = part(offset, size * count);
  for (let at = 0; at + size <= table.length; at += size) {
    if (table.readUInt32LE(at) !== PT_NOTE) continue;
    const from = wide ? Number(table.readBigUInt64LE(at + 8)) : table.readUInt32LE(at + 4);
    const length = wide ? Number(table.readBigUInt64LE(at + 32)) : table.readUInt32LE(at + 16);
    if (!Number.isSafeInteger(from)) continue;
    const id = noteId(part(from, Math.min(length, MAX_NOTES)));
    if (id !== undefined) return id;
  }
  return undefined;
}

function noteId(notes: Buffer): string | undefined {
  for (let at = 0; at + 12 <= notes.length; ) {
    const nameLength = notes.readUInt32LE(at);
    const length = notes.readUInt32LE(at + 4);
    const name = at + 12;
    const text = name + ((nameLength + 3) & ~3);
    if (length > notes.length || nameLength > notes.length || text + length > notes.length) return undefined;
    const isGnu = nameLength === 4 && notes.toString('latin1', name, name + 3) === 'GNU';
    if (isGnu && notes.readUInt32LE(at + 8) === NT_GNU_BUILD_ID && length >= 8)
      return notes.toString('hex', text, text + length);
    at = text + ((length + 3) & ~3);
  }
  return undefined;
}

export function sampleOf(size: number, readAt: ReadAt): string | undefined {
  if (size < PAGE) return undefined;
  const page = readAt(Math.floor(size / 2 / PAGE) * PAGE, PAGE);
  return `${size}:${createHash('sha256').update(page).digest('base64url').slice(0, 22)}`;
}

export function isElf(head: Buffer): boolean {
  return head.length >= 4 && head.readUInt32LE(0) === ELF_MAGIC;
}

export const HEAD_BYTES = PAGE;
