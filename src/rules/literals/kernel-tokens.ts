/**
 * Tokens of a condition: what every live event that it matches carries, in
 * terms that the kernel can check (see KindFilter). Like the index's anchors,
 * but byte for byte, because the kernel compares bytes.
 */
import type { FilterToken } from '../../kernel/types.ts';
import { type FieldName, fieldName } from '../../schema/fields.ts';
import { parseNetwork } from '../predicate/cidr.ts';
import { lowerAscii } from '../predicate/fold.ts';
import { placedWays, type Run } from '../predicate/regexp-literals.ts';
import { valueTest } from '../predicate/test-value.ts';
import type { Condition, Leaf, Literal, TextOperator } from '../tree.ts';
import { type Known, specialise } from './specialise.ts';

interface Found {
  readonly tokens: readonly FilterToken[];
  /** How few events are expected to carry them; higher is fewer. */
  readonly score: number;
}

type How = 'equal' | TextOperator;

/** The kernel compares beginnings and ends of names of at least this many bytes. */
const MIN_PART = 3;
const NAME_BYTES = 255;
/** What could not be decoded became U+FFFD and stands for bytes that are not known here. */
const UNKNOWN_BYTES = /[\ufffd\ud800-\udfff]/;
/** Names of directories that many paths have, those of the most paths first. */
const COMMON = 'var usr lib etc proc dev run sys share lib64 bin local home opt root www srv sbin boot cache tmp'.split(
  ' ',
);
/** Every start of a program opens some: more than there are files in /tmp. */
const LIBRARY = '.so';
const LIBRARY_SCORE = 1.46;
/** What begins with a dot: less than there is below /var/lib. */
const HIDDEN: Found = { tokens: [{ type: 'component_prefix', text: '.' }], score: 1.09 };
/** A directory in the root is passed by fewer paths than have its name anywhere; but most files that are written are in /var. */
const FIRST_BONUS = 0.1;
const EVERYWHERE = 'var';

export interface Kernel {
  /** It compares names without regard to the case of ASCII letters. */
  readonly folds: boolean;
  /** It looks at the ends of a connection: the event is one of the network's. */
  readonly network: boolean;
  /** What was found of conditions before, for the same kernel; null: they carry no token. */
  readonly known?: KnownTokens;
}

type KnownTokens = Map<Condition, Found | null>;

/** undefined: a matching event need not carry any token. */
export function tokensOf(condition: Condition, kernel: Kernel): readonly FilterToken[] | undefined {
  return find(condition, kernel)?.tokens;
}

/** Connections that leave the host are expected to be many, on most hosts fewer than those that do not. */
const REMOTE: Found = { tokens: [{ type: 'remote' }], score: 0.8 };

function find(condition: Condition, kernel: Kernel): Found | undefined {
  const before = kernel.known?.get(condition);
  if (before !== undefined) return before ?? undefined;
  const found = findNew(condition, kernel);
  kernel.known?.set(condition, found ?? null);
  return found;
}

function findNew(condition: Condition, kernel: Kernel): Found | undefined {
  const found = findLiterals(condition, kernel);
  if (!kernel.network || (found !== undefined && found.score >= REMOTE.score)) return found;
  return excludesLoopback(condition) ? REMOTE : found;
}

const LOOPBACK: readonly Known[] = ['127.0.0.1', '::1'].map((address) => (node) => {
  const { subject } = node;
  if (node.type === 'list' || subject.from !== 'field' || subject.transform !== undefined) return undefined;
  if (fieldName(subject.field) !== 'network.destination.ip' || node.test.op === 'compare') return undefined;
  return valueTest(node.test)(address);
});

function excludesLoopback(condition: Condition): boolean {
  return LOOPBACK.every((known) => {
    const decided = specialise(condition, known);
    return decided.type === 'const' && !decided.value;
  });
}

function findLiterals(condition: Condition, kernel: Kernel): Found | undefined {
  switch (condition.type) {
    case 'const':
      return condition.value ? undefined : { tokens: [], score: Number.POSITIVE_INFINITY };
    case 'all': {
      let best: Found | undefined;
      for (const child of condition.of) {
        const found = find(child, kernel);
        if (found !== undefined && (best === undefined || found.score > best.score)) best = found;
      }
      return best;
    }
    case 'any': {
      const tokens: FilterToken[] = [];
      let score = Number.POSITIVE_INFINITY;
      for (const child of condition.of) {
        const found = find(child, kernel);
        if (found === undefined) return undefined;
        for (const token of found.tokens) tokens.push(token);
        score = Math.min(score, found.score);
      }
      return { tokens, score };
    }
    case 'not':
      return isSuccess(condition.of) ? { tokens: [{ type: 'error' }], score: 1 } : undefined;
    case 'quantifier':
      return undefined;
    case 'leaf': {
      const { subject, test } = condition;
      if (subject.from !== 'derived') return findLeaf(condition, kernel.folds);
      const implied = subject.derived.implied?.(test);
      return implied === undefined ? undefined : find(implied, kernel);
    }
  }
}

