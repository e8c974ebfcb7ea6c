/**
 * What a Falco field is in the events of one kind: how its value is read, and
 * from which it follows how a comparison becomes conditions on our fields.
 */
import type { FieldSource, FieldValue } from '../../schema/event.ts';
import { type FieldId, fieldId } from '../../schema/fields.ts';
import { compilePredicate } from '../predicate/compile.ts';
import { reader } from '../predicate/values.ts';
import {
  type Condition,
  type Derived,
  field,
  type Literal,
  leaf,
  not,
  type Subject,
  type Test,
  walk,
} from '../tree.ts';

export type FalcoType = 'text' | 'number' | 'flag' | 'port' | 'address' | 'network';

export type Meaning =
  /**
   * Falco has no value in such an event either: no comparison holds, not even `!=`.
   * `lacks`: it has, and ours has not; what depends on it cannot be told.
   */
  | { readonly is: 'absent'; readonly lacks?: true }
  | { readonly is: 'constant'; readonly value: Literal }
  /** The first one that is present, else `otherwise`. */
  | { readonly is: 'first'; readonly subjects: readonly Subject[]; readonly otherwise?: Literal }
  /** A task name: the first one that is present, cut to the kernel's 15 bytes. */
  | { readonly is: 'comm'; readonly subjects: readonly Subject[] }
  | { readonly is: 'flag'; readonly holds: Condition }
  /** Names of a list of ours, which Falco has as one text. */
  | { readonly is: 'names'; readonly over: Subject; readonly joined: Derived }
  /** Any element of a list: `proc.aname`. */
  | { readonly is: 'some'; readonly over: Derived; readonly names?: WholeNames }
  /** Both ends of a connection, of which one may be unknown. */
  | { readonly is: 'ends'; readonly subjects: readonly Subject[] }
  /** A return value: negative when the operation failed, and then -1 or -errno. */
  | { readonly is: 'result'; readonly derived: Derived; readonly failed: Condition }
  /** The event's system call: one of `types`, or where the event does not tell it, any of `assumed`, the likeliest first. */
  | {
      readonly is: 'types';
      readonly types: readonly string[];
      readonly assumed: readonly string[];
      /** When an event without a system call may be one of `assumed`. */
      readonly untold: Condition;
      /** Every event of the kind is of one of `types`. */
      readonly closed: boolean;
    }
  | { readonly is: 'cases'; readonly when: Condition; readonly chosen: Meaning; readonly otherwise: Meaning };

/** Where there are names that `over` cuts like task names: to compare with whole ones nothing has to be made. */
interface WholeNames {
  readonly list: Subject;
  /** The only element, where the event has no list. */
  readonly alone: Subject;
}

export const ABSENT: Meaning = { is: 'absent' };
export const LACKING: Meaning = { is: 'absent', lacks: true };

export const constant = (value: Literal): Meaning => ({ is: 'constant', value });
export const first = (...names: readonly string[]): Meaning => ({ is: 'first', subjects: names.map(field) });
export const flag = (holds: Condition): Meaning => ({ is: 'flag', holds });

const SOME_ERROR: Test = { op: 'glob', values: [[{ wildcard: '?' }, { wildcard: '*' }]] };
/** The operation failed. An event that does not tell its outcome is taken to have succeeded. */
export const FAILED: Condition = leaf(field('event.error'), SOME_ERROR);
export const SUCCEEDED: Condition = not(FAILED);

/** Field ids by name. Throws RangeError for an unknown one. */
export function ids(...names: readonly string[]): FieldId[] {
  return names.map((name) => {
    const id = fieldId(name);
    if (id === undefined) throw new RangeError(`no field ${name}`);
    return id;
  });
}

/** A value made of fields. `make` gets their values in the order of `names`; few names are the usual case. */
export function derive(
  name: string,
  names: readonly string[],
  make: (...values: readonly FieldValue[]) => FieldValue,
  implied?: (test: Test) => Condition | undefined,
): Derived {
  const fields = ids(...names);
  const [a, b, c, d] = fields;
  const value = (event: FieldSource, id: FieldId | undefined) => (id === undefined ? undefined : event.value(id));
  return {
    name,
    fields,
    read:
      fields.length > 4
        ? (event) => make(...fields.map((id) => event.value(id)))
        : (event) => make(value(event, a), value(event, b), value(event, c), value(event, d)),
    ...(implied === undefined ? {} : { implied }),
  };
}

