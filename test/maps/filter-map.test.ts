/** What the daemon writes into the kernel's filter maps, read back by the layout of the structs in C. */
import { expect } from 'chai';
import fc from 'fast-check';
import { filterEntries, fnv1a, sensitiveBits } from '../../src/kernel/filter-map.ts';
import type { FilterToken, KernelFilter, KindFilter } from '../../src/kernel/types.ts';
import { ENUMS, KIND_NUMBERS, STRUCTS } from '../../src/schema/schema.gen.ts';

const NUMBERS: ReadonlyMap<string, number> = new Map(Object.entries(KIND_NUMBERS));
const { filter_table: TABLE, filter_key: KEY, filter_cidr: CIDR } = STRUCTS;
const PASS = ENUMS.filter_pass;
const TOKEN = ENUMS.filter_token_type;
const MASK64 = (1n << 64n) - 1n;

const filterOf = (kinds: Readonly<Record<string, KindFilter>>): KernelFilter => ({
  kinds: new Map(Object.entries(kinds)),
});
const tokens = (...list: FilterToken[]): KindFilter => ({ pass: 'tokens', tokens: list });
const entriesOf = (kinds: Readonly<Record<string, KindFilter>>, generation = 1) =>
  filterEntries(filterOf(kinds), NUMBERS, generation);

const viewOf = (bytes: Uint8Array) => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
function passOf(table: Uint8Array, kind: keyof typeof KIND_NUMBERS): number {
  return viewOf(table).getUint32(TABLE.pass.offset + KIND_NUMBERS[kind] * 4, true);
}

interface Written {
  readonly type: number;
  readonly hash: bigint;
  readonly generation: number;
  readonly mask: bigint;
}
function written({ tokenKeys, tokenMasks }: ReturnType<typeof filterEntries>): Written[] {
  const [keys, masks] = [viewOf(tokenKeys), viewOf(tokenMasks)];
  return Array.from({ length: tokenKeys.length / KEY[''].size }, (_, index) => {
    const at = index * KEY[''].size;
    return {
      type: keys.getUint32(at + KEY.type.offset, true),
      hash: keys.getBigUint64(at + KEY.hash.offset, true),
      generation: keys.getUint32(at + KEY.generation.offset, true),
      mask: masks.getBigUint64(index * 8, true),
    };
  });
}
/** As bpf/names.bpf.c looks: is the bit of a token set? */
function inBloom(table: Uint8Array, { hash, type }: Written): boolean {
  const bit = Number((((hash + BigInt(type)) * 0x9e3779b97f4a7c15n) & MASK64) >> 48n);
  const word = viewOf(table).getBigUint64(TABLE.bloom.offset + Math.floor(bit / 64) * 8, true);
  return ((word >> BigInt(bit % 64)) & 1n) === 1n;
}

