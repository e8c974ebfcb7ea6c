/**
 * A KernelFilter as the entries of the maps that bpf/filter.bpf.h reads. Pure:
 * tested without a kernel, and against a model of the kernel's decision.
 */
import ipaddr from 'ipaddr.js';
import { kindSpec } from '../schema/kinds.ts';
import { ENUMS, STRUCTS } from '../schema/schema.gen.ts';
import type { FileClass, FilterToken, KernelFilter, KindFilter } from './types.ts';

const PASS = ENUMS.filter_pass;
const TOKEN = ENUMS.filter_token_type;
const CLASS: Readonly<Record<FileClass, bigint>> = {
  open_read: BigInt(ENUMS.filter_class.CLASS_OPEN_READ),
  open_write: BigInt(ENUMS.filter_class.CLASS_OPEN_WRITE),
  open_create: BigInt(ENUMS.filter_class.CLASS_OPEN_CREATE),
  open_failed: BigInt(ENUMS.filter_class.CLASS_OPEN_FAILED),
  open_climbing: BigInt(ENUMS.filter_class.CLASS_OPEN_CLIMBING),
};
const EVERY_OPEN = Object.values(CLASS).reduce((mask, bit) => mask | (1n << bit), 0n);

const { filter_table: TABLE, filter_key: KEY, filter_cidr: CIDR } = STRUCTS;
const MASK_BYTES = 8;
const MASK64 = (1n << 64n) - 1n;
/** Shorter parts of components have no token in the kernel. */
const SHORT = 4;
const LONG = 8;

const OPENS: Readonly<Record<FileClass, number>> = {
  open_read: PASS.PASS_OPENS_READ,
  open_write: PASS.PASS_OPENS_WRITE,
  open_create: PASS.PASS_OPENS_CREATE,
  open_failed: PASS.PASS_OPENS_FAILED,
  open_climbing: PASS.PASS_OPENS_CLIMBING,
};

export interface FilterEntries {
  /** struct filter_table */
  readonly table: Uint8Array;
  /** struct filter_key and u64 mask, entry after entry. */
  readonly tokenKeys: Uint8Array;
  readonly tokenMasks: Uint8Array;
  readonly cidrKeys: Uint8Array;
  readonly cidrMasks: Uint8Array;
}

/** FNV-1a, 64 bit, of the bytes with ASCII letters in lower case, as name_hash in bpf/names.bpf.c has it. */
export function fnv1a(bytes: Uint8Array): bigint {
  let hash = 0xcbf29ce484222325n;
  for (const byte of bytes) {
    const folded = byte >= 0x41 && byte <= 0x5a ? byte | 0x20 : byte;
    hash = ((hash ^ BigInt(folded)) * 0x100000001b3n) & MASK64;
  }
  return hash;
}

/** The entries of one generation. Kinds without an entry in `filter` pass nothing. */
export function filterEntries(
  filter: KernelFilter,
  kindNumbers: ReadonlyMap<string, number>,
  generation: number,
): FilterEntries {
  const table = new Uint8Array(TABLE[''].size);
  const view = new DataView(table.buffer);
  const tokens = new Map<string, { type: number; hash: bigint; mask: bigint }>();
  const networks: { bytes: number[]; bits: number; side: number; mask: bigint }[] = [];

  let hidden = 0n;
  for (const [kind, number] of kindNumbers) {
    let pass: number = 0;
    const wanted: KindFilter = filter.kinds.get(kind) ?? { pass: 'none' };
    if (wanted.pass === 'whole') pass = PASS.PASS_WHOLE;
    if (wanted.pass === 'tokens') {
      for (const token of wanted.tokens) {
        const mask = classMask(kind, number, token);
        if (token.type === 'error') pass |= PASS.PASS_ERRORS;
        else if (token.type === 'remote') pass |= PASS.PASS_REMOTE;
        else if (token.type === 'opened') pass |= OPENS[token.how];
        else if (token.type === 'cidr') {
          pass |= PASS.PASS_CIDRS;
          networks.push({ ...network(token.cidr), side: token.side === 'source' ? 0 : 1, mask });
        } else {
          if (token.type === 'component_prefix' && token.text === '.') {
            hidden |= mask;
            pass |= PASS.PASS_COMPONENTS;
            continue;
          }
          const hashed = hashedTokens(token);
          // Too short for the kernel's hashes: only the whole kind is sound.
          if (hashed.length === 0) pass |= PASS.PASS_WHOLE;
          for (const one of hashed) {
            pass |= one.pass;
            add(tokens, one.type, one.hash, mask);
          }
        }
      }
    }
    if (wanted.pass !== 'none' && wanted.keepsPassed === true) pass |= PASS.PASS_KEEPS_PASSED;
    view.setUint32(TABLE.pass.offset + number * 4, pass, true);
  }
  let types = 0;
  for (const { type, hash } of tokens.values()) {
    types |= 1 << type;
    if (type > TOKEN.TOKEN_SUFFIX8 && type !== TOKEN.TOKEN_FIRST) continue;
    const bit = Number((((hash + BigInt(type)) * 0x9e3779b97f4a7c15n) & MASK64) >> 48n);
    const word = TABLE.bloom.offset + Math.floor(bit / 64) * 8;
    view.setBigUint64(word, view.getBigUint64(word, true) | (1n << BigInt(bit % 64)), true);
  }
  view.setUint32(TABLE.types.offset, types, true);
  view.setBigUint64(TABLE.hidden.offset, hidden, true);
  return { table, ...tokenBytes([...tokens.values()], generation), ...cidrBytes(networks, generation) };
}

