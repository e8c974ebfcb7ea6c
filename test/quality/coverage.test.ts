import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { OUTPUTS } from '../../scripts/generate-attack-coverage.ts';

describe('coverage of ATT&CK', () => {
  for (const [file, text] of Object.entries(OUTPUTS)) {
    it(`${file} is what rules and scenarios say now, gaps included`, () => {
      const written = readFileSync(join(import.meta.dirname, '..', '..', file), 'utf8');
      expect(written).to.equal(text());
      expect(written).to.match(/## Gaps/);
    });
  }
});
