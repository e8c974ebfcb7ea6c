/**
 * Anchors: literals of which at least one must occur in an event for a
 * condition to hold. The index looks for the anchors of all rules at once. An
 * anchor is necessary, never sufficient: the predicate has the last word.
 */
import type { FieldSource, FieldValue, ProcessSummary, Span } from '../../schema/event.ts';
import { FIELDS, type FieldId, fieldId, fieldName } from '../../schema/fields.ts';
import { scopeOfField } from '../predicate/actor.ts';
import { foldCase } from '../predicate/fold.ts';
import { literalWays } from '../predicate/regexp-literals.ts';
import type { Condition, Glob, Leaf, Literal, Subject, TextOperator } from '../tree.ts';

/** Where in an event the text of an anchor is looked for: a field, an entry of a map, or a member of every ancestor. */
export interface Reading {
  readonly id: string;
  readonly field: FieldId;
  readonly key?: string;
  readonly member?: keyof ProcessSummary;
  /** Only of interest where it is '/': where this path has no other slash. */
  readonly rootOf?: FieldId;
}

export type Anchor =
  /** `text` is folded; numbers are looked at as text, too, where `loose`. */
  | {
      readonly type: 'text';
      readonly reading: Reading;
      readonly how: 'equal' | TextOperator;
      readonly text: string;
      readonly loose: boolean;
    }
  | { readonly type: 'value'; readonly reading: Reading; readonly value: number | boolean }
  /** Something is there at all. */
  | { readonly type: 'present'; readonly reading: Reading };

/** Fields with so few values that each of them is frequent; the kind is looked at before any anchor. */
const FEW_VALUES =
  /^(event\.(type|error|syscall|source)|file\.(access|flags|mode)|network\.(transport|family|direction)|socket\.type|process\.(\w+_)?capabilities)$/;

/** A little better than that something is there at all. */
const FEW_SCORE = 0.8;

interface Found {
  readonly anchors: readonly Anchor[];
  /** How rarely they are expected to occur; higher is rarer. */
  readonly score: number;
}

/** What was found of conditions before; null: they can hold without any anchor. */
export type KnownAnchors = Map<Condition, Found | null>;

/** The anchors of a condition; undefined when it can hold without any, an empty list when it can never hold. */
export function anchorsOf(condition: Condition, known: KnownAnchors = new Map()): readonly Anchor[] | undefined {
  return find(condition, [], known)?.anchors;
}

/** Within a quantifier the same condition is about another list, so nothing is remembered there. */
function find(
  condition: Condition,
  lists: readonly (Reading | undefined)[],
  known: KnownAnchors | undefined,
): Found | undefined {
  const before = known?.get(condition);
  if (before !== undefined) return before ?? undefined;
  const found = findNew(condition, lists, known);
  known?.set(condition, found ?? null);
  return found;
}

function findNew(
  condition: Condition,
  lists: readonly (Reading | undefined)[],
  known: KnownAnchors | undefined,
): Found | undefined {
  switch (condition.type) {
    case 'const':
      return condition.value ? undefined : { anchors: [], score: Number.POSITIVE_INFINITY };
    case 'not':
      return undefined;
    case 'all': {
      let best: Found | undefined;
      for (const child of condition.of) {
        const found = find(child, lists, known);
        if (found !== undefined && (best === undefined || found.score > best.score)) best = found;
      }
      return best;
    }
    case 'any': {
      const anchors: Anchor[] = [];
      let score = Number.POSITIVE_INFINITY;
      for (const child of condition.of) {
        const found = find(child, lists, known);
        if (found === undefined) return undefined;
        for (const anchor of found.anchors) anchors.push(anchor);
        score = Math.min(score, found.score);
      }
      return { anchors, score };
    }
    case 'quantifier': {
      const list = readingOf(condition.over, lists);
      const inner = condition.how === 'any' ? find(condition.where, [...lists, list], undefined) : undefined;
      return inner ?? present(list);
    }
    case 'leaf':
      return findLeaf(condition, lists);
  }
}