export function derived(
  name: string,
  names: readonly string[],
  make: (...values: readonly FieldValue[]) => FieldValue,
  implied?: (test: Test) => Condition | undefined,
): Meaning {
  return { is: 'first', subjects: [{ from: 'derived', derived: derive(name, names, make, implied) }] };
}

const COMM_BYTES = 15;

/** As the kernel's task name cuts it. */
export function commOf(name: string): string {
  if (Buffer.byteLength(name) <= COMM_BYTES) return name;
  return Buffer.from(name).subarray(0, COMM_BYTES).toString();
}

/** The value of a field in an event of the kind that the meaning is for. */
export function valueReader(meaning: Meaning): (event: FieldSource) => FieldValue {
  switch (meaning.is) {
    case 'absent':
      return () => undefined;
    case 'constant': {
      const { value } = meaning;
      return () => value;
    }
    case 'first':
      return firstReader(meaning.subjects, meaning.otherwise);
    case 'comm': {
      const read = firstReader(meaning.subjects, undefined);
      return (event) => {
        const name = read(event);
        return typeof name === 'string' ? commOf(name) : undefined;
      };
    }
    case 'flag':
      return compilePredicate(meaning.holds);
    case 'names':
      return meaning.joined.read;
    case 'some':
      return meaning.over.read;
    case 'ends':
      return firstReader(meaning.subjects, undefined);
    case 'result':
      return meaning.derived.read;
    case 'types': {
      const [assumed] = meaning.assumed;
      const syscall = field('event.syscall').field;
      return (event) => event.value(syscall) ?? assumed;
    }
    case 'cases': {
      const when = compilePredicate(meaning.when);
      const chosen = valueReader(meaning.chosen);
      const otherwise = valueReader(meaning.otherwise);
      return (event) => (when(event) ? chosen(event) : otherwise(event));
    }
  }
}

function firstReader(subjects: readonly Subject[], otherwise: Literal | undefined) {
  const readers = subjects.map(reader);
  return (event: FieldSource): FieldValue => {
    for (const read of readers) {
      const value = read(event, []);
      // Readers of fields give no elements of process.ancestors.
      if (value !== undefined) return value as FieldValue;
    }
    return otherwise;
  };
}

/** A text made of what several meanings read in the events of one kind; `name` tells it from others. */
export function combined(
  name: string,
  meanings: readonly Meaning[],
  make: (values: readonly FieldValue[]) => FieldValue,
): Meaning {
  const readers = meanings.map(valueReader);
  const fields = [...new Set(meanings.flatMap((meaning) => [...fieldsOf(meaning)]))];
  const read = (event: FieldSource) => make(readers.map((reader) => reader(event)));
  return { is: 'first', subjects: [{ from: 'derived', derived: { name, fields, read } }] };
}

/** The fields of ours that a meaning is made of. */
export function fieldsOf(meaning: Meaning): readonly FieldId[] {
  const found = new Set<FieldId>();
  const add = (subject: Subject) => {
    if (subject.from === 'field') found.add(subject.field);
    else if (subject.from === 'derived') for (const id of subject.derived.fields) found.add(id);
  };
  const ofCondition = (condition: Condition) =>
    walk(condition, (node) => add(node.type === 'leaf' ? node.subject : node.over));
  const visit = (one: Meaning): void => {
    if ('subjects' in one) one.subjects.forEach(add);
    if (one.is === 'flag') ofCondition(one.holds);
    if (one.is === 'names') add(one.over);
    if (one.is === 'some') add({ from: 'derived', derived: one.over });
    if (one.is === 'result') add({ from: 'derived', derived: one.derived });
    if (one.is === 'types') add(field('event.syscall'));
    if (one.is === 'cases') {
      ofCondition(one.when);
      visit(one.chosen);
      visit(one.otherwise);
    }
  };
  visit(meaning);
  return [...found];
}
