import { expect } from 'chai';
import { formatProblem } from '../../../src/errors.ts';
import { celCondition } from '../../../src/rules/cel/condition.ts';
import type { Names } from '../../../src/rules/cel/scope.ts';
import { compilePredicate } from '../../../src/rules/predicate/compile.ts';
import { bareSource, RuleError } from '../../../src/rules/source.ts';
import { eventOf } from '../support/event.ts';

const NAMES: Names = {
  lists: new Map<string, readonly (string | number)[]>([
    ['shells', ['sh', 'bash']],
    ['directories', ['/tmp/', '/dev/shm/']],
    ['ports', [22, 80]],
  ]),
  macros: new Map([
    ['is_shell', bareSource('process.name in shells', 'macros.json')],
    ['is_shell_in_tmp', bareSource("is_shell && process.path.startsWith('/tmp/')", 'macros.json')],
    ['broken', bareSource("process.nme == 'x'", 'macros.json')],
    ['circle', bareSource('square || is_shell', 'macros.json')],
    ['square', bareSource('!circle', 'macros.json')],
    ['program', bareSource('process.path', 'macros.json')],
  ]),
};

function check(text: string): string {
  try {
    celCondition(bareSource(text), NAMES);
  } catch (error) {
    if (error instanceof RuleError) return formatProblem(error.problem);
    throw error;
  }
  return 'no error';
}

const event = eventOf({
  'event.type': 'net_conn',
  'process.name': 'sh',
  'process.path': '/tmp/sh',
  'process.args': ['sh', '-c', 'id'],
  'process.env': { LD_PRELOAD: '/tmp/x.so' },
  'process.ancestors': [{ pid: 1, name: 'nginx', args: ['nginx', '-g'] }],
  'network.destination.port': 22,
});

describe('CEL conditions', () => {
  for (const text of [
    "process.path.contains('/tmp/')",
    "process.executable.contains('/tmp/')",
    'target_port in [22, 80]',
    'target_port in ports',
    "process == 'sh' && event_type == 'net_conn'",
    "process.ancestors.exists(a, a.name == 'nginx')",
    "process.ancestors.exists(a, a.args.exists(x, x == '-g'))",
    "process.args.exists(x, x.startsWith('-'))",
    "'-c' in process.args",
    "process.args[1] == '-c'",
    "process.env['LD_PRELOAD'].contains('x')",
    'has(process.env.LD_PRELOAD)',
    'has(process.path) && !has(process.cwd)',
    'is_shell',
    'is_shell_in_tmp && !(!is_shell)',
    "program.endsWith('/sh')",
    'directories.exists(d, process.path.startsWith(d))',
    '!directories.all(d, process.path.startsWith(d))',
    'size(process.args) == 3 && process.args.size() > 2',
    "process.path.matches('^/tmp/[a-z]+$') && matches(process.path, 'sh')",
    "process.path.upperAscii() == '/TMP/SH'",
    '22 == target_port && 23 > target_port',
    "process.name in {'sh': true}",
    "process.path.contains(process.name) && process.name != 'bash'",
    "target_port == 22 ? true : process.name == 'x'",
    "(target_port == 22) == (process.name == 'sh')",
    "process.cwd == '/' || true",
    "['sh', 'bash'].exists(name, name == process.name)",
  ]) {
    it(`holds: ${text}`, () => {
      expect(compilePredicate(celCondition(bareSource(text), NAMES))(event)).to.equal(true);
    });
  }

  it('never matches through an absent field, as in CEL', () => {
    for (const text of [
      "process.cwd != '/'",
      "!(process.cwd == '/')",
      "!process.cwd.contains('x')",
      'process.uid > 0',
    ]) {
      expect(compilePredicate(celCondition(bareSource(text)))(event), text).to.equal(false);
    }
  });

  for (const [text, problem] of [
    ["process.nme == 'x'", '1:8: unknown field "process.nme" (did you mean "process.name"?)'],
    ["prcess.name == 'x'", '1:1: unknown field "prcess" (did you mean "process"?)'],
    ['true &&\n  target_prt == 1', '2:3: unknown field "target_prt" (did you mean "target_port"?)'],
    ["process.pid == 'x'", '1:13: type error: compares process.pid (int) with string'],
    ['process.pid in shells', '1:13: type error: looks for process.pid (int) in a list of string'],
    ["process.path.contain('x')", '1:13: unknown function "contain" (did you mean "contains"?)'],
    ['process.path', '1:8: expected a condition, found process.path (string)'],
    ['process.path == null', '1:17: null is not a value a field can have (use has(field) to ask whether it is there)'],
    ['process.pid + 1 == 2', '1:13: arithmetic (+) has no use in rules'],
    [
      "process.args.contains('x')",
      '1:8: contains() needs a string, found process.args (list<string>) (use "text in list", or list.exists(x, ...))',
    ],
    [
      'process.name.contains(shells)',
      '1:23: contains() takes a string, found list (use list.exists(x, field.contains(x)))',
    ],
    [
      "process.path.matches('(?=a)')",
      '1:22: regular expression: invalid or unsupported Perl syntax: `(?=` (syntax is RE2)',
    ],
    ["process.ancestors.exists(a, a.nam == 'x')", '1:30: unknown field "element.nam" (did you mean "name"?)'],
    ["process.parent == 'x'", '1:16: cannot compare string with process.parent (a group of fields)'],
    ["event.type in ['a', 1]", '1:21: list mixes string and int'],
    ["process.name = 'x'", '1:14: syntax error: cannot go on at "= \'x\'"'],
    ['', '1:1: empty condition'],
    ['broken', 'macros.json:1:8: unknown field "process.nme" (did you mean "process.name"?)'],
    ['circle', 'macros.json:1:2: macro "circle" uses itself: circle -> square -> circle'],
    ['process.args.exists_one(x, x == "a")', '1:13: of the list macros only exists() and all() can be used'],
    ['process.memfd < true', '1:15: truth values have no order'],
    ["b'ab' == process.name", '1:1: literals of this kind (bytesValue) have no use in rules'],
    ["process.ancestors[0].name == 'x'", '1:18: a single ancestor cannot be picked (use process.parent, or exists())'],
  ] as const) {
    it(`refuses ${JSON.stringify(text)}`, () => {
      expect(check(text)).to.equal(problem);
    });
  }

  it('bounds how deep macros go, whether or not the inner ones were used before', () => {
    const macros = new Map(
      Array.from({ length: 40 }, (_, at) => [
        `m${at}`,
        bareSource(at === 0 ? "process.name == 'sh'" : `m${at - 1}`, 'macros.json'),
      ]),
    );
    const names: Names = { lists: new Map(), macros };
    const use = (name: string) => celCondition(bareSource(name), names);
    expect(use('m20')).to.deep.equal(use('m0'));
    expect(use('m31')).to.deep.equal(use('m0'));
    expect(() => use('m32')).to.throw(RuleError, 'macros nested deeper than 32');
    expect(() => use('m39')).to.throw(RuleError, 'macros nested deeper than 32');
  });
});