function readingOf(subject: Subject, lists: readonly (Reading | undefined)[]): Reading | undefined {
  if (subject.from === 'any_string' || subject.from === 'derived') return undefined;
  if (subject.from === 'field') {
    const { field, key } = subject;
    return key === undefined ? { id: `${field}`, field } : { id: `${field}[${key}]`, field, key };
  }
  const list = lists[subject.level];
  if (list === undefined || subject.member === undefined) return list;
  return { id: `${list.field}.${subject.member}`, field: list.field, member: subject.member };
}

function present(reading: Reading | undefined): Found | undefined {
  if (reading === undefined) return undefined;
  const name = fieldName(reading.field);
  const rare = FIELDS[name].kinds !== 'all' || reading.key !== undefined;
  // Most of what happens on most hosts happens in no container.
  const score = name.startsWith('container.') ? 0.7 : rare ? 0.6 : 0.5;
  return { anchors: [{ type: 'present', reading }], score };
}

function findLeaf({ subject, test }: Leaf, lists: readonly (Reading | undefined)[]): Found | undefined {
  if (subject.from === 'derived') {
    const implied = subject.derived.implied?.(test);
    return implied === undefined ? undefined : find(implied, lists, undefined);
  }
  const reading = readingOf(subject, lists);
  if (reading === undefined || subject.from === 'any_string') return undefined;
  const sized = subject.transform === 'size';
  const loose = 'loose' in test && test.loose === true;
  const text = (how: 'equal' | TextOperator, literal: string): Anchor | undefined =>
    literal === '' && how !== 'equal' ? undefined : { type: 'text', reading, how, text: foldCase(literal), loose };
  let anchors: (Anchor | undefined)[] | undefined;
  if (!sized) {
    if (test.op === 'equal') anchors = test.values.flatMap((value) => equalAnchors(reading, value, loose));
    else if (test.op === 'contains' || test.op === 'startsWith' || test.op === 'endsWith') {
      anchors = test.values.map((value) => text(test.op, value));
    } else if (test.op === 'glob') {
      anchors = test.values.map((glob) => {
        const found = globLiteral(glob);
        return found === undefined ? undefined : text(found.how, found.literal);
      });
    } else if (test.op === 'matches') {
      anchors = literalWays(test.pattern, test.flags)?.map((runs) => text('contains', rarest(runs) ?? ''));
    }
  }
  const known = anchors?.filter((anchor) => anchor !== undefined);
  if (anchors === undefined || known === undefined || known.length < anchors.length) return present(reading);
  if (FEW_VALUES.test(fieldName(reading.field))) return { anchors: known, score: FEW_SCORE };
  const score = Math.min(...known.slice(0, 100).map(scoreOf));
  // Reading every ancestor costs more than reading a field.
  if (reading.member !== undefined) return { anchors: known, score: score * 0.3 };
  const scope = scopeOfField(reading.field);
  if (scope === undefined) return { anchors: known, score };
  // What an actor has all of its events have; but it is looked for once, which no event pays for. Below a server runs half a host.
  return { anchors: known, score: Math.max(score * (scope === 'own' ? 0.7 : 0.45), 0.9) };
}

function equalAnchors(reading: Reading, value: Literal, loose: boolean): Anchor[] {
  if (typeof value === 'string' || loose) {
    return [{ type: 'text', reading, how: 'equal', text: foldCase(String(value)), loose }];
  }
  return [{ type: 'value', reading, value }];
}

const PORT = /\.port$/;
/** Most connections go to one of these. */
const COMMON_PORTS: ReadonlySet<unknown> = new Set([53, 80, 443, 8080, 8443]);

function scoreOf(anchor: Anchor): number {
  if (anchor.type === 'value') {
    if (typeof anchor.value === 'boolean') return 1;
    return COMMON_PORTS.has(anchor.value) && PORT.test(fieldName(anchor.reading.field)) ? 2 : 4;
  }
  if (anchor.type === 'present') return 0.5;
  return rarity(anchor.text) + (anchor.how === 'equal' ? 4 : 0);
}

/** Every start of a program opens some. */
const LIBRARY = /^\.so\.?$/;
const LIBRARY_RARITY = 0.9;

