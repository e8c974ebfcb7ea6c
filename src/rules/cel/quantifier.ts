/** exists() and all() of CEL, over lists of the event and over literal lists. */

import { all, any, type Condition, type Leaf, refute, type Subject, type Test } from '../tree.ts';
import { describe, operandOf, type Scope } from './operand.ts';
import { type CelExpr, type CelOperand, type CelText, literalType } from './scope.ts';

type Truth = (text: CelText, expr: CelExpr, wanted: boolean, scope: Scope) => Condition;

/** The parser has expanded the macro; exists() starts from false and ors, all() starts from true and ands. */
function takeApart(
  text: CelText,
  expr: CelExpr,
): { how: 'any' | 'every'; variable: string; range: CelExpr; body: CelExpr } {
  if (expr.exprKind.case === 'comprehensionExpr') {
    const { iterVar, iterVar2, iterRange, loopStep } = expr.exprKind.value;
    const step = loopStep?.exprKind;
    if (iterVar2 === '' && iterRange !== undefined && step?.case === 'callExpr') {
      const how = step.value.function === '_||_' ? 'any' : step.value.function === '_&&_' ? 'every' : undefined;
      const body = step.value.args[1];
      if (how !== undefined && body !== undefined) return { how, variable: iterVar, range: iterRange, body };
    }
  }
  throw text.error(expr, 'of the list macros only exists() and all() can be used');
}

export function quantified(text: CelText, expr: CelExpr, wanted: boolean, scope: Scope, truthOf: Truth): Condition {
  const { how, variable, range, body } = takeApart(text, expr);
  const over = operandOf(text, range, scope);
  const bound = <T>(operand: CelOperand, run: () => T): T => {
    const hidden = scope.variables.get(variable);
    scope.variables.set(variable, operand);
    try {
      return run();
    } finally {
      if (hidden === undefined) scope.variables.delete(variable);
      else scope.variables.set(variable, hidden);
    }
  };
  if (over.kind === 'list') {
    const each = over.values.map((value) =>
      bound({ kind: 'literal', value, type: literalType(value) }, () => truthOf(text, body, wanted, scope)),
    );
    return (how === 'any') === wanted ? mergedAny(any(each)) : mergedAll(all(each));
  }
  if (over.kind !== 'subject' || (over.type !== 'list<string>' && over.type !== 'list<process>')) {
    throw text.error(range, `${describe(over)} is not a list`);
  }
  const element: Subject = { from: 'element', level: scope.level };
  const type = over.type === 'list<process>' ? 'process' : 'string';
  scope.level++;
  try {
    const where = bound({ kind: 'subject', subject: element, type }, () => truthOf(text, body, wanted, scope));
    return { type: 'quantifier', how: (how === 'any') === wanted ? 'any' : 'every', over: over.subject, where };
  } finally {
    scope.level--;
  }
}

/** `dirs.exists(d, path.startsWith(d))` is one leaf with many values: it is indexed and compared as one. */
function mergedAny(condition: Condition): Condition {
  if (condition.type !== 'any') return condition;
  const merged = mergeLeaves(condition.of);
  return merged ?? condition;
}

/** The same for its opposite, in which each leaf is negated beside `exists`. */
function mergedAll(condition: Condition): Condition {
  if (condition.type !== 'all') return condition;
  const negated: Condition[] = [];
  for (const child of condition.of) {
    if (child.type === 'not') negated.push(child.of);
    else if (child.type !== 'leaf' || child.test.op !== 'exists') return condition;
  }
  const merged = mergeLeaves(negated);
  const [first] = negated;
  if (merged?.type !== 'leaf' || first?.type !== 'leaf') return condition;
  const guarded = condition.of.every(
    (child) => child.type !== 'leaf' || JSON.stringify(child.subject) === JSON.stringify(first.subject),
  );
  return guarded ? refute(merged) : condition;
}

function mergeLeaves(conditions: readonly Condition[]): Condition | undefined {
  const [first] = conditions;
  if (first?.type !== 'leaf' || !isTextTest(first.test)) return undefined;
  const values: (string | number | boolean)[] = [];
  const shape = (leaf: Leaf) => JSON.stringify({ ...leaf, test: { ...leaf.test, values: [] } });
  const wanted = shape(first);
  for (const condition of conditions) {
    if (condition.type !== 'leaf' || !isTextTest(condition.test) || shape(condition) !== wanted) return undefined;
    values.push(...condition.test.values);
  }
  return { ...first, test: { ...first.test, values } as Test };
}

function isTextTest(test: Test): test is Test & { readonly op: 'equal' | 'contains' | 'startsWith' | 'endsWith' } {
  return test.op === 'equal' || test.op === 'contains' || test.op === 'startsWith' || test.op === 'endsWith';
}
