import ipaddr from 'ipaddr.js';
import { ENUMS, STRUCTS } from '../schema/schema.gen.ts';
import type { LoadedObject } from './load.ts';
import { checked, type Native, SensorError } from './native.ts';
import { programPrevents } from './programs.ts';
import type { ProhibitedObject, ProhibitingRule, Prohibition, Refusal } from './types.ts';

const KEY = STRUCTS.prohibition;
const REFUSAL = STRUCTS.refusal;
const OBJECT = ENUMS.prohibition_object;
const LIMIT = ENUMS.prohibition_limits;
const FNV_OFFSET = 0xcbf29ce484222325n;
const FNV_PRIME = 0x100000001b3n;
const PER_OBJECT = 4;
const WITH_PROGRAM = 2;
const WITH_USER = 1;

const fold = (hash: bigint, value: bigint): bigint => BigInt.asUintN(64, (hash ^ value) * FNV_PRIME);

/** names_hash of bpf/prevent.bpf.c: the hashes of the components, from the root on. */
export function pathHash(path: string): bigint {
  let hash = FNV_OFFSET;
  for (const name of path.split('/').filter((part) => part !== '')) {
    let one = FNV_OFFSET;
    for (const byte of Buffer.from(name)) one = fold(one, BigInt(byte));
    hash = fold(hash, one);
  }
  return hash;
}

/** endpoint_object of bpf/filter.bpf.h: the port, then the address by 16 bits. */
export function endpointHash(address: string | undefined, port: number): bigint {
  const bytes = Buffer.alloc(16);
  if (address !== undefined) {
    const parsed = ipaddr.parse(address);
    bytes.set((parsed.kind() === 'ipv4' ? (parsed as ipaddr.IPv4).toIPv4MappedAddress() : parsed).toByteArray());
  }
  let hash = FNV_OFFSET ^ BigInt(port);
  for (let at = 0; at < bytes.length; at += 2) hash = fold(hash, BigInt(bytes.readUInt16LE(at)));
  return hash;
}

function objectOf(object: ProhibitedObject | undefined): readonly [kind: number, hash: bigint] {
  switch (object?.is) {
    case undefined:
      return [OBJECT.OBJECT_ANY, 0n];
    case 'path':
      return [OBJECT.OBJECT_PATH, pathHash(object.path)];
    case 'below':
      return [OBJECT.OBJECT_BELOW, pathHash(object.directory)];
    case 'new_path':
      return [OBJECT.OBJECT_NEW_PATH, pathHash(object.path)];
    case 'new_below':
      return [OBJECT.OBJECT_NEW_BELOW, pathHash(object.directory)];
    case 'endpoint':
      return [OBJECT.OBJECT_PATH, endpointHash(object.address, object.port)];
    case 'address':
      return [OBJECT.OBJECT_ADDRESS, endpointHash(object.address, 0)];
    case 'port':
      return [OBJECT.OBJECT_PORT, endpointHash(undefined, object.port)];
  }
}

/** struct prohibition, and the bit of its shape. */
function entryOf({ object, program, user }: Prohibition, operation: number) {
  const [kind, hash] = objectOf(object);
  const key = new Uint8Array(KEY[''].size);
  const view = new DataView(key.buffer);
  view.setBigUint64(KEY.object.offset, hash, true);
  view.setBigUint64(KEY.program.offset, program === undefined ? 0n : pathHash(program), true);
  view.setUint32(KEY.user.offset, user ?? LIMIT.NO_USER >>> 0, true);
  view.setUint32(KEY.operation.offset, operation, true);
  view.setUint32(KEY.object_kind.offset, kind, true);
  const shape = PER_OBJECT * kind + (program === undefined ? 0 : WITH_PROGRAM) + (user === undefined ? 0 : WITH_USER);
  return { key, shape: (1 << shape) >>> 0 };
}

const u32 = (value: number): Uint8Array => new Uint8Array(Uint32Array.of(value).buffer);
const u64 = (value: bigint): Uint8Array => new Uint8Array(BigUint64Array.of(value).buffer);
const text = (key: Uint8Array): string => Buffer.from(key).toString('latin1');

/** The calls that the kernel refuses before they happen (bpf/prevent.bpf.c). */
export class Prohibitions {
  readonly #native: Native;
  readonly #operations: ReadonlyMap<string, number>;
  readonly #kinds: ReadonlyMap<number, string>;
  /** Rules by number, from 1; a number is never another rule's. */
  readonly #rules: string[] = [];
  #inForce: ReadonlySet<string> = new Set();
  #keys = new Map<string, Uint8Array>();
  #exempt = new Map<bigint, Uint8Array>();
  #read = 0n;

  private constructor({ native, layout }: LoadedObject, kinds: ReadonlySet<string>) {
    this.#native = native;
    const known = [...layout.kinds.values()].filter(({ kind }) => kinds.has(kind));
    this.#operations = new Map(known.map(({ kind, number }) => [kind, number]));
    this.#kinds = new Map(known.map(({ kind, number }) => [number, kind]));
  }

