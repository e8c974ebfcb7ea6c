/** The short run of `npm run fuzz`: from the corpus on, a few seconds for each target. */
import { expect } from 'chai';
import { canFuzz, FUZZ_TARGETS, fuzz } from '../../scripts/fuzz.ts';

describe('native: fuzzed', function () {
  this.timeout(240_000);

  for (const name of FUZZ_TARGETS)
    it(`${name}: nothing is found in 15 seconds`, () => {
      // Where the distribution has no libFuzzer for its clang, scripts/setup.sh could not install it.
      if (!canFuzz()) return;
      const runs = /number_of_executed_units: (\d+)/.exec(fuzz(name, 15))?.[1];
      expect(Number(runs)).to.be.greaterThan(100);
    });
});
