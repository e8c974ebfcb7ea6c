import { expect } from 'chai';
import fc from 'fast-check';
import { Engine, type NestedCondition } from 'json-rules-engine';
import { formatProblem } from '../../../src/errors.ts';
import { parseJsonText } from '../../../src/rules/file/json-text.ts';
import { jsonCondition } from '../../../src/rules/file/tree-condition.ts';
import { compilePredicate } from '../../../src/rules/predicate/compile.ts';
import { bareSource, RuleError } from '../../../src/rules/source.ts';
import type { FieldName } from '../../../src/schema/fields.ts';
import { fields, word } from '../support/arbitrary.ts';
import { eventOf, type Fields } from '../support/event.ts';

function translate(tree: unknown, conditions: Readonly<Record<string, unknown>> = {}) {
  const parsed = (value: unknown) => {
    const text = JSON.stringify(value);
    const place = (node: { at: number }) => bareSource(text).place(node.at);
    return { node: parseJsonText(text), place };
  };
  const { node, place } = parsed(tree);
  const named = new Map(Object.entries(conditions).map(([name, value]) => [name, parsed(value)]));
  return jsonCondition(node, { conditions: named, place });
}

function check(tree: unknown, conditions: Readonly<Record<string, unknown>> = {}): string {
  try {
    translate(tree, conditions);
  } catch (error) {
    if (error instanceof RuleError) return formatProblem(error.problem).replace(/^\d+:\d+: /, '');
    throw error;
  }
  return 'no error';
}

const int = fc.constantFrom(0, 1, 2, 22, 443);
const TEXTS = ['process.name', 'process.path', 'file.path'] as const;
const INTS = ['process.pid', 'process.uid', 'network.destination.port'] as const;

/** Comparisons that json-rules-engine has by itself. */
const comparison: fc.Arbitrary<NestedCondition> = fc.oneof(
  fc
    .tuple(fc.constantFrom(...TEXTS), fc.constantFrom('equal', 'notEqual', 'not:equal', 'swap:equal'), word)
    .map(([fact, operator, value]) => ({ fact, operator, value })),
  fc
    .tuple(
      fc.constantFrom(...TEXTS),
      fc.constantFrom('in', 'notIn', 'not:in', 'swap:contains', 'someValue:equal', 'everyValue:notEqual'),
      fc.array(word, { minLength: 1, maxLength: 3 }),
    )
    .map(([fact, operator, value]) => ({ fact, operator, value })),
  fc
    .tuple(
      fc.constantFrom(...INTS),
      fc.constantFrom(
        'equal',
        'notEqual',
        'lessThan',
        'lessThanInclusive',
        'greaterThan',
        'greaterThanInclusive',
        'not:lessThan',
        'swap:lessThan',
      ),
      int,
    )
    .map(([fact, operator, value]) => ({ fact, operator, value })),
  fc
    .tuple(
      fc.constantFrom('contains', 'doesNotContain', 'someFact:equal', 'everyFact:notEqual', 'not:someFact:equal'),
      word,
    )
    .map(([operator, value]) => ({ fact: 'process.args', operator, value })),
  fc
    .tuple(fc.constantFrom(...INTS), fc.constantFrom(...INTS))
    .map(([a, b]) => ({ fact: a, operator: 'lessThan', value: { fact: b } })),
);
const tree: fc.Arbitrary<NestedCondition> = fc.letrec<{ node: NestedCondition }>((tie) => ({
  node: fc.oneof(
    { maxDepth: 3 },
    { weight: 3, arbitrary: comparison },
    { weight: 1, arbitrary: fc.array(tie('node'), { minLength: 1, maxLength: 3 }).map((all) => ({ all })) },
    { weight: 1, arbitrary: fc.array(tie('node'), { minLength: 1, maxLength: 3 }).map((any) => ({ any })) },
    { weight: 1, arbitrary: tie('node').map((not) => ({ not })) },
    { weight: 1, arbitrary: fc.constantFrom('first', 'second').map((condition) => ({ condition })) },
  ),
})).node;

const NAMED = {
  first: { all: [{ fact: 'process.name', operator: 'equal', value: 'bash' }] },
  second: { any: [{ condition: 'first' }, { fact: 'process.pid', operator: 'greaterThan', value: 1 }] },
};

