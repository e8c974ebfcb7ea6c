/** Why a rule matches an event, or why not: the tree evaluated leaf by leaf, with values. */
import type { FieldSource } from '../../schema/event.ts';
import { fieldName } from '../../schema/fields.ts';
import { type Condition, type Leaf, type Quantifier, type Subject, subjectText, type Test } from '../tree.ts';
import type { MatchedCondition } from '../types.ts';
import { foldCase } from './fold.ts';
import { globText } from './glob.ts';
import { pairTest, type ValueTest, valueTest } from './test-value.ts';
import { type Elements, type Reader, reader, TEXT_FIELDS, type Value } from './values.ts';

/** One node of the tree with its result. */
interface Explanation {
  readonly result: boolean;
  readonly type: 'all' | 'any' | 'not' | 'every' | 'leaf' | 'const';
  /** Of a leaf or quantifier: what was compared, and with what. */
  readonly condition?: MatchedCondition;
  readonly children: readonly Explanation[];
}

const LISTED = 10;

function operatorText(test: Test): string {
  return test.op === 'compare' ? test.how : test.op;
}

/** What a test expects, in the form of a rule file; long lists are cut. */
function expectedOf(test: Test): unknown {
  switch (test.op) {
    case 'exists':
      return true;
    case 'matches':
      return test.flags === undefined || test.flags === '' ? test.pattern : `(?${test.flags})${test.pattern}`;
    case 'compare':
      return { field: subjectText(test.other) };
    case 'glob':
      return shortened(test.values.map(globText));
    case 'equal':
    case 'contains':
    case 'startsWith':
    case 'endsWith':
    case 'cidr':
      return shortened(test.values);
    default:
      return test.value;
  }
}

function shortened(values: readonly unknown[]): unknown {
  if (values.length === 1) return values[0];
  return values.length <= LISTED ? values : [...values.slice(0, LISTED), `and ${values.length - LISTED} more`];
}

/** Of several expected values those that hold, so that an alert does not repeat a whole list. */
function expectedThatHolds(test: Test, value: Value): unknown {
  if (!('values' in test) || test.values.length === 1) return expectedOf(test);
  const holding: unknown[] = [];
  for (const expected of test.values) {
    if (holding.length > LISTED) break;
    // It is one of the test's own values; the union of all tests does not say of which type.
    if (oneHolds(test, expected as never, value)) holding.push(expected);
  }
  return holding.length === 0 ? expectedOf(test) : expectedOf({ ...test, values: holding } as Test);
}

/** Whether one of the values of a test holds. Lists can be long: for text nothing is compiled. */
function oneHolds(test: Test & { readonly values: readonly unknown[] }, expected: never, value: Value): boolean {
  if (test.op !== 'equal' && test.op !== 'contains' && test.op !== 'startsWith' && test.op !== 'endsWith') {
    // The same test with one of its own values.
    return testOf({ ...test, values: [expected] } as never)(value);
  }
  const changed = (item: Value) => {
    const text = test.loose === true && typeof item !== 'object' && item !== undefined ? String(item) : item;
    return test.ignoreCase === true && typeof text === 'string' ? foldCase(text) : text;
  };
  const left = changed(value);
  const right = changed(expected);
  if (test.op === 'equal') return left === right;
  if (typeof left !== 'string' || typeof right !== 'string') return false;
  if (test.op === 'contains') return left.includes(right);
  return test.op === 'startsWith' ? left.startsWith(right) : left.endsWith(right);
}

const tests = new WeakMap<Test, ValueTest>();
const readers = new WeakMap<Subject, Reader>();

function readerOf(subject: Subject): Reader {
  const found = readers.get(subject) ?? reader(subject);
  readers.set(subject, found);
  return found;
}

function testOf(test: Exclude<Test, { op: 'compare' }>): ValueTest {
  const found = tests.get(test) ?? valueTest(test);
  tests.set(test, found);
  return found;
}

