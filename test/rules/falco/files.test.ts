import { expect } from 'chai';
import { formatProblem } from '../../../src/errors.ts';
import { load, matchesOf, problemsOf } from './support/load.ts';

const exec = (name: string, ...args: string[]) => ({
  'event.type': 'process_exec',
  'event.error': '',
  'process.name': name,
  'process.comm': name,
  'process.path': `/usr/bin/${name}`,
  'process.args': [name, ...args],
  'process.parent.name': 'bash',
  'user.name': 'ann',
  'process.uid': 1000,
});

/** Names of the rules that match, by the name of the program that is started. */
async function found(texts: readonly string[], ...names: string[]): Promise<Record<string, string[]>> {
  const set = load(...texts);
  expect(set.problems).to.deep.equal([]);
  const entries = names.map(async (name) => [name, await matchesOf(set, exec(name))] as const);
  return Object.fromEntries(await Promise.all(entries));
}

const rule = (condition: string, more = '') =>
  `- rule: r\n  desc: d\n  condition: ${JSON.stringify(condition)}\n  output: o\n  priority: INFO\n${more}`;
const STARTED = '- macro: started\n  condition: evt.type in (execve, execveat)\n';

describe('Falco rule files', () => {
  it('are warned of about keys and items that Falco ignores, and stand', async () => {
    const text = `
- plugin: x
- list: l
  items: [bash]
  item: [sh]
- macro: m
  condition: proc.name in (l)
  enabled: false
- rule: r
  desc: d
  condition: evt.type = execve and m
  output: o
  priority: INFO
  capture: true
  tag: [x]
  exceptions:
    - name: e
      fields: [proc.pname]
      value: [[cron]]
`;
    const set = load(`${text}-\n- macro: not-a-name\n  condition: proc.name = x\n`);
    expect(set.problems).to.deep.equal([]);
    expect(set.warnings.map(formatProblem)).to.deep.equal([
      'a.yaml:2: the unknown item "plugin" is ignored',
      'a.yaml:5: l: the unknown key "item" of a list is ignored',
      'a.yaml:8: m: the unknown key "enabled" of a macro is ignored',
      'a.yaml:15: r: the unknown key "tag" of a rule is ignored',
      'a.yaml:14: r: "capture" is ignored: events are recorded by "bpfwarden record"',
      'a.yaml:19: r: the unknown key "value" of an exception is ignored',
      'a.yaml:21: no condition can name a macro "not-a-name"',
    ]);
    expect(await matchesOf(set, exec('bash'))).to.deep.equal(['r']);
  });

  it('are found in the values of a Helm chart and in a ConfigMap', async () => {
    const values = `
tty: true
falco:
  customRules:
    a.yaml: |-
      - macro: m
        condition: proc.name = x
      # The next one is wrong.
      - rule: wrong
        desc: d
        condition: no.such = 1
        output: o
        priority: INFO
`;
    const map = `apiVersion: v1
kind: ConfigMap
data:
  falco.yaml: |
    json_output: true
  rules.yaml: |
    - rule: inner
      desc: d
      condition: evt.type = execve and m
      output: o
      priority: INFO
`;
    const set = load(values, map);
    expect(set.problems.map(formatProblem)).to.deep.equal(['a.yaml:9: wrong: the field "no.such" is unknown']);
    expect(await matchesOf(set, exec('x'))).to.deep.equal(['inner']);
    expect(set.rules[0]?.info.source).to.equal('b.yaml:7');
    expect(problemsOf('a: 1\n')[0]).to.contain('customRules');
  });

  it('have lists in lists and macros in macros', async () => {
    const text = `
- list: shells
  items: [sh, "bash"]
- list: all
  items: [shells, 'zsh', "fi sh"]
- list: none
  items: []
${STARTED}
- macro: shell
  condition: started and proc.name in (all, none, csh)
${rule('shell and not proc.name in (none)')}`;
    expect(await found([text], 'sh', 'bash', 'zsh', 'fi sh', 'csh', 'shells', 'ksh')).to.deep.equal({
      sh: ['r'],
      bash: ['r'],
      zsh: ['r'],
      'fi sh': ['r'],
      csh: ['r'],
      shells: [],
      ksh: [],
    });
  });

  it('put a macro in place as a whole, whatever operators it has', async () => {
    const text = `${STARTED}- macro: either\n  condition: proc.name = a or proc.name = b\n${rule('not either and started')}`;
    expect(await found([text], 'a', 'b', 'c')).to.deep.equal({ a: [], b: [], c: ['r'] });
  });

  it('define anew what an earlier one defined, and append in the old form', async () => {
    const first = `${STARTED}- list: l\n  items: [a]\n- macro: m\n  condition: proc.name in (l)\n${rule('started and m')}`;
    const append = `
- list: l
  append: true
  items: [b]
- macro: m
  append: true
  condition: or proc.name = c
- rule: r
  append: true
  condition: and not proc.name = b
`;
    expect(await found([first], 'a', 'b', 'c')).to.deep.equal({ a: ['r'], b: [], c: [] });
    expect(await found([first, append], 'a', 'b', 'c')).to.deep.equal({ a: ['r'], b: [], c: ['r'] });
    const anew = `- list: l\n  items: [x]\n${rule('started and m or proc.name = y', '  enabled: true\n')}`;
    expect(await found([first, append, anew], 'a', 'c', 'x', 'y')).to.deep.equal({
      a: [],
      c: ['r'],
      x: ['r'],
      y: ['r'],
    });
  });

  it('append text to text, so that the new part binds to the last operand', async () => {
    const first = `${STARTED}${rule('proc.name = a or proc.name = b')}`;
    const second = '- rule: r\n  condition: and user.name = root\n  override: {condition: append}\n';
    expect(await found([first, second], 'a', 'b')).to.deep.equal({ a: ['r'], b: [] });
  });

  it('override key by key', async () => {
    const first = rule('evt.type = execve and proc.name = a', '  tags: [one]\n  enabled: false\n');
    const set = load(
      first,
      `- rule: r
  condition: evt.type = execve and proc.name = z
  output: " and %proc.name"
  desc: e
  priority: CRITICAL
  tags: [two]
  enabled: true
  override:
    condition: replace
    output: append
    desc: append
    priority: replace
    tags: append
    enabled: replace
`,
    );
    expect(set.problems).to.deep.equal([]);
    const [info] = set.rules.map((definition) => definition.info);
    expect(info).to.deep.include({ description: 'd e', severity: 'critical', tags: ['one', 'two'] });
    expect(info?.output).to.include({ priority: 'Critical', template: 'o  and %proc.name' });
    expect(await matchesOf(set, exec('z'))).to.deep.equal(['r']);
    expect(await matchesOf(set, exec('a'))).to.deep.equal([]);
    const list = '- list: l\n  items: [a]\n';
    const replaced = '- list: l\n  items: [b]\n  override: {items: replace}\n';
    const text = rule('evt.type = execve and proc.name in (l)');
    expect(await found([list, replaced, text], 'a', 'b')).to.deep.equal({ a: [], b: ['r'] });
  });

  it('switch rules off and on', async () => {
    const off = rule('evt.type = execve', '  enabled: false\n');
    expect(load(off).rules).to.deep.equal([]);
    expect(load(off).disabled).to.have.length(1);
    expect(load(off, '- rule: r\n  enabled: true\n').rules).to.have.length(1);
    expect(load(off, '- rule: r\n  enabled: true\n  override: {enabled: replace}\n').rules).to.have.length(1);
    expect(problemsOf('- rule: nobody\n  enabled: false\n')).to.have.length(1);
  });

  describe('exceptions', () => {
    const excepted = (text: string) => `${STARTED}${rule('started or proc.name = never', `  exceptions:\n${text}`)}`;

    it('of one field are a list, with `in` unless comps says otherwise', async () => {
      const text = excepted('    - name: names\n      fields: proc.name\n      values: [a, "b c"]\n');
      expect(await found([text], 'a', 'b c', 'd')).to.deep.equal({ a: [], 'b c': [], d: ['r'] });
      const paths = excepted(
        '    - name: paths\n      fields: proc.exepath\n      comps: pmatch\n      values: [/usr/bin/a]\n',
      );
      expect(await found([paths], 'a', 'b')).to.deep.equal({ a: [], b: ['r'] });
    });

    it('of more fields are tuples, with `=` unless comps says otherwise', async () => {
      const text = excepted(
        '    - name: pairs\n      fields: [proc.name, user.name]\n      values:\n        - [a, ann]\n        - [b, root]\n',
      );
      expect(await found([text], 'a', 'b')).to.deep.equal({ a: [], b: ['r'] });
      const mixed = excepted(`    - name: mixed
      fields: [proc.name, proc.exepath]
      comps: [in, startswith]
      values:
        - [[a, b], /usr/bin]
        - ["(c, d)", /usr/sbin]
        - [e, /usr]
`);
      expect(await found([mixed], 'a', 'b', 'c', 'e')).to.deep.equal({ a: [], b: [], c: ['r'], e: [] });
    });

    it('take operators with a modifier, for one field as for more', async () => {
      const one = excepted(
        '    - name: x\n      fields: proc.name\n      comps: startswith anyof\n      values: [a, b]\n',
      );
      expect(await found([one], 'ab', 'bb', 'cb')).to.deep.equal({ ab: [], bb: [], cb: ['r'] });
      const more = excepted(`    - name: x
      fields: [proc.name, proc.exepath]
      comps: ["  contains  allof ", startswith]
      values:
        - [[a, b], /usr/bin]
        - [z, /usr/bin]
`);
      expect(await found([more], 'ab', 'aa', 'z')).to.deep.equal({ ab: [], aa: ['r'], z: [] });
    });

    it('may stand twice under one name, with a warning', async () => {
      const names = (name: string) => `    - name: x\n      fields: proc.name\n      values: [${name}]\n`;
      const text = excepted(`${names('a')}${names('b')}`);
      expect(await found([text], 'a', 'b', 'c')).to.deep.equal({ a: [], b: [], c: ['r'] });
      expect(load(text).warnings.map(formatProblem)).to.deep.equal(['a.yaml:12: r: the exception "x" stands twice']);
    });

    it('name lists, and may be without values until a later file has them', async () => {
      const text = `- list: l\n  items: [a, b]\n${excepted(
        '    - name: names\n      fields: [proc.name]\n      comps: [in]\n    - name: users\n      fields: user.name\n',
      )}`;
      expect(await found([text], 'a')).to.deep.equal({ a: ['r'] });
      const values = '- rule: r\n  exceptions:\n    - name: names\n      values:\n        - [[l, x]]\n  append: true\n';
      expect(await found([text, values], 'a', 'x', 'y')).to.deep.equal({ a: [], x: [], y: ['r'] });
      const override =
        '- rule: r\n  exceptions:\n    - name: users\n      values: [ann]\n    - name: own\n      fields: proc.name\n      values: [q]\n  override: {exceptions: append}\n';
      expect(await found([text, override], 'y')).to.deep.equal({ y: [] });
    });

    it('replace those before', async () => {
      const text = excepted('    - name: names\n      fields: proc.name\n      values: [a]\n');
      const replace =
        '- rule: r\n  exceptions:\n    - name: other\n      fields: proc.name\n      values: [b]\n  override: {exceptions: replace}\n';
      expect(await found([text, replace], 'a', 'b')).to.deep.equal({ a: ['r'], b: [] });
    });

    it('are refused where they do not fit', () => {
      for (const wrong of [
        '    - name: x\n      values: [a]\n',
        '    - fields: proc.name\n      values: [a]\n',
        '    - name: x\n      fields: [proc.name, user.name]\n      values: [[a]]\n',
        '    - name: x\n      fields: [proc.name, user.name]\n      comps: [in]\n      values: [[a, b]]\n',
        '    - name: x\n      fields: proc.name\n      values: [[a]]\n',
        '    - name: x\n      fields: proc.name\n      comps: startswith\n      values: [a]\n',
        '    - name: x\n      fields: proc.nme\n      values: [a]\n',
        '    - name: x\n      fields: proc.name\n      values: [""]\n',
        '    - name: x\n      fields: [proc.name, user.name]\n      values: [[a, ""]]\n',
        '    - name: x\n      fields: [proc.name]\n      comps: [in anyof]\n      values: [[a]]\n',
      ]) {
        expect(problemsOf(excepted(wrong)), wrong).to.have.length(1);
      }
    });
  });

  it('name the engine that they need', () => {
    const text = (version: string) => `- required_engine_version: ${version}\n${rule('evt.type = execve')}`;
    for (const version of ['17', '0.57.0', '0.60.0', '"0.44.0"']) expect(problemsOf(text(version))).to.deep.equal([]);
    const set = load(text('99'), rule('evt.type = execve'));
    expect(set.problems).to.have.length(1);
    expect(set.problems[0]?.message).to.contain('99');
    expect(set.rules, 'the other file').to.have.length(1);
    const plugins = '- required_plugin_versions:\n    - name: container\n      version: 0.4.0\n';
    expect(problemsOf(`${plugins}${rule('evt.type = execve')}`)).to.deep.equal([]);
  });

  it('refuse what needs a plugin, a field or an event that is not there, with the place and the reason', () => {
    const text = `${rule('ka.verb = create', '  source: k8s_audit\n')}
- rule: fields
  desc: d
  condition: evt.type = execve and proc.vmsize > 4
  output: o
  priority: INFO
- rule: kinds
  desc: d
  condition: evt.type = inotify_init1
  output: o
  priority: INFO
- rule: skipped
  desc: d
  condition: evt.type = execve and no.such.field = 1
  output: o
  priority: INFO
  skip-if-unknown-filter: true
- rule: sound
  desc: d
  condition: evt.type = execve
  output: o %proc.vmsize
  priority: INFO
`;
    const set = load(text);
    expect(set.rules.map(({ info }) => info.name)).to.deep.equal(['sound']);
    expect(set.problems.map(({ file, line, subject }) => [file, line, subject])).to.deep.equal([
      ['a.yaml', 1, 'r'],
      ['a.yaml', 8, 'fields'],
      ['a.yaml', 13, 'kinds'],
    ]);
    expect(set.warnings.map(({ line, subject }) => [line, subject])).to.deep.equal([[18, 'skipped']]);
    expect(set.problems.map(({ message }) => message).join()).to.match(/k8s_audit.*proc\.vmsize.*inotify_init1/s);
  });

  it('are warned of about texts that are names of fields and lists whose name is no word, which stand', async () => {
    const list = '- list: test list\n  items: [x, y]\n';
    const set = load(`${list}${rule('evt.type = execve and proc.name in (test list) and proc.pname != proc.name')}`);
    expect(set.problems).to.deep.equal([]);
    expect(set.warnings.map(formatProblem)).to.deep.equal([
      'a.yaml:1: the name of the list "test list" is not one word',
      'a.yaml:3: r: "proc.name" is compared as a text; the field of this name is val(proc.name)',
    ]);
    expect(await matchesOf(set, exec('y'))).to.deep.equal(['r']);
    expect(await matchesOf(set, exec('z'))).to.deep.equal([]);
  });

  it('see no event of which they ask what ours has not, and say so', async () => {
    const flags = 'evt.type = clone and evt.arg.flags contains CLONE_NEWUSER';
    expect(problemsOf(rule(flags))).to.deep.equal(['a.yaml:1: r: evt.arg.flags of clone is not in our events']);
    const set = load(rule(`${flags} or evt.type = execve and proc.name = x`));
    expect(set.problems).to.deep.equal([]);
    expect(set.warnings.map(formatProblem)).to.deep.equal([
      'a.yaml:1: r: such events are passed over: evt.arg.flags of clone is not in our events',
    ]);
    expect(await matchesOf(set, exec('x'))).to.deep.equal(['r']);
    expect(await matchesOf(set, { ...exec('x'), 'event.type': 'process_fork' })).to.deep.equal([]);
    // Where it does not matter there is nothing to say.
    expect(load(rule('evt.type = execve and (evt.type != clone or evt.arg.flags = X)')).warnings).to.deep.equal([]);
  });

  it('are sound when an empty list alone keeps them from matching', () => {
    const inbound = '- list: none\n  items: []\n- macro: inbound\n  condition: evt.type in (recvfrom, accept)\n';
    expect(problemsOf(`${inbound}${rule('inbound and proc.name in (none)')}`)).to.deep.equal([]);
    expect(problemsOf(`${inbound}${rule('evt.type = recvfrom and proc.name in (none)')}`)).to.have.length(1);
  });

  it('refuse what is wrong and keep the rest', () => {
    for (const [wrong, part] of [
      ['- rule: x\n  condition: evt.type = execve\n  output: o\n  priority: INFO\n', 'desc'],
      ['- rule: x\n  desc: d\n  condition: evt.type = execve\n  output: o\n  priority: LOUD\n', 'LOUD'],
      ['- rule: x\n  desc: d\n  condition: evt.type = execve\n  output: "%no.field"\n  priority: INFO\n', 'no.field'],
      ['- list: x\n', 'items'],
      ['- macro: x\n', 'condition'],
      ['- macro: x\n  append: true\n  condition: and a\n', 'x'],
      ['- list: x\n  items: [a]\n  override: {items: append}\n', 'x'],
      ['- rule: x\n  condition: and a\n  override: {condition: append}\n', 'x'],
      ['- rule: r\n  condition: and a\n  append: true\n  override: {condition: append}\n', 'override'],
      ['- rule: r\n  priority: INFO\n  override: {priority: append}\n', 'append'],
      ['- rule: r\n  source: x\n  override: {source: replace}\n', 'source'],
      ['- macro: x\n  condition: a\n  override: {name: replace}\n', 'name'],
      ['- list: x\n  items:\n', 'items'],
      ['- rule: x\n  desc: d\n  condition: evt.type = execve\n  output: o\n  priority: INFO\n  tags:\n', 'tags'],
      ['- rule: r\n  enabled: true\n  append: true\n', 'condition or exceptions'],
      ['- rule: r\n  desc: d\n  condition: evt.type = execve\n  output: o\n  priority: INFO\n  source: y\n', 'source'],
      ['- required_plugin_versions:\n    - name: x\n      version: one\n', 'one'],
      [
        '- required_plugin_versions:\n    - name: x\n      version: 1.0.0\n      alternatives: [{name: y, version: two}]\n',
        'two',
      ],
      ['- rule: r\n  condition: and evt.type = a\n  tags: [x]\n  override: {condition: append}\n', 'tags'],
      ['- rule: r\n  override: {condition: append}\n', 'condition'],
      ['- text\n', 'map'],
    ] as const) {
      const set = load(rule('evt.type = execve'), wrong);
      expect(set.problems, wrong).to.have.length(1);
      expect(set.problems[0]?.message, wrong).to.contain(part);
      expect(set.problems[0], wrong).to.include({ file: 'b.yaml', line: set.problems[0]?.line });
      expect(set.rules, wrong).to.have.length(1);
    }
    expect(problemsOf('rules: []\n')).to.have.length(1);
    expect(problemsOf('- rule: [\n')).to.have.length(1);
  });

  it('refuse macros that contain themselves or come too late', () => {
    const loop = '- macro: a\n  condition: b\n- macro: b\n  condition: a\n';
    expect(problemsOf(`${loop}${rule('evt.type = execve and a')}`)).to.have.length(1);
    const late = `- macro: a\n  condition: b\n${rule('evt.type = execve and a')}- macro: b\n  condition: proc.name = x\n`;
    expect(problemsOf(late)[0]).to.contain('after');
    const ruleFirst = `${rule('evt.type = execve and a')}- macro: a\n  condition: proc.name = x\n`;
    expect(problemsOf(ruleFirst)).to.deep.equal([]);
  });
});
