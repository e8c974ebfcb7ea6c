/**
 * The layout of every record, read from the BTF of the BPF object: where each
 * member of each kind lies and what its type says it means.
 */
import { createHash } from 'node:crypto';
import type { Btf, BtfType } from '../btf/btf.ts';
import { FormatError } from '../btf/bytes.ts';
import { type MemberMeaning, VOCABULARY } from './vocabulary.ts';

/** One member of a record, nested structs flattened: `header.pid`, `file.inode`, `path`. */
export interface Member {
  readonly name: string;
  readonly offset: number;
  readonly size: number;
  readonly meaning: MemberMeaning;
  /** What the C declaration says: a typedef, a struct or a base type. */
  readonly type: string;
}

export interface KindLayout {
  /** Such as `file_open`. */
  readonly kind: string;
  readonly number: number;
  /** The C struct. */
  readonly struct: string;
  /** Bytes of the fixed part; strings follow. */
  readonly size: number;
  readonly members: ReadonlyMap<string, Member>;
}

/** Where the members of a struct that a map holds lie. */
interface StructLayout {
  readonly size: number;
  readonly members: ReadonlyMap<string, { readonly offset: number; readonly size: number }>;
}

export interface RecordLayout {
  readonly kinds: ReadonlyMap<string, KindLayout>;
  /** Enumerators by enum name, of every enum that a type of the object uses. */
  readonly enums: ReadonlyMap<string, ReadonlyMap<string, number>>;
  /** Of what the daemon reads from maps and writes into them. */
  readonly structs: ReadonlyMap<string, StructLayout>;
  /** Identifies the layout: equal for two objects exactly when records, map structs and map enums have the same form. */
  readonly hash: string;
}

/** Structs and enums of maps that the daemon knows; schema.gen.ts has them as constants. */
const MAP_STRUCTS = [
  'filter_state',
  'filter_table',
  'filter_key',
  'filter_cidr',
  'kind_counts',
  'io_totals',
  'syscall_counts',
  'blocked_endpoint',
  'prohibition',
  'refusal',
] as const;
export const MAP_ENUMS = [
  'event_outcome',
  'failure',
  'syscall_family',
  'filter_pass',
  'filter_token_type',
  'filter_class',
  'prohibition_object',
  'prohibition_limits',
] as const;

const ENUM_PREFIX = 'EVENT_';
const MAX_NESTING = 4;

/** Throws a FormatError when the object does not have what events.h declares. */
export function recordLayout(btf: Btf): RecordLayout {
  const union = btf.find('union', 'event');
  if (union === undefined) throw new FormatError('BTF: no union event');
  const numbers = btf.find('enum', 'event_kind');
  if (numbers === undefined) throw new FormatError('BTF: no enum event_kind');

  const kinds = new Map<string, KindLayout>();
  for (const [enumerator, number] of numbers.values) {
    if (!enumerator.startsWith(ENUM_PREFIX)) throw new FormatError(`BTF: ${enumerator} in enum event_kind`);
    const kind = enumerator.slice(ENUM_PREFIX.length).toLowerCase();
    if (kind === 'none' || kind === 'kind_max') continue;
    const member = union.members.find((candidate) => candidate.name === kind);
    if (member === undefined) throw new FormatError(`BTF: union event has no member ${kind}`);
    const struct = btf.resolve(member.type).type;
    if (struct.is !== 'struct') throw new FormatError(`BTF: ${kind} is not a struct`);
    const members = new Map<string, Member>();
    flatten(btf, struct, '', 0, members, 0);
    kinds.set(kind, { kind, number, struct: struct.name, size: struct.size, members });
  }
  const enums = new Map<string, ReadonlyMap<string, number>>();
  for (const { name, values } of btf.enums()) if (name !== '') enums.set(name, values);
  const structs = new Map(MAP_STRUCTS.map((name) => [name, structLayout(btf, name)]));
  for (const name of MAP_ENUMS) if (!enums.has(name)) throw new FormatError(`BTF: no enum ${name}`);
  return { kinds, enums, structs, hash: hashOf(kinds, structs, enums) };
}

function structLayout(btf: Btf, name: string): StructLayout {
  const struct = btf.find('struct', name);
  if (struct === undefined) throw new FormatError(`BTF: no struct ${name}`);
  const members = struct.members.map(
    (member) => [member.name, { offset: member.bitOffset / 8, size: btf.sizeOf(member.type) }] as const,
  );
  return { size: struct.size, members: new Map(members) };
}

function flatten(
  btf: Btf,
  struct: Extract<BtfType, { is: 'struct' | 'union' }>,
  prefix: string,
  base: number,
  members: Map<string, Member>,
  depth: number,
): void {
  if (depth > MAX_NESTING) throw new FormatError(`BTF: ${struct.name} is nested too deeply`);
  for (const { name, type: id, bitOffset, bitSize } of struct.members) {
    if (bitSize !== 0 || bitOffset % 8 !== 0) throw new FormatError(`BTF: ${struct.name}.${name} is a bit field`);
    const { type, typedef } = btf.resolve(id);
    const offset = base + bitOffset / 8;
    const full = prefix + name;
    if (type.is === 'struct' && type.name !== 'text') {
      flatten(btf, type, `${full}.`, offset, members, depth + 1);
      continue;
    }
    const size = btf.sizeOf(id);
    members.set(full, { name: full, offset, size, ...describe(btf, type, typedef, size, full) });
  }
}

function describe(btf: Btf, type: BtfType, typedef: string | undefined, size: number, name: string) {
  const named = typedef === undefined ? undefined : VOCABULARY.get(typedef);
  if (named !== undefined && typedef !== undefined) return { meaning: named, type: typedef };
  switch (type.is) {
    case 'struct':
      return { meaning: 'text' as const, type: 'struct text' };
    case 'enum':
      return { meaning: 'number' as const, type: `enum ${type.name}` };
    case 'int': {
      const meaning = type.signed ? ('signed' as const) : ('number' as const);
      return { meaning, type: `${type.signed ? 's' : 'u'}${size * 8}` };
    }
    case 'array': {
      const element = btf.sizeOf(type.element);
      if (element === 8) return { meaning: 'words' as const, type: `u64[${type.length}]` };
      break;
    }
  }
  throw new FormatError(`BTF: nothing is known about the type of ${name}`);
}

function hashOf(kinds: RecordLayout['kinds'], structs: RecordLayout['structs'], enums: RecordLayout['enums']): string {
  const hash = createHash('sha256');
  for (const { kind, number, struct, size, members } of kinds.values()) {
    hash.update(`${kind} ${number} ${struct} ${size}\n`);
    for (const { name, offset, size: bytes, type } of members.values())
      hash.update(`${name} ${offset} ${bytes} ${type}\n`);
  }
  for (const [struct, { size, members }] of structs) {
    hash.update(`${struct} ${size}\n`);
    for (const [name, { offset, size: bytes }] of members) hash.update(`${name} ${offset} ${bytes}\n`);
  }
  for (const name of MAP_ENUMS) hash.update(`${name} ${JSON.stringify([...(enums.get(name) ?? [])])}\n`);
  return hash.digest('hex').slice(0, 32);
}
