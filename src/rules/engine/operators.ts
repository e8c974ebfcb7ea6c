/**
 * The operators that json-rules-engine lacks. They work on plain values and
 * share no compiled code with the predicate, so that the property test that
 * compares both means something; the compilers of patterns are shared.
 */
import type { Engine } from 'json-rules-engine';
import { compileNetworks } from '../predicate/cidr.ts';
import { foldCase } from '../predicate/fold.ts';
import { compileGlob, parseGlob } from '../predicate/glob.ts';
import { compileRegexp } from '../predicate/regexp.ts';
import { pairTest } from '../predicate/test-value.ts';
import type { Value } from '../predicate/values.ts';
import type { Test } from '../tree.ts';

function texts(value: unknown): string[] {
  return Array.isArray(value) ? value.map(String) : [String(value)];
}

/** Compiled patterns by their text. Their number is bounded by the loaded rules: one cache per engine. */
function remembered<T>(compile: (text: string) => T): (text: string) => T {
  const known = new Map<string, T>();
  return (text) => {
    let found = known.get(text);
    if (found === undefined) {
      found = compile(text);
      known.set(text, found);
    }
    return found;
  };
}

function onText(test: (text: string, value: unknown) => boolean): (fact: unknown, value: unknown) => boolean {
  return (fact, value) => typeof fact === 'string' && test(fact, value);
}

function onNumbersOrText(holds: (difference: number) => boolean): (fact: unknown, value: unknown) => boolean {
  return (fact, value) => {
    if (typeof fact === 'number' && typeof value === 'number') return holds(fact - value);
    // The order of UTF-8 bytes is that of code points.
    if (typeof fact === 'string' && typeof value === 'string')
      return holds(Buffer.compare(Buffer.from(fact), Buffer.from(value)));
    return false;
  };
}

interface Regexp {
  readonly pattern: string;
  readonly flags: string;
}

function regexpOf(known: Map<string, ReturnType<typeof compileRegexp>>, { pattern, flags }: Regexp) {
  const key = `${flags}:${pattern}`;
  const found = known.get(key) ?? compileRegexp(pattern, flags);
  known.set(key, found);
  return found;
}

function deepFold(value: unknown): unknown {
  if (typeof value === 'string') return foldCase(value);
  return Array.isArray(value) ? value.map(deepFold) : value;
}

function deepText(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(deepText);
  return typeof value === 'number' || typeof value === 'boolean' ? String(value) : value;
}

/** A number, or the number that a text spells; other text has no place in a loose order. */
function asNumber(value: unknown): unknown {
  if (typeof value !== 'string') return value;
  return /^-?\d+(\.\d+)?$/.test(value) ? Number(value) : undefined;
}

export function addOperators(engine: Engine): void {
  const glob = remembered((text) => compileGlob(parseGlob(text), false));
  const regexps = new Map<string, ReturnType<typeof compileRegexp>>();
  const networks = remembered((text) => compileNetworks([text]));
  engine.addOperator('exists', (fact) => fact !== undefined);
  engine.addOperator(
    'containsText',
    onText((text, value) => texts(value).some((part) => text.includes(part))),
  );
  engine.addOperator(
    'startsWithText',
    onText((text, value) => texts(value).some((part) => text.startsWith(part))),
  );
  engine.addOperator(
    'endsWithText',
    onText((text, value) => texts(value).some((part) => text.endsWith(part))),
  );
  engine.addOperator(
    'glob',
    onText((text, value) => texts(value).some((pattern) => glob(pattern)(text))),
  );
  engine.addOperator(
    'matches',
    onText((text, value) => regexpOf(regexps, value as Regexp).test(text)),
  );
  engine.addOperator(
    'cidr',
    onText((text, value) => texts(value).some((network) => networks(network)(text))),
  );
  engine.addOperator('listEqual', (fact, value) => JSON.stringify(fact) === JSON.stringify(value));
  engine.addOperator(
    'lt',
    onNumbersOrText((difference) => difference < 0),
  );
  engine.addOperator(
    'lte',
    onNumbersOrText((difference) => difference <= 0),
  );
  engine.addOperator(
    'gt',
    onNumbersOrText((difference) => difference > 0),
  );
  engine.addOperator(
    'gte',
    onNumbersOrText((difference) => difference >= 0),
  );
  engine.addOperatorDecorator('ignoreCase', (fact, value, next) => next(deepFold(fact), deepFold(value)));
  engine.addOperatorDecorator('asText', (fact, value, next) => next(deepText(fact), deepText(value)));
  engine.addOperatorDecorator('asNumber', (fact, value, next) => next(asNumber(fact), asNumber(value)));
  addComparisons(engine);
}

function addComparisons(engine: Engine): void {
  const hows = ['equal', 'contains', 'startsWith', 'endsWith', 'lt', 'lte', 'gt', 'gte'] as const;
  for (const how of hows) {
    for (const ignoreCase of [false, true]) {
      for (const loose of [false, true]) {
        const test: Test & { op: 'compare' } = {
          op: 'compare',
          how,
          other: { from: 'any_string' },
          ignoreCase,
          loose,
        };
        const holds = pairTest(test);
        const flags = `${ignoreCase ? ' ignoring case' : ''}${loose ? ' loosely' : ''}`;
        engine.addOperator(
          `${how} fact${flags}`,
          (fact: Value, other: Value) => fact !== undefined && other !== undefined && holds(fact, other),
        );
      }
    }
  }
}
