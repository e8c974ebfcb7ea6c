import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { architecturePage } from '../../scripts/generate-architecture.ts';
import { importsOf, LAYERS, layerFaults } from '../../scripts/layers.ts';

describe('the layers', () => {
  it('are kept, and the page has the table that the code has', () => {
    expect(layerFaults(importsOf())).to.deep.equal([]);
    const page = readFileSync(join(import.meta.dirname, '..', '..', 'ARCHITECTURE.md'), 'utf8');
    expect(page).to.equal(architecturePage());
  });

  it('are noticed when one imports what stands after it, or what it must not know', () => {
    const faultsOf = (file: string, target: string) => layerFaults(new Map([[file, [target]]]));
    expect(faultsOf('schema/view.ts', 'rules/tree.ts')).to.deep.equal([
      'src/schema/view.ts: the layer "schema" may not import rules/tree.ts, which stands after it',
    ]);
    expect(faultsOf('http/app.ts', 'rules/tree.ts')).to.have.length(1);
    expect(faultsOf('http/app.ts', 'rules/types.ts')).to.deep.equal([]);
    expect(faultsOf('cli/run.ts', 'the addon')).to.have.length(1);
    expect(faultsOf('utils/text.ts', 'errors.ts')).to.have.length(1);
    for (const { names, forbidden } of LAYERS) {
      for (const other of forbidden) {
        const [name = ''] = names;
        expect(faultsOf(`${name}/x.ts`, `${other}/inside.ts`), `${name} → ${other}`).to.have.length(1);
      }
    }
  });
});
