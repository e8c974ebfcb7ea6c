/** Text of 16 bytes in network order; IPv4-mapped addresses as IPv4, IPv6 as RFC 5952 wants it. */
export function addressText(bytes: Uint8Array, at: number): string {
  if (isMapped(bytes, at)) return `${bytes[at + 12]}.${bytes[at + 13]}.${bytes[at + 14]}.${bytes[at + 15]}`;
  const words: number[] = [];
  for (let index = 0; index < 16; index += 2)
    words.push(((bytes[at + index] as number) << 8) | (bytes[at + index + 1] as number));
  // The longest run of two or more zero words becomes '::', the first of equally long ones.
  let best = -1;
  let length = 1;
  for (let start = 0; start < 8; start++) {
    let end = start;
    while (end < 8 && words[end] === 0) end++;
    if (end - start > length) [best, length] = [start, end - start];
    if (end > start) start = end;
  }
  const hex = (part: readonly number[]) => part.map((word) => word.toString(16)).join(':');
  return best < 0 ? hex(words) : `${hex(words.slice(0, best))}::${hex(words.slice(best + length))}`;
}

export function isMapped(bytes: Uint8Array, at: number): boolean {
  for (let index = 0; index < 10; index++) if (bytes[at + index] !== 0) return false;
  return bytes[at + 10] === 0xff && bytes[at + 11] === 0xff;
}

/** All bytes are zero: the member was not filled, or it is `::`. */
export function isUnset(bytes: Uint8Array, at: number): boolean {
  for (let index = 0; index < 16; index++) if (bytes[at + index] !== 0) return false;
  return true;
}