function classMask(kind: string, number: number, token: FilterToken): bigint {
  const mask = plainMask(kind, number, token);
  return token.sensitive === true ? mask | sensitiveBits(mask) : mask;
}

function plainMask(kind: string, number: number, token: FilterToken): bigint {
  if (kindSpec(kind)?.opens !== true) return 1n << BigInt(number);
  const classes = 'classes' in token ? token.classes : undefined;
  return classes === undefined
    ? EVERY_OPEN | (1n << BigInt(number))
    : classes.reduce((mask, name) => mask | (1n << CLASS[name]), 0n);
}

/** The second bit of each class, as sensitive_bits in bpf/filter.bpf.h has it. */
export function sensitiveBits(classes: bigint): bigint {
  return ((classes & 0x3ffffc00n) << 20n) | (((classes >> 56n) & 0xfn) << 1n) | (((classes >> 60n) & 0xfn) << 50n);
}

interface HashedToken {
  readonly type: number;
  readonly hash: bigint;
  readonly pass: number;
}

function hashedTokens(
  token: Exclude<FilterToken, { type: 'error' | 'cidr' | 'remote' | 'opened' }>,
): readonly HashedToken[] {
  switch (token.type) {
    case 'uid':
      return [{ type: TOKEN.TOKEN_UID, hash: BigInt(token.uid), pass: PASS.PASS_UIDS }];
    case 'port':
      return [
        {
          type: token.side === 'source' ? TOKEN.TOKEN_PORT_SOURCE : TOKEN.TOKEN_PORT_DESTINATION,
          hash: BigInt(token.port),
          pass: token.side === 'source' ? PASS.PASS_SOURCE_PORTS : PASS.PASS_DESTINATION_PORTS,
        },
      ];
    case 'process_name':
      return [{ type: TOKEN.TOKEN_PROCESS_NAME, hash: fnv1a(Buffer.from(token.text)), pass: PASS.PASS_NAMES }];
    case 'component':
      return [componentToken(Buffer.from(token.text))];
    case 'component_first':
      return [{ ...componentToken(Buffer.from(token.text)), type: TOKEN.TOKEN_FIRST }];
    default:
      return partTokens(Buffer.from(token.text), token.type === 'component_prefix');
  }
}

const componentToken = (bytes: Uint8Array): HashedToken => ({
  type: TOKEN.TOKEN_COMPONENT,
  hash: fnv1a(bytes),
  pass: PASS.PASS_COMPONENTS,
});

/** What can stand beside the rest of a component: of letters the lower case, which the kernel compares. */
const BYTES_OF_NAMES = Array.from({ length: 256 }, (_, byte) => byte).filter(
  (byte) => byte !== 0 && byte !== 0x2f && !(byte >= 0x41 && byte <= 0x5a),
);

