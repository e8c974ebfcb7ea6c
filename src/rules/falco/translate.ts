/**
 * A Falco condition as a condition tree: translated once for each kind of
 * event, because what a field is depends on it. What Falco's types of event
 * exclude falls away on the spot, so that most rules are left with one kind.
 */

import { quoted } from '../../visible.ts';
import { all, any, type Condition, exists, FALSE, kindIs, leaf, not, type Test, TRUE } from '../tree.ts';
import { conditionOf, type Question, questionOf } from './compare.ts';
import { EVENT_TYPES, FALCO_KINDS, isEventType, isRecorded } from './events.ts';
import { FalcoFault } from './fault.ts';
import { isFieldName } from './fields/table.ts';
import { type Operand, resolveOperand, subjectOf } from './operand.ts';
import type { CheckExpr, Expr, Operator } from './syntax.ts';

/** A comparison whose fields and literals are checked. */
type Prepared =
  | { readonly type: 'literals'; readonly left: Operand; readonly question: Question }
  | { readonly type: 'fields'; readonly left: Operand; readonly right: Operand; readonly operator: Operator };

export type Macros = ReadonlyMap<string, Expr>;

const TYPES = new Set(['evt.type', 'syscall.type']);
const MAX_NODES = 200_000;

interface Translated {
  readonly condition: Condition;
  /** What is sound and hardly meant: events that the rule does not see, texts that are names of fields. */
  readonly doubts: readonly string[];
}

/** Translates a condition. Throws FalcoFault for a field that is not there and for what does not fit. */
export function translate(expr: Expr, macros: Macros): Translated {
  const translation = new Translation(macros);
  translation.prepare(expr);
  const byCondition = new Map<string, { condition: Condition; kinds: string[] }>();
  const unseen = new Set<string>();
  for (const kind of FALCO_KINDS) {
    const { condition, lacked } = translation.ofKind(expr, kind);
    for (const name of lacked) unseen.add(`${name} of ${EVENT_TYPES[kind]?.types[0] ?? kind} is not in our events`);
    if (condition.type === 'const' && !condition.value) continue;
    // Derived values have names of their own where they differ, so equal text is an equal condition.
    const key = JSON.stringify(condition);
    const known = byCondition.get(key);
    if (known === undefined) byCondition.set(key, { condition, kinds: [kind] });
    else known.kinds.push(kind);
  }
  if (byCondition.size === 0) {
    const [why] = unseen;
    if (why !== undefined) throw new FalcoFault(why, { unknown: true });
    translation.checkRecorded(expr);
  }
  const condition = any([...byCondition.values()].map(({ condition, kinds }) => all([kindIs(...kinds), condition])));
  const doubts = [...[...unseen].map((why) => `such events are passed over: ${why}`), ...translation.misused];
  return { condition, doubts };
}

class Translation {
  readonly #macros: Macros;
  readonly #prepared = new Map<CheckExpr, Prepared>();
  readonly #notRecorded = new Set<string>();
  /** Texts that may be meant as fields, as Falco warns of them. */
  readonly misused = new Set<string>();
  /** What a comparison gives whose value ours has not, and which came to it. */
  #lacking = true;
  readonly #lacked = new Set<string>();
  #nodes = 0;

  constructor(macros: Macros) {
    this.#macros = macros;
  }

