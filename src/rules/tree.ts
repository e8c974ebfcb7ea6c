/**
 * The one condition tree. Every rule language (CEL, json-rules-engine trees,
 * Sigma, Falco) is turned into it, and everything that evaluates, indexes, filters or
 * explains a rule starts from it.
 *
 * Truth is two-valued:
 * - a leaf whose subject is absent is false (`exists` included), so `not` over
 *   it holds. That is what Sigma and json-rules-engine want.
 * - CEL says that touching an absent field is an error, and an error is no
 *   match; `!(absent == 1)` does not match there. The CEL front end pushes
 *   negations down to the leaves and writes each as `all(exists, not leaf)`
 *   (`refute`), which gives exactly CEL's result without a third truth value.
 * - a leaf whose subject has another type than its test wants is false.
 * - `any` of nothing is false, `all` of nothing is true; the quantifier `every`
 *   over an empty list is true, over an absent list false.
 */
import type { FieldSource, FieldValue, ProcessSummary } from '../schema/event.ts';
import { type FieldId, fieldId, fieldName } from '../schema/fields.ts';

export type Literal = string | number | boolean;

/** How a value is changed before it is tested. `lower` and `upper` touch ASCII letters only, as CEL's lowerAscii does. */
export type Transform = 'size' | 'lower' | 'upper';

/** A value that follows from fields of the event, such as Falco's `proc.cmdline`. */
export interface Derived {
  /** Tells it from every other one: it is what explanations and the engine's facts call it. */
  readonly name: string;
  /** The fields it is made of. */
  readonly fields: readonly FieldId[];
  readonly read: (event: FieldSource) => FieldValue;
  /** A condition on fields that holds whenever the test holds of the value: where the literals of the index come from. */
  readonly implied?: (test: Test) => Condition | undefined;
  /** Whether no live event can pass the test, because of how live events come to their values. */
  readonly neverLive?: (test: Test) => boolean;
  /** Whether only an open whose passed path has `../` can pass the test. */
  readonly climbs?: (test: Test) => boolean;
}

/** What a leaf looks at. */
export type Subject =
  | {
      readonly from: 'field';
      readonly field: FieldId;
      /** Entry of a map field: `process.env['LD_PRELOAD']`. */
      readonly key?: string;
      /** Element of a list field: `process.args[0]`. Beyond the end it is absent. */
      readonly index?: number;
      readonly transform?: Transform;
    }
  | {
      /** The element of an enclosing quantifier; level 0 is the outermost one, whatever it is over. */
      readonly from: 'element';
      readonly level: number;
      /** For elements of `process.ancestors`. Without it the element itself, a string. */
      readonly member?: keyof ProcessSummary;
      readonly index?: number;
      readonly transform?: Transform;
    }
  | { readonly from: 'derived'; readonly derived: Derived }
  /** Each string of the event in turn: string fields, elements of string lists, values of maps. True when one passes (Sigma keywords). */
  | { readonly from: 'any_string' };

export type TextOperator = 'contains' | 'startsWith' | 'endsWith';
export type OrderOperator = 'lt' | 'lte' | 'gt' | 'gte';

export type GlobPart = { readonly literal: string } | { readonly wildcard: '*' | '?' };
/** A whole-string pattern: `*` any text, also none; `?` one character. */
export type Glob = readonly GlobPart[];

/**
 * What a leaf asks of its subject. Where there are several `values`, one of
 * them suffices; "all of them" is an `all` of leaves.
 *
 * `ignoreCase` compares with `foldCase` (one-to-one lower case), `loose` lets
 * a number and its decimal text be equal, and orders text as the number that
 * it spells (Sigma); without it types must agree.
 */
export type Test =
  | { readonly op: 'exists' }
  | {
      readonly op: 'equal';
      readonly values: readonly Literal[];
      readonly ignoreCase?: boolean;
      readonly loose?: boolean;
    }
  | {
      readonly op: TextOperator;
      readonly values: readonly string[];
      readonly ignoreCase?: boolean;
      readonly loose?: boolean;
    }
  /** RE2, an unanchored search. flags: any of i, m, s. */
  | { readonly op: 'matches'; readonly pattern: string; readonly flags?: string; readonly loose?: boolean }
  | { readonly op: 'glob'; readonly values: readonly Glob[]; readonly ignoreCase?: boolean; readonly loose?: boolean }
  /** The text is an IP address in one of the networks; IPv4-mapped IPv6 addresses count as IPv4. */
  | { readonly op: 'cidr'; readonly values: readonly string[] }
  | { readonly op: OrderOperator; readonly value: number | string; readonly loose?: boolean }
  /** Against another subject of the same event; false when either is absent. */
  | {
      readonly op: 'compare';
      readonly how: 'equal' | TextOperator | OrderOperator;
      readonly other: Subject;
      readonly ignoreCase?: boolean;
      readonly loose?: boolean;
    }
  /** The list has exactly these elements in this order. */
  | { readonly op: 'listEqual'; readonly value: readonly string[] };

