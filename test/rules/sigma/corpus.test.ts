import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { parseAllDocuments } from 'yaml';
import { formatProblem } from '../../../src/errors.ts';
import { compilePredicate } from '../../../src/rules/predicate/compile.ts';
import { loadSigma } from '../../../src/rules/sigma/load.ts';
import { recordFromJson } from '../../../src/schema/record.ts';
import { CORPORA, filesBelow } from './support/corpus.ts';
import { at, type Json, type ParsedRule, ruleHolds } from './support/evaluator.ts';
import { neighbours, satisfying } from './support/generator.ts';

/** Reproducible numbers from 0 to 1 (mulberry32). */
function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}

/** The evaluator must see what the record holds: the record derives a command line from arguments, for instance. */
const seenBy = (event: Json): Json => {
  const record = recordFromJson(event, 'x').toJSON() as Json;
  const error = at(event, 'event.error');
  return error === undefined ? record : { ...record, event: { ...(record.event as object), error } };
};

for (const corpus of CORPORA) {
  describe(`Sigma rules in ${corpus.split('/').slice(-3).join('/')}`, () => {
    const loaded = loadSigma([corpus]);
    const rules = new Map(loaded.rules.map((rule) => [rule.info.id, rule]));

    it('all load', () => {
      expect(loaded.problems.map(formatProblem)).to.deep.equal([]);
      expect(loaded.rules.length).to.be.greaterThan(0);
    });

    for (const file of filesBelow(corpus)) {
      const documents = parseAllDocuments(readFileSync(file, 'utf8'), { merge: true });
      for (const document of documents) {
        const parsed = document.toJS() as ParsedRule & { title: string; id: string; level: string };
        if (parsed.detection === undefined) continue;

        it(`${parsed.title}: fires on what satisfies it, and not next to it`, () => {
          const rule = rules.get(parsed.id);
          if (rule === undefined) throw new Error('not loaded');
          expect(rule.info.name).to.equal(parsed.title);
          const matches = compilePredicate(rule.condition);
          const judge = (json: Json) => {
            const record = recordFromJson(json, 'x');
            const expected = ruleHolds(parsed, seenBy(json));
            expect(matches(record), JSON.stringify(json)).to.equal(expected);
            if (expected) expect(rule.kinds).to.include(record.kind);
            return expected;
          };
          const events = satisfying(parsed, 6, randomFrom(parsed.title.length));
          expect(events.length, 'satisfying events').to.be.greaterThan(0);
          let misses = 0;
          for (const generated of events) {
            expect(judge(generated.event)).to.equal(true);
            for (const near of neighbours(generated)) if (!judge(near)) misses++;
          }
          expect(misses, 'near misses').to.be.greaterThan(events.length);
        });
      }
    }
  });
}
