import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Ajv } from 'ajv';
import { expect } from 'chai';
import { EVENT_KINDS } from '../../../src/metrics/kinds.ts';
import { ruleSchema, ruleSchemaText } from '../../../src/rules/file/schema.ts';
import { runSuite, suiteText } from '../../../src/rules/file/suite.ts';
import { kernelFilter } from '../../../src/rules/literals/kernel-filter.ts';
import { loadRules } from '../../../src/rules/load.ts';
import { explainCondition, explanationText } from '../../../src/rules/predicate/explain.ts';
import { load, record } from '../support/load.ts';

const RULES = join(import.meta.dirname, '..', '..', '..', 'rules');

function suiteOf(...rules: unknown[]) {
  const { ruleset, problems } = load([{ rules }]);
  expect(problems).to.deep.equal([]);
  return runSuite(ruleset.rules.map((rule) => rule.definition));
}

const exec = (name: string) => ({ event: { type: 'process_exec' }, process: { name } });

describe('examples of rules', () => {
  it('are run, and failures explained', async () => {
    const report = await suiteOf({
      name: 'r',
      condition: "event.type == 'process_exec' && process.name == 'nc'",
      examples: [
        { event: exec('nc'), match: true },
        { name: 'a wrong example', event: exec('nd'), match: true },
        { event: exec('nd'), match: false },
      ],
    });
    expect(report.failures.length).to.equal(1);
    expect(suiteText(report)).to.equal(
      [
        'FAILED a.json:18: r (a wrong example): no match, expected match',
        '    - all',
        '      - process.name equal "nc", is "nd"',
        '1 rule, 3 examples, 1 failed; 1 of 2 conditions (50 %) seen both true and false',
      ].join('\n'),
    );
    expect(suiteText(report, true)).to.include('never false: r: event.type equal "process_exec"');
  });

  it('of windows run through an empty window each', async () => {
    const several = (count: number) => Array.from({ length: count }, () => exec('nc'));
    const report = await suiteOf({
      name: 'r',
      condition: "process.name == 'nc'",
      window: { seconds: 10, count: 3 },
      examples: [
        { events: several(3), match: true },
        { events: several(2), match: false },
        { events: several(2), match: false },
        { name: 'the condition alone', event: exec('nc'), match: true },
      ],
    });
    expect(report.failures).to.deep.equal([]);
  });

  it('that cannot be read as they are written fail', async () => {
    const report = await suiteOf({
      name: 'r',
      condition: "process.name == 'nc'",
      examples: [{ event: { process: { name: 'x', pid: 'many' } }, match: false }],
    });
    expect(report.failures[0]?.explanation).to.equal('process.pid is not a int');
  });

  it('are repeated for each value of a field', async () => {
    const example = (
      each: unknown,
      base: object = { no_match: { 'event.type': 'process_exec', 'process.name': 'nd' } },
    ) => suiteOf({ name: 'r', condition: "process.name == 'nc'", examples: [{ ...base, each }] });
    const report = await example({ 'process.name': ['ne', 'nc'] });
    expect(report.examples.map(({ actual }) => actual)).to.deep.equal([false, false, true]);
    expect(report.failures.length).to.equal(1);
    const refused = (each: unknown, base: object = { match: {} }) => {
      const rule = { name: 'r', condition: "process.name == 'nc'", examples: [{ ...base, each }] };
      return JSON.stringify(load([{ rules: [rule] }]).problems);
    };
    expect(refused({ 'process.nam': ['x'] })).to.match(/unknown field .*process.nam.*did you mean .*process.name/);
    expect(refused({ 'process.name': ['x'] }, { match: [{}, {}] })).to.match(/stands beside a/);
    expect(refused({ 'process.name': 'x' })).to.match(/process.name/);
  });

  it('tell rules without examples', async () => {
    const report = await suiteOf({ name: 'r', condition: "process.name == 'nc'" });
    expect(suiteText(report)).to.match(/^no examples: r\n/);
  });
});

describe('shipped rules', () => {
  const loaded = loadRules({ paths: [RULES], examples: true, kinds: EVENT_KINDS });
  const definitions = [...loaded.ruleset.rules.map((rule) => rule.definition), ...loaded.disabled];

  it('load without a problem', () => {
    expect(loaded.problems).to.deep.equal([]);
  });

  it('do what their examples say', async () => {
    const report = await runSuite(definitions);
    expect(suiteText(report).replace(/\n?[^\n]*$/, '')).to.equal('');
  });

  it('match recorded events that do not say whether the operation failed', async () => {
    const without = (json: unknown): unknown => {
      const { error: _error, ...event } = (json as { event?: { error?: string } }).event ?? {};
      return { ...(json as object), event };
    };
    const succeeded = (json: unknown) => (json as { event?: { error?: string } }).event?.error === '';
    const changed = definitions.map((definition) => ({
      ...definition,
      examples: (definition.examples ?? [])
        .filter(({ match, events }) => match && events.every(succeeded))
        .map((example) => ({ ...example, events: example.events.map(without) })),
    }));
    const { failures } = await runSuite(changed);
    expect(failures.map(({ rule }) => rule)).to.deep.equal([]);
  });

  it('let the kernel filter opens, the most frequent events', () => {
    const filter = kernelFilter(loaded.ruleset.rules, ['file_open', 'file_unlink', 'file_write'], { folds: true });
    for (const [kind, wanted] of filter.kinds)
      expect(wanted.pass, `${kind} ${JSON.stringify(wanted)}`).not.to.equal('whole');
  });

  it('fit the schema for editors, which is up to date', () => {
    expect(readFileSync(join(RULES, 'rule.schema.json'), 'utf8')).to.equal(ruleSchemaText());
    const validate = new Ajv({ allowUnionTypes: true }).compile(ruleSchema());
    for (const name of readdirSync(RULES).filter((entry) => /^[^.]+\.json$/.test(entry))) {
      validate(JSON.parse(readFileSync(join(RULES, name), 'utf8')));
      expect(validate.errors, name).to.equal(null);
    }
    expect(validate({ rules: [{ name: 'r', severty: 'info' }] })).to.equal(false);
  });
});

describe('explanations', () => {
  const { ruleset } = load([
    { rules: [{ name: 'r', condition: "process.name in ['sh', 'bash'] && process.uid == 0" }] },
  ]);
  const explained = (fields: Readonly<Record<string, unknown>>) => {
    const [rule] = ruleset.rules;
    return rule === undefined ? '' : explanationText(explainCondition(rule.condition, record(fields)));
  };

  it('give every condition with the value that the event has for it', () => {
    expect(explained({ 'process.name': 'sh' })).to.equal(
      ['- all', '  + process.name equal "sh", is "sh"', '  - process.uid equal 0, is absent'].join('\n'),
    );
    expect(explained({ 'process.name': 'zsh', 'process.uid': 0 })).to.equal(
      ['- all', '  - process.name equal ["sh","bash"], is "zsh"', '  + process.uid equal 0, is 0'].join('\n'),
    );
  });
});