/** Length, not counting the directories that most paths begin with. */
function rarity(text: string): number {
  if (LIBRARY.test(text)) return LIBRARY_RARITY;
  const common =
    /^\/?(bin|dev|etc|home|lib|opt|proc|root|run|sbin|srv|sys|tmp|usr|var)(\/(bin|lib|sbin|share|local|log))?\//.exec(
      text,
    );
  return text.length - (common === null ? 0 : common[0].length - 1);
}

/** The run that is expected to be rarest. */
function rarest(texts: readonly string[]): string | undefined {
  return texts.reduce<string | undefined>(
    (best, text) => (best === undefined || rarity(text) > rarity(best) ? text : best),
    undefined,
  );
}

/** The longest literal of a glob and where it must stand. */
function globLiteral(glob: Glob): { readonly how: 'equal' | TextOperator; readonly literal: string } | undefined {
  let best: { how: 'equal' | TextOperator; literal: string } | undefined;
  glob.forEach((part, at) => {
    if (!('literal' in part) || part.literal.length <= (best?.literal.length ?? 0)) return;
    const first = at === 0;
    const last = at === glob.length - 1;
    best = {
      how: first && last ? 'equal' : first ? 'startsWith' : last ? 'endsWith' : 'contains',
      literal: part.literal,
    };
  });
  return best;
}

const PATH: Reading = { id: String(fieldId('file.path')), field: fieldId('file.path') ?? -1 };

/** Every path begins with a slash: whether there is another one is asked of the directory alone, apart from all other directories. */
const ROOT: Reading = { id: 'file.directory = /', field: fieldId('file.directory') ?? -1, rootOf: PATH.field };

/**
 * The same anchor on file.path, for the parts of a path. A live event's parts
 * are cut from its path, so that one pass over the path finds them all; a
 * recorded event may bring parts without a path.
 */
export function onPath(anchor: Anchor): Anchor | undefined {
  if (anchor.type !== 'text') return undefined;
  const { how, text, loose } = anchor;
  if (text === '') return undefined;
  const of = (wanted: TextOperator, literal: string): Anchor => ({
    type: 'text',
    reading: PATH,
    how: wanted,
    text: literal,
    loose,
  });
  switch (fieldName(anchor.reading.field)) {
    case 'file.name':
      // Without a slash before it: a path may be a bare name, such as that of a memory file.
      if (how === 'equal') return of('endsWith', text);
      return how === 'startsWith' ? of('contains', text) : of(how, text);
    case 'file.directory':
      if (how === 'equal') return text === '/' ? { ...anchor, reading: ROOT } : of('startsWith', `${text}/`);
      return how === 'endsWith' ? of('contains', text) : of(how, text);
    case 'file.extension':
      return how === 'equal' ? of('endsWith', `.${text}`) : undefined;
    default:
      return undefined;
  }
}

const SLASH = 0x2f;

/** Whether a path may lie in the root itself, by its bytes: no slash behind the second one, which may double the first. */
export function isInRoot({ bytes, at, length }: Span): boolean {
  for (let index = at + length - 1; index > at + 1; index--) if (bytes[index] === SLASH) return false;
  return true;
}

/** Calls back with each string, number or truth value that a reading finds in a list or map. */
export function readParts(
  value: Exclude<FieldValue, string | number | boolean | undefined>,
  reading: Reading,
  visit: (value: string | number | boolean) => void,
): void {
  if (Array.isArray(value)) {
    for (const element of value) readElement(element, reading, visit);
  } else if (reading.key !== undefined && Object.hasOwn(value, reading.key)) {
    const text = (value as Readonly<Record<string, unknown>>)[reading.key];
    if (typeof text === 'string') visit(text);
  }
}

/** The same of one element. */
export function readElement(
  element: string | ProcessSummary,
  { member }: Reading,
  visit: (value: string | number | boolean) => void,
): void {
  if (typeof element === 'string') visit(element);
  else if (member !== undefined) {
    const part = element[member];
    if (typeof part === 'object') for (const text of part) visit(text);
    else if (part !== undefined) visit(part);
  }
}

/** Whether a reading finds anything that an anchor of presence asks for. */
export function isPresent(event: FieldSource, reading: Reading): boolean {
  const value = event.value(reading.field);
  if (value === undefined || reading.key === undefined) return value !== undefined;
  return typeof value === 'object' && Object.hasOwn(value, reading.key);
}
