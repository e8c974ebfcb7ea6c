import { expect } from 'chai';
import { load, names, record } from './support/load.ts';

const rule = (condition: string, more: object = {}) => ({ rules: [{ name: 'r', condition, ...more }] });
const nested = (depth: number): unknown =>
  depth === 0 ? { fact: 'process.pid', operator: 'equal', value: 1 } : { not: nested(depth - 1) };
const doubling = Object.fromEntries(
  Array.from({ length: 40 }, (_, at) => [
    `m${at}`,
    at === 0 ? 'process.pid == 1' : `m${at - 1} && m${at - 1} && process.uid != ${at}`,
  ]),
);
const manyLiterals = Array.from({ length: 100_000 }, (_, at) => `/usr/share/doc/package-${at}/copyright`);

/** What is broken, and what the message says. */
const CORPUS: readonly (readonly [string, unknown, RegExp])[] = [
  ['an empty file', '', /expected a JSON value, found the end/],
  ['binary', '\u0000\u0001\u0002', /expected a JSON value/],
  ['a list instead of an object', '[]', /a rule file is an object/],
  ['a file cut off', '{"rules":[{"name":"r","condition":"process.pid', /string without its closing quote/],
  ['100,000 brackets', '['.repeat(100_000), /nested deeper than 100 levels/],
  ['100,000 braces', '{"a":'.repeat(100_000), /nested deeper than 100 levels/],
  ['a number too large', '{"rules":[{"name":"r","risk_score":1e999}]}', /number out of range/],
  ['__proto__ in a rule', '{"rules":[{"name":"r","__proto__":{"condition":"true"}}]}', /"__proto__" is not allowed/],
  ['constructor as a key', '{"rules":[{"name":"r","constructor":1}]}', /unknown key "constructor"/],
  [
    '__proto__ in an example',
    '{"rules":[{"name":"r","condition":"process.pid == 1","examples":[{"event":{"__proto__":{"process":1}},"match":true}]}]}',
    /"__proto__" is not allowed/,
  ],
  ['a syntax error', rule('process.pid == '), /syntax error/],
  ['an unknown function', rule("process.path.constructor('x')"), /unknown function "constructor"/],
  ['a field of the prototype', rule("process.constructor == 'x'"), /unknown field "process.constructor"/],
  ['__proto__ as a field', rule("process.__proto__ == 'x'"), /unknown field "process.__proto__"/],
  ['a type error', rule("process.pid == 'x'"), /type error/],
  ['1,000 brackets in CEL', rule(`${'('.repeat(1000)}true${')'.repeat(1000)}`), /nested deeper than 64 levels/],
  ['1,000 negations in CEL', rule(`${'!'.repeat(1000)}process.memfd`), /nested deeper than 64 levels/],
  [
    '1,000 lists in CEL',
    rule(`process.pid in ${'['.repeat(1000)}1${']'.repeat(1000)}`),
    /nested deeper than 64 levels/,
  ],
  [
    'a condition of 1 MB',
    rule(Array(50_000).fill('process.pid == 1').join(' || ')),
    /condition of \d+ characters, at most 65536/,
  ],
  ['a name of 60,000 parts', rule(`process${'.a'.repeat(30_000)} == 1`), /unknown field|too complex/],
  [
    'macros in a circle',
    { macros: { a: 'b', b: 'c', c: 'a' }, ...rule('a') },
    /macro "a" uses itself: a -> b -> c -> a/,
  ],
  ['macros that double 40 times', { macros: doubling, ...rule('m39') }, /macros nested deeper than 32/],
  ['macros that double 30 times', { macros: doubling, ...rule('m29') }, /more than 500000 parts/],
  [
    'a catastrophic expression is none in RE2, look-around is refused',
    rule("process.path.matches('^(?!a)(a+)+$')"),
    /invalid or unsupported Perl syntax/,
  ],
  ['a back reference', rule(String.raw`process.path.matches('(a)\\1')`), /invalid escape sequence/],
  ['repetitions of repetitions', rule("process.path.matches('((a{500}){500}){500}')"), /invalid repeat count/],
  [
    'an expression of 100 KB in a tree',
    { rules: [{ name: 'r', conditions: { fact: 'process.path', operator: 'matches', value: 'a'.repeat(100_000) } }] },
    /at most 4096 are allowed/,
  ],
  ['2,000 groups', rule(`process.path.matches('${'('.repeat(1500)}a${')'.repeat(1500)}')`), /nests too deeply/],
  ['a huge program', rule(`process.path.matches('${'[a-z]{1000}'.repeat(100)}')`), /steps, at most 10000|too large/],
  [
    'a JSONPath filter',
    {
      rules: [
        {
          name: 'r',
          conditions: {
            fact: 'process',
            path: '$..[?(@.constructor.constructor("return process")())]',
            operator: 'equal',
            value: 1,
          },
        },
      ],
    },
    /JSONPath .* is not allowed/,
  ],
  [
    'a JSONPath descent',
    { rules: [{ name: 'r', conditions: { fact: 'process', path: '$..*', operator: 'equal', value: 1 } }] },
    /JSONPath .* is not allowed/,
  ],
  ['a deep tree', { rules: [{ name: 'r', conditions: nested(500) }] }, /nested deeper than 100 levels/],
  [
    'conditions in a circle',
    { conditions: { a: { not: { condition: 'a' } } }, rules: [{ name: 'r', conditions: { condition: 'a' } }] },
    /condition "a" uses itself/,
  ],
  ['names twice', { rules: [rule('process.pid == 1').rules[0], rule('process.pid == 1').rules[0]] }, /already defined/],
  ['lists within lists', { lists: { a: [['x']] } }, /a list may contain only/],
  [
    'a list of 100,000 in exists() with more conditions',
    { lists: { a: manyLiterals }, ...rule('a.exists(w, process.path.contains(w) && process.cwd != w)') },
    /more than 500000 parts/,
  ],
];

