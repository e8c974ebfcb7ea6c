import { ipv4Number } from '../schema/address.ts';

/** Names of addresses, from DNS answers that processes on this host received (RFC 1035, 3596). */
const TYPE_A = 1;
const TYPE_CNAME = 5;
const TYPE_AAAA = 28;
const CLASS_IN = 1;
/** More answers than any honest message of 1,232 bytes holds. */
const MAX_ANSWERS = 128;
const MAX_POINTERS = 32;
const MIN_TTL_SECONDS = 5;
const MAX_TTL_SECONDS = 86_400;

interface DnsAnswer {
  /** The name that was asked for, lower case, without the last dot. */
  readonly name: string;
  readonly address: string;
  readonly ttlSeconds: number;
}

/**
 * The addresses in an answer, each with the name of the question, also where
 * a chain of CNAMEs leads to it. Records that do not belong to the chain are
 * left out: a resolver would not believe them either. Empty for anything that
 * is no successful answer or is cut short.
 */
export function parseAnswers(message: Uint8Array): DnsAnswer[] {
  try {
    return readAnswers(message);
  } catch (error) {
    if (error instanceof RangeError) return [];
    throw error;
  }
}

function readAnswers(message: Uint8Array): DnsAnswer[] {
  const view = new DataView(message.buffer, message.byteOffset, message.byteLength);
  const flags = view.getUint16(2);
  const isAnswer = (flags & 0x8000) !== 0;
  const code = flags & 0xf;
  if (!isAnswer || code !== 0 || view.getUint16(4) !== 1) return [];
  const count = Math.min(view.getUint16(6), MAX_ANSWERS);
  const question = readName(view, 12);
  let at = question.end + 4;
  const chain = new Set([question.name]);
  const answers: DnsAnswer[] = [];
  for (let index = 0; index < count; index++) {
    const owner = readName(view, at);
    const type = view.getUint16(owner.end);
    const klass = view.getUint16(owner.end + 2);
    const ttl = view.getUint32(owner.end + 4);
    const length = view.getUint16(owner.end + 8);
    const data = owner.end + 10;
    at = data + length;
    if (at > view.byteLength) break;
    if (klass !== CLASS_IN || !chain.has(owner.name)) continue;
    const ttlSeconds = Math.min(Math.max(ttl, MIN_TTL_SECONDS), MAX_TTL_SECONDS);
    if (type === TYPE_CNAME) chain.add(readName(view, data).name);
    else if (type === TYPE_A && length === 4)
      answers.push({ name: question.name, address: ipv4(view, data), ttlSeconds });
    else if (type === TYPE_AAAA && length === 16)
      answers.push({ name: question.name, address: ipv6(view, data), ttlSeconds });
  }
  return answers;
}

/** A name with compression pointers; each pointer must lead backwards, so it ends. */
function readName(view: DataView, start: number): { name: string; end: number } {
  const labels: string[] = [];
  let at = start;
  let end = -1;
  let pointers = 0;
  let total = 0;
  for (;;) {
    const length = view.getUint8(at);
    if (length === 0) break;
    if ((length & 0xc0) === 0xc0) {
      const target = view.getUint16(at) & 0x3fff;
      if (end < 0) end = at + 2;
      if (target >= at || ++pointers > MAX_POINTERS) throw new RangeError('compression loop');
      at = target;
      continue;
    }
    if (length > 63) throw new RangeError('label length');
    total += length + 1;
    if (total > 255) throw new RangeError('name length');
    let label = '';
    for (let index = 1; index <= length; index++) label += String.fromCharCode(view.getUint8(at + index));
    labels.push(label);
    at += length + 1;
  }
  return { name: labels.join('.').toLowerCase(), end: end < 0 ? at + 1 : end };
}

function ipv4(view: DataView, at: number): string {
  return `${view.getUint8(at)}.${view.getUint8(at + 1)}.${view.getUint8(at + 2)}.${view.getUint8(at + 3)}`;
}

/** RFC 5952: lower case, the longest run of two or more zero groups shortened. */
function ipv6(view: DataView, at: number): string {
  const groups = Array.from({ length: 8 }, (_, index) => view.getUint16(at + index * 2));
  let best = { start: -1, length: 1 };
  for (let start = 0; start < 8; start++) {
    let length = 0;
    while (start + length < 8 && groups[start + length] === 0) length++;
    if (length > best.length) best = { start, length };
  }
  const text = groups.map((group) => group.toString(16));
  if (best.start < 0) return text.join(':');
  return `${text.slice(0, best.start).join(':')}::${text.slice(best.start + best.length).join(':')}`;
}

/** IPv4 addresses are looked up by their number. */
const numbered = (address: string): string | number => ipv4Number(address) ?? address;

/**
 * Address to name, each for its time to live and for who asked. Bounded: the
 * oldest go first. Where several names lead to an address the last one asked for
 * counts. What one has been told says nothing to another: whoever has a domain
 * can let it point to any address.
 */
export class DnsCache {
  readonly #limit: number;
  readonly #names = new Map<string, { name: string; expires: number }>();
  /** By address, how many of the names lead to it: most addresses have none, and are asked about with every connection. */
  readonly #addresses = new Map<string | number, number>();
  /** Names that were pushed out before their time. */
  evictions = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  get size(): number {
    return this.#names.size;
  }

  /** `now` in seconds of any clock that does not go back, the same for `lookup`. */
  learn(message: Uint8Array, now: number, asker: string): void {
    for (const { name, address, ttlSeconds } of parseAnswers(message)) {
      const key = `${asker} ${address}`;
      this.#forget(key);
      this.#names.set(key, { name, expires: now + ttlSeconds });
      const number = numbered(address);
      this.#addresses.set(number, (this.#addresses.get(number) ?? 0) + 1);
      if (this.#names.size <= this.#limit) continue;
      const [oldest] = this.#names.keys();
      if (oldest !== undefined) this.#forget(oldest);
      this.evictions++;
    }
  }

  /** Whether any name leads to the address, whoever was told. */
  has(address: string | number): boolean {
    return this.#addresses.has(typeof address === 'string' ? numbered(address) : address);
  }

  #forget(key: string): void {
    if (!this.#names.delete(key)) return;
    const address = numbered(key.slice(key.lastIndexOf(' ') + 1));
    const left = (this.#addresses.get(address) ?? 1) - 1;
    if (left > 0) this.#addresses.set(address, left);
    else this.#addresses.delete(address);
  }

  lookup(address: string, now: number, asker: string): string | undefined {
    const key = `${asker} ${address}`;
    const entry = this.#names.get(key);
    if (entry === undefined) return undefined;
    if (entry.expires > now) return entry.name;
    this.#forget(key);
    return undefined;
  }
}
