import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { OUTPUTS } from '../../scripts/generate-reference.ts';

describe('reference pages', () => {
  for (const [file, text] of Object.entries(OUTPUTS)) {
    it(`${file} is what the tables say now`, () => {
      expect(readFileSync(join(import.meta.dirname, '..', '..', file), 'utf8')).to.equal(text());
    });
  }
});