/** Each string of the event with the field it is in. */
export function* strings(event: FieldSource): Generator<{ field: string; text: string }> {
  for (const id of TEXT_FIELDS) {
    const value = event.value(id);
    if (typeof value === 'string') yield { field: fieldName(id), text: value };
    else if (typeof value === 'object') {
      for (const text of Object.values(value)) if (typeof text === 'string') yield { field: fieldName(id), text };
    }
  }
}

function leafHolds(
  leaf: Leaf,
  event: FieldSource,
  elements: Elements,
): { result: boolean; field: string; value: Value } {
  const { subject, test } = leaf;
  const holds =
    test.op === 'compare'
      ? (value: Value) => {
          const other = readerOf(test.other)(event, elements);
          return value !== undefined && other !== undefined && pairTest(test)(value, other);
        }
      : testOf(test);
  if (subject.from === 'any_string') {
    for (const { field, text } of strings(event)) if (holds(text)) return { result: true, field, value: text };
    return { result: false, field: '*', value: undefined };
  }
  const value = readerOf(subject)(event, elements);
  return { result: holds(value), field: subjectText(subject), value };
}

/** What is reported of a leaf that holds: for the alert's `matched`. */
export function matchedLeaf(leaf: Leaf, event: FieldSource, elements: Elements = []): MatchedCondition {
  const { field, value } = leafHolds(leaf, event, elements);
  return matchedBy(leaf.test, field, value);
}

function matchedBy(test: Test, field: string, value: Value): MatchedCondition {
  return { field, operator: operatorText(test), expected: expectedThatHolds(test, value), actual: value };
}

const texts = new WeakMap<Quantifier, string>();

/** It can be a list of hundreds, and is the same in every alert. */
function whereText(node: Quantifier): string {
  const text = texts.get(node) ?? conditionText(node.where);
  texts.set(node, text);
  return text;
}

/** What is reported of a quantifier that holds: the elements that made it so. */
export function matchedQuantifier(node: Quantifier, event: FieldSource, elements: Elements = []): MatchedCondition {
  const list = readerOf(node.over)(event, elements);
  const all: readonly Value[] = Array.isArray(list) ? list : [];
  const depth = elements.length;
  const holding = all.filter((element) => {
    const result = holds(node.where, event, [...elements.slice(0, depth), element as Elements[number]]);
    return result;
  });
  return {
    field: subjectText(node.over),
    operator: node.how,
    expected: whereText(node),
    actual: node.how === 'any' ? (holding[0] ?? list) : list,
  };
}

/** Evaluates a condition plainly. It is what the engine uses for the inside of quantifiers. */
export function holds(condition: Condition, event: FieldSource, elements: Elements = []): boolean {
  switch (condition.type) {
    case 'const':
      return condition.value;
    case 'all':
      return condition.of.every((child) => holds(child, event, elements));
    case 'any':
      return condition.of.some((child) => holds(child, event, elements));
    case 'not':
      return !holds(condition.of, event, elements);
    case 'quantifier': {
      const list = readerOf(condition.over)(event, elements);
      if (!Array.isArray(list)) return false;
      const inner = (element: Elements[number]) => holds(condition.where, event, [...elements, element]);
      return condition.how === 'any' ? list.some(inner) : list.every(inner);
    }
    case 'leaf':
      return leafHolds(condition, event, elements).result;
  }
}