/** `event.error == ''`: live events always have event.error, so its negation means failure. */
function isSuccess(condition: Condition): boolean {
  if (condition.type !== 'leaf' || condition.subject.from !== 'field') return false;
  const { subject, test } = condition;
  return (
    fieldName(subject.field) === 'event.error' && test.op === 'equal' && test.values.includes('') && !subject.transform
  );
}

function findLeaf(leaf: Leaf, folds: boolean): Found | undefined {
  const { subject } = leaf;
  if (subject.from !== 'field' || subject.transform === 'size') return undefined;
  const name = fieldName(subject.field);
  switch (name) {
    case 'event.error':
      return valuesOf(leaf)?.includes('') === false ? { tokens: [{ type: 'error' }], score: 1 } : undefined;
    case 'process.name':
      return processNames(leaf, folds);
    case 'process.uid':
    case 'process.euid':
      return numbers(
        leaf,
        (uid) => ({ type: 'uid', uid }),
        (uid) => (uid === 0 ? 0.2 : 2),
      );
    case 'network.source.port':
    case 'network.destination.port':
      return numbers(
        leaf,
        (port) => ({ type: 'port', port, side: sideOf(name) }),
        () => 5,
      );
    case 'network.source.ip':
    case 'network.destination.ip':
      return addresses(leaf, sideOf(name));
    case 'file.path':
    case 'file.new_path':
    case 'file.name':
    case 'file.directory':
    case 'file.extension':
      return pathTokens(leaf, name, folds);
    default:
      return undefined;
  }
}

function processNames({ subject, test }: Leaf, folds: boolean): Found | undefined {
  if (test.op !== 'equal') return undefined;
  const anyCase = test.ignoreCase === true || ('transform' in subject && subject.transform !== undefined);
  const tokens: FilterToken[] = [];
  for (const value of test.values) {
    const literal = String(value);
    if (UNKNOWN_BYTES.test(literal)) return undefined;
    if (anyCase && hasCase(folds ? literal.replace(/[a-z]/gi, '') : literal)) return undefined;
    tokens.push({ type: 'process_name', text: folds ? lowerAscii(literal) : literal });
  }
  return { tokens, score: 3 };
}

function sideOf(name: FieldName): 'source' | 'destination' {
  return name.startsWith('network.source') ? 'source' : 'destination';
}

/** The values of an exact comparison. */
function valuesOf({ test }: Leaf): readonly Literal[] | undefined {
  return test.op === 'equal' ? test.values : undefined;
}

function numbers(
  leaf: Leaf,
  token: (value: number) => FilterToken,
  score: (value: number) => number,
): Found | undefined {
  const found: number[] = [];
  for (const value of valuesOf(leaf) ?? [Number.NaN]) {
    const loose = leaf.test.op === 'equal' && leaf.test.loose === true;
    const number = loose && typeof value === 'string' && /^\d+$/.test(value) ? Number(value) : value;
    // A number that the field cannot have matches nothing; other values would match nothing either, but are not worth a thought.
    if (typeof number !== 'number' || !Number.isInteger(number) || number < 0) return undefined;
    found.push(number);
  }
  return { tokens: found.map(token), score: Math.min(...found.slice(0, 100).map(score)) };
}

function addresses(leaf: Leaf, side: 'source' | 'destination'): Found | undefined {
  const { test } = leaf;
  const texts = test.op === 'cidr' ? test.values : test.op === 'equal' ? test.values.map(String) : undefined;
  if (texts === undefined) return undefined;
  const tokens: FilterToken[] = [];
  let score = 5;
  for (const text of texts) {
    try {
      const [address, bits] = parseNetwork(text);
      tokens.push({ type: 'cidr', cidr: `${address.toString()}/${bits}`, side });
      score = Math.min(score, bits / 8);
    } catch {
      // Not an address: `equal` to it may still hold for a text that only looks odd.
      return undefined;
    }
  }
  return { tokens, score };
}

