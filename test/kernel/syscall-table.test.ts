/** bpf/syscalls.bpf.h against the kernel's own lists of system calls. */
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';

const TABLE = readFileSync(fileURLToPath(new URL('../../bpf/syscalls.bpf.h', import.meta.url)), 'utf8');
const INCLUDE = ['/usr/include/x86_64-linux-gnu', '/usr/include'];

interface Row {
  readonly call: string;
  readonly x64: readonly number[];
  readonly i386: readonly number[];
  readonly arm64: readonly number[];
}

const rows: Row[] = [...TABLE.matchAll(/^\tX\((\w+), +(\w+), +(.*?)\)/gm)].flatMap(
  ([, call = '', family, columns = '']) => {
    if (family === 'NONE') return [];
    const numbers = columns.split(',').map((text) => (text.trim() === 'NO' ? undefined : Number(text)));
    const of = (...at: number[]) => at.map((index) => numbers[index]).filter((number) => number !== undefined);
    return [{ call, x64: of(0), i386: of(2, 3), arm64: of(4) }];
  },
);

/** Names by number of a header of the kernel's; undefined where it is not installed. */
function header(name: string): ReadonlyMap<string, number> | undefined {
  const path = INCLUDE.map((directory) => `${directory}/${name}`).find((candidate) => existsSync(candidate));
  if (path === undefined) return undefined;
  const text = readFileSync(path, 'utf8');
  return new Map(
    [...text.matchAll(/^#define __NR_(\w+) (\d+)$/gm)].map(([, call = '', number]) => [call, Number(number)]),
  );
}

/** Several numbers of the 32-bit table are one call: its 16-bit, 32-bit, 64-bit and 64-bit-time forms. */
const OTHER_NAMES: Readonly<Record<string, string>> = { mmap: 'OLD_MMAP', umount: 'UMOUNT' };
const canonical = (name: string): string => {
  const upper = name.toUpperCase();
  const forms = [OTHER_NAMES[name] ?? upper, upper.replace(/_TIME64$/, ''), upper.replace(/(?:32|64)$/, '')];
  return forms.find((form) => rows.some(({ call }) => call === form)) ?? upper;
};

describe('system call table', () => {
  it('has rows', () => {
    expect(rows.length).to.be.above(120);
  });

  it('has every number that the 32-bit x86 table gives to a call that is looked at', function () {
    const names = header('asm/unistd_32.h');
    if (names === undefined) this.skip();
    const expected = new Map<string, number[]>(rows.map(({ call }) => [call, []]));
    for (const [name, number] of names) expected.get(canonical(name))?.push(number);
    // A header that is older than a call does not have it.
    const last = Math.max(...names.values());
    for (const { call, i386 } of rows.filter((row) => row.i386.every((number) => number <= last)))
      expect(
        [...i386].sort((a, b) => a - b),
        call,
      ).to.deep.equal(expected.get(call)?.sort((a, b) => a - b));
  });

  it('has the numbers of the x86_64 table', function () {
    const names = header('asm/unistd_64.h');
    if (names === undefined) this.skip();
    for (const { call, x64 } of rows) {
      const number = names.get(call.toLowerCase());
      // A header that is older than the call does not have it.
      if (number !== undefined || x64[0] === undefined || x64[0] < 450)
        expect(x64, call).to.deep.equal(number === undefined ? [] : [number]);
    }
  });

  it('has the numbers of the generic table, which is that of arm64', function () {
    const names = header('asm-generic/unistd.h');
    if (names === undefined) this.skip();
    for (const { call, arm64 } of rows) {
      const number = names.get(call.toLowerCase());
      if (number !== undefined) expect(arm64, call).to.deep.equal([number]);
    }
  });
});
