import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { exportsOfNobody, namesOfTwo } from '../../scripts/check-names.ts';
import { KINDS } from '../../src/schema/kinds.ts';

const SRC = join(import.meta.dirname, '..', '..', 'src');
/** The rows themselves, which fields a kind has, what programs are for, and what other languages call a kind. */
const NAME_KINDS = /^(?:schema\/(?:kinds|fields|schema\.gen)|kernel\/programs\.gen\.ts|rules\/(?:sigma|falco)\/)/;

describe('exported names', () => {
  it('mean one thing each', () => {
    expect([...namesOfTwo(SRC)]).to.deep.equal([]);
  });

  it('are noticed when two files have the same, whatever kind of thing it is, or when nobody uses them', () => {
    const root = mkdtempSync(join(tmpdir(), 'bpfwarden-names-'));
    try {
      mkdirSync(join(root, 'a'));
      writeFileSync(
        join(root, 'a', 'one.ts'),
        "export function quoted(a: 1): 1;\nexport function quoted(a: 2): 2;\nexport { Face } from '../two.ts';\n",
      );
      writeFileSync(join(root, 'two.ts'), 'export const quoted = 1;\nexport type Face = 2;\nconst own = 1;\n');
      writeFileSync(join(root, 'three.ts'), 'export const unused = 1;\nconst twice = unused + unused;\n');
      expect([...exportsOfNobody(root, []).keys()])
        .to.include('unused')
        .and.not.include('Face');
      expect([...namesOfTwo(root)]).to.deep.equal([['quoted', [join(root, 'a/one.ts'), join(root, 'two.ts')]]]);
    } finally {
      rmSync(root, { recursive: true, force: true });
    }
  });
});

describe('kinds of events', () => {
  it('are named in their rows alone: what else has to know of one reads its row', () => {
    // Words such as kill and mount mean other things, too.
    const kinds = Object.keys(KINDS).filter((kind) => kind.includes('_'));
    const named = new RegExp(`['"\`](?:${kinds.join('|')}|(?:file|net|process|socket)_)['"\`]`);
    const files = readdirSync(SRC, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.ts'));
    const found = files.flatMap((file) =>
      readFileSync(join(SRC, file), 'utf8')
        .split('\n')
        .filter((line) => named.test(line) && !/^\s*(?:\*|\/[/*])/.test(line))
        .map((line) => `${file}: ${line.trim()}`),
    );
    expect(found.filter((line) => !NAME_KINDS.test(line))).to.deep.equal([]);
    expect(found).to.have.length.above(50);
  });
});
