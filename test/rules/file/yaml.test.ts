import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { expect } from 'chai';
import fc from 'fast-check';
import { formatProblem } from '../../../src/errors.ts';
import { celCondition } from '../../../src/rules/cel/condition.ts';
import { layOutCondition, oneLine } from '../../../src/rules/cel/layout.ts';
import { convertRuleFile } from '../../../src/rules/file/convert.ts';
import { runSuite } from '../../../src/rules/file/suite.ts';
import { type LoadedRules, loadRules, loadRuleTexts } from '../../../src/rules/load.ts';
import { bareSource } from '../../../src/rules/source.ts';

const loadYaml = (...texts: string[]): LoadedRules =>
  loadRuleTexts(texts.map((text, at) => ({ path: `${String.fromCharCode(97 + at)}.yaml`, text })));
const problemsOf = (...texts: string[]) => loadYaml(...texts).problems.map(formatProblem);
const definitionsOf = ({ ruleset, disabled }: LoadedRules) => [
  ...ruleset.rules.map(({ definition }) => definition),
  ...disabled,
];

describe('rule files in YAML', () => {
  it('take conditions over lines, with comments', async () => {
    const loaded = loadYaml(`# yaml-language-server: $schema=rule.schema.json
lists:
  shells: [sh, bash]
rules:
  - name: shell_of_a_server
    condition: |
      event.type == 'process_exec'
      // a shell, whatever it is asked to do
      && process.name in shells
      && process.parent.name == 'nginx'
    examples:
      - match: {event.type: process_exec, process.path: /bin/sh, process.parent.name: nginx}
      - {name: another parent, no_match: {event.type: process_exec, process.path: /bin/sh, process.parent.name: sshd}}
`);
    expect(loaded.problems).to.deep.equal([]);
    const report = await runSuite(definitionsOf(loaded));
    expect(report.examples.map(({ expected, actual }) => [expected, actual])).to.deep.equal([
      [true, true],
      [false, false],
    ]);
  });

  const rule = (condition: string) => `rules:\n  - name: r\n    condition: ${condition}\n`;
  for (const [how, text, place] of [
    ['a plain text', rule("process.pid == 1 && process.nam == 'x'"), 'a.yaml:3:43'],
    ['a plain text over lines', rule("process.pid == 1 &&\n      process.nam == 'x'"), 'a.yaml:4:14'],
    ['a text in single quotes', rule("'process.name == ''y'' && process.nam == ''x'''"), 'a.yaml:3:49'],
    ['a text in double quotes', rule('"process.name == \\"y\\" && \\x70rocess.nam == \'x\'"'), 'a.yaml:3:52'],
    ['a literal block', rule("|\n      process.pid == 1\n\n        && process.nam == 'x'"), 'a.yaml:6:19'],
    ['a folded block', rule(">-  # why\n      process.pid == 1\n      && process.nam == 'x'"), 'a.yaml:5:17'],
  ] as const) {
    it(`name the line and column of a mistake in ${how}`, () => {
      expect(problemsOf(text)).to.deep.equal([
        `${place}: r: unknown field "process.nam" (did you mean "process.name"?)`,
      ]);
    });
  }

  for (const [what, text, problem] of [
    ['broken YAML', 'rules: [}', 'a.yaml:1:9: not YAML: '],
    ['a key twice', 'rules: []\nrules: []', 'a.yaml:2:1: the YAML key "rules" stands twice'],
    ['__proto__', 'lists: {__proto__: [a]}', 'a.yaml:1:9: "__proto__" is not allowed as a key'],
    ['a misspelt key', 'rules:\n  - nam: r', 'a.yaml:2:5: unknown key "nam" (did you mean "name"?)'],
    ['a second document', 'rules: []\n---\nrules: []', 'a.yaml:3:1: a rule file is one YAML document'],
    ['a list at the top', '- a\n- b', 'a.yaml:1:1: a rule file is an object'],
    ['a number with a leading zero', 'lists: {modes: [0644]}', 'a.yaml:1:17: 0644 is the number 644 in YAML'],
    ['aliases that multiply', bomb(), 'YAML nodes with aliases expanded'],
    ['deep nesting', `lists: ${'['.repeat(5000)}`, 'YAML is nested too deeply'],
    [
      'an unknown actor',
      'examples: {r: [{match: {actor: rot}}]}\nactors: {root: {process.uid: 0}}\nrules: [{name: r, condition: process.uid == 0}]',
      'a.yaml:1:32: r: no actor "rot" (did you mean "root"?)',
    ],
    [
      'an actor of itself',
      'actors: {a: {actor: b}, b: {actor: a}}\nrules: [{name: r, condition: process.uid == 0, examples: [{match: {actor: a}}]}]',
      'actor "a" uses itself: a -> b -> a',
    ],
    [
      'an actor with a misspelt field',
      'actors: {a: {process.nme: x}}',
      'a.yaml:1:14: unknown field "process.nme" (did you mean "process.name"?)',
    ],
    [
      'an example with a misspelt field',
      'rules: [{name: r, condition: process.uid == 0, examples: [{match: {procss.uid: 0}}]}]',
      'unknown field "procss.uid" (did you mean "process.uid"?)',
    ],
    [
      'examples of no rule',
      'examples: {rr: [{match: {process.uid: 0}}]}\nrules: [{name: r, condition: process.uid == 0}]',
      'a.yaml:1:16: examples for "rr", and there is no such rule (did you mean "r"?)',
    ],
    [
      'an example with two results',
      'rules: [{name: r, condition: process.uid == 0, examples: [{match: {process.uid: 0}, no_match: {process.uid: 1}}]}]',
      'an example has one of "match" and "no_match"',
    ],
  ] as const) {
    it(`are refused for ${what}`, () => {
      expect(problemsOf(text).join('\n')).to.contain(problem);
    });
  }

  it('repeat the events of an example, each round with its number', () => {
    const loaded = loadYaml(
      'rules: [{name: r, condition: process.uid == 0, examples: [{match: {process.uid: 0, file.path: "/a/{n}", process.args: [x, "{n}.txt"]}, times: 3}]}]',
    );
    expect(loaded.problems).to.deep.equal([]);
    expect(definitionsOf(loaded)[0]?.examples?.[0]?.events).to.deep.equal(
      [1, 2, 3].map((n) => ({ 'process.uid': 0, 'file.path': `/a/${n}`, 'process.args': ['x', `${n}.txt`] })),
    );
  });

  it('give events of examples the fields of named actors, the later and the own ones first', () => {
    const loaded = loadYaml(
      `actors:
  root: {process: {uid: 0, name: bash}}
  root_bash: {actor: root, process.path: /usr/bin/bash}
  writing: {event.type: file_open, file.access: write}
`,
      `rules:
  - name: r
    condition: file.path == '/etc/x'
    examples:
      - match: [{actor: [root_bash, writing], file.path: /etc/x, process.executable: /bin/dash, process.env: {A: b}}]
`,
    );
    expect(loaded.problems).to.deep.equal([]);
    expect(definitionsOf(loaded)[0]?.examples?.[0]?.events).to.deep.equal([
      {
        'process.uid': 0,
        'process.name': 'bash',
        'process.path': '/bin/dash',
        'event.type': 'file_open',
        'file.access': 'write',
        'file.path': '/etc/x',
        'process.env': { A: 'b' },
      },
    ]);
  });

  it('lie in directories, where examples/ is for tests alone and Sigma is told by its keys', () => {
    const directory = mkdtempSync(join(tmpdir(), 'bpfwarden-yaml-'));
    try {
      for (const [name, text] of [
        ['a.yaml', 'rules: [{name: own, condition: process.uid == 0}]'],
        ['b.json', '{"rules": [{"name": "json", "condition": "process.uid == 0"}]}'],
        ['examples/a.yaml', 'examples: {own: [{match: {process.uid: 0}}]}'],
        [
          's.yml',
          'title: From Sigma\nid: 7a1b1f2e-0b0a-4d5e-9c3a-111111111111\nlogsource: {product: linux, category: process_creation}\ndetection: {s: {Image: /bin/x}, condition: s}\nlevel: low\n',
        ],
      ] as const) {
        mkdirSync(dirname(join(directory, name)), { recursive: true });
        writeFileSync(join(directory, name), text);
      }
      const daemon = loadRules({ paths: [directory] });
      expect(daemon.problems).to.deep.equal([]);
      expect(daemon.ruleset.infos.map(({ name }) => name)).to.have.members(['own', 'json', 'From Sigma']);
      expect(daemon.ruleset.rule('own')?.definition.examples).to.deep.equal([]);
      // A Sigma rule that cannot be evaluated is nobody's mistake, wherever it lies.
      writeFileSync(
        join(directory, 't.yml'),
        'title: T\nlogsource: {product: windows}\ndetection: {s: {a: b}, condition: s}\n',
      );
      writeFileSync(join(directory, 'u.yaml'), 'rules: [{name: broken}]');
      const mixed = loadRules({ paths: [directory] });
      const files = (problems: Iterable<{ readonly file?: string }>) =>
        [...problems].map(({ file }) => basename(file ?? ''));
      expect(files(mixed.problems)).to.have.members(['t.yml', 'u.yaml']);
      expect(files(mixed.refused)).to.deep.equal(['t.yml']);
      rmSync(join(directory, 'u.yaml'));
      const tested = loadRules({ paths: [directory], examples: true });
      expect(tested.ruleset.rule('own')?.definition.examples).to.have.length(1);
    } finally {
      rmSync(directory, { recursive: true });
    }
  });
});

