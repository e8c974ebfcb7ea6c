import { expect } from 'chai';
import fc from 'fast-check';
import { celCondition } from '../../src/rules/cel/condition.ts';
import { ConditionEngine } from '../../src/rules/engine/engine.ts';
import { compilePredicate } from '../../src/rules/predicate/compile.ts';
import { explainCondition, holds, matchedConditions } from '../../src/rules/predicate/explain.ts';
import { bareSource } from '../../src/rules/source.ts';
import { cel, fields, tree } from './support/arbitrary.ts';
import { eventOf } from './support/event.ts';
import { reference } from './support/reference.ts';

/** The engine gets all of the condition. */
const WHOLE = Number.POSITIVE_INFINITY;

describe('predicate, json-rules-engine and CEL reference', () => {
  it('agree on random CEL conditions, also where fields are absent', async () => {
    let matches = 0;
    await fc.assert(
      fc.asyncProperty(cel, fc.array(fields(), { minLength: 4, maxLength: 4 }), async (text, events) => {
        const condition = celCondition(bareSource(text));
        const predicate = compilePredicate(condition);
        const engine = new ConditionEngine(condition, WHOLE);
        const parts = [0, 2, 5].map((largest) => new ConditionEngine(condition, largest));
        for (const values of events) {
          const event = eventOf(values);
          const wanted = reference(text, values);
          if (wanted) matches++;
          expect(predicate(event), 'predicate').to.equal(wanted);
          expect((await engine.run(event)) !== undefined, 'engine').to.equal(wanted);
          for (const one of parts) expect((await one.run(event)) !== undefined, 'engine, by parts').to.equal(wanted);
        }
      }),
      { numRuns: 400 },
    );
    expect(matches).to.be.greaterThan(100);
  });

  it('predicate, engine and explanation agree on random trees', async () => {
    let matches = 0;
    await fc.assert(
      fc.asyncProperty(tree, fc.array(fields(), { minLength: 4, maxLength: 4 }), async (condition, events) => {
        const predicate = compilePredicate(condition);
        const engine = new ConditionEngine(condition, WHOLE);
        const parts = [0, 2, 5].map((largest) => new ConditionEngine(condition, largest));
        for (const values of events) {
          const event = eventOf(values);
          const wanted = holds(condition, event);
          if (wanted) matches++;
          expect(predicate(event), 'predicate').to.equal(wanted);
          const run = await engine.run(event);
          expect(run !== undefined, 'engine').to.equal(wanted);
          expect(explainCondition(condition, event).result, 'explanation').to.equal(wanted);
          for (const one of parts) expect(await one.run(event), 'engine, by parts').to.deep.equal(run);
          if (run !== undefined) expect(run).to.deep.equal(matchedConditions(condition, event));
        }
      }),
      { numRuns: 600 },
    );
    expect(matches).to.be.greaterThan(100);
  });
});