function partTokens(bytes: Uint8Array, isPrefix: boolean): readonly HashedToken[] {
  const pass = PASS.PASS_COMPONENTS;
  if (bytes.length === SHORT - 1) {
    // The kernel compares four: these and any one more, or a component that is no longer.
    const type = isPrefix ? TOKEN.TOKEN_PREFIX4 : TOKEN.TOKEN_SUFFIX4;
    const longer = BYTES_OF_NAMES.map((byte) => {
      const hash = fnv1a(Uint8Array.from(isPrefix ? [...bytes, byte] : [byte, ...bytes]));
      return { type, hash, pass };
    });
    return [componentToken(bytes), ...longer];
  }
  if (bytes.length < SHORT) return [];
  const isLong = bytes.length >= LONG;
  const length = isLong ? LONG : SHORT;
  return [
    isPrefix
      ? { type: isLong ? TOKEN.TOKEN_PREFIX8 : TOKEN.TOKEN_PREFIX4, hash: fnv1a(bytes.subarray(0, length)), pass }
      : { type: isLong ? TOKEN.TOKEN_SUFFIX8 : TOKEN.TOKEN_SUFFIX4, hash: fnv1a(bytes.subarray(-length)), pass },
  ];
}

function add(
  tokens: Map<string, { type: number; hash: bigint; mask: bigint }>,
  type: number,
  hash: bigint,
  mask: bigint,
): void {
  const key = `${type}:${hash}`;
  tokens.set(key, { type, hash, mask: (tokens.get(key)?.mask ?? 0n) | mask });
}

/** The bytes of an address as IPv6, IPv4 mapped, and the prefix length in them. */
function network(cidr: string): { bytes: number[]; bits: number } {
  const [address, bits] = ipaddr.parseCIDR(cidr);
  if (address.kind() === 'ipv6') return { bytes: address.toByteArray(), bits };
  return { bytes: [...Array<number>(10).fill(0), 0xff, 0xff, ...address.toByteArray()], bits: bits + 96 };
}

const contains = (
  outer: { bytes: number[]; bits: number; side: number },
  inner: { bytes: number[]; bits: number; side: number },
) => {
  if (outer.side !== inner.side || outer.bits > inner.bits) return false;
  for (let bit = 0; bit < outer.bits; bit++) {
    const shift = 7 - (bit & 7);
    if ((((outer.bytes[bit >> 3] ?? 0) >> shift) & 1) !== (((inner.bytes[bit >> 3] ?? 0) >> shift) & 1)) return false;
  }
  return true;
};

function tokenBytes(tokens: readonly { type: number; hash: bigint; mask: bigint }[], generation: number) {
  const keys = new DataView(new ArrayBuffer(tokens.length * KEY[''].size));
  const masks = new DataView(new ArrayBuffer(tokens.length * MASK_BYTES));
  tokens.forEach(({ type, hash, mask }, index) => {
    const at = index * KEY[''].size;
    keys.setBigUint64(at + KEY.hash.offset, hash, true);
    keys.setUint32(at + KEY.type.offset, type, true);
    keys.setUint32(at + KEY.generation.offset, generation, true);
    masks.setBigUint64(index * MASK_BYTES, mask, true);
  });
  return { tokenKeys: new Uint8Array(keys.buffer), tokenMasks: new Uint8Array(masks.buffer) };
}

/** A longest-prefix match finds one entry, so each holds the masks of the wider networks too. */
function cidrBytes(
  networks: readonly { bytes: number[]; bits: number; side: number; mask: bigint }[],
  generation: number,
) {
  const keys = new Uint8Array(networks.length * CIDR[''].size);
  const view = new DataView(keys.buffer);
  const masks = new DataView(new ArrayBuffer(networks.length * MASK_BYTES));
  networks.forEach((entry, index) => {
    const at = index * CIDR[''].size;
    // What of the key stands before the address is compared whole.
    view.setUint32(at + CIDR.prefix.offset, (CIDR.ip.offset - CIDR.generation.offset) * 8 + entry.bits, true);
    view.setUint8(at + CIDR.generation.offset, generation);
    view.setUint8(at + CIDR.side.offset, entry.side);
    keys.set(entry.bytes, at + CIDR.ip.offset);
    const mask = networks.filter((other) => contains(other, entry)).reduce((sum, other) => sum | other.mask, 0n);
    masks.setBigUint64(index * MASK_BYTES, mask, true);
  });
  return { cidrKeys: keys, cidrMasks: new Uint8Array(masks.buffer) };
}
