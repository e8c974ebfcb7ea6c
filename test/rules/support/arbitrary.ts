/** Random events, CEL conditions and condition trees that often meet: they draw from the same few words. */
import fc from 'fast-check';
import { parseGlob } from '../../../src/rules/predicate/glob.ts';
import { all, any, type Condition, field, leaf, not, type Subject, type Test } from '../../../src/rules/tree.ts';
import type { FieldValue } from '../../../src/schema/event.ts';
import type { Fields } from './event.ts';

const WORDS = [
  '/tmp/x',
  '/tmp/',
  'bash',
  'BASH',
  'sh',
  '/usr/bin/sh',
  '-c',
  'ſh',
  'Kelvin',
  'ΑΣΒ',
  'é😀',
  '',
  '22',
  '10.1.2.3',
];
export const word = fc.constantFrom(...WORDS);
const STRING_FIELDS = ['process.name', 'process.path', 'file.path', 'process.cwd', 'network.destination.ip'] as const;
const INT_FIELDS = ['process.pid', 'network.destination.port', 'process.uid'] as const;
const KINDS = ['process_exec', 'file_open', 'net_conn'];

const summary = fc.record({
  pid: fc.integer({ min: 1, max: 3 }),
  name: word,
  path: word,
  args: fc.array(word, { maxLength: 3 }),
});

/** `complete` gives an event in which every field that the generators use is present. */
export function fields(complete = false): fc.Arbitrary<Fields> {
  const maybe = (values: fc.Arbitrary<FieldValue>): fc.Arbitrary<FieldValue> =>
    complete ? values : fc.oneof({ weight: 3, arbitrary: values }, { weight: 1, arbitrary: fc.constant(undefined) });
  const int = maybe(fc.constantFrom<FieldValue>(0, 1, 2, 22, 443, 1000));
  const text = maybe(
    fc.oneof(
      word,
      fc.tuple(word, word).map(([a, b]) => a + b),
    ),
  );
  return fc.record({
    'event.type': fc.constantFrom<FieldValue>(...KINDS, ...KINDS, undefined),
    'process.memfd': maybe(fc.boolean()),
    'process.args': maybe(fc.array(word, { maxLength: 4 })),
    'process.env': maybe(fc.dictionary(fc.constantFrom('LD_PRELOAD', 'HOME'), word)),
    'process.ancestors': maybe(fc.array(summary, { maxLength: 3 })),
    ...Object.fromEntries(STRING_FIELDS.map((name) => [name, text])),
    ...Object.fromEntries(INT_FIELDS.map((name) => [name, int])),
  });
}

const quoted = (text: string) => JSON.stringify(text);
const strings = fc.array(word, { minLength: 1, maxLength: 3 });
const stringField = fc.constantFrom(...STRING_FIELDS, "process.env['LD_PRELOAD']", 'process.args[1]');
const intField = fc.constantFrom(...INT_FIELDS);
const int = fc.constantFrom(0, 1, 2, 22, 443);

function celText(subject: fc.Arbitrary<string>): fc.Arbitrary<string> {
  return fc.oneof(
    fc
      .tuple(subject, fc.constantFrom('contains', 'startsWith', 'endsWith'), word)
      .map(([s, f, w]) => `${s}.${f}(${quoted(w)})`),
    fc.tuple(subject, fc.constantFrom('==', '!=', '<', '>='), word).map(([s, o, w]) => `${s} ${o} ${quoted(w)}`),
    fc.tuple(subject, strings).map(([s, list]) => `${s} in [${list.map(quoted).join(', ')}]`),
    fc
      .tuple(subject, fc.constantFrom('^/tmp', 'sh$', '[a-z]+h', '(a+)+$'))
      .map(([s, re]) => `${s}.matches(${quoted(re)})`),
    fc.tuple(subject, fc.constantFrom('==', '>', '<='), int).map(([s, o, n]) => `size(${s}) ${o} ${n}`),
    fc.tuple(subject, fc.constantFrom(...STRING_FIELDS)).map(([s, other]) => `${s} == ${other}`),
    fc.tuple(subject, fc.constantFrom(...STRING_FIELDS)).map(([s, other]) => `${s}.contains(${other})`),
    fc.tuple(strings, subject).map(([list, s]) => `[${list.map(quoted).join(', ')}].exists(w, ${s}.startsWith(w))`),
    fc.tuple(strings, subject).map(([list, s]) => `[${list.map(quoted).join(', ')}].all(w, !${s}.contains(w))`),
  );
}

const celLeaf = fc.oneof(
  celText(stringField),
  fc.tuple(intField, fc.constantFrom('==', '!=', '<', '<=', '>', '>='), int).map(([f, o, n]) => `${f} ${o} ${n}`),
  fc.tuple(intField, fc.array(int, { minLength: 1, maxLength: 3 })).map(([f, list]) => `${f} in [${list.join(', ')}]`),
  fc.constantFrom(
    'process.memfd',
    'has(process.cwd)',
    'has(process.env.LD_PRELOAD)',
    "'HOME' in process.env",
    'size(process.args) > 1',
    "process.args == ['sh', '-c']",
    "event.type == 'process_exec'",
    'true',
  ),
  word.map((w) => `${quoted(w)} in process.args`),
  celText(fc.constant('x')).map((inner) => `process.args.exists(x, ${inner})`),
  celText(fc.constant('x')).map((inner) => `process.args.all(x, ${inner})`),
  celText(fc.constant('a.name')).map((inner) => `process.ancestors.exists(a, ${inner})`),
  celText(fc.constant('a.path')).map((inner) => `process.ancestors.all(a, a.pid > 1 || ${inner})`),
  word.map((w) => `process.ancestors.exists(a, a.args.exists(x, x == ${quoted(w)} && a.name != x))`),
);