/** The tree in json-rules-engine as it comes, with flat facts. */
async function original(conditions: NestedCondition, values: Fields): Promise<boolean> {
  const engine = new Engine([], { allowUndefinedFacts: true });
  for (const [name, condition] of Object.entries(NAMED)) engine.setCondition(name, structuredClone(condition));
  engine.addRule({ conditions: { all: [structuredClone(conditions)] }, event: { type: 'match' } });
  const present = Object.entries(values).filter(([, value]) => value !== undefined);
  return (await engine.run(Object.fromEntries(present) as Record<FieldName, unknown>)).results.length > 0;
}

describe('json-rules-engine trees', () => {
  it('mean what json-rules-engine makes of them, also where facts are absent', async () => {
    await fc.assert(
      fc.asyncProperty(tree, fields(), async (conditions, values) => {
        const predicate = compilePredicate(translate(conditions, NAMED));
        expect(predicate(eventOf(values))).to.equal(await original(conditions, values));
      }),
      { numRuns: 1000 },
    );
  });

  it('have operators of our own, and paths that are plain properties', () => {
    const event = eventOf({
      'process.name': 'Bash',
      'process.parent.name': 'sshd',
      'process.env': { HOME: '/root' },
      'network.destination.ip': '10.1.2.3',
    });
    for (const condition of [
      { fact: 'process.name', operator: 'contains', value: 'as' },
      { fact: 'process.name', operator: 'ignoreCase:equal', value: 'bash' },
      { fact: 'process.name', operator: 'ignoreCase:startsWith', value: ['x', 'BA'] },
      { fact: 'process.name', operator: 'matches', value: '^B.*h$' },
      { fact: 'process.name', operator: 'glob', value: 'B*?' },
      { fact: 'network.destination.ip', operator: 'cidr', value: ['10.0.0.0/8'] },
      { fact: 'process.cwd', operator: 'exists', value: false },
      { fact: 'process', path: '$.parent.name', operator: 'equal', value: 'sshd' },
      { fact: 'process.env', path: '.HOME', operator: 'equal', value: '/root' },
      { fact: 'process.name', operator: 'notEqual', value: { fact: 'process.parent.name' } },
    ]) {
      expect(compilePredicate(translate(condition))(event), JSON.stringify(condition)).to.equal(true);
    }
  });

  for (const [condition, problem] of [
    [
      { fact: 'process.nam', operator: 'equal', value: 'x' },
      'unknown fact "process.nam" (did you mean "process.name"?)',
    ],
    [{ fact: 'process.name', operator: 'equals', value: 'x' }, 'unknown operator "equals" (did you mean "equal"?)'],
    [{ fact: 'process.name', operator: 'equal', value: 1 }, 'type error: compares string with number'],
    [{ fact: 'process.pid', operator: 'lessThan', value: '1' }, 'an order needs one number'],
    [{ fact: 'process.name', operator: 'in', value: 'x' }, '"in" takes a list (use "equal" or "contains")'],
    [
      { fact: 'process', path: '$..name', operator: 'equal', value: 'x' },
      'JSONPath "$..name" is not allowed: only plain properties such as "$.parent.name" are',
    ],
    [
      { fact: 'process', path: '$[?(@.constructor)]', operator: 'equal', value: 'x' },
      'JSONPath "$[?(@.constructor)]" is not allowed: only plain properties such as "$.parent.name" are',
    ],
    [
      { fact: 'process.name', operator: 'matches', value: '(?<=a)b' },
      'regular expression: invalid named capture: `(?<=a)b` (syntax is RE2)',
    ],
    [{ all: [], any: [] }, 'has both "all" and "any"; one of them is allowed'],
    [{ all: [] }, '"all" is empty'],
    [{ al: [] }, 'expected one of all, any, not, condition or fact'],
    [{ fact: 'process.name', operator: 'equal', val: 'x' }, 'unknown key "val" (did you mean "value"?)'],
    [{ condition: 'frist' }, 'no condition "frist" (did you mean "first"?)'],
  ] as const) {
    it(`refuses ${JSON.stringify(condition)}`, () => {
      expect(check(condition, NAMED)).to.equal(problem);
    });
  }

  it('refuses named conditions that use themselves', () => {
    const circle = { a: { not: { condition: 'b' } }, b: { all: [{ condition: 'a' }] } };
    expect(check({ condition: 'a' }, circle)).to.equal('condition "a" uses itself: a -> b -> a');
  });
});
