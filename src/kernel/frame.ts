/** Records written one after the other (header.size says how long each is) in the form of a drained buffer. */
export function framed(bytes: Uint8Array): ArrayBuffer {
  const source = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const lengths: number[] = [];
  for (let at = 0; at + 8 <= bytes.byteLength; ) {
    const size = source.getUint32(at + 4, true);
    if (size < 8 || at + size > bytes.byteLength) break;
    lengths.push(size);
    at += size;
  }
  const buffer = new ArrayBuffer(lengths.reduce((total, length) => total + 8 + ((length + 7) & ~7), 0));
  const view = new DataView(buffer);
  let from = 0;
  let to = 0;
  for (const length of lengths) {
    view.setUint32(to, length, true);
    new Uint8Array(buffer, to + 8, length).set(bytes.subarray(from, from + length));
    from += length;
    to += 8 + ((length + 7) & ~7);
  }
  return buffer;
}
