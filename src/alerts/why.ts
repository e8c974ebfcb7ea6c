import type { MatchedCondition } from '../rules/types.ts';
import { visible } from '../visible.ts';
import { clip, textAt, valueAt } from './line.ts';
import type { Alert } from './types.ts';

const MAX_VALUE = 400;
/** Patterns are long and hard to read; what they matched tells more. */
const MAX_EXPECTED = 80;

const OPERATORS: Readonly<Record<string, string>> = {
  contains: 'contains',
  startsWith: 'begins with',
  endsWith: 'ends with',
  matches: 'matches',
  glob: 'matches',
  cidr: 'is in',
  gt: 'is above',
  gte: 'is at least',
  lt: 'is below',
  lte: 'is at most',
};

/** Of several fields. */
const PLURAL: Readonly<Record<string, string>> = {
  is: 'are',
  has: 'have',
  contains: 'contain',
  begins: 'begin',
  ends: 'end',
  matches: 'match',
};

/**
 * Why the rule matched, a sentence for each thing that speaks for it. What a
 * rule says in several ways is said once: fields with the same test and value
 * together, plain flags in one sentence, and what it would have excepted last.
 * All of it, as it was compared, is in the alert's `matched`.
 */
export function explainAlert(alert: Alert): string[] {
  const sentences = [
    ...evidence(alert.matched),
    ...flags(alert.matched),
    ...counted(alert),
    ...excepted(alert.matched),
  ];
  if (sentences.length > 0) return sentences;
  // A rule that asks for nothing but what is there.
  return [...new Set(alert.matched.map(({ field, actual }) => `${field} is ${text(actual)}`))];
}

/** A condition over a list that holds because none of its elements is something. */
const isExcepted = ({ operator, expected }: MatchedCondition) =>
  operator === 'every' && typeof expected === 'string' && expected.startsWith('!');
const isFlag = ({ operator, expected }: MatchedCondition) => operator === 'equal' && typeof expected === 'boolean';
/** The field of every event that says that the call succeeded. */
const isSuccess = ({ field, operator, actual }: MatchedCondition) =>
  field === 'event.error' && operator === 'equal' && actual === '';

function evidence(matched: readonly MatchedCondition[]): string[] {
  const fields = new Map<string, Set<string>>();
  for (const condition of matched) {
    if (condition.operator === 'exists' || isExcepted(condition) || isFlag(condition) || isSuccess(condition)) continue;
    const said = saidOf(condition);
    fields.set(said, (fields.get(said) ?? new Set()).add(condition.field));
  }
  return [...fields].map(([said, names]) => `${listed([...names])} ${names.size === 1 ? said : inPlural(said)}`);
}

/** What follows the field's name. */
function saidOf({ operator, expected, actual }: MatchedCondition): string {
  const other = fieldOf(expected);
  if (operator === 'equal') return `is ${text(actual)}${other === undefined ? '' : `, as is ${other}`}`;
  if (operator === 'any') return `has ${text(actual)}`;
  return `${OPERATORS[operator] ?? operator} ${other ?? text(expected, MAX_EXPECTED)}: ${text(actual)}`;
}

/** The same of several fields; `is above` becomes `are above`, `begins with` `begin with`. */
function inPlural(said: string): string {
  const [verb = '', ...rest] = said.split(' ');
  return [PLURAL[verb] ?? verb, ...rest].join(' ');
}

/** The field that the value was compared with. */
function fieldOf(expected: unknown): string | undefined {
  if (typeof expected !== 'object' || expected === null || !('field' in expected)) return undefined;
  return typeof expected.field === 'string' ? expected.field : undefined;
}

function flags(matched: readonly MatchedCondition[]): string[] {
  const names = (value: boolean) => [
    ...new Set(
      matched.filter((condition) => isFlag(condition) && condition.expected === value).map(({ field }) => field),
    ),
  ];
  return [true, false].flatMap((value) => {
    const found = names(value);
    return found.length === 0 ? [] : [`${listed(found)} ${found.length === 1 ? 'is' : 'are'} ${value}`];
  });
}

/** What a rule counted over time. */
function counted(alert: Alert): string[] {
  const count = textAt(alert, 'window.count');
  if (count === '') return [];
  const key = valueAt(alert, 'window.key');
  const of = Object.entries(typeof key === 'object' && key !== null ? key : {});
  const whose = of.length === 0 ? '' : `, for ${listed(of.map(([field, value]) => `${field} ${text(value)}`))}`;
  return [`${count} within ${textAt(alert, 'window.seconds')} s${whose}`];
}

function excepted(matched: readonly MatchedCondition[]): string[] {
  const fields = [...new Set(matched.filter(isExcepted).map(({ field }) => field))];
  return fields.length === 0 ? [] : [`nothing in ${listed(fields, 'or')} is among what the rule excepts`];
}

function listed(names: readonly string[], word = 'and'): string {
  const last = names.at(-1) ?? '';
  return names.length < 2 ? last : `${names.slice(0, -1).join(', ')} ${word} ${last}`;
}

/** JSON escapes control characters, but not all on which a terminal acts. */
const text = (value: unknown, length = MAX_VALUE) =>
  clip(visible(value === undefined ? 'absent' : JSON.stringify(value)), length);
