/** The operators and decorators of the json-rules-engine front end. */
import { messageOf } from '../../errors.ts';
import { parseNetwork } from '../predicate/cidr.ts';
import { parseGlob } from '../predicate/glob.ts';
import { compileRegexp } from '../predicate/regexp.ts';
import type { RuleError } from '../source.ts';
import {
  all,
  any,
  type Condition,
  exists,
  type Literal,
  leaf,
  not,
  type OrderOperator,
  type Subject,
  type Test,
  type TextOperator,
} from '../tree.ts';

export interface Operands {
  readonly left: { readonly subject: Subject; readonly type: string };
  readonly right:
    | { readonly kind: 'literal'; readonly value: Literal }
    | { readonly kind: 'list'; readonly values: readonly Literal[] }
    | { readonly kind: 'subject'; readonly subject: Subject; readonly type: string };
  readonly ignoreCase: boolean;
  /** Quantifiers around this comparison. */
  readonly level: number;
  fail(message: string, remedy?: string): RuleError;
}

type Apply = (operands: Operands) => Condition;

const NEGATED: Readonly<Record<string, string>> = { notEqual: 'equal', notIn: 'in' };
const ORDER: Readonly<Record<string, OrderOperator>> = {
  lessThan: 'lt',
  lessThanInclusive: 'lte',
  greaterThan: 'gt',
  greaterThanInclusive: 'gte',
};
const SWAPPED: Readonly<Record<string, string>> = {
  lessThan: 'greaterThan',
  lessThanInclusive: 'greaterThanInclusive',
  greaterThan: 'lessThan',
  greaterThanInclusive: 'lessThanInclusive',
  equal: 'equal',
  notEqual: 'notEqual',
  in: 'contains',
  contains: 'in',
  notIn: 'doesNotContain',
};

const OPERATORS: Readonly<Record<string, Apply>> = {
  equal,
  in: inList,
  contains: (operands) => contains(operands),
  // Its validator refuses an absent fact, so unlike notEqual it is false then.
  doesNotContain: (operands) => all([exists(operands.left.subject), not(contains(operands))]),
  startsWith: (operands) => textual('startsWith', operands),
  endsWith: (operands) => textual('endsWith', operands),
  matches,
  glob: (operands) => {
    wantText(operands);
    const globs = texts(operands, 'a glob').map(parseGlob);
    return leaf(operands.left.subject, { op: 'glob', values: globs, ...caseFlag(operands) });
  },
  cidr,
  exists: (operands) => {
    if (operands.right.kind !== 'literal' || typeof operands.right.value !== 'boolean') {
      throw operands.fail('"exists" takes true or false');
    }
    const present = exists(operands.left.subject);
    return operands.right.value ? present : not(present);
  },
};

export const JSON_OPERATORS: readonly string[] = [
  ...Object.keys(OPERATORS),
  ...Object.keys(NEGATED),
  ...Object.keys(ORDER),
];
export const DECORATORS: readonly string[] = [
  'someFact',
  'everyFact',
  'someValue',
  'everyValue',
  'swap',
  'not',
  'ignoreCase',
];

/** Applies an operator under its decorators, outermost first. Throws RuleError for operands that do not fit. */
export function applyOperator(operator: string, decorators: readonly string[], operands: Operands): Condition {
  const [outer, ...inner] = decorators;
  if (outer === undefined) return plainOperator(operator, operands);
  const next = (changed: Operands) => applyOperator(operator, inner, changed);
  const { left, right, level } = operands;
  switch (outer) {
    case 'not':
      return not(next(operands));
    case 'ignoreCase':
      return next({ ...operands, ignoreCase: true });
    case 'someFact':
    case 'everyFact': {
      if (left.type !== 'list<string>') throw operands.fail(`"${outer}" needs a list of text, found ${left.type}`);
      const element = { subject: { from: 'element', level } as const, type: 'string' };
      const where = next({ ...operands, left: element, level: level + 1 });
      return { type: 'quantifier', how: outer === 'someFact' ? 'any' : 'every', over: left.subject, where };
    }
    case 'someValue':
    case 'everyValue': {
      if (right.kind !== 'list') throw operands.fail(`"${outer}" needs a list as value`);
      const each = right.values.map((value) => next({ ...operands, right: { kind: 'literal', value } }));
      return outer === 'someValue' ? any(each) : all(each);
    }
    default: {
      const swapped = SWAPPED[operator];
      if (inner.length > 0 || swapped === undefined) throw operands.fail(`"swap" does not go with "${operator}"`);
      return plainOperator(swapped, operands);
    }
  }
}

function plainOperator(operator: string, operands: Operands): Condition {
  const positive = Object.hasOwn(NEGATED, operator) ? NEGATED[operator] : undefined;
  if (positive !== undefined) return not(plainOperator(positive, operands));
  const order = Object.hasOwn(ORDER, operator) ? ORDER[operator] : undefined;
  if (order !== undefined) return ordering(order, operands);
  const apply = OPERATORS[operator];
  if (apply === undefined) throw operands.fail(`unknown operator "${operator}"`);
  return apply(operands);
}