function pathTokens({ subject, test }: Leaf, name: FieldName, folds: boolean): Found | undefined {
  const anyCase =
    ('ignoreCase' in test && test.ignoreCase === true) ||
    ('transform' in subject && subject.transform !== undefined) ||
    (test.op === 'matches' && (test.flags?.includes('i') === true || test.pattern.includes('(?')));
  const part = (how: How, literal: string) => bestPart(name, how, literal, { anyCase, folds });
  switch (test.op) {
    case 'equal':
      return together(test.values.map((value) => part('equal', String(value))));
    case 'contains':
    case 'startsWith':
    case 'endsWith':
      return together(test.values.map((value) => part(test.op, value)));
    case 'glob':
      return together(
        test.values.map((glob) => {
          const parts = glob.map((piece, at) => {
            if (!('literal' in piece)) return undefined;
            const how: How =
              glob.length === 1 ? 'equal' : at === 0 ? 'startsWith' : at === glob.length - 1 ? 'endsWith' : 'contains';
            return part(how, piece.literal);
          });
          return highest(parts);
        }),
      );
    case 'matches': {
      const found = (['beginnings', 'endings'] as const).map((kept) =>
        together(
          (placedWays(test.pattern, test.flags, kept) ?? []).map((runs) =>
            highest(runs.map((run) => part(howPlaced(run), run.text))),
          ),
        ),
      );
      return highest(found);
    }
    default:
      return undefined;
  }
}

function howPlaced({ begins, ends }: Run): How {
  if (begins) return ends ? 'equal' : 'startsWith';
  return ends ? 'endsWith' : 'contains';
}

/** What holds whichever of them holds. */
function together(ways: readonly (Found | undefined)[]): Found | undefined {
  const tokens: FilterToken[] = [];
  let score = Number.POSITIVE_INFINITY;
  for (const found of ways) {
    if (found === undefined) return undefined;
    tokens.push(...found.tokens);
    score = Math.min(score, found.score);
  }
  return ways.length === 0 ? undefined : { tokens, score };
}

function highest(parts: readonly (Found | undefined)[]): Found | undefined {
  let best: Found | undefined;
  for (const part of parts) if (part !== undefined && (best === undefined || part.score > best.score)) best = part;
  return best;
}

interface Comparison {
  /** The rule does not care for case. */
  readonly anyCase: boolean;
  /** Nor does the kernel. */
  readonly folds: boolean;
}

/** The most telling whole component, beginning or end of one in a literal. */
function bestPart(name: FieldName, how: How, literal: string, comparison: Comparison): Found | undefined {
  if (name === 'file.extension') {
    return how === 'equal' ? partToken(`.${literal}`, false, true, comparison) : undefined;
  }
  const parts = literal.split('/');
  const begins = how === 'equal' || how === 'startsWith';
  const ends = how === 'equal' || how === 'endsWith';
  return highest([
    ...parts.map((part, at) => partToken(part, at > 0 || begins, at < parts.length - 1 || ends, comparison)),
    begins && parts.length > 2 && parts[0] === '' ? firstToken(parts[1] ?? '', comparison) : undefined,
  ]);
}

/** Of a path that leads through this directory in the root. */
function firstToken(literal: string, comparison: Comparison): Found | undefined {
  const whole = partToken(literal, true, true, comparison);
  const [token] = whole?.tokens ?? [];
  if (whole === undefined || token?.type !== 'component' || token.text === EVERYWHERE) return undefined;
  return { tokens: [{ type: 'component_first', text: token.text }], score: whole.score + FIRST_BONUS };
}

function hasCase(text: string): boolean {
  return text.toLowerCase() !== text || text.toUpperCase() !== text;
}

function partToken(
  literal: string,
  whole: boolean,
  complete: boolean,
  { anyCase, folds }: Comparison,
): Found | undefined {
  const text = folds ? lowerAscii(literal) : literal;
  if (text.startsWith('.') && text.length < MIN_PART && whole && !complete) return HIDDEN;
  const bytes = Buffer.byteLength(text);
  if (text === '' || text === '.' || text === '..' || UNKNOWN_BYTES.test(text) || bytes > NAME_BYTES) {
    return undefined;
  }
  if (anyCase && hasCase(folds ? text.replace(/[a-z]/g, '') : text)) return undefined;
  const rank = COMMON.indexOf(text);
  const score = rank >= 0 ? (rank + 1) / (2 * COMMON.length) : text === LIBRARY ? LIBRARY_SCORE : text.length;
  if (whole && complete) return { tokens: [{ type: 'component', text }], score: score + 1 };
  if (bytes < MIN_PART) return undefined;
  if (whole) return { tokens: [{ type: 'component_prefix', text }], score };
  if (complete) return { tokens: [{ type: 'component_suffix', text }], score };
  return undefined;
}
