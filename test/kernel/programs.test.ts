import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { bpfFunctions } from '../../scripts/bpf-functions.ts';
import { MOST_STACK, stackChains } from '../../scripts/stack-depth.ts';
import { PROGRAM_NAMES, programBase, programGroup, programWatches } from '../../src/kernel/programs.ts';

const object = readFileSync(join(import.meta.dirname, '../../build/bpf/bpfwarden.bpf.o'));
const programs = bpfFunctions(object).filter(({ section }) => section !== '.text');

describe('BPF programs of the object', () => {
  it('each has a row that says what is not seen without it, and there are no other rows', () => {
    expect([...new Set(programs.map(({ name }) => programBase(name)))].sort()).to.deep.equal([...PROGRAM_NAMES].sort());
    for (const { name } of programs) {
      expect(programWatches(name), name).to.have.length.above(3);
      expect(programGroup(name), name).to.be.a('string');
    }
  });

  it('a program that nobody knows is an error', () => {
    expect(() => programGroup('exit_nothing')).to.throw(/exit_nothing/);
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

  it('calls are followed into functions that are shared and into callbacks', () => {
    const chain = stackChains(object).find(({ program }) => program === 'uring_overflow');
    expect(chain?.calls.map(({ name }) => name)).to.include.members(['uring_walk_step', 'file_mask', 'directory_mask']);
  });
});
