/** The functions of a BPF object file and what each calls. */
import { Bytes } from '../src/btf/bytes.ts';

export interface BpfFunction {
  readonly name: string;
  /** Of a program what it attaches to; .text for what programs share. */
  readonly section: string;
  readonly code: Uint8Array;
  readonly calls: readonly string[];
}

const INSTRUCTION_BYTES = 8;
const SHT_SYMTAB = 2;
const SHT_REL = 9;
const SHF_EXECINSTR = 4;
const STT_FUNC = 2;
const R_BPF_64_64 = 1; // the address of a callback, as bpf_loop takes it
const R_BPF_64_32 = 10; // a call
const CALL = 0x85;
const PSEUDO_CALL = 1;

interface Section {
  readonly name: string;
  readonly type: number;
  readonly flags: number;
  readonly link: number;
  readonly info: number;
  readonly content: Bytes;
}

function sections(file: Bytes): Section[] {
  const [table, size, count] = [file.u64(40), file.u16(58), file.u16(60)];
  const header = (index: number) => file.slice(table + index * size, size, 'section header');
  const raw = Array.from({ length: count }, (_, index) => header(index));
  const content = (h: Bytes) =>
    h.u32(4) === 8 ? new Bytes(new Uint8Array(0), 'empty') : file.slice(h.u64(24), h.u64(32), 'section');
  const names = content(header(file.u16(62)));
  return raw.map((h, index) => ({
    name: index === 0 ? '' : names.text(h.u32(0)),
    type: h.u32(4),
    flags: h.u64(8),
    link: h.u32(40),
    info: h.u32(44),
    content: index === 0 ? new Bytes(new Uint8Array(0), 'none') : content(h),
  }));
}

interface Symbol {
  readonly name: string;
  readonly type: number;
  readonly section: number;
  readonly value: number;
  readonly size: number;
}

function symbolsOf(all: readonly Section[]): Symbol[] {
  const table = all.find(({ type }) => type === SHT_SYMTAB);
  const texts = table === undefined ? undefined : all[table.link]?.content;
  if (table === undefined || texts === undefined) throw new Error('the object has no symbols');
  return Array.from({ length: table.content.data.length / 24 }, (_, index) => {
    const entry = table.content.slice(index * 24, 24, 'symbol');
    const name = entry.u32(0);
    return {
      name: name === 0 ? '' : texts.text(name),
      type: entry.u32(4) & 0xff & 15,
      section: entry.u16(6),
      value: entry.u64(8),
      size: entry.u64(16),
    };
  });
}

/** The programs of an object, linked or not. */
export function bpfPrograms(object: Uint8Array): Pick<BpfFunction, 'name' | 'section'>[] {
  const all = sections(new Bytes(object, 'BPF object'));
  return functionsOf(all, symbolsOf(all))
    .map(({ name, section }) => ({ name, section: all[section]?.name ?? '' }))
    .filter(({ section }) => section !== '.text');
}

/** The kernel's helpers (enum bpf_func_id) that each function of an object, linked or not, calls itself. */
export function bpfHelpers(object: Uint8Array): { readonly name: string; readonly helpers: readonly number[] }[] {
  const all = sections(new Bytes(object, 'BPF object'));
  return functionsOf(all, symbolsOf(all)).map(({ name, section, value, size }) => {
    const { content } = all[section] as Section;
    const helpers = new Set<number>();
    for (let offset = value; offset < value + size; offset += INSTRUCTION_BYTES)
      if (content.data[offset] === CALL && (content.data[offset + 1] ?? 0) >> 4 === 0)
        helpers.add(content.i32(offset + 4));
    return { name, helpers: [...helpers] };
  });
}

function functionsOf(all: readonly Section[], symbols: readonly Symbol[]): Symbol[] {
  return symbols.filter(({ type, section }) => type === STT_FUNC && ((all[section]?.flags ?? 0) & SHF_EXECINSTR) !== 0);
}

/** Every function of a linked, not yet loaded object (clang -target bpf, bpftool gen object). */
export function bpfFunctions(object: Uint8Array): BpfFunction[] {
  const all = sections(new Bytes(object, 'BPF object'));
  const symbols = symbolsOf(all);
  const functions = functionsOf(all, symbols);
  const at = (section: number, offset: number) =>
    functions.find((f) => f.section === section && offset >= f.value && offset < f.value + f.size);

  return functions.map(({ name, section, value, size }) => {
    const { name: sectionName, content } = all[section] as Section;
    const calls = new Set<string>();
    const call = (target: Symbol | undefined, from: number) => {
      if (target === undefined) throw new Error(`${name}+${from - value} calls what is no function`);
      calls.add(target.name);
    };
    const relocated = new Map<number, Symbol>();
    for (const relocations of all.filter(({ type, info }) => type === SHT_REL && info === section)) {
      for (let entry = 0; entry + 16 <= relocations.content.data.length; entry += 16) {
        const offset = relocations.content.u64(entry);
        const type = relocations.content.u32(entry + 8);
        const symbol = symbols[relocations.content.u32(entry + 12)];
        if (symbol !== undefined && (type === R_BPF_64_32 || type === R_BPF_64_64)) relocated.set(offset, symbol);
      }
    }
    for (let offset = value; offset < value + size; offset += INSTRUCTION_BYTES) {
      const symbol = relocated.get(offset);
      const [operation, registers] = [content.data[offset], content.data[offset + 1] ?? 0];
      const immediate = content.i32(offset + 4);
      if (operation === CALL && registers >> 4 === PSEUDO_CALL) {
        if (symbol === undefined) call(at(section, offset + (immediate + 1) * INSTRUCTION_BYTES), offset);
        else call(at(symbol.section, symbol.value + (immediate + 1) * INSTRUCTION_BYTES), offset);
      } else if (symbol !== undefined && ((all[symbol.section]?.flags ?? 0) & SHF_EXECINSTR) !== 0) {
        call(at(symbol.section, symbol.type === STT_FUNC ? symbol.value : immediate), offset);
      }
    }
    return {
      name,
      section: sectionName,
      code: content.data.subarray(value, value + size),
      calls: [...calls],
    };
  });
}
