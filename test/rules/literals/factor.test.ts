import { expect } from 'chai';
import fc from 'fast-check';
import { celCondition } from '../../../src/rules/cel/condition.ts';
import { Interning } from '../../../src/rules/interning.ts';
import { factor } from '../../../src/rules/literals/factor.ts';
import { compilePredicate } from '../../../src/rules/predicate/compile.ts';
import { bareSource } from '../../../src/rules/source.ts';
import { all, any, type Condition, not } from '../../../src/rules/tree.ts';
import { cel, fields, tree } from '../support/arbitrary.ts';
import { eventOf } from '../support/event.ts';

/** Conditions that share parts. */
const condition = fc
  .array(
    fc.oneof(
      tree,
      cel.map((text) => celCondition(bareSource(text))),
    ),
    { minLength: 2, maxLength: 4 },
  )
  .chain((parts) => {
    const part: fc.Arbitrary<Condition> = fc.constantFrom(...parts);
    const negated = fc.oneof(part, part.map(not));
    const way = fc.array(negated, { minLength: 1, maxLength: 3 }).map(all);
    const ways = fc.array(fc.oneof(way, negated), { minLength: 1, maxLength: 3 }).map(any);
    return fc.array(fc.oneof(ways, negated), { minLength: 1, maxLength: 3 }).map(all);
  });

describe('what all ways have in common', () => {
  it('is asked first and once, with the same result', () => {
    let changed = 0;
    let matches = 0;
    fc.assert(
      fc.property(condition, fc.array(fields(), { minLength: 8, maxLength: 8 }), (given, events) => {
        const interned = new Interning().of(given);
        const factored = factor(interned);
        if (factored !== interned) changed++;
        const [plain, rewritten] = [interned, factored].map(compilePredicate);
        for (const values of events) {
          const event = eventOf(values);
          if (plain?.(event) === true) matches++;
          expect(rewritten?.(event)).to.equal(plain?.(event));
        }
      }),
      { numRuns: 400 },
    );
    expect(changed).to.be.greaterThan(50);
    expect(matches).to.be.greaterThan(250);
  });

  it('is taken out of the ways', () => {
    const [a, b, c] = ["file.path == 'a'", "file.name == 'b'", "process.name == 'c'"].map((text) =>
      celCondition(bareSource(text)),
    ) as [Condition, Condition, Condition];
    expect(factor(any([all([a, b]), all([a, c])]))).to.deep.equal(all([a, any([b, c])]));
    expect(factor(all([a, any([b, all([a, c])])]))).to.deep.equal(all([a, any([b, c])]));
  });
});
