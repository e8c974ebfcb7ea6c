import { formatProblem } from '../../../src/errors.ts';
import { type LoadedRules, loadRuleTexts, type RuleOptions } from '../../../src/rules/load.ts';
import type { EventRecord } from '../../../src/schema/event.ts';
import { recordFromJson } from '../../../src/schema/record.ts';

/** Loads files given as objects or texts, named a.json, b.json, ... */
export function load(files: readonly unknown[], options: Omit<RuleOptions, 'paths'> = {}): LoadedRules {
  const texts = files.map((file, at) => ({
    path: `${String.fromCharCode(97 + at)}.json`,
    text: typeof file === 'string' ? file : JSON.stringify(file, null, 1),
  }));
  return loadRuleTexts(texts, options);
}

export function problemsOf(...files: unknown[]): string[] {
  return load(files).problems.map(formatProblem);
}

export function names(loaded: LoadedRules): string[] {
  return loaded.ruleset.rules.map((rule) => rule.info.name);
}

let number = 0;

/** A recorded event from flat field names. */
export function record(fields: Readonly<Record<string, unknown>>): EventRecord {
  number++;
  return recordFromJson(fields, String(number));
}
