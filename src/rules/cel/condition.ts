/**
 * The CEL front end: text -> condition tree. It is parsed by @bufbuild/cel and
 * checked against the field table; what is outside the subset is an error with
 * a place, never a condition that silently means something else.
 *
 * Each expression is translated for being true and for being false, because in
 * CEL an error (an absent field) is neither: see tree.ts.
 */
import { messageOf } from '../../errors.ts';
import { valueTest } from '../predicate/test-value.ts';
import { RuleError, type TextSource } from '../source.ts';
import {
  all,
  any,
  type Condition,
  exists,
  FALSE,
  leaf,
  type OrderOperator,
  refute,
  type Subject,
  type Test,
  type TextOperator,
  TRUE,
} from '../tree.ts';
import { BOOLEAN_FUNCTIONS, checkRegexp, describe, operandOf, Scope, sameType, unknownFunction } from './operand.ts';
import { parseCel } from './parse.ts';
import { quantified } from './quantifier.ts';
import { type CelExpr, type CelOperand, type CelText, literalType, type Names, NO_NAMES } from './scope.ts';

/** Translates a CEL condition. Throws RuleError with the place of the first mistake. */
export function celCondition(source: TextSource, names: Names = NO_NAMES): Condition {
  const text = parseCel(source);
  try {
    return truthOf(text, text.parsed.expr, true, new Scope(names));
  } catch (cause) {
    if (cause instanceof RuleError) throw cause;
    // Very long chains exhaust the stack; the process goes on.
    throw new RuleError({ ...source.place(0), message: `condition too complex: ${messageOf(cause)}` }, { cause });
  }
}

/** The condition that an expression is true (`wanted`), or that it is false. */
export function truthOf(text: CelText, expr: CelExpr, wanted: boolean, scope: Scope): Condition {
  scope.count(text, expr);
  const kind = expr.exprKind;
  if (kind.case === 'callExpr') return callTruth(text, expr, wanted, scope);
  if (kind.case === 'comprehensionExpr') return quantified(text, expr, wanted, scope, truthOf);
  if (kind.case === 'selectExpr' && kind.value.testOnly) return presence(text, expr, wanted, scope);
  if (kind.case === 'identExpr' && !scope.variables.has(kind.value.name) && scope.names.macros.has(kind.value.name)) {
    return scope.macroCondition(text, expr, kind.value.name, wanted, (inner, root) =>
      truthOf(inner, root, wanted, scope),
    );
  }
  const operand = operandOf(text, expr, scope);
  if (operand.kind === 'literal' && typeof operand.value === 'boolean') return operand.value === wanted ? TRUE : FALSE;
  if (operand.kind === 'subject' && operand.type === 'bool') {
    return leaf(operand.subject, { op: 'equal', values: [wanted] });
  }
  throw text.error(expr, `expected a condition, found ${describe(operand)}`);
}

function presence(text: CelText, expr: CelExpr, wanted: boolean, scope: Scope): Condition {
  if (expr.exprKind.case !== 'selectExpr') throw text.error(expr, 'has() needs a field');
  const { operand, field } = expr.exprKind.value;
  if (operand === undefined) throw text.error(expr, 'has() needs a field');
  const asked = {
    ...expr,
    exprKind: { case: 'selectExpr', value: { ...expr.exprKind.value, testOnly: false } },
  } as CelExpr;
  const found = operandOf(text, asked, scope);
  if (found.kind !== 'subject') {
    throw text.error(expr, `has(${found.kind === 'group' ? found.prefix : field}) needs one field, not a group`);
  }
  const present = exists(found.subject);
  return wanted || present.type !== 'leaf' ? present : refute(present);
}

const ORDER: Readonly<Record<string, OrderOperator>> = { '_<_': 'lt', '_<=_': 'lte', '_>_': 'gt', '_>=_': 'gte' };
const SWAPPED: Readonly<Record<OrderOperator, OrderOperator>> = { lt: 'gt', lte: 'gte', gt: 'lt', gte: 'lte' };