/** A CEL condition of the supported subset. */
export const cel: fc.Arbitrary<string> = fc.letrec<{ node: string }>((tie) => ({
  node: fc.oneof(
    { maxDepth: 4 },
    { weight: 3, arbitrary: celLeaf },
    { weight: 1, arbitrary: fc.tuple(tie('node'), tie('node')).map(([a, b]) => `(${a} && ${b})`) },
    { weight: 1, arbitrary: fc.tuple(tie('node'), tie('node')).map(([a, b]) => `(${a} || ${b})`) },
    { weight: 1, arbitrary: tie('node').map((a) => `!(${a})`) },
    {
      weight: 1,
      arbitrary: fc.tuple(tie('node'), tie('node'), tie('node')).map(([a, b, c]) => `(${a} ? ${b} : ${c})`),
    },
  ),
})).node;

const flags = fc.record({ ignoreCase: fc.boolean(), loose: fc.boolean() });

const textTest: fc.Arbitrary<Test> = fc.oneof(
  fc.constant<Test>({ op: 'exists' }),
  fc
    .tuple(fc.array(fc.oneof(word, int), { minLength: 1, maxLength: 3 }), flags)
    .map(([values, f]): Test => ({ op: 'equal', values, ...f })),
  fc
    .tuple(fc.constantFrom('contains', 'startsWith', 'endsWith'), strings, flags)
    .map(([op, values, f]): Test => ({ op, values, ...f })),
  fc
    .tuple(
      fc.constantFrom('^/tmp', 'sh$', '(?i)BASH', '/(usr|tmp)/', 'k'),
      fc.constantFrom('', 'i', 'ims'),
      fc.boolean(),
    )
    .map(([pattern, f, loose]): Test => ({ op: 'matches', pattern, flags: f, loose })),
  fc
    .tuple(
      fc.array(fc.constantFrom('*sh', '/tmp/*', '?ash', '*', 'b*', '*\\**', '*K*'), { minLength: 1, maxLength: 2 }),
      flags,
    )
    .map(([globs, f]): Test => ({ op: 'glob', values: globs.map(parseGlob), ...f })),
  fc.constantFrom<Test>({ op: 'cidr', values: ['10.0.0.0/8', 'fd00::/8'] }, { op: 'cidr', values: ['192.168.0.0/16'] }),
  fc
    .tuple(fc.constantFrom('lt', 'lte', 'gt', 'gte'), fc.oneof(int, word), fc.boolean())
    .map(([op, value, loose]): Test => ({ op, value, loose })),
  fc
    .tuple(
      fc.constantFrom('equal', 'contains', 'startsWith', 'endsWith', 'lt', 'gte'),
      fc.constantFrom(...STRING_FIELDS, ...INT_FIELDS),
      flags,
    )
    .map(([how, other, f]): Test => ({ op: 'compare', how, other: field(other), ...f })),
);

const subject: fc.Arbitrary<Subject> = fc.oneof(
  fc.constantFrom(...STRING_FIELDS, ...INT_FIELDS).map((name): Subject => field(name)),
  fc.constant<Subject>({ ...field('process.env'), key: 'LD_PRELOAD' }),
  fc.constant<Subject>({ ...field('process.path'), transform: 'lower' }),
  fc.constant<Subject>({ ...field('process.args'), index: 1 }),
  fc.constant<Subject>({ from: 'any_string' }),
);

const treeLeaf: fc.Arbitrary<Condition> = fc.oneof(
  { weight: 5, arbitrary: fc.tuple(subject, textTest).map(([s, test]) => leaf(s, test)) },
  {
    weight: 1,
    arbitrary: fc.constantFrom(...KINDS).map((kind) => leaf(field('event.type'), { op: 'equal', values: [kind] })),
  },
  {
    weight: 1,
    arbitrary: fc.constantFrom(
      leaf(field('event.type'), { op: 'startsWith', values: ['file_', 'net_'] }),
      leaf(field('event.type'), { op: 'exists' }),
      leaf(field('event.type'), { op: 'equal', values: ['FILE_OPEN'], ignoreCase: true }),
      leaf(field('event.type'), { op: 'equal', values: ['net_conn', 'unheard_of'] }),
    ),
  },
  {
    weight: 1,
    arbitrary: fc.tuple(fc.constantFrom('any', 'every'), textTest).map(
      ([how, test]): Condition => ({
        type: 'quantifier',
        how,
        over: field('process.args'),
        where: leaf({ from: 'element', level: 0 }, test),
      }),
    ),
  },
  {
    weight: 1,
    arbitrary: fc
      .tuple(fc.constantFrom('any', 'every'), fc.constantFrom('name', 'path', 'pid'), textTest, textTest)
      .map(
        ([how, member, test, other]): Condition => ({
          type: 'quantifier',
          how,
          over: field('process.ancestors'),
          where: any([
            leaf({ from: 'element', level: 0, member }, test),
            all([not(leaf({ from: 'element', level: 0, member: 'name' }, other)), leaf(field('process.name'), test)]),
          ]),
        }),
      ),
  },
);

/** Any condition tree, as the Sigma and JSON front ends may build it. */
export const tree: fc.Arbitrary<Condition> = fc.letrec<{ node: Condition }>((tie) => ({
  node: fc.oneof(
    { maxDepth: 4 },
    { weight: 3, arbitrary: treeLeaf },
    { weight: 1, arbitrary: fc.array(tie('node'), { maxLength: 3 }).map(all) },
    { weight: 1, arbitrary: fc.array(tie('node'), { maxLength: 3 }).map(any) },
    { weight: 1, arbitrary: tie('node').map(not) },
  ),
})).node;
