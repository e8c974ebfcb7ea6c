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

const ZERO = 48;
const DOT = 46;

/** `10.0.0.1` as a number; undefined for whatever else, also for other forms of it. */
export function ipv4Number(text: string): number | undefined {
  if (text.length > 15) return undefined;
  let address = 0;
  let part = -1;
  let dots = 0;
  for (let at = 0; at < text.length; at++) {
    const unit = text.charCodeAt(at);
    if (unit === DOT) {
      if (part < 0 || ++dots > 3) return undefined;
      address = address * 256 + part;
      part = -1;
      continue;
    }
    const digit = unit - ZERO;
    if (digit < 0 || digit > 9 || part === 0) return undefined;
    part = part < 0 ? digit : part * 10 + digit;
    if (part > 255) return undefined;
  }
  return dots === 3 && part >= 0 ? address * 256 + part : undefined;
}

/** The number of the IPv4 address that an IPv4-mapped one is; undefined for another one. */
export function mappedNumber(data: DataView, at: number): number | undefined {
  const isIpv4 = data.getUint32(at + 8) === 0xffff && data.getUint32(at) === 0 && data.getUint32(at + 4) === 0;
  return isIpv4 ? data.getUint32(at + 12) : undefined;
}