function callTruth(text: CelText, expr: CelExpr, wanted: boolean, scope: Scope): Condition {
  if (expr.exprKind.case !== 'callExpr') throw text.error(expr, 'expected a call');
  const { function: name, target, args } = expr.exprKind.value;
  const [a, b, c] = args;
  if ((name === '_&&_' || name === '_||_') && a !== undefined && b !== undefined) {
    const parts = chain(name, expr).map((part) => truthOf(text, part, wanted, scope));
    return (name === '_&&_') === wanted ? all(parts) : any(parts);
  }
  if (name === '!_' && a !== undefined) return truthOf(text, a, !wanted, scope);
  if (name === '_?_:_' && a !== undefined && b !== undefined && c !== undefined) {
    return any([
      all([truthOf(text, a, true, scope), truthOf(text, b, wanted, scope)]),
      all([truthOf(text, a, false, scope), truthOf(text, c, wanted, scope)]),
    ]);
  }
  if ((name === '_==_' || name === '_!=_') && a !== undefined && b !== undefined) {
    return equality(text, expr, a, b, (name === '_==_') === wanted, scope);
  }
  const order = Object.hasOwn(ORDER, name) ? ORDER[name] : undefined;
  if (order !== undefined && a !== undefined && b !== undefined) {
    return ordering(text, expr, order, a, b, wanted, scope);
  }
  if (name === '@in' && a !== undefined && b !== undefined) return membership(text, expr, a, b, wanted, scope);
  if ((BOOLEAN_FUNCTIONS as readonly string[]).includes(name)) {
    const [receiver, argument, ...more] = target === undefined ? args : [target, ...args];
    if (
      receiver === undefined ||
      argument === undefined ||
      more.length > 0 ||
      (target === undefined && name !== 'matches')
    ) {
      throw text.error(expr, `${name}() is called as field.${name}(text)`);
    }
    return textual(text, name as TextOperator | 'matches', receiver, argument, wanted, scope);
  }
  if (name === 'has' || name === 'exists' || name === 'all')
    throw text.error(expr, `${name}() has the wrong arguments`);
  const operand =
    /^[_@]/.test(name) || name === 'size' || name.endsWith('Ascii') ? operandOf(text, expr, scope) : undefined;
  if (operand === undefined) throw unknownFunction(text, expr, name);
  throw text.error(expr, `expected a condition, found ${describe(operand)}`);
}

/** `a && b && c` nests to the left, one level per term: taken apart without recursion. */
function chain(name: string, expr: CelExpr): CelExpr[] {
  const parts: CelExpr[] = [];
  const pending = [expr];
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    const kind = next.exprKind;
    if (kind.case === 'callExpr' && kind.value.function === name) pending.push(...[...kind.value.args].reverse());
    else parts.push(next);
  }
  return parts;
}

/** A leaf for being true or false; on a literal it is decided now. */
function tested(operand: CelOperand, test: Test, wanted: boolean): Condition {
  if (operand.kind === 'subject') {
    const made = leaf(operand.subject, test);
    return wanted || made.type !== 'leaf' ? made : refute(made);
  }
  const value = operand.kind === 'literal' ? operand.value : undefined;
  return (test.op !== 'compare' && valueTest(test)(value)) === wanted ? TRUE : FALSE;
}

function isCondition(expr: CelExpr, scope: Scope): boolean {
  const kind = expr.exprKind;
  if (kind.case === 'comprehensionExpr' || (kind.case === 'selectExpr' && kind.value.testOnly)) return true;
  if (kind.case === 'identExpr') return scope.names.macros.has(kind.value.name);
  if (kind.case !== 'callExpr') return false;
  const name = kind.value.function;
  return (BOOLEAN_FUNCTIONS as readonly string[]).includes(name) || /^(_(&&|\|\||==|!=|<|<=|>|>=)_|!_|@in)$/.test(name);
}

function equality(text: CelText, expr: CelExpr, a: CelExpr, b: CelExpr, wanted: boolean, scope: Scope): Condition {
  if (isCondition(a, scope) || isCondition(b, scope)) {
    const both = (value: boolean) => all([truthOf(text, a, value, scope), truthOf(text, b, value === wanted, scope)]);
    return any([both(true), both(false)]);
  }
  let left = operandOf(text, a, scope);
  let right = operandOf(text, b, scope);
  if (left.kind !== 'subject') [left, right] = [right, left];
  if (left.kind === 'subject' && right.kind === 'list' && left.type === 'list<string>') {
    const value = right.values.filter((item) => typeof item === 'string');
    if (value.length < right.values.length) throw text.error(b, `compares ${describe(left)} with a list of numbers`);
    return tested(left, { op: 'listEqual', value }, wanted);
  }
  checkComparable(text, expr, left, right);
  if (left.kind === 'subject' && right.kind === 'subject') {
    return tested(left, { op: 'compare', how: 'equal', other: right.subject }, wanted);
  }
  if (right.kind !== 'literal') throw text.error(expr, 'cannot compare these');
  return tested(left, { op: 'equal', values: [right.value] }, wanted);
}

