import { formatProblem } from '../../../../src/errors.ts';
import { type FalcoSet, loadFalcoTexts } from '../../../../src/rules/falco/load.ts';
import { RuleSet } from '../../../../src/rules/ruleset.ts';
import type { EventRecord } from '../../../../src/schema/event.ts';
import { recordFromJson } from '../../../../src/schema/record.ts';

/** Loads texts named a.yaml, b.yaml, ... */
export function load(...texts: readonly string[]): FalcoSet {
  return loadFalcoTexts(texts.map((text, at) => ({ path: `${String.fromCharCode(97 + at)}.yaml`, text })));
}

export function problemsOf(...texts: readonly string[]): string[] {
  return load(...texts).problems.map(formatProblem);
}

let number = 0;

/** A recorded event from flat field names. */
export function record(fields: Readonly<Record<string, unknown>>): EventRecord {
  number++;
  return recordFromJson(fields, String(number));
}

export const RULE = { desc: 'A rule.', output: 'x', priority: 'NOTICE' };

/** The text of a file with one rule of this condition. */
export function ruleText(condition: string, before = '', more: Readonly<Record<string, unknown>> = {}): string {
  const lines = Object.entries({ rule: 'r', condition, ...RULE, ...more }).map(
    ([key, value]) => `${key}: ${JSON.stringify(value)}`,
  );
  return `${before}\n- ${lines.join('\n  ')}\n`;
}

/** The names of the rules of the texts that match an event, in order. */
export async function matchesOf(set: FalcoSet, fields: Readonly<Record<string, unknown>>): Promise<string[]> {
  const ruleset = new RuleSet({ definitions: set.rules });
  const finding = await ruleset.evaluate(record(fields));
  return finding?.matches.map((match) => match.rule.name) ?? [];
}

/** Whether a condition holds for an event. */
export async function holds(
  condition: string,
  fields: Readonly<Record<string, unknown>>,
  before = '',
): Promise<boolean> {
  const set = load(ruleText(condition, before));
  if (set.problems.length > 0) throw new Error(set.problems.map(formatProblem).join('\n'));
  return (await matchesOf(set, fields)).length > 0;
}
