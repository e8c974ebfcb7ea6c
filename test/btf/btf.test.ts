import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import fc from 'fast-check';
import { readBtf } from '../../src/btf/btf.ts';
import { FormatError } from '../../src/btf/bytes.ts';
import { elfSection } from '../../src/btf/elf.ts';
import { recordLayout } from '../../src/schema/layout.ts';

const OBJECT = new URL('../../build/bpf/bpfwarden.bpf.o', import.meta.url);

/** Whatever happens to the bytes, the reader ends with a result or a FormatError. */
function survives(read: () => unknown): void {
  try {
    read();
  } catch (error) {
    expect(error).to.be.instanceOf(FormatError);
  }
}

describe('ELF and BTF', () => {
  const file = new Uint8Array(readFileSync(OBJECT));
  const section = elfSection(file, '.BTF') ?? new Uint8Array(0);

  it('finds sections', () => {
    expect(elfSection(file, '.BTF')?.length).to.be.greaterThan(1000);
    expect(elfSection(file, '.nothing')).to.equal(undefined);
    expect(() => elfSection(new Uint8Array(100), '.BTF')).to.throw(FormatError, 'not an ELF file');
  });

  it('reads structs, unions and enums', () => {
    const btf = readBtf(section);
    const header = btf.find('struct', 'record_header');
    expect(header?.size).to.equal(88);
    const pid = header?.members.find((member) => member.name === 'pid');
    expect(pid?.bitOffset).to.equal(320);
    expect(btf.resolve(pid?.type ?? 0).typedef).to.equal('process_id');
    expect(btf.find('enum', 'event_kind')?.values.get('EVENT_FILE_OPEN')).to.equal(10);
    expect(btf.find('union', 'event')?.members.length).to.be.greaterThan(50);
  });

  it('reads the BTF of the running kernel', function () {
    this.timeout(60_000);
    const btf = readBtf(readFileSync('/sys/kernel/btf/vmlinux'));
    expect(btf.find('struct', 'task_struct')?.size).to.be.greaterThan(1000);
  });

  it('answers every truncation with a FormatError', () => {
    for (let length = 0; length < section.length; length += 97) {
      survives(() => recordLayout(readBtf(section.subarray(0, length))));
    }
    for (let length = 0; length < file.length; length += 997) {
      survives(() => elfSection(file.subarray(0, length), '.BTF'));
    }
  });

  it('answers corrupt bytes with a FormatError or a result', () => {
    const flips = fc.array(fc.tuple(fc.nat(section.length - 1), fc.integer({ min: 0, max: 255 })), {
      minLength: 1,
      maxLength: 8,
    });
    fc.assert(
      fc.property(flips, (changes) => {
        const broken = section.slice();
        for (const [at, byte] of changes) broken[at] = byte;
        survives(() => recordLayout(readBtf(broken)));
      }),
      { numRuns: 200 },
    );
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        survives(() => elfSection(bytes, '.BTF'));
        survives(() => readBtf(bytes));
      }),
    );
    const headers = fc.array(fc.tuple(fc.nat(63), fc.integer({ min: 0, max: 255 })), { minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(headers, (changes) => {
        const broken = file.slice();
        for (const [at, byte] of changes) broken[at] = byte;
        survives(() => elfSection(broken, '.BTF'));
      }),
    );
  });
});