describe('broken rule files', () => {
  for (const [what, file, message] of CORPUS) {
    it(`give an error in little time: ${what}`, () => {
      const heap = process.memoryUsage().heapUsed;
      const start = process.cpuUsage();
      const loaded = load([file, { rules: [{ name: 'sound', condition: 'process.uid == 0' }] }]);
      const milliseconds = process.cpuUsage(start).user / 1000;
      expect(loaded.problems.map((problem) => problem.message).join('\n')).to.match(message);
      expect(names(loaded)).to.include('sound');
      expect(milliseconds, 'ms').to.be.lessThan(15_000);
      expect((process.memoryUsage().heapUsed - heap) / 1e6, 'MB').to.be.lessThan(1000);
    });
  }

  it('and a list of 100,000 literals is no mistake', async () => {
    const lists = { paths: manyLiterals };
    const { ruleset, problems } = load([
      { lists, ...rule('process.path in paths || paths.exists(w, file.path.startsWith(w))') },
    ]);
    expect(problems).to.deep.equal([]);
    expect(await ruleset.evaluate(record({ 'process.path': manyLiterals[99_999] }))).not.to.equal(undefined);
    expect(await ruleset.evaluate(record({ 'file.path': `${manyLiterals[5]}/x` }))).not.to.equal(undefined);
    expect(await ruleset.evaluate(record({ 'file.path': '/usr/share/doc/package-x' }))).to.equal(undefined);
  });

  it('leave the running rule set as it is', async () => {
    const running = load([rule("process.name == 'x'", { window: { seconds: 10, count: 2 } })]).ruleset;
    const event = (timestamp: number) => record({ 'process.name': 'x', timestamp });
    await running.evaluate(event(1));
    for (const [, file] of CORPUS.slice(0, 12)) load([file], { previous: running });
    expect(await running.evaluate(event(2))).not.to.equal(undefined);
  });
});
