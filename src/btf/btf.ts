/**
 * BPF Type Format, as include/uapi/linux/btf.h has it. Pure: bytes in, types
 * out. Every number of the file is checked; a broken file is a FormatError.
 */
import { Bytes, FormatError } from './bytes.ts';

interface BtfMember {
  readonly name: string;
  readonly type: number;
  /** From the start of the struct. */
  readonly bitOffset: number;
  /** 0 for a member that is no bit field. */
  readonly bitSize: number;
}

interface Composite {
  readonly name: string;
  readonly size: number;
  readonly members: readonly BtfMember[];
}

export type BtfType =
  | { readonly is: 'void' }
  | { readonly is: 'int'; readonly name: string; readonly size: number; readonly signed: boolean }
  | { readonly is: 'float'; readonly name: string; readonly size: number }
  | { readonly is: 'pointer' | 'function' | 'prototype' | 'forward' | 'tag' | 'section'; readonly name: string }
  | { readonly is: 'alias'; readonly name: string; readonly type: number; readonly typedef: boolean }
  | { readonly is: 'variable'; readonly name: string; readonly type: number }
  | { readonly is: 'array'; readonly element: number; readonly length: number }
  | ({ readonly is: 'struct' } & Composite)
  | ({ readonly is: 'union' } & Composite)
  | { readonly is: 'enum'; readonly name: string; readonly size: number; readonly values: ReadonlyMap<string, number> };

/** Modifiers and typedefs in a row that are followed; more is a loop. */
const MAX_CHAIN = 32;

export class Btf {
  readonly #types: readonly BtfType[];

  constructor(types: readonly BtfType[]) {
    this.#types = types;
  }

  type(id: number): BtfType {
    const type = this.#types[id];
    if (type === undefined) throw new FormatError(`BTF: no type ${id}`);
    return type;
  }

  /** The type behind typedefs, const and volatile, and the name of the outermost typedef. */
  resolve(id: number): { readonly type: BtfType; readonly typedef: string | undefined } {
    let typedef: string | undefined;
    let type = this.type(id);
    for (let step = 0; type.is === 'alias'; step++) {
      if (step === MAX_CHAIN) throw new FormatError(`BTF: type ${id} leads to itself`);
      if (type.typedef) typedef ??= type.name;
      type = this.type(type.type);
    }
    return { type, typedef };
  }

  /** The struct, union or enum of that name. */
  find<K extends 'struct' | 'union' | 'enum'>(is: K, name: string): Extract<BtfType, { is: K }> | undefined {
    return this.#types.find(
      (type): type is Extract<BtfType, { is: K }> => type.is === is && 'name' in type && type.name === name,
    );
  }

  /** All enums with their values, for values whose enum does not matter. */
  enums(): readonly Extract<BtfType, { is: 'enum' }>[] {
    return this.#types.filter((type) => type.is === 'enum');
  }

  /** Bytes that a value of the type takes. */
  sizeOf(id: number, depth = 0): number {
    if (depth > MAX_CHAIN) throw new FormatError(`BTF: type ${id} contains itself`);
    const { type } = this.resolve(id);
    if (type.is === 'array') return type.length * this.sizeOf(type.element, depth + 1);
    if (type.is === 'pointer') return 8;
    if ('size' in type) return type.size;
    throw new FormatError(`BTF: a ${type.is} has no size`);
  }
}

const MAGIC = 0xeb9f;

/** Reads a .BTF section. Throws a FormatError when it is not well-formed. */
export function readBtf(section: Uint8Array): Btf {
  const bytes = new Bytes(section, 'BTF');
  if (bytes.u16(0) !== MAGIC) throw new FormatError('BTF: wrong magic number');
  const headerBytes = bytes.u32(4);
  if (headerBytes < 24) throw new FormatError('BTF: header too short');
  const types = bytes.slice(headerBytes + bytes.u32(8), bytes.u32(12), 'BTF types');
  const strings = bytes.slice(headerBytes + bytes.u32(16), bytes.u32(20), 'BTF strings');
  const list: BtfType[] = [{ is: 'void' }];
  for (let at = 0; at < types.data.length; ) {
    const { type, bytes: used } = readType(types, strings, at);
    list.push(type);
    at += used;
  }
  return new Btf(list);
}

function readType(types: Bytes, strings: Bytes, at: number): { type: BtfType; bytes: number } {
  const name = strings.text(types.u32(at));
  const info = types.u32(at + 4);
  const count = info & 0xffff;
  const kind = (info >>> 24) & 0x1f;
  const flag = info >>> 31 === 1;
  const size = types.u32(at + 8); // or a type, depending on the kind
  const body = at + 12;
  switch (kind) {
    case 1: {
      const signed = ((types.u32(body) >>> 24) & 1) === 1;
      return { type: { is: 'int', name, size, signed }, bytes: 16 };
    }
    case 2:
      return { type: { is: 'pointer', name }, bytes: 12 };
    case 3:
      return { type: { is: 'array', element: types.u32(body), length: types.u32(body + 8) }, bytes: 24 };
    case 4:
    case 5: {
      const members: BtfMember[] = [];
      for (let index = 0, member = body; index < count; index++, member += 12) {
        const offset = types.u32(member + 8);
        members.push({
          name: strings.text(types.u32(member)),
          type: types.u32(member + 4),
          bitOffset: flag ? offset & 0xffffff : offset,
          bitSize: flag ? offset >>> 24 : 0,
        });
      }
      return { type: { is: kind === 4 ? 'struct' : 'union', name, size, members }, bytes: 12 + count * 12 };
    }
    case 6: {
      const values = new Map<string, number>();
      for (let index = 0, value = body; index < count; index++, value += 8)
        values.set(strings.text(types.u32(value)), flag ? types.i32(value + 4) : types.u32(value + 4));
      return { type: { is: 'enum', name, size, values }, bytes: 12 + count * 8 };
    }
    case 7:
      return { type: { is: 'forward', name }, bytes: 12 };
    case 8: // typedef
    case 9: // volatile
    case 10: // const
    case 11: // restrict
    case 18: // type tag
      return { type: { is: 'alias', name, type: size, typedef: kind === 8 }, bytes: 12 };
    case 12:
      return { type: { is: 'function', name }, bytes: 12 };
    case 13:
      return { type: { is: 'prototype', name }, bytes: 12 + count * 8 };
    case 14:
      return { type: { is: 'variable', name, type: size }, bytes: 16 };
    case 15:
      return { type: { is: 'section', name }, bytes: 12 + count * 12 };
    case 16:
      return { type: { is: 'float', name, size }, bytes: 12 };
    case 17:
      return { type: { is: 'tag', name }, bytes: 16 };
    case 19: {
      const values = new Map<string, number>();
      for (let index = 0, value = body; index < count; index++, value += 12)
        values.set(strings.text(types.u32(value)), types.u64(value + 4));
      return { type: { is: 'enum', name, size, values }, bytes: 12 + count * 12 };
    }
    default:
      throw new FormatError(`BTF: unknown kind ${kind} at ${at}`);
  }
}
