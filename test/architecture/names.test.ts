import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { namesOfTwo } from '../../scripts/check-names.ts';

describe('exported names', () => {
  it('mean one thing each', () => {
    expect([...namesOfTwo(join(import.meta.dirname, '..', '..', 'src'))]).to.deep.equal([]);
  });

  it('are noticed when two files have the same, whatever kind of thing it is', () => {
    const root = mkdtempSync(join(tmpdir(), 'bpfwarden-names-'));
    try {
      mkdirSync(join(root, 'a'));
      writeFileSync(
        join(root, 'a', 'one.ts'),
        "export function quoted(a: 1): 1;\nexport function quoted(a: 2): 2;\nexport { Face } from '../two.ts';\n",
      );
      writeFileSync(join(root, 'two.ts'), 'export const quoted = 1;\nexport type Face = 2;\nconst own = 1;\n');
      expect([...namesOfTwo(root)]).to.deep.equal([['quoted', [join(root, 'a/one.ts'), join(root, 'two.ts')]]]);
    } finally {
      rmSync(root, { recursive: true, force: true });
    }
  });
});