function caseFlag(operands: Operands): { readonly ignoreCase?: true } {
  return operands.ignoreCase ? { ignoreCase: true } : {};
}

function isNumber(type: string): boolean {
  return type === 'int' || type === 'double';
}

function checkType(operands: Operands, value: Literal): void {
  const { type } = operands.left;
  const found = typeof value === 'string' ? 'string' : typeof value === 'boolean' ? 'bool' : 'number';
  if (isNumber(type) ? found !== 'number' : found !== type) {
    throw operands.fail(`type error: compares ${type} with ${found}`);
  }
}

function wantText(operands: Operands): void {
  if (operands.left.type !== 'string') throw operands.fail(`needs a text field, found ${operands.left.type}`);
}

function texts(operands: Operands, what: string): string[] {
  const { right } = operands;
  const values = right.kind === 'list' ? right.values : right.kind === 'literal' ? [right.value] : [];
  const found = values.filter((value) => typeof value === 'string');
  if (found.length === 0 || found.length < values.length) throw operands.fail(`takes ${what} or a list of them`);
  return found;
}

function equal(operands: Operands): Condition {
  const { left, right } = operands;
  if (right.kind === 'list') throw operands.fail('"equal" takes one value', 'use "in"');
  if (right.kind === 'subject') {
    if (right.type !== left.type && !(isNumber(left.type) && isNumber(right.type))) {
      throw operands.fail(`type error: compares ${left.type} with ${right.type}`);
    }
    return leaf(left.subject, { op: 'compare', how: 'equal', other: right.subject, ...caseFlag(operands) });
  }
  checkType(operands, right.value);
  return leaf(left.subject, { op: 'equal', values: [right.value], ...caseFlag(operands) });
}

function inList(operands: Operands): Condition {
  const { left, right } = operands;
  if (right.kind === 'subject') {
    if (right.type !== 'list<string>') throw operands.fail(`"in" needs a list, found ${right.type}`);
    return memberOf(right.subject, operands, {
      op: 'compare',
      how: 'equal',
      other: left.subject,
      ...caseFlag(operands),
    });
  }
  if (right.kind === 'literal') throw operands.fail('"in" takes a list', 'use "equal" or "contains"');
  for (const value of right.values) checkType(operands, value);
  return leaf(left.subject, { op: 'equal', values: right.values, ...caseFlag(operands) });
}

function memberOf(list: Subject, operands: Operands, test: Test): Condition {
  const where = leaf({ from: 'element', level: operands.level }, test);
  return { type: 'quantifier', how: 'any', over: list, where };
}

function contains(operands: Operands): Condition {
  const { left, right } = operands;
  if (left.type !== 'list<string>') return textual('contains', operands);
  if (right.kind === 'subject') {
    if (right.type !== 'string') throw operands.fail(`type error: looks for ${right.type} in ${left.type}`);
    return memberOf(left.subject, operands, {
      op: 'compare',
      how: 'equal',
      other: right.subject,
      ...caseFlag(operands),
    });
  }
  if (right.kind === 'list') throw operands.fail('"contains" takes one value', 'use "someValue:contains"');
  if (typeof right.value !== 'string') throw operands.fail(`type error: looks for a number in ${left.type}`);
  return memberOf(left.subject, operands, { op: 'equal', values: [right.value], ...caseFlag(operands) });
}

function textual(op: TextOperator, operands: Operands): Condition {
  wantText(operands);
  const { left, right } = operands;
  if (right.kind === 'subject') {
    if (right.type !== 'string') throw operands.fail(`type error: compares string with ${right.type}`);
    return leaf(left.subject, { op: 'compare', how: op, other: right.subject, ...caseFlag(operands) });
  }
  return leaf(left.subject, { op, values: texts(operands, 'text'), ...caseFlag(operands) });
}

function matches(operands: Operands): Condition {
  wantText(operands);
  const { right } = operands;
  if (right.kind !== 'literal' || typeof right.value !== 'string') {
    throw operands.fail('"matches" takes one regular expression');
  }
  const flags = operands.ignoreCase ? 'i' : '';
  try {
    compileRegexp(right.value, flags);
  } catch (cause) {
    throw operands.fail(messageOf(cause));
  }
  return leaf(operands.left.subject, { op: 'matches', pattern: right.value, ...(flags === '' ? {} : { flags }) });
}

function cidr(operands: Operands): Condition {
  wantText(operands);
  const values = texts(operands, 'a network');
  try {
    values.forEach(parseNetwork);
  } catch (cause) {
    throw operands.fail(messageOf(cause));
  }
  return leaf(operands.left.subject, { op: 'cidr', values });
}

function ordering(how: OrderOperator, operands: Operands): Condition {
  const { left, right } = operands;
  if (!isNumber(left.type)) throw operands.fail(`type error: orders ${left.type}; only numbers have an order`);
  if (right.kind === 'subject') {
    if (!isNumber(right.type)) throw operands.fail(`type error: compares ${left.type} with ${right.type}`);
    return leaf(left.subject, { op: 'compare', how, other: right.subject });
  }
  if (right.kind === 'list' || typeof right.value !== 'number') throw operands.fail('an order needs one number');
  return leaf(left.subject, { op: how, value: right.value });
}
