import { expect } from 'chai';
import { formatProblem } from '../../../src/errors.ts';
import { type LoadedRules, loadRuleTexts } from '../../../src/rules/load.ts';
import { loadSigmaTexts } from '../../../src/rules/sigma/load.ts';
import { record } from '../support/load.ts';

const ID = '7a1b1f2e-0b0a-4d5e-9c3a-111111111111';
const OTHER = '7a1b1f2e-0b0a-4d5e-9c3a-222222222222';
const COUNT = '7a1b1f2e-0b0a-4d5e-9c3a-333333333333';
const sigmaRule = (title: string, id: string, image: string) => `title: ${title}
id: ${id}
name: ${image}
logsource: {product: linux, category: process_creation}
detection: {s: {Image|endswith: /${image}}, condition: s}
level: high
tags: [attack.t1059]
`;
const SIGMA = [
  sigmaRule('Netcat', ID, 'nc'),
  sigmaRule('Whoami', OTHER, 'whoami'),
  `title: Many Whoami
id: ${COUNT}
correlation: {type: event_count, rules: [whoami], group-by: [User], timespan: 1m, condition: {gte: 2}, generate: true}
level: low
`,
];

function loadWith(yaml: string): LoadedRules {
  const sigma = loadSigmaTexts(SIGMA.map((text, at) => ({ path: `${at}.yml`, text })));
  const shipped = { path: 'shipped.yaml', text: "rules: [{name: own, condition: process.name == 'own'}]" };
  return loadRuleTexts([shipped, { path: 'local.yaml', text: yaml }], { heuristics: true }, [], sigma);
}

const exec = (path: string, more: Readonly<Record<string, unknown>> = {}) =>
  record({ 'event.type': 'process_exec', 'process.path': path, ...more });
const matches = async ({ ruleset }: LoadedRules, event: ReturnType<typeof exec>) =>
  ((await ruleset.evaluate(event))?.matches ?? []).map(({ rule }) => rule.name);

describe('changes of rules by name', () => {
  for (const [how, name] of [
    ['title', 'Netcat'],
    ['id', ID],
  ]) {
    it(`reach a Sigma rule by its ${how}, and are told with their place`, async () => {
      const loaded = loadWith(`rules:
  - {name: ${name}, merge: override, severity: info, confidence: 0.3, mitre: [T1095], by: [process.path]}
  - name: ${name}
    merge: append
    tags: [ours]
    exceptions:
      - fields: {process.parent.path: /usr/bin/monitor}
`);
      expect(loaded.problems).to.deep.equal([]);
      const info = loaded.ruleset.rule(ID)?.info;
      expect(info).to.include({ severity: 'info', confidence: 0.3, riskScore: 0.7 });
      expect(info?.tags).to.deep.equal(['attack.t1059', 'ours']);
      expect(info?.mitre).to.deep.equal(['T1095']);
      expect(info?.by).to.deep.equal(['process.path']);
      expect(info?.changedBy).to.deep.equal(['local.yaml:2', 'local.yaml:3']);
      expect(await matches(loaded, exec('/bin/nc'))).to.include('Netcat');
      const excepted = exec('/bin/nc', { 'process.parent.path': '/usr/bin/monitor' });
      expect(await matches(loaded, excepted)).to.not.include('Netcat');
    });
  }

  it('reach built-in heuristics', async () => {
    const loaded = loadWith(`rules:
  - {name: heuristic_shell, merge: override, risk_score: 0.1}
  - {name: heuristic_temporary_path, merge: override, enabled: false}
`);
    expect(loaded.problems).to.deep.equal([]);
    const finding = await loaded.ruleset.evaluate(exec('/tmp/nc', { 'process.name': 'sh' }));
    expect(finding?.matches.map(({ rule }) => rule.name)).to.have.members(['Netcat', 'heuristic_shell']);
    expect(finding?.riskScore).to.equal(0.8);
    expect(loaded.disabled.map(({ info }) => info.name)).to.deep.equal(['heuristic_temporary_path']);
  });

  it('reach rules of earlier files, and switches by tag are told too', () => {
    const loaded = loadWith(`rules: [{name: own, merge: append, tags: [noisy]}]
disable_tags: [noisy]
`);
    expect(loaded.problems).to.deep.equal([]);
    expect(loaded.disabled[0]?.info.changedBy).to.deep.equal(['local.yaml:1', 'local.yaml:2']);
  });

  it('switch a Sigma rule off, and on again by a later word', async () => {
    const off = loadWith('rules: [{name: Netcat, merge: override, enabled: false}]');
    expect(await matches(off, exec('/bin/nc'))).to.deep.equal([]);
    expect(off.disabled.map(({ info }) => info.name)).to.deep.equal(['Netcat']);
    const on = loadWith(
      'rules: [{name: Netcat, merge: override, enabled: false}, {name: Netcat, merge: override, enabled: true}]',
    );
    expect(await matches(on, exec('/bin/nc'))).to.deep.equal(['Netcat']);
  });

  it('leave a rule that is switched off to the correlations that count it', async () => {
    const loaded = loadWith(`rules:
  - {name: Whoami, merge: override, enabled: false}
  - {name: Many Whoami, merge: override, severity: critical}
`);
    expect(loaded.problems).to.deep.equal([]);
    const event = () => exec('/usr/bin/whoami', { 'user.name': 'x', timestamp: 1 });
    expect(await matches(loaded, event())).to.deep.equal([]);
    const finding = await loaded.ruleset.evaluate(event());
    expect(finding?.matches.map(({ rule }) => [rule.name, rule.severity])).to.deep.equal([['Many Whoami', 'critical']]);
    const none = loadWith('rules: [{name: Many Whoami, merge: override, enabled: false}]');
    await none.ruleset.evaluate(event());
    expect(await matches(none, event())).to.deep.equal(['Whoami']);
  });

  for (const [what, yaml, problem] of [
    [
      'of nothing',
      'rules: [{name: Netkat, merge: override, severity: info}]',
      'local.yaml:1:16: Netkat: no earlier rule "Netkat" to override (did you mean "Netcat"?)',
    ],
    [
      'of a rule that comes later',
      "rules: [{name: late, merge: override, severity: info}, {name: late, condition: process.name == 'x'}]",
      'local.yaml:1:16: late: no earlier rule "late" to override (it is defined later, at local.yaml:1)',
    ],
    [
      'of the condition of a Sigma rule',
      "rules: [{name: Netcat, merge: override, condition: process.name == 'x'}]",
      'local.yaml:1:52: Netcat: "condition" of a sigma rule cannot be changed here (add exceptions, or disable it and write a rule of your own)',
    ],
    [
      'by exceptions of a correlation',
      'rules: [{name: Many Whoami, merge: append, exceptions: [process.uid == 0]}]',
      'local.yaml:1:56: Many Whoami: a correlation looks at no event of its own (give the exceptions to the rules that it correlates)',
    ],
  ] as const) {
    it(`are refused ${what}`, () => {
      expect(loadWith(yaml).problems.map(formatProblem)).to.deep.equal([problem]);
    });
  }
});
