import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { beyondFloor, newerInstructions } from '../../scripts/bpf-floor.ts';
import { bpfFunctions, bpfHelpers } from '../../scripts/bpf-functions.ts';
import { programRows, programsSource } from '../../scripts/generate-programs.ts';
import { MOST_FRAMES, MOST_STACK, stackChains } from '../../scripts/stack-depth.ts';
import { programGroup } from '../../src/kernel/programs.ts';

const BPF_LOOP = 181;
const object = readFileSync(join(import.meta.dirname, '../../build/bpf/bpfwarden.bpf.o'));
const programs = bpfFunctions(object).filter(({ section }) => section !== '.text');

describe('BPF programs of the object', () => {
  it('each has a row that says what is not seen without it, and this program was built with these rows', () => {
    const rows = programRows(object);
    for (const { name, watches } of rows) expect(watches, name).to.have.length.above(3);
    expect(readFileSync(join(import.meta.dirname, '../../src/kernel/programs.gen.ts'), 'utf8')).to.equal(
      programsSource(rows),
    );
  });

  it('a program that nobody knows is an error, when it is built and when it is loaded', () => {
    expect(() => programGroup('exit_nothing')).to.throw(/exit_nothing/);
    const row = 'exit_open\tfilesystem\t';
    const spoilt = (instead: string) => {
      const bytes = Buffer.from(object);
      bytes.write(instead, bytes.indexOf(row));
      return () => programRows(bytes);
    };
    expect(spoilt('exit_opem')).to.throw('PROGRAM(exit_opem, …) is above no program');
    expect(spoilt('exit_open\tfilesistem')).to.throw('PROGRAM(exit_open, filesistem, …): a program is one of always,');
    const end = object.indexOf('\0', object.indexOf(row));
    expect(spoilt('\0'.repeat(end - object.indexOf(row)))).to.throw('nobody knows what exit_open is for');
  });

  it(`none takes more than ${MOST_STACK} bytes of stack with what it calls`, () => {
    const chains = stackChains(object);
    expect(chains.map(({ program }) => program).sort()).to.deep.equal(programs.map(({ name }) => name).sort());
    for (const { program, bytes, calls, frames } of chains) {
      const path = `${program}: ${calls.map(({ name, frame }) => `${name} ${frame}`).join(' > ')}`;
      expect(bytes, path).to.be.at.most(MOST_STACK);
      expect(bytes, path).to.be.at.least(32 * calls.length);
      expect(frames.length, frames.join(' > ')).to.be.within(calls.length, MOST_FRAMES);
    }
  });

  it('none has a helper, an instruction or a hook that Linux 5.15 lacks, but where the kernel is asked for it first', () => {
    expect(beyondFloor(object)).to.deep.equal([]);
    const looping = bpfHelpers(object).filter(({ helpers }) => helpers.includes(BPF_LOOP));
    expect(looping.map(({ name }) => name)).to.include('path_build');
  });

  it('instructions that Linux 5.15 lacks are known, among those that it has', () => {
    const of = (...bytes: number[]) => newerInstructions({ code: Uint8Array.from(bytes) });
    const old = {
      'r1 = r2': [0xbf, 0x21, 0, 0, 0, 0, 0, 0],
      'w1 /= w2': [0x3c, 0x21, 0, 0, 0, 0, 0, 0],
      'r1 = *(u64 *)(r2 + 8)': [0x79, 0x21, 8, 0, 0, 0, 0, 0],
      'r1 = atomic_fetch_add(r2, r1)': [0xdb, 0x12, 0, 0, 1, 0, 0, 0],
      'r0 = cmpxchg(r1, r0, r2)': [0xdb, 0x21, 0, 0, 0xf1, 0, 0, 0],
      'goto +1': [0x05, 0, 1, 0, 0, 0, 0, 0],
      'call 1': [0x85, 0, 0, 0, 1, 0, 0, 0],
    };
    for (const [text, bytes] of Object.entries(old)) expect(of(...bytes), text).to.deep.equal([]);
    const newer = {
      'r1 = (s8)r2': [0xbf, 0x21, 8, 0, 0, 0, 0, 0],
      'w1 s/= w2': [0x3c, 0x21, 1, 0, 0, 0, 0, 0],
      'r1 = *(s32 *)(r2 + 8)': [0x81, 0x21, 8, 0, 0, 0, 0, 0],
      'store_release(r1, r2)': [0xdb, 0x21, 0, 0, 0x10, 1, 0, 0],
      'gotol +1': [0x06, 0, 0, 0, 1, 0, 0, 0],
      'call of a kfunc': [0x85, 0x20, 0, 0, 1, 0, 0, 0],
      'r1 = bswap64 r1': [0xd7, 1, 0, 0, 64, 0, 0, 0],
    };
    for (const [text, bytes] of Object.entries(newer)) expect(of(...bytes), text).to.have.length(1);
  });

  it('calls are followed into functions that are shared and into callbacks', () => {
    const chain = stackChains(object).find(({ program }) => program === 'uring_overflow');
    expect(chain?.frames).to.include.members(['uring_walk_step', 'file_mask', 'directory_mask']);
  });
});
