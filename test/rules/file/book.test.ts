import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { loadRules } from '../../../src/rules/load.ts';
import { load, names, problemsOf, record } from '../support/load.ts';

const RULE = { name: 'r', condition: "process.name == 'x'" };
const rules = (...list: unknown[]) => ({ rules: list });

async function matches(files: readonly unknown[], fields: Readonly<Record<string, unknown>>): Promise<string[]> {
  const loaded = load(files);
  expect(loaded.problems).to.deep.equal([]);
  return ((await loaded.ruleset.evaluate(record(fields)))?.matches ?? []).map((match) => match.rule.name);
}

describe('rule files', () => {
  it('need a name and a condition, and fill in the rest', () => {
    const text =
      '{"rules":[{"name":"suspicious_temp_execution","condition":"process.path.contains(\'/tmp/\')","risk_score":0.7,"action":"alert"}]}';
    const { ruleset, problems } = load([text]);
    expect(problems).to.deep.equal([]);
    expect(ruleset.infos).to.deep.equal([
      {
        name: 'suspicious_temp_execution',
        id: 'suspicious_temp_execution',
        source: 'a.json:1',
        language: 'cel',
        label: 'Suspicious Temp Execution',
        description: '',
        severity: 'warning',
        riskScore: 0.7,
        confidence: 0.8,
        action: 'alert',
        recommendation: 'monitor_process',
        mode: 'enforce',
        heuristic: false,
        tags: [],
        mitre: [],
        throttleSeconds: undefined,
        runbook: undefined,
      },
    ]);
  });

  it('may have severity, score, confidence and recommendation on one line', () => {
    const rating = { severity: 'critical', risk_score: 0.9, confidence: 0.7, recommendation: 'isolate' };
    const { ruleset, problems } = load([
      rules({ ...RULE, rating }),
      rules({ name: 'r', merge: 'override', rating: { severity: 'info' } }),
    ]);
    expect(problems).to.deep.equal([]);
    expect(ruleset.infos[0]).to.include({
      severity: 'info',
      riskScore: 0.9,
      confidence: 0.7,
      recommendation: 'isolate',
    });
    expect(problemsOf(rules({ ...RULE, severity: 'info', rating }))).to.deep.equal([
      'a.json:8:5: r: "severity" stands in the rule and in its rating',
    ]);
    expect(problemsOf(rules({ ...RULE, rating: { severty: 'info' } })).join()).to.contain('did you mean "severity"?');
  });

  for (const [what, file, problem] of [
    ['broken JSON', '{"rules": [}', 'a.json:1:12: expected a JSON value, found "}"'],
    ['duplicate keys', '{"rules": [],\n "rules": []}', 'a.json:2:2: duplicate key "rules"'],
    ['__proto__', '{"lists": {"__proto__": []}}', 'a.json:1:12: "__proto__" is not allowed as a key'],
    ['an unknown key of a file', '{"rule": []}', 'a.json:1:2: unknown key "rule" (did you mean "rules"?)'],
    [
      'an unknown key of a rule',
      rules({ ...RULE, severty: 'info' }),
      'a.json:6:4: r: unknown key "severty" (did you mean "severity"?)',
    ],
    [
      'a bad choice',
      rules({ ...RULE, severity: 'warn' }),
      'a.json:6:16: r: "severity" must be one of info, warning, critical',
    ],
    [
      'a number out of range',
      rules({ ...RULE, risk_score: 7 }),
      'a.json:6:18: r: "risk_score" must be between 0 and 1',
    ],
    ['a wrong type', rules({ ...RULE, enabled: 'yes' }), 'a.json:6:15: r: "enabled" must be true or false'],
    [
      'a bad technique',
      rules({ ...RULE, mitre: ['1059'] }),
      'a.json:7:5: r: "1059" is not of the form ^T\\d{4}(\\.\\d{3})?$',
    ],
    ['no name', rules({ condition: 'true' }), 'a.json:3:3: "name" is missing'],
    [
      'no condition',
      rules({ name: 'r' }),
      'a.json:3:3: r: "condition" is missing (give "condition" (CEL) or "conditions" (a tree))',
    ],
    [
      'a condition that is always true',
      rules({ name: 'r', condition: '1 == 1' }),
      'a.json:5:17: r: the condition is always true',
    ],
    [
      'a mistake in a condition, past escapes',
      '{"rules":[{"name":"r","condition":"process.name == \\"\\u0041\\" && process.nme == \'x\'"}]}',
      'a.json:1:73: r: unknown field "process.nme" (did you mean "process.name"?)',
    ],
    [
      'a mistake in a tree',
      rules({ name: 'r', conditions: { all: [{ fact: 'process.name', operator: 'equal', value: 1 }] } }),
      'a.json:10:16: r: type error: compares string with number',
    ],
    [
      'a rule twice',
      rules(RULE, RULE),
      'a.json:8:12: r: rule "r" is already defined at a.json:3 (give it another name, or change the earlier one with "merge")',
    ],
    [
      'a list with the name of a field',
      { lists: { process: ['x'] } },
      'a.json:3:3: "process" is the name of a field or a word of CEL',
    ],
    ['a list of mixed types', { lists: { mixed: ['x', 1] } }, 'a.json:5:4: list "mixed" mixes string and int'],
    ['a window without an end', rules({ ...RULE, window: { count: 3 } }), 'a.json:6:14: r: "window" needs "seconds"'],
    [
      'an example without a result',
      rules({ ...RULE, examples: [{ event: {} }] }),
      'a.json:7:5: r: an example needs "match"',
    ],
  ] as const) {
    it(`refuse ${what}`, () => {
      expect(problemsOf(file)).to.deep.equal([problem]);
    });
  }

  it('load what is sound beside what is broken', () => {
    const loaded = load([rules({ name: 'bad', condition: 'x.y == 1' }, RULE), '{', rules({ ...RULE, name: 'other' })]);
    expect(names(loaded)).to.deep.equal(['r', 'other']);
    expect(loaded.problems.map((problem) => problem.file)).to.have.members(['a.json', 'b.json']);
  });

  it('refuse unknown kinds of event', () => {
    const loaded = load([rules({ name: 'r', condition: "event.type == 'proces_exec'" })], { kinds: ['process_exec'] });
    expect(loaded.problems[0]).to.include({
      message: 'unknown event type "proces_exec"',
      remedy: 'did you mean "process_exec"?',
    });
  });

  it('use lists and macros of all files in conditions', async () => {
    const first = { lists: { shells: ['sh'] }, macros: { is_shell: 'process.name in shells' } };
    const second = rules({ name: 'r', condition: "is_shell && process.args.exists(a, a == '-i')" });
    expect(await matches([second, first], { 'process.name': 'sh', 'process.args': ['sh', '-i'] })).to.deep.equal(['r']);
  });

  it('append to and override what earlier files define', async () => {
    const base = {
      lists: { shells: ['sh'], tools: ['nc'] },
      macros: { listed: 'process.name in shells || process.name in tools' },
      rules: [{ name: 'r', condition: 'listed', severity: 'info', tags: ['a'] }],
    };
    const later = {
      lists: { shells: { append: ['bash'] }, tools: { override: ['socat'] } },
      rules: [
        { name: 'r', merge: 'override', severity: 'critical' },
        { name: 'r', merge: 'append', tags: ['b'], exceptions: [{ fields: { 'process.uid': 0 } }] },
      ],
    };
    const { ruleset } = load([base, later]);
    expect(ruleset.infos[0]).to.include({ severity: 'critical', source: 'a.json:14' });
    expect(ruleset.infos[0]?.tags).to.deep.equal(['a', 'b']);
    const found = (name: string, uid?: number) =>
      matches([base, later], { 'process.name': name, ...(uid === undefined ? {} : { 'process.uid': uid }) });
    expect(await found('bash', 1)).to.deep.equal(['r']);
    expect(await found('bash')).to.deep.equal(['r']);
    expect(await found('bash', 0)).to.deep.equal([]);
    expect(await found('nc', 1)).to.deep.equal([]);
    expect(await found('socat', 1)).to.deep.equal(['r']);
  });

  it('refuse to change what does not exist, or without saying so', () => {
    expect(problemsOf(rules({ ...RULE, merge: 'override' }))).to.deep.equal([
      'a.json:4:12: r: no earlier rule "r" to override',
    ]);
    expect(problemsOf({ lists: { a: { append: ['x'] } } })).to.deep.equal([
      'a.json:3:8: no earlier list "a" to append',
    ]);
    expect(problemsOf({ lists: { a: ['x'] } }, { lists: { a: ['y'] } })[0]).to.match(/list "a" is already defined/);
    expect(problemsOf(rules(RULE), rules({ name: 'r', merge: 'append', condition: 'true' }))[0]).to.match(
      /"condition" cannot be appended to/,
    );
  });

  it('switch rule sets on and off by tag, the last word counts', () => {
    const tagged = (name: string, ...tags: string[]) => ({ ...RULE, name, tags });
    const base = rules(tagged('a', 'x'), tagged('b', 'x', 'y'), { ...tagged('c', 'z'), enabled: false });
    expect(names(load([base]))).to.deep.equal(['a', 'b']);
    expect(names(load([base, { disable_tags: ['x'], enable_tags: ['y', 'z'] }]))).to.deep.equal(['b', 'c']);
    expect(names(load([base], { disableTags: ['x'], enableTags: ['z'] }))).to.deep.equal(['c']);
    expect(load([base]).disabled.map(({ info }) => info.name)).to.deep.equal(['c']);
  });

  it('take exceptions as conditions and as data', async () => {
    const file = rules({
      ...RULE,
      exceptions: [
        "process.parent.name == 'cron'",
        {
          name: 'agents',
          condition: 'process.uid == 0',
          fields: { 'process.path': { startsWith: ['/opt/', '/srv/'] } },
        },
        { fields: { 'process.args': ['--quiet', '-q'] } },
      ],
    });
    const found = (fields: object) => matches([file], { 'process.name': 'x', ...fields });
    expect(await found({})).to.deep.equal(['r']);
    expect(await found({ 'process.parent.name': 'cron' })).to.deep.equal([]);
    expect(await found({ 'process.path': '/opt/x' })).to.deep.equal(['r']);
    expect(await found({ 'process.path': '/opt/x', 'process.uid': 0 })).to.deep.equal([]);
    expect(await found({ 'process.args': ['x', '-q'] })).to.deep.equal([]);
    expect(await found({ 'process.args': ['x', '-v'] })).to.deep.equal(['r']);
  });

  it('are read in the order of their paths, directories sorted', () => {
    const directory = mkdtempSync(join(tmpdir(), 'bpfwarden-rules-'));
    try {
      mkdirSync(join(directory, 'sub'));
      const write = (name: string, rule: string) =>
        writeFileSync(join(directory, name), JSON.stringify(rules({ ...RULE, name: rule })));
      write('b.json', 'second');
      write('a.json', 'first');
      write(join('sub', 'c.json'), 'third');
      write('rule.schema.json', 'schema');
      write('notes.txt', 'notes');
      expect(names(loadRules({ paths: [directory] }))).to.deep.equal(['first', 'second', 'third']);
      const missing = loadRules({ paths: [join(directory, 'none.json'), join(directory, 'a.json')] });
      expect(names(missing)).to.deep.equal(['first']);
      expect(missing.problems[0]?.message).to.match(/cannot be read: ENOENT/);
    } finally {
      rmSync(directory, { recursive: true });
    }
  });
});
