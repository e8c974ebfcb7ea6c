import { expect } from 'chai';
import fc from 'fast-check';
import { ConditionEngine, EngineQueue } from '../../src/rules/engine/engine.ts';
import { RuleSet } from '../../src/rules/ruleset.ts';
import { FIELD_NAMES } from '../../src/schema/fields.ts';
import { recordFromValues } from '../../src/schema/record.ts';
import { fields, tree } from './support/arbitrary.ts';
import { load, record } from './support/load.ts';
import { infoOf } from './support/rule.ts';

const RULES = {
  rules: [
    { name: 'temp', condition: "process.path.contains('/tmp/')", risk_score: 0.5 },
    { name: 'port', condition: 'target_port == 4444', risk_score: 0.9, confidence: 0.3 },
    { name: 'quiet', condition: "process.name == 'sh'", mode: 'shadow', risk_score: 0.3 },
    { name: 'extra', condition: 'process.uid == 0', heuristic: true, risk_score: 0.1 },
  ],
};

describe('rule sets', () => {
  it('find every match of an event and add their scores up', async () => {
    const { ruleset } = load([RULES]);
    const finding = await ruleset.evaluate(
      record({ 'process.path': '/tmp/x', 'process.name': 'sh', 'process.uid': 0 }),
    );
    expect(finding?.matches.map((match) => match.rule.name)).to.deep.equal(['temp', 'quiet', 'extra']);
    expect(finding?.riskScore).to.equal(0.6);
    const capped = await ruleset.evaluate(record({ 'process.path': '/tmp/x', target_port: 4444 }));
    expect(capped?.riskScore).to.equal(1);
  });

  it('say which conditions matched, with the values', async () => {
    const { ruleset } = load([
      {
        rules: [
          {
            name: 'r',
            condition:
              "process.name in ['a', 'b', 'c'] && (target_port == 1 || '-i' in process.args) && !(process.uid == 0)",
          },
        ],
      },
    ]);
    const finding = await ruleset.evaluate(
      record({ 'process.name': 'b', 'process.args': ['b', '-i'], 'process.uid': 7 }),
    );
    expect(finding?.matches[0]?.matched).to.deep.equal([
      { field: 'process.name', operator: 'equal', expected: 'b', actual: 'b' },
      { field: 'process.args', operator: 'any', expected: 'element equal "-i"', actual: '-i' },
      { field: 'process.uid', operator: 'exists', expected: true, actual: 7 },
    ]);
  });

  it('take heuristics along, never by themselves', async () => {
    const { ruleset } = load([RULES], { heuristics: true });
    expect(ruleset.observe(record({ 'process.path': '/usr/bin/bash', 'process.uid': 0 }))).to.equal(undefined);
    const finding = await ruleset.evaluate(record({ 'process.path': '/tmp/bash', 'process.name': 'bash' }));
    expect(finding?.matches.map((match) => match.rule.name)).to.deep.equal([
      'temp',
      'heuristic_temporary_path',
      'heuristic_shell',
    ]);
    expect(finding?.riskScore).to.equal(1);
    const port = await ruleset.evaluate(record({ 'process.name': 'dash', target_port: 4444 }));
    expect(port?.riskScore).to.equal(1);
  });

  it('name the fields that rules look at', () => {
    const { ruleset } = load([
      {
        rules: [
          { name: 'a', condition: "process.sha256 == 'x' && process.ancestors.exists(p, p.name == file.name)" },
          { name: 'b', condition: 'process.pid > 1', window: { seconds: 1, count: 2, by: ['user.name'] } },
        ],
      },
    ]);
    expect([...ruleset.neededFields()]).to.have.members([
      'process.sha256',
      'process.ancestors',
      'file.name',
      'process.pid',
      'user.name',
    ]);
  });

  it('decide one event after another although they are given at once', async () => {
    const { ruleset } = load([
      { rules: Array.from({ length: 20 }, (_, at) => ({ name: `r${at}`, condition: `process.pid >= ${at}` })) },
    ]);
    const findings = await Promise.all(
      Array.from({ length: 50 }, (_, pid) => ruleset.evaluate(record({ 'process.pid': pid }))),
    );
    findings.forEach((finding, pid) => {
      expect(finding?.matches.length, String(pid)).to.equal(Math.min(20, pid + 1));
    });
    expect(ruleset.pending).to.equal(0);
    expect(ruleset.engineCounts).to.include({ bypassed: 0, failed: 0, disagreed: 0 });
  });

  it('decide by the condition tree when the queue is full, with the same result', async () => {
    const { ruleset } = load([RULES]);
    const rules = ruleset.rules.slice(0, 1);
    const queue = new EngineQueue(2);
    const event = record({ 'process.path': '/tmp/x' });
    const results = await Promise.all(Array.from({ length: 5 }, () => queue.decide(event, rules)));
    for (const result of results) expect(result).to.deep.equal(results[0]);
    expect(queue.counts).to.deep.equal({ runs: 2, bypassed: 3, failed: 0, disagreed: 0 });
  });

  it('give the alert that the engine alone would give', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(tree, { minLength: 1, maxLength: 5 }), fields(), async (conditions, values) => {
        const definitions = conditions.map((condition, at) => ({ info: infoOf(`rule ${at}`), condition }));
        const ruleset = new RuleSet({ definitions });
        const event = recordFromValues(FIELD_NAMES.map((name) => values[name]));
        const alone = await Promise.all(
          conditions.map(async (condition, at) => ({
            name: `rule ${at}`,
            matched: await new ConditionEngine(condition, Number.POSITIVE_INFINITY).run(event),
          })),
        );
        const finding = await ruleset.evaluate(event);
        const found = (finding?.matches ?? []).map(({ rule, matched }) => ({ name: rule.name, matched }));
        expect(found).to.deep.equal(alone.filter(({ matched }) => matched !== undefined));
      }),
      { numRuns: 200 },
    );
  });
});