export interface Leaf {
  readonly type: 'leaf';
  readonly subject: Subject;
  readonly test: Test;
}

export interface Quantifier {
  readonly type: 'quantifier';
  readonly how: 'any' | 'every';
  /** A list: process.ancestors, process.args, or an element's args. */
  readonly over: Subject;
  /** Its leaves may look at `element` subjects of this level, of outer levels and at fields. */
  readonly where: Condition;
}

export type Condition =
  | { readonly type: 'const'; readonly value: boolean }
  | { readonly type: 'all'; readonly of: readonly Condition[] }
  | { readonly type: 'any'; readonly of: readonly Condition[] }
  | { readonly type: 'not'; readonly of: Condition }
  | Quantifier
  | Leaf;

export const TRUE: Condition = { type: 'const', value: true };
export const FALSE: Condition = { type: 'const', value: false };

/** Conjunction, with constants folded and nested conjunctions flattened. */
export function all(of: readonly Condition[]): Condition {
  return combine('all', of, true);
}

/** Disjunction, with constants folded and nested disjunctions flattened. */
export function any(of: readonly Condition[]): Condition {
  return combine('any', of, false);
}

function combine(type: 'all' | 'any', of: readonly Condition[], neutral: boolean): Condition {
  const children: Condition[] = [];
  for (const child of of) {
    if (child.type === 'const') {
      if (child.value !== neutral) return child;
    } else if (child.type === type) {
      for (const grandchild of child.of) children.push(grandchild);
    } else {
      children.push(child);
    }
  }
  const [first] = children;
  if (first === undefined) return neutral ? TRUE : FALSE;
  return children.length === 1 ? first : { type, of: children };
}

/** Negation: holds where the condition is false, also because something is absent. */
export function not(of: Condition): Condition {
  if (of.type === 'const') return of.value ? FALSE : TRUE;
  return of.type === 'not' ? of.of : { type: 'not', of };
}

export function leaf(subject: Subject, test: Test): Condition {
  return { type: 'leaf', subject, test };
}

/** A subject by field name or alias. Throws RangeError for an unknown one: front ends check names before. */
export function field(name: string): Subject & { readonly from: 'field' } {
  const id = fieldId(name);
  if (id === undefined) throw new RangeError(`no field ${name}`);
  return { from: 'field', field: id };
}

/** The event is of one of these kinds. */
export function kindIs(...kinds: readonly string[]): Condition {
  return leaf(field('event.type'), { op: 'equal', values: kinds });
}

export function exists(subject: Subject): Condition {
  return leaf(subject, { op: 'exists' });
}

/**
 * Negation of one leaf in CEL's sense: false, not true, where a subject is
 * absent. `exists` itself is plainly negated.
 */
export function refute(condition: Leaf): Condition {
  const { subject, test } = condition;
  if (test.op === 'exists') return not(condition);
  const subjects = test.op === 'compare' ? [subject, test.other] : [subject];
  return all([...subjects.filter(canBeAbsent).map(exists), not(condition)]);
}

/** The element of a list itself is always there. */
function canBeAbsent(subject: Subject): boolean {
  return subject.from !== 'element' || subject.member !== undefined || subject.index !== undefined;
}

/** How a subject is written: `process.path`, `process.env['HOME']`, `size(process.args)`. The engine's fact names, too. */
export function subjectText(subject: Subject): string {
  if (subject.from === 'any_string') return '*';
  if (subject.from === 'derived') return subject.derived.name;
  let text = subject.from === 'field' ? fieldName(subject.field) : `element${subject.level || ''}`;
  if (subject.from === 'element' && subject.member !== undefined) text += `.${subject.member}`;
  if (subject.from === 'field' && subject.key !== undefined) text += `['${subject.key}']`;
  if (subject.index !== undefined) text += `[${subject.index}]`;
  if (subject.transform === 'size') return `size(${text})`;
  if (subject.transform !== undefined) return `${text}.${subject.transform}Ascii()`;
  return text;
}

/** Calls back for every leaf and quantifier, depth first, in the order they are written; for what is in `seen`, not again. */
export function walk(condition: Condition, visit: (node: Leaf | Quantifier) => void, seen?: Set<Condition>): void {
  if (seen !== undefined) {
    if (seen.has(condition)) return;
    seen.add(condition);
  }
  switch (condition.type) {
    case 'all':
    case 'any':
      for (const child of condition.of) walk(child, visit, seen);
      return;
    case 'not':
      walk(condition.of, visit, seen);
      return;
    case 'quantifier':
      visit(condition);
      walk(condition.where, visit, seen);
      return;
    case 'leaf':
      visit(condition);
      return;
    case 'const':
      return;
  }
}
