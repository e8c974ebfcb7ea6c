import { expect } from 'chai';
import { FOLD_TABLE, foldCase } from '../../src/rules/predicate/fold.ts';

describe('case folding', () => {
  it('is of each unit alone what lower case makes of it, where that is one unit; only ASCII becomes ASCII', () => {
    let changed = 0;
    for (let unit = 0; unit < 65536; unit++) {
      const lower = String.fromCharCode(unit).toLowerCase();
      const wanted = lower.length > 1 || (unit >= 128 && lower.charCodeAt(0) < 128) ? unit : lower.charCodeAt(0);
      if (wanted !== unit) changed++;
      if (FOLD_TABLE[unit] !== wanted) expect(FOLD_TABLE[unit], unit.toString(16)).to.equal(wanted);
    }
    expect(changed).to.be.above(1000);
    expect(foldCase('ÀΣ\u212aK')).to.equal('àσ\u212ak');
  });
});