  /** Checks all comparisons, also those that no kind of event comes to. */
  prepare(expr: Expr): void {
    if (++this.#nodes > MAX_NODES) throw new FalcoFault('the condition is too large with its macros in place');
    switch (expr.type) {
      case 'and':
      case 'or':
        for (const child of expr.of) this.prepare(child);
        return;
      case 'not':
        this.prepare(expr.of);
        return;
      case 'macro':
        this.prepare(this.#macro(expr.name));
        return;
      case 'check':
        if (!this.#prepared.has(expr)) this.#prepared.set(expr, this.#check(expr));
        return;
    }
  }

  /** A rule that holds for no kind of event is sound, as in Falco, unless it waits for events that there are not here. */
  checkRecorded(expr: Expr): void {
    if (this.#notRecorded.size === 0 || FALCO_KINDS.some((kind) => this.#reaches(expr, kind, true))) return;
    throw new FalcoFault(`events of the type ${[...this.#notRecorded].join(', ')} are not recorded`, { unknown: true });
  }

  /** Whether the types of events leave it open that the condition is `holds` for this kind; an empty list may make it false. */
  #reaches(expr: Expr, kind: string, holds: boolean): boolean {
    switch (expr.type) {
      case 'and':
      case 'or': {
        const reached = (child: Expr) => this.#reaches(child, kind, holds);
        return (expr.type === 'and') === holds ? expr.of.every(reached) : expr.of.some(reached);
      }
      case 'not':
        return this.#reaches(expr.of, kind, !holds);
      case 'macro':
        return this.#reaches(this.#macro(expr.name), kind, holds);
      case 'check': {
        const prepared = this.#prepared.get(expr);
        if (prepared?.type !== 'literals' || !TYPES.has(prepared.left.name)) return true;
        const condition = checkCondition(prepared, kind);
        return condition.type !== 'const' || condition.value === holds;
      }
    }
  }

  /** The condition for a kind of event; false for one where it depends on an argument that Falco has and ours has not. */
  ofKind(expr: Expr, kind: string): { condition: Condition; lacked: readonly string[] } {
    this.#lacked.clear();
    this.#lacking = true;
    const condition = this.condition(expr, kind);
    if (this.#lacked.size === 0) return { condition, lacked: [] };
    this.#lacking = false;
    const other = this.condition(expr, kind);
    return JSON.stringify(condition) === JSON.stringify(other)
      ? { condition, lacked: [] }
      : { condition: FALSE, lacked: [...this.#lacked] };
  }

  condition(expr: Expr, kind: string): Condition {
    switch (expr.type) {
      case 'and': {
        const children: Condition[] = [];
        for (const child of expr.of) {
          const condition = this.condition(child, kind);
          if (condition.type === 'const' && !condition.value) return FALSE;
          children.push(condition);
        }
        return all(children);
      }
      case 'or':
        return any(expr.of.map((child) => this.condition(child, kind)));
      case 'not':
        return not(this.condition(expr.of, kind));
      case 'macro':
        return this.condition(this.#macro(expr.name), kind);
      case 'check': {
        const prepared = this.#prepared.get(expr);
        if (prepared === undefined) return FALSE;
        for (const operand of prepared.type === 'fields' ? [prepared.left, prepared.right] : [prepared.left]) {
          const meaning = operand.meaning(kind);
          if (meaning.is !== 'absent' || meaning.lacks !== true) continue;
          this.#lacked.add(operand.name);
          return this.#lacking ? TRUE : FALSE;
        }
        return checkCondition(prepared, kind);
      }
    }
  }

  #macro(name: string): Expr {
    const macro = this.#macros.get(name);
    if (macro === undefined) throw new FalcoFault(`the macro ${quoted(name)} is unknown`);
    return macro;
  }

  #check({ left, operator, values, right }: CheckExpr): Prepared {
    const operand = resolveOperand(left);
    checkPresent(operand);
    if (right !== undefined) {
      const other = resolveOperand(right);
      checkPresent(other);
      checkPair(operand, other, operator);
      return { type: 'fields', left: operand, right: other, operator };
    }
    if (TYPES.has(operand.name)) this.#checkTypes(operator, values);
    for (const value of operand.type === 'text' ? values : []) {
      if (isFieldName(value))
        this.misused.add(`${quoted(value)} is compared as a text; the field of this name is val(${value})`);
    }
    return { type: 'literals', left: operand, question: questionOf(operand.name, operand.type, operator, values) };
  }

  #checkTypes(operator: Operator, values: readonly string[]): void {
    if (operator !== '=' && operator !== '==' && operator !== '!=' && operator !== 'in' && operator !== 'intersects')
      return;
    for (const value of values) {
      if (!isEventType(value)) throw new FalcoFault(`the event type ${quoted(value)} is unknown`, { unknown: true });
      if (operator !== '!=' && !isRecorded(value)) this.#notRecorded.add(value);
    }
  }
}

function checkPresent({ name, missing }: Operand): void {
  if (missing !== undefined) throw new FalcoFault(`the field ${name} is not there: ${missing}`, { unknown: true });
}

function checkPair(left: Operand, right: Operand, operator: Operator): void {
  if (
    operator === 'pmatch' ||
    operator === 'regex' ||
    operator === 'glob' ||
    operator === 'iglob' ||
    operator === 'bcontains' ||
    operator === 'bstartswith'
  ) {
    throw new FalcoFault(`the operator ${operator} takes no field on its right side`);
  }
  if (left.type !== right.type) {
    throw new FalcoFault(`${left.name} is a ${left.type} and cannot be compared with ${right.name}, a ${right.type}`);
  }
}

function checkCondition(prepared: Prepared, kind: string): Condition {
  if (prepared.type === 'literals') return conditionOf(prepared.left.meaning(kind), prepared.question);
  const left = subjectOf(prepared.left, kind);
  const right = subjectOf(prepared.right, kind);
  if (left === undefined || right === undefined) return FALSE;
  const { operator } = prepared;
  const test = pairTest(operator);
  const condition = leaf(left, { ...test, op: 'compare', other: right });
  return operator === '!=' ? all([exists(left), exists(right), not(condition)]) : condition;
}

type Pair = Pick<Test & { op: 'compare' }, 'how' | 'ignoreCase'>;

function pairTest(operator: Operator): Pair {
  switch (operator) {
    case '<':
      return { how: 'lt' };
    case '<=':
      return { how: 'lte' };
    case '>':
      return { how: 'gt' };
    case '>=':
      return { how: 'gte' };
    case 'contains':
      return { how: 'contains' };
    case 'icontains':
      return { how: 'contains', ignoreCase: true };
    case 'startswith':
      return { how: 'startsWith' };
    case 'endswith':
      return { how: 'endsWith' };
    default:
      return { how: 'equal' };
  }
}
