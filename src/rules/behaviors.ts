/**
 * Conditions on behaviours, in terms of the kinds and fields that they are made
 * of: what the index and the kernel filter look for. The predicate reads the
 * fields as they are; a property test holds the two equal.
 */
import { BEHAVIOR_ROWS, BEHAVIORS, type BehaviorRow, PATH_BEHAVIORS } from '../schema/behaviors.ts';
import { type FieldId, fieldId } from '../schema/fields.ts';
import type { BehaviorName, BehaviorTest } from '../schema/kinds/spec.ts';
import { valueTest } from './predicate/test-value.ts';
import {
  all,
  any,
  type Condition,
  exists,
  FALSE,
  field,
  kindIs,
  type Leaf,
  leaf,
  not,
  type Quantifier,
  TRUE,
  walk,
} from './tree.ts';

const LIST = fieldId('event.behaviors');
const PATHS: ReadonlyMap<FieldId, BehaviorName> = new Map(
  Object.entries(PATH_BEHAVIORS).flatMap(([name, behavior]) => {
    const id = fieldId(name);
    return id === undefined ? [] : [[id, behavior] as const];
  }),
);
const NAMES = Object.keys(BEHAVIORS) as BehaviorName[];

/** The same condition for every event; what asks of no behaviour, or in a way that the table cannot answer, stays the object that it is. */
export function expandBehaviors(condition: Condition, known = new Map<Condition, Condition>()): Condition {
  let expanded = known.get(condition);
  if (expanded === undefined) {
    expanded = expand(condition, known);
    known.set(condition, expanded);
  }
  return expanded;
}

function expand(condition: Condition, known: Map<Condition, Condition>): Condition {
  switch (condition.type) {
    case 'all':
    case 'any': {
      const parts = condition.of.map((child) => expandBehaviors(child, known));
      if (parts.every((part, at) => part === condition.of[at])) return condition;
      return condition.type === 'all' ? all(parts) : any(parts);
    }
    case 'not': {
      const part = expandBehaviors(condition.of, known);
      return part === condition.of ? condition : not(part);
    }
    case 'quantifier':
      return expandList(condition);
    case 'leaf':
      return expandPath(condition);
    case 'const':
      return condition;
  }
}

const ERROR = field('event.error');
const SUCCEEDED = any([leaf(ERROR, { op: 'equal', values: [''] }), not(exists(ERROR))]);
const byRow = new Map<BehaviorRow, Condition>();

/** The same object every time: what rows have in common is one part of what is made of them. */
function rowCondition(row: BehaviorRow): Condition {
  const { kind, when = [] } = row;
  let condition = byRow.get(row);
  if (condition === undefined) {
    condition = all([kindIs(kind), SUCCEEDED, ...when.map(testCondition)]);
    byRow.set(row, condition);
  }
  return condition;
}

function testCondition(test: BehaviorTest): Condition {
  const subject = field(test.field);
  if ('has' in test) {
    const where = leaf({ from: 'element', level: 0 }, { op: 'equal', values: [test.has] });
    return { type: 'quantifier', how: 'any', over: subject, where };
  }
  if ('absent' in test) return not(exists(subject));
  if ('notIn' in test) return all([exists(subject), not(leaf(subject, { op: 'equal', values: test.notIn }))]);
  return leaf(subject, { op: 'equal', values: test.in });
}

/** `'file_placed' in event.behaviors`, and `exists` with any condition that asks for the element's text alone. */
function expandList(quantifier: Quantifier): Condition {
  const { how, over, where } = quantifier;
  if (how !== 'any' || over.from !== 'field' || over.field !== LIST || over.transform !== undefined) return quantifier;
  if (over.index !== undefined || !asksForText(where)) return quantifier;
  const wanted = new Set(NAMES.filter((name) => holdsFor(where, name)));
  return any(BEHAVIOR_ROWS.filter(({ is }) => wanted.has(is)).map(rowCondition));
}

/** Nothing but tests of the element itself. */
function asksForText(where: Condition): boolean {
  let plain = true;
  walk(where, (node) => {
    if (node.type === 'quantifier' || node.test.op === 'compare') plain = false;
    else if (node.subject.from !== 'element' || node.subject.level !== 0) plain = false;
    else if (node.subject.transform !== undefined || node.subject.index !== undefined) plain = false;
  });
  return plain;
}

function holdsFor(where: Condition, name: BehaviorName): boolean {
  const decided = substitute(where, name);
  return decided.type === 'const' && decided.value;
}

function substitute(where: Condition, name: BehaviorName): Condition {
  switch (where.type) {
    case 'all':
      return all(where.of.map((child) => substitute(child, name)));
    case 'any':
      return any(where.of.map((child) => substitute(child, name)));
    case 'not':
      return not(substitute(where.of, name));
    case 'leaf':
      return where.test.op !== 'compare' && valueTest(where.test)(name) ? TRUE : FALSE;
    default:
      return where;
  }
}

/** A test of file.placed_path is one of the field that each kind has the path in. */
function expandPath(condition: Leaf): Condition {
  const { subject, test } = condition;
  const behavior = subject.from === 'field' ? PATHS.get(subject.field) : undefined;
  if (behavior === undefined || subject.from !== 'field') return condition;
  if (test.op === 'compare' && test.other.from === 'field' && PATHS.has(test.other.field)) return condition;
  const rows = BEHAVIOR_ROWS.filter(({ is, path }) => is === behavior && path !== undefined);
  const byPath = new Map<FieldId, Condition>();
  return any(
    rows.map((row) => {
      const path = fieldId(row.path ?? '');
      if (path === undefined) return FALSE;
      const asked = byPath.get(path) ?? leaf({ ...subject, field: path }, test);
      byPath.set(path, asked);
      return all([rowCondition(row), asked]);
    }),
  );
}
