import { expect } from 'chai';
import fc from 'fast-check';
import { stringify } from 'yaml';
import { compilePredicate } from '../../../src/rules/predicate/compile.ts';
import { loadSigmaTexts } from '../../../src/rules/sigma/load.ts';
import { recordFromJson } from '../../../src/schema/record.ts';
import { type Json, type ParsedRule, ruleHolds } from './support/evaluator.ts';

const WORDS = [
  '/tmp/x',
  'Sh',
  'sh',
  ' -c ',
  'é',
  'É',
  'ЖЗ',
  '😀',
  '*',
  '?',
  '\\*',
  '\\\\',
  '\\',
  'a',
  'a.b',
  '0',
  '22',
  '/q',
  '-x',
  '',
];
const word = fc.oneof(
  fc.constantFrom(...WORDS),
  fc.array(fc.constantFrom(...WORDS), { minLength: 2, maxLength: 4 }).map((parts) => parts.join('')),
);
const plainWord = word.map((text) => text.replace(/[*?\\]/g, 'x'));
const expression = fc.constantFrom('^/tmp', 'sh$', '(?i)SH', 'a.b', '[0-9]+', 'x|y', '\\s-c', '^$');

const TEXT_FIELDS = ['Image', 'CommandLine', 'ParentImage', 'CurrentDirectory', 'User', 'process.args'] as const;
const NUMBER_FIELDS = ['ProcessId', 'LogonId', 'process.uid'] as const;
const textField = fc.constantFrom<string>(...TEXT_FIELDS);

type Item = [key: string, value: unknown];
const oneOrMore = <T>(values: fc.Arbitrary<T>) => fc.oneof(values, fc.array(values, { minLength: 1, maxLength: 3 }));
const listOf = <T>(values: fc.Arbitrary<T>) => fc.array(values, { minLength: 1, maxLength: 3 });

const texts: fc.Arbitrary<Item> = fc
  .tuple(
    textField,
    fc.constantFrom('', '|contains', '|startswith', '|endswith', '|contains|all', '|cased', '|endswith|cased', '|neq'),
    fc.constantFrom('', '|windash'),
    listOf(word),
  )
  .map(([field, place, dashes, values]) => [`${field}${dashes}${place}`, values]);
const encodings: fc.Arbitrary<Item> = fc
  .tuple(
    fc.constantFrom('CommandLine', 'Image'),
    fc.constantFrom('|base64', '|base64offset', '|wide|base64', '|utf16be|base64offset'),
    plainWord.filter((text) => text.length > 1),
  )
  .map(([field, how, value]) => [`${field}${how}|contains`, value]);
const numbers: fc.Arbitrary<Item> = fc
  .tuple(
    fc.constantFrom<string>(...NUMBER_FIELDS),
    fc.constantFrom('', '|lt', '|lte', '|gt', '|gte', '|neq', '|contains'),
    fc.constantFrom<unknown>(0, 1, 22, 220, '22'),
  )
  .map(([field, how, value]) => [`${field}${how}`, value]);
const others: fc.Arbitrary<Item> = fc.oneof(
  fc
    .tuple(textField, fc.constantFrom('|re', '|re|i', '|re|s'), oneOrMore(expression))
    .map(([f, how, v]): Item => [f + how, v]),
  textField.map((field): Item => [field, null]),
  fc.tuple(textField, fc.boolean()).map(([field, value]): Item => [`${field}|exists`, value]),
  fc
    .tuple(
      fc.constantFrom('Image', 'CommandLine', 'User'),
      fc.constantFrom('', '|contains', '|startswith', '|endswith', '|neq', '|cased'),
      fc.constantFrom('Image', 'ParentImage', 'CurrentDirectory', 'ProcessId'),
    )
    .map(([field, how, other]): Item => [`${field}|fieldref${how}`, other]),
);
const map = fc
  .array(fc.oneof(texts, encodings, numbers, others), { minLength: 1, maxLength: 3 })
  .map(Object.fromEntries);
const keywords = listOf(fc.oneof(word, fc.constantFrom(22, 4711)));
const search = fc.oneof(
  { weight: 4, arbitrary: map },
  { weight: 2, arbitrary: listOf(map) },
  { weight: 1, arbitrary: keywords },
  { weight: 1, arbitrary: listOf(word).map((values) => ({ '|all': values })) },
);

const NAMES = ['sel_a', 'sel_b', 'filter-1', '_own'];
const { condition } = fc.letrec<{ condition: string }>((tie) => ({
  condition: fc.oneof(
    { maxDepth: 3, withCrossShrink: true },
    fc.constantFrom(...NAMES, '1 of them', 'all of them', '1 of sel_*', 'all of sel*', '1 of _*', 'any of *'),
    tie('condition').map((inner) => `not ${inner}`),
    tie('condition').map((inner) => `(${inner})`),
    fc.tuple(tie('condition'), fc.constantFrom('and', 'or', 'AND'), tie('condition')).map((parts) => parts.join(' ')),
  ),
}));

const rule = fc.record({
  title: fc.constant('Random'),
  logsource: fc.constant({ product: 'linux', category: 'process_creation' }),
  detection: fc.tuple(...NAMES.map(() => search), oneOrMore(condition)).map(([a, b, c, d, text]) => ({
    ...Object.fromEntries(NAMES.map((name, at) => [name, [a, b, c, d][at]])),
    condition: text,
  })),
});

const maybe = <T>(values: fc.Arbitrary<T>) => fc.option(values, { nil: undefined, freq: 3 });
const value = fc.oneof(
  word,
  plainWord.map((text) => `-x ${Buffer.from(text).toString('base64')} /tmp/x`),
  fc.tuple(word, word).map(([a, b]) => `${a}SH${b}`.toUpperCase()),
);
const number = fc.constantFrom(0, 1, 22, 220, 4711);
const event: fc.Arbitrary<Json> = fc.record({
  event: fc.record({ type: fc.constant('process_exec') }),
  process: fc.record({
    path: maybe(value),
    // Always there: the record would derive it from the arguments, or a name from the path.
    command_line: value,
    name: fc.constant('x'),
    args: maybe(fc.array(word, { minLength: 1, maxLength: 3 })),
    cwd: maybe(value),
    pid: maybe(number),
    uid: maybe(number),
    auid: maybe(number),
    parent: fc.record({ path: maybe(value), name: fc.constant('x') }),
  }),
  user: fc.record({ name: maybe(value) }),
});

describe('Sigma rules at random', () => {
  it('mean the same to the loader and to the plain evaluator', function () {
    this.timeout(60_000);
    let matches = 0;
    let loaded = 0;
    fc.assert(
      fc.property(rule, fc.array(event, { minLength: 4, maxLength: 8 }), (random, events) => {
        const text = stringify(random);
        const set = loadSigmaTexts([{ path: 'random.yml', text }]);
        const [only] = set.rules;
        if (only === undefined) {
          // What no event can match is refused.
          expect(set.problems.map((problem) => problem.message)).to.deep.equal([
            'no event of this host can match the rule',
          ]);
          return;
        }
        loaded++;
        const predicate = compilePredicate(only.condition);
        for (const json of events) {
          const expected = ruleHolds(random as unknown as ParsedRule, JSON.parse(JSON.stringify(json)) as Json);
          expect(predicate(recordFromJson(json, 'x')), `${text}\n${JSON.stringify(json)}`).to.equal(expected);
          if (expected) matches++;
        }
      }),
      { numRuns: 1500 },
    );
    expect(loaded).to.be.greaterThan(1000);
    expect(matches).to.be.greaterThan(500);
  });
});