function checkComparable(text: CelText, expr: CelExpr, left: CelOperand, right: CelOperand): void {
  const scalar = (operand: CelOperand) =>
    (operand.kind === 'literal' || operand.kind === 'subject') && /^(string|int|double|bool)$/.test(operand.type);
  if (!scalar(left) || !scalar(right) || left.kind === 'list' || right.kind === 'list') {
    throw text.error(expr, `cannot compare ${describe(left)} with ${describe(right)}`);
  }
  if (left.kind === 'group' || right.kind === 'group' || !sameType(left.type, right.type)) {
    throw text.error(expr, `type error: compares ${describe(left)} with ${describe(right)}`);
  }
}

function ordering(
  text: CelText,
  expr: CelExpr,
  order: OrderOperator,
  a: CelExpr,
  b: CelExpr,
  wanted: boolean,
  scope: Scope,
): Condition {
  let left = operandOf(text, a, scope);
  let right = operandOf(text, b, scope);
  let how = order;
  if (left.kind !== 'subject' && right.kind === 'subject') {
    [left, right] = [right, left];
    how = SWAPPED[order];
  }
  checkComparable(text, expr, left, right);
  if (left.kind === 'subject' && left.type === 'bool') throw text.error(expr, 'truth values have no order');
  if (left.kind === 'subject' && right.kind === 'subject') {
    return tested(left, { op: 'compare', how, other: right.subject }, wanted);
  }
  if (right.kind !== 'literal' || typeof right.value === 'boolean') throw text.error(expr, 'cannot order these');
  return tested(left, { op: how, value: right.value }, wanted);
}

function membership(text: CelText, expr: CelExpr, a: CelExpr, b: CelExpr, wanted: boolean, scope: Scope): Condition {
  const item = operandOf(text, a, scope);
  const container = operandOf(text, b, scope);
  if (item.kind === 'list' || item.kind === 'group') throw text.error(a, `${describe(item)} cannot be in a list`);
  if (container.kind === 'list') {
    const wrong = container.values.find((value) => !sameType(literalType(value), item.type));
    if (wrong !== undefined)
      throw text.error(expr, `type error: looks for ${describe(item)} in a list of ${literalType(wrong)}`);
    return tested(item, { op: 'equal', values: container.values }, wanted);
  }
  if (container.kind !== 'subject') throw text.error(b, `${describe(container)} is not a list`);
  if (container.type === 'map<string>' && container.subject.from === 'field') {
    if (item.kind !== 'literal' || typeof item.value !== 'string')
      throw text.error(a, 'the key of a map is a string literal');
    const present = exists({ ...container.subject, key: item.value });
    return wanted || present.type !== 'leaf' ? present : refute(present);
  }
  if (container.type !== 'list<string>') throw text.error(b, `${describe(container)} is not a list of text`);
  if (item.type !== 'string') throw text.error(a, `type error: looks for ${describe(item)} in ${describe(container)}`);
  const element: Subject = { from: 'element', level: scope.level };
  const test: Test =
    item.kind === 'literal'
      ? { op: 'equal', values: [item.value] }
      : { op: 'compare', how: 'equal', other: item.subject };
  const where = tested({ kind: 'subject', subject: element, type: 'string' }, test, wanted);
  return { type: 'quantifier', how: wanted ? 'any' : 'every', over: container.subject, where };
}

function textual(
  text: CelText,
  name: TextOperator | 'matches',
  receiver: CelExpr,
  argument: CelExpr,
  wanted: boolean,
  scope: Scope,
): Condition {
  const left = operandOf(text, receiver, scope);
  const right = operandOf(text, argument, scope);
  if (left.kind === 'list' || left.kind === 'group' || left.type !== 'string') {
    const list = left.kind === 'list' || (left.kind === 'subject' && left.type.startsWith('list'));
    const remedy = name === 'contains' && list ? 'use "text in list", or list.exists(x, ...)' : undefined;
    throw text.error(receiver, `${name}() needs a string, found ${describe(left)}`, remedy);
  }
  if (right.kind === 'list' || right.kind === 'group' || right.type !== 'string') {
    const remedy = right.kind === 'list' ? `use list.exists(x, field.${name}(x))` : undefined;
    throw text.error(argument, `${name}() takes a string, found ${describe(right)}`, remedy);
  }
  if (name === 'matches') {
    if (right.kind !== 'literal') throw text.error(argument, 'matches() takes a literal regular expression');
    checkRegexp(text, argument, String(right.value));
    return tested(left, { op: 'matches', pattern: String(right.value) }, wanted);
  }
  if (right.kind === 'literal') return tested(left, { op: name, values: [String(right.value)] }, wanted);
  if (left.kind !== 'subject')
    throw text.error(receiver, `${name}() of a literal needs a literal`, 'begin with the field');
  return tested(left, { op: 'compare', how: name, other: right.subject }, wanted);
}