  /** Undefined when nothing can be refused: enforcement is off, or functions of this kernel cannot be hooked. */
  static of(object: LoadedObject): Prohibitions | undefined {
    const kinds = new Set(object.programs.flatMap(({ name }) => programPrevents(name) ?? []));
    return kinds.size === 0 ? undefined : new Prohibitions(object, kinds);
  }

  /** Kinds of events whose calls can be refused here. */
  get kinds(): ReadonlySet<string> {
    return new Set(this.#operations.keys());
  }

  /** Whether calls are refused for the rule now. */
  prevents(rule: string): boolean {
    return this.#inForce.has(rule);
  }

  /**
   * Replaces what is prohibited. New entries come before old ones go. Throws a
   * SensorError when there are more than the table holds; what was in force stays.
   */
  use(rules: readonly ProhibitingRule[], exempt: readonly (string | number)[]): void {
    const keys = new Map<string, Uint8Array>();
    const values = new Map<string, number>();
    const shapes = new Map<number, number>();
    for (const { rule, prohibitions } of rules)
      for (const prohibition of prohibitions) {
        const operation = this.#operations.get(prohibition.kind);
        if (operation === undefined) continue;
        const { key, shape } = entryOf(prohibition, operation);
        keys.set(text(key), key);
        values.set(text(key), this.#numberOf(rule));
        shapes.set(operation, (shapes.get(operation) ?? 0) | shape);
      }
    if (keys.size > LIMIT.PROHIBITIONS)
      throw new SensorError(`prohibit ${keys.size} things, of at most ${LIMIT.PROHIBITIONS}`, 28, '');
    this.#spare(exempt);
    for (const [name, key] of this.#keys) if (!keys.has(name)) this.#write('prohibitions', key, null);
    for (const [name, key] of keys) this.#write('prohibitions', key, u32(values.get(name) ?? 0));
    for (const operation of this.#kinds.keys())
      this.#write('prohibition_shapes', u32(operation), u32((shapes.get(operation) ?? 0) >>> 0));
    this.#keys = keys;
    this.#inForce = new Set(rules.map(({ rule }) => rule));
  }

  /** What was refused since this was last asked, and how many refusals came too fast to be kept. */
  refusals(): { readonly refused: readonly Refusal[]; readonly lost: number } {
    const count = this.#number('refusal_count', 0);
    const kept = BigInt(LIMIT.REFUSALS);
    const from = count - this.#read > kept ? count - kept : this.#read;
    let lost = Number(from - this.#read);
    const refused: Refusal[] = [];
    for (let sequence = from; sequence < count; sequence++) {
      const found = this.#refusal(sequence);
      if (found === undefined) lost++;
      else refused.push(found);
    }
    this.#read = count;
    return { refused, lost };
  }

  /** Undefined when it has been overwritten, or is being written. */
  #refusal(sequence: bigint): Refusal | undefined {
    const bytes = this.#native.readMap('refusals', u32(Number(sequence % BigInt(LIMIT.REFUSALS))));
    if (typeof bytes === 'number') throw new SensorError('read refusals', -bytes, this.#native.takeLog());
    const view = new DataView(bytes.buffer, bytes.byteOffset);
    if (view.getBigUint64(REFUSAL.sequence.offset, true) !== sequence + 1n) return undefined;
    return {
      rule: this.#rules[view.getUint32(REFUSAL.rule.offset, true) - 1] ?? '',
      kind: this.#kinds.get(view.getUint32(REFUSAL.operation.offset, true)) ?? '',
      pid: view.getUint32(REFUSAL.pid.offset, true),
      time: view.getBigUint64(REFUSAL.time.offset, true),
      startTime: view.getBigUint64(REFUSAL.start_time.offset, true),
    };
  }

  /** Executables by path, processes by id. */
  #spare(exempt: readonly (string | number)[]): void {
    const next = new Map(
      exempt.map((each) => (typeof each === 'number' ? BigInt(each) : pathHash(each))).map((key) => [key, u64(key)]),
    );
    for (const [key, bytes] of next) if (!this.#exempt.has(key)) this.#write('prohibition_exempt', bytes, u32(1));
    for (const [key, bytes] of this.#exempt) if (!next.has(key)) this.#write('prohibition_exempt', bytes, null);
    this.#exempt = next;
  }

  #numberOf(rule: string): number {
    const found = this.#rules.indexOf(rule);
    return found < 0 ? this.#rules.push(rule) : found + 1;
  }

  #number(map: string, key: number): bigint {
    const bytes = this.#native.readMap(map, u32(key));
    if (typeof bytes === 'number') throw new SensorError(`read ${map}`, -bytes, this.#native.takeLog());
    return new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true);
  }

  #write(map: string, key: Uint8Array, value: Uint8Array | null): void {
    checked(this.#native, `write ${map}`, this.#native.writeMap(map, key, value));
  }
}
