/**
 * Turns a leaf's test into a function of one value. Literals are folded and
 * put into sets once, here, so that an event pays for the comparison only.
 */

import type { Literal, OrderOperator, Test, TextOperator } from '../tree.ts';
import { compileNetworks } from './cidr.ts';
import { foldCase } from './fold.ts';
import { compileGlob } from './glob.ts';
import { compileRegexp } from './regexp.ts';
import { literalWays } from './regexp-literals.ts';
import { nativeSearch } from './regexp-native.ts';
import type { Value } from './values.ts';

export type ValueTest = (value: Value) => boolean;
type PairTest = (left: Value, right: Value) => boolean;

/** Text of a value for a textual test: itself, and with `loose` also a number's decimal text. */
function textOf(value: Value, loose: boolean | undefined): string | undefined {
  if (typeof value === 'string') return value;
  return loose === true && (typeof value === 'number' || typeof value === 'boolean') ? String(value) : undefined;
}

export const TEXT: Readonly<Record<TextOperator, (text: string, part: string) => boolean>> = {
  contains: (text, part) => text.includes(part),
  startsWith: (text, part) => text.startsWith(part),
  endsWith: (text, part) => text.endsWith(part),
};

/** Code-point order, as CEL orders strings; UTF-16 order differs above U+FFFF. */
function compareText(a: string, b: string): number {
  if (a === b) return 0;
  const left = [...a];
  const right = [...b];
  for (let at = 0; at < left.length && at < right.length; at++) {
    const difference = (left[at]?.codePointAt(0) ?? 0) - (right[at]?.codePointAt(0) ?? 0);
    if (difference !== 0) return difference;
  }
  return left.length - right.length;
}

function ordered(how: OrderOperator, difference: number): boolean {
  if (how === 'lt') return difference < 0;
  if (how === 'lte') return difference <= 0;
  if (how === 'gt') return difference > 0;
  return difference >= 0;
}

function numberOf(value: Value, loose: boolean | undefined): number | undefined {
  if (typeof value === 'number') return value;
  return loose === true && typeof value === 'string' && /^-?\d+(\.\d+)?$/.test(value) ? Number(value) : undefined;
}

function order(how: OrderOperator, left: Value, right: Value, loose: boolean | undefined): boolean {
  const a = numberOf(left, loose);
  const b = numberOf(right, loose);
  if (a !== undefined && b !== undefined) return ordered(how, a - b);
  if (typeof left !== 'string' || typeof right !== 'string' || loose === true) return false;
  return ordered(how, compareText(left, right));
}

function equalTest(values: readonly Literal[], ignoreCase: boolean, loose: boolean): ValueTest {
  if (loose || ignoreCase) {
    const key = (value: Literal) => (ignoreCase ? foldCase(String(value)) : String(value));
    const wanted = new Set(values.filter((value) => loose || typeof value === 'string').map(key));
    const others = new Set<Value>(loose ? [] : values.filter((value) => typeof value !== 'string'));
    return (value) => {
      if (typeof value === 'string' || (loose && (typeof value === 'number' || typeof value === 'boolean'))) {
        return wanted.has(key(value));
      }
      return others.has(value);
    };
  }
  const [only] = values;
  if (values.length === 1) return (value) => value === only;
  const wanted = new Set<Value>(values);
  return (value) => wanted.has(value);
}

function textTest(op: TextOperator, values: readonly string[], ignoreCase: boolean, loose?: boolean): ValueTest {
  const holds = TEXT[op];
  const parts = ignoreCase ? values.map(foldCase) : values;
  const [only] = parts;
  if (only !== undefined && parts.length === 1 && !ignoreCase && loose !== true) {
    if (op === 'contains') return (value) => typeof value === 'string' && value.includes(only);
    if (op === 'startsWith') return (value) => typeof value === 'string' && value.startsWith(only);
    return (value) => typeof value === 'string' && value.endsWith(only);
  }
  return (value) => {
    const text = textOf(value, loose);
    if (text === undefined) return false;
    const folded = ignoreCase ? foldCase(text) : text;
    for (const part of parts) if (holds(folded, part)) return true;
    return false;
  };
}

/** More ways than this are not worth looking through. */
const MAX_CHECKED_WAYS = 8;

