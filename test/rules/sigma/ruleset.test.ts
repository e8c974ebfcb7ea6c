import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { parseAllDocuments } from 'yaml';
import { loadRules } from '../../../src/rules/load.ts';
import { recordFromJson } from '../../../src/schema/record.ts';
import { CORPORA, filesBelow } from './support/corpus.ts';
import { type Json, type ParsedRule, ruleHolds } from './support/evaluator.ts';
import { neighbours, satisfying } from './support/generator.ts';

const NEIGHBOURS_PER_RULE = 6;

describe('Sigma rules in a rule set: index, predicate and json-rules-engine', () => {
  for (const corpus of CORPORA) {
    it(`find all rules that hold, of ${corpus.split('/').slice(-2).join('/')}`, async function () {
      this.timeout(60_000);
      const { ruleset, problems } = loadRules({ paths: [], sigmaPaths: [corpus] });
      expect(problems).to.deep.equal([]);
      const parsed = filesBelow(corpus)
        .flatMap((file) => parseAllDocuments(readFileSync(file, 'utf8'), { merge: true }))
        .map((document) => document.toJS() as ParsedRule & { id: string });
      expect(ruleset.infos.map((info) => info.id)).to.have.members(parsed.map((rule) => rule.id));

      const events: Json[] = [];
      for (const rule of parsed) {
        for (const generated of satisfying(rule, 2, () => 0.7)) {
          const near = [...neighbours(generated)];
          const step = Math.max(1, Math.floor(near.length / NEIGHBOURS_PER_RULE));
          events.push(generated.event, ...near.filter((_, index) => index % step === 0));
        }
      }
      let matches = 0;
      for (const [index, json] of events.entries()) {
        const record = recordFromJson(json, String(index));
        const seen = record.toJSON() as Json;
        const event = { ...(seen.event as object), error: (json.event as Json).error } as Json;
        const expected = parsed.filter((rule) => ruleHolds(rule, { ...seen, event })).map((rule) => rule.id);
        const finding = await ruleset.evaluate(record);
        const found = finding?.matches.map((match) => match.rule.id) ?? [];
        expect(found, JSON.stringify(json)).to.have.members(expected);
        for (const match of finding?.matches ?? []) expect(match.matched).to.not.deep.equal([]);
        matches += found.length;
      }
      expect(matches).to.be.greaterThan(parsed.length);
    });
  }
});
