import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { convertFalco } from '../../../src/rules/falco/convert.ts';
import { loadRuleTexts } from '../../../src/rules/load.ts';
import { DEFAULT_CASES } from './support/default-cases.ts';
import { record, ruleText } from './support/load.ts';

const FILE = `${import.meta.dirname}/fixtures/falco_rules.yaml`;
const converted = (text: string) => convertFalco({ path: 'a.yaml', text });

describe('converted Falco rules', () => {
  it('find what they found, and nothing else', async () => {
    const { rules, problems } = converted(readFileSync(FILE, 'utf8'));
    const { ruleset, problems: faults } = loadRuleTexts([{ path: 'own.json', text: JSON.stringify({ rules }) }]);
    expect(faults).to.deep.equal([]);
    const names = ruleset.infos.map(({ name }) => name);
    expect(names)
      .to.have.length(rules.length)
      .and.to.include.members(['Clear Log Activities', 'PTRACE attached to process']);
    expect([...names, ...problems.map(({ subject }) => subject)]).to.have.members(
      DEFAULT_CASES.map(({ rule }) => rule),
    );
    for (const { rule, event, miss } of DEFAULT_CASES.filter((one) => names.includes(one.rule))) {
      const found = async (fields: object) => {
        const finding = await ruleset.evaluate(record(fields as Record<string, unknown>));
        return finding?.matches.some((match) => match.rule.name === rule) ?? false;
      };
      expect(await found(event), rule).to.equal(true);
      expect(await found({ ...event, ...miss }), rule).to.equal(false);
    }
  });

  it('say in the way of json-rules-engine what Falco says', () => {
    const [rule] = converted(
      ruleText('evt.type=execve and not proc.name in (bash, sh) and proc.exepath glob /t*/x'),
    ).rules;
    expect(rule).to.deep.include({ name: 'r', severity: 'info', description: 'A rule.' });
    expect(JSON.stringify(rule))
      .to.contain('{"not":{"fact":"process.name","operator":"in","value":["bash","sh"]}}')
      .and.contain('{"fact":"process.path","operator":"glob","value":["/t*/x"]}');
  });

  it('are refused with the field that has no form of its own, at its place', () => {
    const { rules, problems } = converted(`${ruleText('proc.cmdline contains x')}\n${ruleText('proc.nosuch = 1')}`);
    expect(rules).to.deep.equal([]);
    expect(problems[0]).to.include({ file: 'a.yaml', subject: 'r' });
    expect(converted(ruleText('proc.cmdline contains x')).problems[0]?.message).to.contain('"proc.cmdline"');
  });
});
