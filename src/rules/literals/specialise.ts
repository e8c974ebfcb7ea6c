/** A condition as it is for one kind of event: what is known beforehand is put in its place. */
import type { FieldValue } from '../../schema/event.ts';
import { FIELD_NAMES, FIELDS, type FieldId, fieldId } from '../../schema/fields.ts';
import { valueTest } from '../predicate/test-value.ts';
import { all, any, type Condition, FALSE, type Leaf, not, type Subject, TRUE, walk } from '../tree.ts';

const EVENT_TYPE = fieldId('event.type');

/** What is known of a leaf or of a quantified list: true, false, or undefined. */
export type Known = (leaf: Leaf | { readonly type: 'list'; readonly subject: Subject }) => boolean | undefined;

/** What conditions became of which the same is known: parts that they share are looked at once. */
export type Specialised = Map<Condition, Condition>;

/** Replaces what is known; the result is equivalent for events of which it is true. */
export function specialise(condition: Condition, known: Known, before: Specialised = new Map()): Condition {
  let decided = before.get(condition);
  if (decided === undefined) {
    decided = decide(condition, known, before);
    before.set(condition, decided);
  }
  return decided;
}

function decide(condition: Condition, known: Known, before: Specialised): Condition {
  switch (condition.type) {
    case 'const':
      return condition;
    case 'all':
    case 'any':
      return decideMany(condition, known, before);
    case 'not': {
      const child = specialise(condition.of, known, before);
      return child === condition.of ? condition : not(child);
    }
    case 'quantifier':
      return known({ type: 'list', subject: condition.over }) === false ? FALSE : condition;
    case 'leaf': {
      const value = known(condition);
      return value === undefined ? condition : value ? TRUE : FALSE;
    }
  }
}

/** One part often decides it: the kind, which rules name first. What nothing is known of stays the object that it is. */
function decideMany(
  condition: Condition & { readonly type: 'all' | 'any' },
  known: Known,
  before: Specialised,
): Condition {
  const parts: Condition[] = [];
  let same = true;
  for (const child of condition.of) {
    const part = specialise(child, known, before);
    if (part.type === 'const' && part.value === (condition.type === 'any')) return part;
    if (part !== child) same = false;
    parts.push(part);
  }
  if (same) return condition;
  return condition.type === 'all' ? all(parts) : any(parts);
}

/** Knows the kind's name and nothing else. Right for any source of events; an event without a kind has the name ''. */
export function knowsKind(kind: string): Known {
  return (leaf) => {
    if (kind === '' || leaf.type === 'list' || leaf.subject.from !== 'field' || leaf.subject.field !== EVENT_TYPE)
      return undefined;
    const { subject, test } = leaf;
    if (subject.transform !== undefined || subject.index !== undefined || test.op === 'compare') return undefined;
    return valueTest(test)(kind);
  };
}

/**
 * The kinds that a condition names. What it is for any other kind is the same
 * for all of them. undefined when it asks for the kind in another way than by
 * name, such as `event.type.startsWith('file_')`.
 */
export function kindsNamed(condition: Condition): ReadonlySet<string> | undefined {
  const names = new Set<string>();
  let plain = true;
  walk(condition, (node) => {
    const subject = node.type === 'quantifier' ? node.over : node.subject;
    if (node.type === 'leaf' && node.test.op === 'compare' && isKind(node.test.other)) plain = false;
    if (!isKind(subject)) return;
    const { test } = node.type === 'leaf' ? node : { test: undefined };
    if (test?.op !== 'equal' || test.ignoreCase === true || (subject.from === 'field' && subject.transform))
      plain = false;
    else for (const value of test.values) names.add(String(value));
  });
  return plain ? names : undefined;
}

function isKind(subject: Subject): boolean {
  return subject.from === 'field' && subject.field === EVENT_TYPE;
}

/** Whether the field table says that events of a kind can have a field. */
function kindHas(kind: string, field: FieldId): boolean {
  const name = FIELD_NAMES[field];
  if (name === undefined) return false;
  const { kinds } = FIELDS[name];
  return kinds === 'all' || kinds.some((prefix) => (prefix.endsWith('_') ? kind.startsWith(prefix) : prefix === kind));
}

/** What no live event lacks. */
const ALWAYS: ReadonlySet<FieldId> = new Set(
  (
    [
      'event.type',
      'event.error',
      'event.result',
      'event.source',
      'process.pid',
      'process.name',
      'process.comm',
      'process.uid',
      'process.euid',
    ] as const
  ).map((name) => FIELD_NAMES.indexOf(name)),
);

function isAlways(subject: Subject): boolean {
  return (
    subject.from === 'field' && subject.key === undefined && subject.index === undefined && ALWAYS.has(subject.field)
  );
}

/** Also knows what all events of a variant have. */
export function knowsValues(known: Known, values: ReadonlyMap<FieldId, FieldValue>): Known {
  return (leaf) => {
    const before = known(leaf);
    if (before !== undefined || leaf.type === 'list' || leaf.subject.from !== 'field') return before;
    const { subject, test } = leaf;
    if (subject.key !== undefined || subject.index !== undefined || subject.transform !== undefined) return undefined;
    if (test.op === 'compare' || !values.has(subject.field)) return undefined;
    return valueTest(test)(values.get(subject.field));
  };
}

/** Also knows which fields live events of the kind can have at all. A recorded event may have others. */
export function knowsLiveKind(kind: string): Known {
  const byName = knowsKind(kind);
  const absent = (subject: Subject) => subject.from === 'field' && !kindHas(kind, subject.field);
  return (leaf) => {
    if (absent(leaf.subject)) return false;
    if (leaf.type === 'leaf' && leaf.test.op === 'compare' && absent(leaf.test.other)) return false;
    if (leaf.type === 'leaf' && leaf.test.op === 'exists' && isAlways(leaf.subject)) return true;
    if (leaf.type === 'leaf' && leaf.subject.from === 'derived' && leaf.subject.derived.neverLive?.(leaf.test) === true)
      return false;
    return byName(leaf);
  };
}
