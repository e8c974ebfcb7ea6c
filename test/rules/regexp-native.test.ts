import { join } from 'node:path';
import { expect } from 'chai';
import fc from 'fast-check';
import { loadRules } from '../../src/rules/load.ts';
import { compileRegexp } from '../../src/rules/predicate/regexp.ts';
import { nativeSearch, translateRegexp } from '../../src/rules/predicate/regexp-native.ts';
import { walk } from '../../src/rules/tree.ts';

/** Texts that look like what the expression asks for: its own letters, in its own order and in any other. */
function texts(pattern: string): fc.Arbitrary<string> {
  const words = pattern.match(/[A-Za-z0-9_./ -]+/g) ?? ['a'];
  const word = fc.oneof(
    { weight: 4, arbitrary: fc.constantFrom(...words) },
    {
      weight: 2,
      arbitrary: fc.constantFrom('/', '.', ' ', '-', 'a', 'Z', '0', '\n', '\v', '_', '/.', '//', 'é', 'K', 'ſ', '😀'),
    },
    { weight: 1, arbitrary: fc.string({ maxLength: 4 }) },
  );
  return fc.array(word, { maxLength: 8 }).map((parts) => parts.join(''));
}

const item = fc.constantFrom(
  'a',
  'b',
  '/',
  '\\.',
  '.',
  '[a-z]',
  '[^/]',
  '[^/]',
  '\\d',
  '\\S',
  '[\\w-]',
  '\\b',
  '^',
  '$',
  '-',
  ' ',
  '[]x]',
  '[^]x]',
);
const count = fc.constantFrom('', '', '', '*', '+', '?', '{2}', '{0,3}', '{1,}', '*?', '+?');
const regexp: fc.Arbitrary<string> = fc.letrec<{ node: string }>((tie) => ({
  node: fc.oneof(
    { maxDepth: 3 },
    { weight: 4, arbitrary: fc.tuple(item, count).map(([one, many]) => (/^(\\b|[$^])$/.test(one) ? one : one + many)) },
    { weight: 3, arbitrary: fc.tuple(tie('node'), tie('node')).map(([a, b]) => a + b) },
    { weight: 1, arbitrary: fc.tuple(tie('node'), tie('node')).map(([a, b]) => `${a}|${b}`) },
    {
      weight: 2,
      arbitrary: fc
        .tuple(fc.constantFrom('(', '(?:', '(?P<n>'), tie('node'), fc.constantFrom('', '', '?', '*'))
        .map(([open, a, many]) => `${open}${a})${many}`),
    },
  ),
})).node;

describe('regular expressions that JavaScript decides', () => {
  it('find what RE2 finds, for any expression and text', () => {
    let decided = 0;
    let found = 0;
    fc.assert(
      fc.property(
        fc.tuple(fc.constantFrom('', '(?i)', '(?s)', '(?is)'), regexp).map(([head, body]) => head + body),
        fc.constantFrom('', 'i', 's'),
        fc.array(
          fc
            .array(fc.constantFrom('a', 'b', 'A', 'x', ']', '/', '.', '1', ' ', '-', '\n', 'é', 'K'), { maxLength: 12 })
            .map((parts) => parts.join('')),
          { minLength: 8, maxLength: 8 },
        ),
        (pattern, flags, some) => {
          // A name that is given twice is an error of RE2's.
          fc.pre((pattern.match(/\?P<n>/g) ?? []).length < 2);
          const native = nativeSearch(pattern, flags);
          if (native === undefined) return;
          const linear = compileRegexp(pattern, flags);
          for (const text of some) {
            const verdict = native(text);
            if (verdict === undefined) continue;
            decided++;
            if (verdict) found++;
            expect(verdict, `${flags}/${pattern}/ on ${JSON.stringify(text)}`).to.equal(linear.test(text));
          }
        },
      ),
      { numRuns: 4000 },
    );
    expect(decided).to.be.greaterThan(5000);
    expect(found).to.be.greaterThan(1000);
  });

  it('find what RE2 finds, for the expressions of the shipped rules', () => {
    const patterns = new Map<string, readonly [string, string]>();
    for (const { condition } of loadRules({ paths: [join(import.meta.dirname, '..', '..', 'rules')] }).ruleset.rules) {
      walk(condition, (node) => {
        if (node.type === 'leaf' && node.test.op === 'matches')
          patterns.set(`${node.test.flags} ${node.test.pattern}`, [node.test.pattern, node.test.flags ?? '']);
      });
    }
    let whole = 0;
    for (const [pattern, flags] of patterns.values()) {
      const native = nativeSearch(pattern, flags);
      if (native === undefined) continue;
      if (translateRegexp(pattern, flags).whole !== undefined) whole++;
      const linear = compileRegexp(pattern, flags);
      for (const text of fc.sample(texts(pattern), { numRuns: 60, seed: 7 })) {
        const verdict = native(text);
        if (verdict !== undefined)
          expect(verdict, `/${pattern}/ on ${JSON.stringify(text)}`).to.equal(linear.test(text));
      }
    }
    expect(whole / patterns.size).to.be.greaterThan(0.8);
  });

  it('are those that take few steps, on texts as long as that holds', () => {
    const longest = (pattern: string) => translateRegexp(pattern).whole?.longest ?? 0;
    expect(longest('^/etc/shadow$')).to.equal(4096);
    expect(longest('\\.(gz|xz)$')).to.equal(4096);
    expect(longest('^/home/[^/]+/x')).to.equal(4096);
    expect(longest('^/tmp/(.*/)?[^/]*\\.sh$')).to.equal(4096);
    expect(longest('[a-z]+:'), 'tried at every place').to.be.lessThan(400);
    expect(longest('^.*a.*b')).to.be.lessThan(400);
    expect(longest('^.*a.*b.*c')).to.be.lessThan(60);
    for (const pattern of [
      '(a+)+$',
      '(a|a)*$',
      '(a|ab)(c|bcd)(d*)*',
      '^(([a-z])+.)+[A-Z]([a-z])+$',
      '.*.*.*.*x',
      '(?m)^a',
      '\\pL',
      'é',
    ])
      expect(translateRegexp(pattern).whole, pattern).to.equal(undefined);
  });

  it('that are refused begin with what can be looked for', () => {
    expect(translateRegexp('^/srv/([^/]+/)*index').beginning?.expression.source).to.equal('^\\/srv\\/');
    expect(nativeSearch('^/srv/([^/]+/)*index')?.('/var/index')).to.equal(false);
    expect(nativeSearch('^/srv/([^/]+/)*index')?.('/srv/index')).to.equal(undefined);
    expect(translateRegexp('^/srv/(a+)+|b').beginning, 'another beginning').to.equal(undefined);
    expect(translateRegexp('^/srv/[)|]+([a])+').beginning?.expression.test('/srv/|')).to.equal(true);
  });
});