describe('the filter maps', () => {
  it('let a kind pass that is wanted whole, and nothing of one that no rule names', () => {
    const { table } = entriesOf({ setuid: { pass: 'whole', because: 'test' } });
    expect(table.length).to.equal(TABLE[''].size);
    expect(passOf(table, 'setuid')).to.equal(PASS.PASS_WHOLE);
    for (const kind of ['setgid', 'file_open', 'throttle'] as const) expect(passOf(table, kind), kind).to.equal(0);
  });

  it('hold a token once, with the bits of every kind that asks for it', () => {
    const token: FilterToken = { type: 'component', text: 'Shadow' };
    const entries = entriesOf({
      file_unlink: tokens(token),
      file_rename: tokens(token),
      net_conn: tokens({ type: 'port', port: 22, side: 'destination' }),
    });
    expect(passOf(entries.table, 'file_unlink')).to.equal(PASS.PASS_COMPONENTS);
    expect(passOf(entries.table, 'net_conn')).to.equal(PASS.PASS_DESTINATION_PORTS);
    expect(written(entries)).to.have.deep.members([
      {
        type: TOKEN.TOKEN_COMPONENT,
        hash: fnv1a(Buffer.from('shadow')),
        generation: 1,
        mask: (1n << BigInt(KIND_NUMBERS.file_unlink)) | (1n << BigInt(KIND_NUMBERS.file_rename)),
      },
      { type: TOKEN.TOKEN_PORT_DESTINATION, hash: 22n, generation: 1, mask: 1n << BigInt(KIND_NUMBERS.net_conn) },
    ]);
  });

  it('tell the ways of opening apart, and what a flood must not hide', () => {
    const write: FilterToken = { type: 'component', text: 'cron.d', classes: ['open_write'] };
    const [plain] = written(entriesOf({ file_open: tokens(write) }));
    expect(plain?.mask).to.equal(1n << BigInt(ENUMS.filter_class.CLASS_OPEN_WRITE));
    const [sensitive] = written(entriesOf({ file_open: tokens({ ...write, sensitive: true }) }));
    expect(sensitive?.mask).to.equal((plain?.mask ?? 0n) | sensitiveBits(plain?.mask ?? 0n));
    expect(sensitive?.mask).to.not.equal(plain?.mask);
    const [every] = written(entriesOf({ file_open: tokens({ type: 'component', text: 'cron.d' }) }));
    for (const bit of Object.values(ENUMS.filter_class)) expect(((every?.mask ?? 0n) >> BigInt(bit)) & 1n).to.equal(1n);
  });

  it('give every network the bits of the wider ones around it: the kernel finds the longest prefix alone', () => {
    const cidr = (text: string): FilterToken => ({ type: 'cidr', cidr: text, side: 'destination' });
    const { table, cidrKeys, cidrMasks } = entriesOf({
      net_conn: tokens(cidr('10.0.0.0/8')),
      net_send: tokens(cidr('10.1.0.0/16'), { type: 'cidr', cidr: '2001:db8::/32', side: 'source' }),
    });
    expect(passOf(table, 'net_send')).to.equal(PASS.PASS_CIDRS);
    const [keys, masks] = [viewOf(cidrKeys), viewOf(cidrMasks)];
    const read = [0, 1, 2].map((index) => {
      const at = index * CIDR[''].size;
      return {
        prefix: keys.getUint32(at + CIDR.prefix.offset, true),
        generation: keys.getUint8(at + CIDR.generation.offset),
        side: keys.getUint8(at + CIDR.side.offset),
        ip: Buffer.from(cidrKeys.subarray(at + CIDR.ip.offset, at + CIDR.ip.offset + 16)).toString('hex'),
        mask: masks.getBigUint64(index * 8, true),
      };
    });
    const [conn, send] = [1n << BigInt(KIND_NUMBERS.net_conn), 1n << BigInt(KIND_NUMBERS.net_send)];
    expect(read).to.deep.equal([
      { prefix: 32 + 96 + 8, generation: 1, side: 1, ip: '00000000000000000000ffff0a000000', mask: conn },
      { prefix: 32 + 96 + 16, generation: 1, side: 1, ip: '00000000000000000000ffff0a010000', mask: conn | send },
      { prefix: 32 + 32, generation: 1, side: 0, ip: '20010db8000000000000000000000000', mask: send },
    ]);
  });

  it('pass a kind whole for a part of a name that is too short for the hashes', () => {
    const { table, tokenKeys } = entriesOf({ file_open: tokens({ type: 'component_prefix', text: 'ab' }) });
    expect(passOf(table, 'file_open')).to.equal(PASS.PASS_WHOLE);
    expect(tokenKeys.length).to.equal(0);
  });

  it('keep what begins with a dot beside the tokens, and directories of the root apart from others', () => {
    const bit = (kind: keyof typeof KIND_NUMBERS) => 1n << BigInt(KIND_NUMBERS[kind]);
    const hidden: FilterToken = { type: 'component_prefix', text: '.' };
    const entries = entriesOf({
      file_unlink: tokens(hidden, { type: 'component_first', text: 'Srv' }),
      file_rename: tokens(hidden),
    });
    expect(passOf(entries.table, 'file_rename')).to.equal(PASS.PASS_COMPONENTS);
    expect(viewOf(entries.table).getBigUint64(TABLE.hidden.offset, true)).to.equal(
      bit('file_unlink') | bit('file_rename'),
    );
    const all = written(entries);
    expect(all).to.deep.equal([
      { type: TOKEN.TOKEN_FIRST, hash: fnv1a(Buffer.from('srv')), generation: 1, mask: bit('file_unlink') },
    ]);
    for (const one of all) expect(inBloom(entries.table, one)).to.equal(true);
  });

  it('find the beginning or end of three bytes of any name, also of one that is no longer', () => {
    for (const [kind, type] of [
      ['component_prefix', TOKEN.TOKEN_PREFIX4],
      ['component_suffix', TOKEN.TOKEN_SUFFIX4],
    ] as const) {
      const entries = entriesOf({ file_unlink: tokens({ type: kind, text: '.Md' }) });
      const all = written(entries);
      const finds = (code: number, bytes: Uint8Array) =>
        all.some((one) => one.type === code && one.hash === fnv1a(bytes) && inBloom(entries.table, one));
      expect(finds(TOKEN.TOKEN_COMPONENT, Buffer.from('.MD'))).to.equal(true);
      for (let byte = 1; byte < 256; byte++) {
        if (byte === 0x2f) continue;
        const three = [...Buffer.from('.md')];
        const four = Uint8Array.from(kind === 'component_prefix' ? [...three, byte] : [byte, ...three]);
        expect(finds(type, four), `${kind} ${byte}`).to.equal(true);
      }
    }
  });

  it('find any component that a token asks for, whatever its case, by the bloom filter and the key', () => {
    let hits = 0;
    const text = fc.stringMatching(/^[A-Za-z0-9._-]{8,24}$/);
    const kind = fc.constantFrom('component', 'component_prefix', 'component_suffix');
    fc.assert(
      fc.property(
        fc.array(fc.record({ type: kind, text }), { minLength: 1, maxLength: 30 }),
        fc.nat(1),
        (list, generation) => {
          const entries = entriesOf({ file_unlink: tokens(...(list as FilterToken[])) }, generation);
          const all = written(entries);
          const types = viewOf(entries.table).getUint32(TABLE.types.offset, true);
          for (const { type, text: wanted } of list) {
            const upper = Buffer.from(wanted.toUpperCase());
            const [code, bytes] =
              type === 'component'
                ? [TOKEN.TOKEN_COMPONENT, upper]
                : type === 'component_prefix'
                  ? [TOKEN.TOKEN_PREFIX8, upper.subarray(0, 8)]
                  : [TOKEN.TOKEN_SUFFIX8, upper.subarray(-8)];
            const found = all.find((entry) => entry.type === code && entry.hash === fnv1a(bytes));
            expect(found?.generation).to.equal(generation);
            expect(found !== undefined && inBloom(entries.table, found), wanted).to.equal(true);
            expect((types >> code) & 1).to.equal(1);
            hits++;
          }
        },
      ),
      { numRuns: 50 },
    );
    expect(hits).to.be.greaterThan(100);
  });
});
