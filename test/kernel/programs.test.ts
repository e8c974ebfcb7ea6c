import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { bpfFunctions, bpfHelpers } from '../../scripts/bpf-functions.ts';
import { newerHelpers } from '../../scripts/check-programs.ts';
import { programRows, programsSource } from '../../scripts/generate-programs.ts';
import { MOST_STACK, stackChains } from '../../scripts/stack-depth.ts';
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
    for (const { program, bytes, calls } of chains) {
      const path = `${program}: ${calls.map(({ name, frame }) => `${name} ${frame}`).join(' > ')}`;
      expect(bytes, path).to.be.at.most(MOST_STACK);
      expect(bytes, path).to.be.at.least(32 * calls.length);
    }
  });

  it('none calls a helper that Linux 5.15 lacks, but where the kernel is asked for it first', () => {
    expect(newerHelpers(object)).to.deep.equal([]);
    const looping = bpfHelpers(object).filter(({ helpers }) => helpers.includes(BPF_LOOP));
    expect(looping.map(({ name }) => name)).to.include('path_build');
  });

  it('calls are followed into functions that are shared and into callbacks', () => {
    const chain = stackChains(object).find(({ program }) => program === 'uring_overflow');
    expect(chain?.calls.map(({ name }) => name)).to.include.members(['uring_walk_step', 'file_mask', 'directory_mask']);
  });
});
