import { Bytes, FormatError } from './bytes.ts';

const HEADER_BYTES = 64;
const SECTION_BYTES = 64;
const NO_BITS = 8; // SHT_NOBITS: no bytes in the file

/**
 * The bytes of a section of a 64-bit little-endian ELF file, undefined when
 * there is none of that name. Throws a FormatError for anything else.
 */
export function elfSection(file: Uint8Array, name: string): Uint8Array | undefined {
  const bytes = new Bytes(file, 'ELF file');
  if (file.length < HEADER_BYTES || bytes.u32(0) !== 0x464c457f) throw new FormatError('not an ELF file');
  if (file[4] !== 2 || file[5] !== 1) throw new FormatError('not a 64-bit little-endian ELF file');
  const table = bytes.u64(40);
  const entrySize = bytes.u16(58);
  const count = bytes.u16(60);
  if (count === 0) return undefined;
  if (entrySize !== SECTION_BYTES) throw new FormatError(`section headers of ${entrySize} bytes`);
  const section = (index: number) => bytes.slice(table + index * entrySize, entrySize, 'section header');
  const content = (header: Bytes, what: string) => bytes.slice(header.u64(24), header.u64(32), what);

  const names = content(section(bytes.u16(62)), 'section names');
  for (let index = 0; index < count; index++) {
    const header = section(index);
    if (names.text(header.u32(0)) !== name) continue;
    if (header.u32(4) === NO_BITS) return new Uint8Array(0);
    return content(header, `section ${name}`).data;
  }
  return undefined;
}
