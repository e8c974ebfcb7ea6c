import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { parseAllDocuments } from 'yaml';
import { loadRules, loadRuleTexts } from '../../../src/rules/load.ts';
import { loadSigmaTexts } from '../../../src/rules/sigma/load.ts';
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

  it('raise the alert of a correlation for the event that completes it, late ones too', async () => {
    const text = `title: Shell
name: shell
id: s-1
logsource: {product: linux, category: process_creation}
detection: {selection: {Image|endswith: /sh}, condition: selection}
---
title: Many shells
id: c-1
correlation:
    type: event_count
    rules: [shell]
    group-by: [ParentProcessId]
    timespan: 1m
    condition: {gte: 3}
level: critical
`;
    const sigma = loadSigmaTexts([{ path: 'many.yml', text }]);
    const { ruleset, problems } = loadRuleTexts([], {}, [], sigma);
    expect(problems).to.deep.equal([]);
    expect(ruleset.infos.map((info) => info.name)).to.deep.equal(['Many shells']);
    const alerts: unknown[] = [];
    for (const [id, timestamp, ppid] of [
      ['a', 100, 1],
      ['b', 110, 2],
      ['c', 200, 1],
      ['d', 150, 1],
      ['e', 155, 1],
    ] as const) {
      const json = { timestamp, event: { type: 'process_exec', id }, process: { path: '/bin/sh', ppid } };
      const finding = await ruleset.evaluate(recordFromJson(json, '0'));
      for (const match of finding?.matches ?? []) alerts.push([match.rule.id, finding?.event.id, match.window]);
    }
    const window = { count: 3, seconds: 60, key: { ParentProcessId: '1' } };
    expect(alerts).to.deep.equal([['c-1', 'e', window]]);
  });
});