/** Whether a text has the literals that every match has: a search costs about 30 ns, an RE2 match over 1 us. */
function literalCheck(pattern: string, flags = ''): (text: string) => boolean {
  const ways = literalWays(pattern, flags)?.map((runs) => runs.map(foldCase));
  if (ways === undefined || ways.length > MAX_CHECKED_WAYS || ways.some((runs) => runs.length === 0)) return () => true;
  return (text) => {
    const folded = foldCase(text);
    return ways.some((runs) => runs.every((run) => folded.includes(run)));
  };
}

function searchFor(pattern: string, flags: string | undefined): (text: string) => boolean {
  const native = nativeSearch(pattern, flags);
  if (native === undefined) return linearSearch(pattern, flags);
  let linear: ((text: string) => boolean) | undefined;
  return (text) => {
    const found = native(text);
    if (found !== undefined) return found;
    linear ??= linearSearch(pattern, flags);
    return linear(text);
  };
}

/** Texts of which an expression remembers what it found: command lines come again and again, and RE2 takes microseconds. */
const MAX_FOUND = 256;
const MAX_FOUND_LENGTH = 256;

function linearSearch(pattern: string, flags: string | undefined): (text: string) => boolean {
  const possible = literalCheck(pattern, flags);
  let compiled: ReturnType<typeof compileRegexp> | undefined;
  const found = new Map<string, boolean>();
  return (text) => {
    const before = found.get(text);
    if (before !== undefined) return before;
    if (!possible(text)) return false;
    compiled ??= compileRegexp(pattern, flags);
    const holds = compiled.test(text);
    if (found.size >= MAX_FOUND) found.clear();
    if (text.length <= MAX_FOUND_LENGTH) found.set(text, holds);
    return holds;
  };
}

/** The test of a single value. Throws an Error for a network that cannot be compiled. */
export function valueTest(test: Exclude<Test, { op: 'compare' }>): ValueTest {
  switch (test.op) {
    case 'exists':
      return (value) => value !== undefined;
    case 'equal':
      return equalTest(test.values, test.ignoreCase === true, test.loose === true);
    case 'contains':
    case 'startsWith':
    case 'endsWith':
      return textTest(test.op, test.values, test.ignoreCase === true, test.loose);
    case 'matches': {
      const { loose } = test;
      let holds: ((text: string) => boolean) | undefined;
      return (value) => {
        const text = textOf(value, loose);
        if (text === undefined) return false;
        // Most are never asked: an expression takes a millisecond to compile and 30 KiB.
        holds ??= searchFor(test.pattern, test.flags);
        return holds(text);
      };
    }
    case 'glob': {
      const globs = test.values.map((glob) => compileGlob(glob, test.ignoreCase === true));
      const { loose } = test;
      return (value) => {
        const text = textOf(value, loose);
        return text !== undefined && globs.some((glob) => glob(text));
      };
    }
    case 'cidr': {
      const inside = compileNetworks(test.values);
      return (value) => typeof value === 'string' && inside(value);
    }
    case 'listEqual': {
      const wanted = test.value;
      return (value) =>
        Array.isArray(value) && value.length === wanted.length && value.every((item, at) => item === wanted[at]);
    }
    default: {
      const { op, value: limit, loose } = test;
      return (value) => order(op, value, limit, loose);
    }
  }
}

function scalar(value: Value): value is Literal {
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean';
}

/** The test of one value against another of the same event. */
export function pairTest(test: Test & { op: 'compare' }): PairTest {
  const { how, loose } = test;
  const fold = test.ignoreCase === true ? foldCase : (text: string) => text;
  if (how === 'equal') {
    return (left, right) => {
      if (!scalar(left) || !scalar(right)) return false;
      if (typeof left === 'string' && typeof right === 'string') return fold(left) === fold(right);
      return loose === true ? String(left) === String(right) : left === right;
    };
  }
  if (how === 'contains' || how === 'startsWith' || how === 'endsWith') {
    const holds = TEXT[how];
    return (left, right) => {
      const a = textOf(left, loose);
      const b = textOf(right, loose);
      return a !== undefined && b !== undefined && holds(fold(a), fold(b));
    };
  }
  return (left, right) => order(how, left, right, loose);
}
