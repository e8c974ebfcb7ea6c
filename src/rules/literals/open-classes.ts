/**
 * Which ways of opening a file a condition is about. The kernel gives an open
 * every class that fits: read and write by the access mode, create where
 * O_CREAT was given or the file was made, failed.
 */
import type { FileClass } from '../../kernel/types.ts';
import { fieldName } from '../../schema/fields.ts';
import { valueTest } from '../predicate/test-value.ts';
import {
  type Condition,
  FALSE,
  type Glob,
  type Leaf,
  type Literal,
  type Quantifier,
  type Test,
  TRUE,
} from '../tree.ts';
import { type Known, specialise } from './specialise.ts';

interface Opening {
  /** undefined where the event has none, as for O_PATH. */
  readonly access: 'read' | 'write' | 'read_write' | undefined;
  /** O_CREAT was given. */
  readonly create: boolean;
  readonly created: boolean;
  readonly failed: boolean;
  /** `../` is in the path that was passed. */
  readonly climbs: boolean;
}

const TRUTH = [false, true] as const;
const OPENINGS: readonly Opening[] = (['read', 'write', 'read_write', undefined] as const).flatMap((access) =>
  TRUTH.flatMap((create) =>
    TRUTH.flatMap((created) =>
      TRUTH.flatMap((failed) => TRUTH.map((climbs) => ({ access, create, created, failed, climbs }))),
    ),
  ),
);

function classesOf({ access, create, created, failed, climbs }: Opening): FileClass[] {
  const classes: FileClass[] = [];
  if (access !== 'write') classes.push('open_read');
  if (access === 'write' || access === 'read_write') classes.push('open_write');
  if (create || created) classes.push('open_create');
  if (failed) classes.push('open_failed');
  // Of one that failed the kernel does not look.
  if (failed || climbs) classes.push('open_climbing');
  return classes;
}

/** Cheapest first: a weight stands for how many events of a busy host are in the class. */
const WEIGHTS: readonly (readonly [FileClass, number])[] = [
  ['open_failed', 1],
  ['open_climbing', 1.5],
  ['open_create', 2],
  ['open_write', 5],
  ['open_read', 100],
];
const SUBSETS: readonly (readonly FileClass[])[] = Array.from({ length: 31 }, (_, mask) =>
  WEIGHTS.filter((_entry, bit) => ((mask + 1) >> bit) & 1),
)
  .sort((a, b) => weight(a) - weight(b))
  .map((entries) => entries.map(([name]) => name));

function weight(entries: readonly (readonly [FileClass, number])[]): number {
  return entries.reduce((sum, [, cost]) => sum + cost, 0);
}

/** What a test says of every error name, undefined when it depends on the name. */
function ofEveryError(test: Exclude<Test, { op: 'compare' }>): boolean | undefined {
  if (test.op === 'equal') return test.values.every((value) => value === '') ? false : undefined;
  if (test.op === 'exists') return true;
  const whatever = (glob: Glob) =>
    glob.every((part) => 'wildcard' in part) &&
    glob.some((part) => 'wildcard' in part && part.wildcard === '*') &&
    glob.filter((part) => 'wildcard' in part && part.wildcard === '?').length <= 1;
  return test.op === 'glob' && test.values.some(whatever) ? true : undefined;
}

const CLIMBING = '../';

/** Whether a test of the path that was passed holds of such paths alone. */
export function wantsClimbing(test: Test): boolean {
  if (test.op === 'glob')
    return test.values.every((glob) => glob.some((part) => 'literal' in part && part.literal.includes(CLIMBING)));
  return 'values' in test && test.values.every((value) => String(value).includes(CLIMBING));
}

function asksForClimbing({ subject, test }: Leaf): boolean {
  if (subject.from === 'derived') return subject.derived.climbs?.(test) === true;
  return (
    subject.from === 'field' &&
    subject.transform === undefined &&
    fieldName(subject.field) === 'file.passed_path' &&
    wantsClimbing(test)
  );
}

function knowsOpening(opening: Opening): Known {
  return (node) => {
    const { subject } = node;
    if (node.type === 'leaf' && !opening.climbs && asksForClimbing(node)) return false;
    if (node.type === 'list' || subject.from !== 'field' || subject.transform !== undefined) return undefined;
    const { test } = node;
    if (test.op === 'compare') return undefined;
    switch (fieldName(subject.field)) {
      case 'file.access':
        return valueTest(test)(opening.access);
      case 'file.created':
        if (test.op !== 'equal') return undefined;
        if (!test.values.includes(true)) return opening.created ? false : undefined;
        return test.values.includes(false) ? undefined : opening.created;
      case 'event.error':
        if (!opening.failed) return valueTest(test)('');
        return ofEveryError(test);
      default:
        return undefined;
    }
  };
}

/** Whether an opening has a flag; undefined where the way of opening does not tell. */
function hasFlag({ access, create, failed }: Opening, name: Literal): boolean | undefined {
  switch (name) {
    case 'O_CREAT':
      return create;
    case 'O_RDONLY':
      return access === undefined ? undefined : access === 'read';
    case 'O_WRONLY':
      // The kernel takes the access mode from an O_PATH that succeeds.
      return access === undefined && failed ? undefined : access === 'write';
    case 'O_RDWR':
      // 3 as access mode is both as well, and has another name.
      return access === 'read_write' || (access === undefined && failed) ? undefined : false;
    default:
      return undefined;
  }
}

/** `'O_CREAT' in file.flags` and its like, decided. */
function decideFlags(condition: Condition, opening: Opening): Condition {
  switch (condition.type) {
    case 'all':
    case 'any':
      return { ...condition, of: condition.of.map((child) => decideFlags(child, opening)) };
    case 'not':
      return { ...condition, of: decideFlags(condition.of, opening) };
    case 'quantifier': {
      const answers = flagsAskedFor(condition)?.map((name) => hasFlag(opening, name));
      if (answers === undefined) return condition;
      if (answers.includes(true)) return TRUE;
      return answers.includes(undefined) ? condition : FALSE;
    }
    default:
      return condition;
  }
}

/** The names of which one suffices. */
function flagsAskedFor({ how, over, where }: Quantifier): readonly Literal[] | undefined {
  if (how !== 'any' || over.from !== 'field' || fieldName(over.field) !== 'file.flags' || where.type !== 'leaf')
    return undefined;
  const { subject, test } = where;
  if (subject.from !== 'element' || subject.transform !== undefined || test.op !== 'equal' || test.ignoreCase === true)
    return undefined;
  return test.values;
}

/** The cheapest classes of which every matching open carries one; undefined where that is all of them. */
export function openClasses(condition: Condition): readonly FileClass[] | undefined {
  const possible = OPENINGS.filter((opening) => {
    const decided = specialise(decideFlags(condition, opening), knowsOpening(opening));
    return decided.type !== 'const' || decided.value;
  }).map(classesOf);
  const found = SUBSETS.find((subset) => possible.every((classes) => classes.some((name) => subset.includes(name))));
  return found === undefined || (found.includes('open_read') && found.includes('open_write')) ? undefined : found;
}