describe('conversion of rule files', () => {
  const word = fc.constantFrom(
    "process.name == 'a b'",
    "file.path.startsWith('/etc/( ')",
    'process.uid in [0, 1000]',
    "process.args.exists(a, a == '--x' || a == '[')",
    '!has(process.tty)',
    "process.command_line.matches('^a\\\\.b( |$)')",
  );
  const condition: fc.Arbitrary<string> = fc.letrec<{ expr: string }>((tie) => ({
    expr: fc.oneof(
      { maxDepth: 4, depthSize: 'large' },
      word,
      fc.array(tie('expr'), { minLength: 2, maxLength: 5 }).map((parts) => parts.join(' && ')),
      fc.array(tie('expr'), { minLength: 2, maxLength: 5 }).map((parts) => `(${parts.join(' || ')})`),
      tie('expr').map((inner) => `!(${inner})`),
    ),
  })).expr;
  const compiled = (text: string) => celCondition(bareSource(text));

  it('breaks conditions over lines without changing what they mean', () => {
    let broken = 0;
    fc.assert(
      fc.property(condition, (text) => {
        const lines = layOutCondition(text);
        if (lines.includes('\n')) broken++;
        expect(compiled(lines)).to.deep.equal(compiled(text));
        expect(oneLine(lines)).to.equal(text);
        for (const line of lines.split('\n')) expect(line.length).to.be.lessThan(160);
      }),
      { numRuns: 300 },
    );
    expect(broken).to.be.greaterThan(100);
  });

  it('leaves alone what has lines, comments or quotes that it cannot tell', () => {
    const long = ` && ${Array.from({ length: 12 }, (_, at) => `process.pid == ${at}`).join(' || ')}`;
    for (const text of [
      `process.uid == 0 // root${long}`,
      `process.name == '''a'''${long}`,
      `process.uid == 0\n${long}`,
    ]) {
      expect(layOutCondition(text)).to.equal(text);
    }
  });

  const fields = fc.record(
    {
      event: fc.record({ type: fc.constantFrom('process_exec', 'file_open'), error: fc.constantFrom('', 'EPERM') }),
      process: fc.record(
        {
          pid: fc.nat(),
          uid: fc.constantFrom(0, 33),
          name: fc.constantFrom('sh', 'a b', ''),
          path: fc.string(),
          args: fc.array(fc.string()),
          env: fc.dictionary(
            fc.string().filter((key) => key !== '__proto__'),
            fc.string(),
          ),
        },
        { requiredKeys: [] },
      ),
      file: fc.record({ path: fc.string(), mode: fc.constantFrom('0644', '4755') }),
    },
    { requiredKeys: ['event'] },
  );
  const text = fc.oneof(
    fc.string({ minLength: 1 }).filter((value) => value.trim() !== ''),
    fc.constantFrom('yes', '0755', '~', '- a', '# b', 'a: b', "it's"),
  );
  const rule = fc.record(
    {
      name: fc.constant(''),
      condition: condition,
      description: text,
      runbook: text,
      severity: fc.constantFrom('info', 'critical'),
      risk_score: fc.double({ min: 0, max: 1, noNaN: true }),
      tags: fc.array(text),
      exceptions: fc.array(
        condition.map((one) => ({ condition: one })),
        { maxLength: 2 },
      ),
      window: fc.record({
        seconds: fc.integer({ min: 1, max: 60 }),
        by: fc.constant(['process.pid']),
        count: fc.integer({ min: 1, max: 9 }),
      }),
      examples: fc.array(fc.record({ event: fields, match: fc.boolean() }), { maxLength: 3 }),
    },
    { requiredKeys: ['name', 'condition'] },
  );
  const file = fc.array(rule, { minLength: 1, maxLength: 3 }).map((rules) => ({
    lists: { words: ['a', '0644', 'no'] },
    macros: { is_root: "process.uid == 0 && process.name != 'x'" },
    rules: rules.map((one, at) => ({ ...one, name: `rule_${at}` })),
  }));

  it('says what events have in common once, as actors of the file', () => {
    const event = (file: string, more: object = {}) => ({
      event: { type: 'file_open' },
      process: { path: '/usr/bin/cat', uid: 0, args: ['cat', file], ...more },
      file: { path: file },
    });
    const examples = [
      { match: true, event: event('/etc/shadow') },
      { match: false, event: event('/etc/hosts') },
      { match: false, event: event('/etc/shadow', { uid: 33 }) },
    ];
    const json = JSON.stringify({ rules: [{ name: 'r', condition: "file.path == '/etc/shadow'", examples }] });
    const yaml = convertRuleFile('dir/my-rules.json', json, 'yaml');
    expect(yaml).to.contain('actors:\n  my_rules_root_cat: {process.path: /usr/bin/cat, process.uid: 0}\n');
    expect(yaml).to.match(
      /- match:\s+\{actor: my_rules_root_cat, event.type: file_open, process.args: \[cat, \/etc\/shadow\]/,
    );
    expect(yaml).to.match(/- no_match:\s+\{event.type: file_open, process.path: \/usr\/bin\/cat, process.uid: 33,/);
    expect(convertRuleFile('dir/my-rules.yaml', convertRuleFile('b.yaml', yaml, 'json'), 'yaml')).to.equal(yaml);
  });

  it('goes from JSON to YAML and back without loss', () => {
    const known = (loaded: LoadedRules) =>
      definitionsOf(loaded).map(({ info: { source: _, ...info }, examples, ...rest }) => ({
        info,
        ...rest,
        examples: examples?.map(({ source: __, ...example }) => example),
      }));
    fc.assert(
      fc.property(file, (data) => {
        const yaml = convertRuleFile('a.json', JSON.stringify(data), 'yaml');
        const json = convertRuleFile('a.yaml', yaml, 'json');
        const back = loadRuleTexts([{ path: 'a.json', text: json }]);
        const nested = {
          ...data,
          rules: data.rules.map((one) => ({ ...one, examples: dottedExamples(one.examples) })),
        };
        const first = loadRuleTexts([{ path: 'a.json', text: JSON.stringify(nested) }]);
        expect(back.problems.map((one) => one.message)).to.deep.equal(first.problems.map((one) => one.message));
        expect(known(loadYaml(yaml))).to.deep.equal(known(first));
        expect(known(back)).to.deep.equal(known(first));
        expect(convertRuleFile('b.yaml', convertRuleFile('b.json', json, 'yaml'), 'json')).to.equal(json);
      }),
      { numRuns: 100 },
    );
  });
});

/** Events of the generator under dotted names, as the converter writes them. */
function dottedExamples(
  examples: readonly { event: Record<string, Record<string, unknown>>; match: boolean }[] | undefined,
) {
  return examples?.map(({ event, match }) => ({
    event: Object.fromEntries(
      Object.entries(event).flatMap(([group, fields]) =>
        Object.entries(fields).map(([name, value]) => [`${group}.${name}`, value]),
      ),
    ),
    match,
  }));
}

/** Nine levels of nine aliases each. */
function bomb(): string {
  const levels = Array.from(
    { length: 9 },
    (_, at) => `  l${at + 1}: &l${at + 1} [${Array(9).fill(`*l${at}`).join(', ')}]`,
  );
  return `lists:\n  l0: &l0 [x]\n${levels.join('\n')}\n`;
}