export function explainCondition(condition: Condition, event: FieldSource): Explanation {
  switch (condition.type) {
    case 'const':
      return { result: condition.value, type: 'const', children: [] };
    case 'not': {
      const child = explainCondition(condition.of, event);
      return { result: !child.result, type: 'not', children: [child] };
    }
    case 'all':
    case 'any': {
      const children = condition.of.map((child) => explainCondition(child, event));
      const result =
        condition.type === 'all' ? children.every((child) => child.result) : children.some((child) => child.result);
      return { result, type: condition.type, children };
    }
    case 'quantifier': {
      const result = holds(condition, event);
      const type = condition.how === 'any' ? 'any' : 'every';
      return { result, type, condition: matchedQuantifier(condition, event), children: [] };
    }
    case 'leaf': {
      const { result, field, value } = leafHolds(condition, event, []);
      const { test } = condition;
      const expected = result ? expectedThatHolds(test, value) : expectedOf(test);
      return {
        result,
        type: 'leaf',
        condition: { field, operator: operatorText(test), expected, actual: value },
        children: [],
      };
    }
  }
}

/**
 * The leaves that made the condition true: those of an `any` that hold, those of an `all`;
 * nothing below a `not`. None of a condition that is false. Each leaf is asked once.
 */
export function matchedConditions(condition: Condition, event: FieldSource): MatchedCondition[] {
  return matchedIfHolds(condition, event) ?? [];
}

/** The same, undefined where the condition is false. */
export function matchedIfHolds(condition: Condition, event: FieldSource): MatchedCondition[] | undefined {
  const matched: MatchedCondition[] = [];
  return collect(condition, event, matched) ? matched : undefined;
}

/** Whether it holds; only then what made it so is added. */
function collect(condition: Condition, event: FieldSource, matched: MatchedCondition[]): boolean {
  const before = matched.length;
  switch (condition.type) {
    case 'all':
      if (condition.of.every((child) => collect(child, event, matched))) return true;
      matched.length = before;
      return false;
    case 'any': {
      let some = false;
      for (const child of condition.of) if (collect(child, event, matched)) some = true;
      return some;
    }
    case 'leaf': {
      const { result, field, value } = leafHolds(condition, event, []);
      if (result) matched.push(matchedBy(condition.test, field, value));
      return result;
    }
    default: {
      const result = holds(condition, event);
      if (result && condition.type === 'quantifier') matched.push(matchedQuantifier(condition, event));
      return result;
    }
  }
}

function show(value: unknown): string {
  const text = value === undefined ? 'absent' : JSON.stringify(value);
  return text.length > 200 ? `${text.slice(0, 200)}...` : text;
}

/** Leaves out the parts of an `all` that hold, where the whole does not: what is left is the reason. */
export function reasonOf(explanation: Explanation): Explanation {
  const { type, result, children } = explanation;
  const kept = type === 'all' && !result ? children.filter((child) => !child.result) : children;
  return { ...explanation, children: kept.map(reasonOf) };
}

/** One line per node, for a terminal: a mark, the condition, and the value the event has. */
export function explanationText(explanation: Explanation, indent = 0): string {
  const mark = explanation.result ? '+' : '-';
  const pad = '  '.repeat(indent);
  const { condition } = explanation;
  const line =
    condition === undefined
      ? `${pad}${mark} ${explanation.type}`
      : `${pad}${mark} ${condition.field} ${condition.operator} ${show(condition.expected)}, is ${show(condition.actual)}`;
  return [line, ...explanation.children.map((child) => explanationText(child, indent + 1))].join('\n');
}

/** A condition on one line, for people. */
export function conditionText(condition: Condition): string {
  switch (condition.type) {
    case 'const':
      return String(condition.value);
    case 'all':
      return `(${condition.of.map(conditionText).join(' && ')})`;
    case 'any':
      return `(${condition.of.map(conditionText).join(' || ')})`;
    case 'not':
      return `!${conditionText(condition.of)}`;
    case 'quantifier':
      return `${subjectText(condition.over)} ${condition.how} (${conditionText(condition.where)})`;
    case 'leaf': {
      const { subject, test } = condition;
      if (test.op === 'exists') return `has(${elementText(subject)})`;
      return `${elementText(subject)} ${operatorText(test)} ${show(expectedOf(test))}`;
    }
  }
}

function elementText(subject: Subject): string {
  return subject.from === 'any_string' ? 'any field' : subjectText(subject);
}
