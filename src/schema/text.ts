import { knownPlace, knownText } from './known-texts.ts';

/** Longer texts are faster decoded in one call into C++, shorter ones here. */
const SHORT = 24;
const codes: number[][] = Array.from({ length: SHORT + 1 }, (_, length) => new Array(length).fill(0));

/**
 * Bytes as text: UTF-8, and where they are not UTF-8 U+FFFD stands for what
 * cannot be read. Plain ASCII, nearly everything, takes the short way.
 */
export function decodeText(bytes: Buffer, at: number, length: number): string {
  if (length > SHORT) return knownText(knownPlace(bytes, at, length), bytes, at, length);
  const units = codes[length] as number[];
  for (let index = 0; index < length; index++) {
    const byte = bytes[at + index] as number;
    if (byte >= 0x80) return bytes.toString('utf8', at, at + length);
    units[index] = byte;
  }
  return String.fromCharCode.apply(undefined, units);
}

/** A fixed array of bytes up to the first zero. */
export function decodeName(bytes: Buffer, at: number, size: number): string {
  let length = 0;
  while (length < size && bytes[at + length] !== 0) length++;
  return decodeText(bytes, at, length);
}

/** Texts that end in a zero byte each, such as an argument block. */
export function decodeList(bytes: Buffer, at: number, length: number): string[] {
  const end = at + length;
  const list: string[] = [];
  for (let start = at; start < end; ) {
    let zero = bytes.indexOf(0, start);
    if (zero < 0 || zero > end) zero = end;
    list.push(decodeText(bytes, start, zero - start));
    start = zero + 1;
  }
  return list;
}
