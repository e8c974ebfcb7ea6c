/**
 * Hosts open the same files again and again: of longer texts that came before the bytes are kept, so that the text need
 * not be made again, nor whatever else follows from the bytes alone. Each has a place, by its hash; another text takes
 * it when it comes twice without one of the same place in between.
 */
export const PLACES = 512;
const LEAST = 16;
const MOST = 256;
/** What says most of a path: its end, and something before it. */
const HASHED = 12;
const PRIME = 0x01000193;

const texts: (string | undefined)[] = new Array(PLACES).fill(undefined);
const lengths = new Uint16Array(PLACES);
const kept = new Uint8Array(PLACES * MOST);
/** The hash that came last. */
const last = new Int32Array(PLACES);
/** How often each place was taken: what was found out of the text there holds as long as this. */
export const takenTimes = new Uint32Array(PLACES);

/** The place of a text that came before, as it is kept; -1 for any other. */
export function knownPlace(bytes: Uint8Array, at: number, length: number): number {
  if (length > MOST || length < LEAST) return -1;
  const hash = hashOf(bytes, at, length);
  const place = (hash ^ (hash >>> 15)) & (PLACES - 1);
  if (isKept(place, bytes, at, length)) return place;
  if (last[place] !== hash) {
    last[place] = hash;
    return -1;
  }
  for (let index = 0; index < length; index++) kept[place * MOST + index] = bytes[at + index] as number;
  lengths[place] = length;
  texts[place] = undefined;
  takenTimes[place] = (takenTimes[place] as number) + 1;
  return place;
}

/** The text of the bytes, which are those of the place where there is one. */
export function knownText(place: number, bytes: Buffer, at: number, length: number): string {
  if (place < 0) return bytes.toString('utf8', at, at + length);
  let text = texts[place];
  if (text === undefined) {
    text = bytes.toString('utf8', at, at + length);
    texts[place] = text;
  }
  return text;
}

function hashOf(bytes: Uint8Array, at: number, length: number): number {
  let hash = length;
  for (let index = at + length - HASHED; index < at + length; index++)
    hash = Math.imul(hash ^ (bytes[index] as number), PRIME);
  return Math.imul(hash ^ (bytes[at + (length >> 1)] as number), PRIME);
}

/** From the end: that is where paths differ. */
function isKept(place: number, bytes: Uint8Array, at: number, length: number): boolean {
  if (lengths[place] !== length) return false;
  const from = place * MOST;
  for (let index = length - 1; index >= 0; index--) if (kept[from + index] !== bytes[at + index]) return false;
  return true;
}
