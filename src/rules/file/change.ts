/** What rule files change of rules that are not theirs, by name or id: Sigma rules and correlations, Falco rules, built-in heuristics. */
import type { Problem } from '../../errors.ts';
import { HEURISTICS } from '../heuristics.ts';
import { remedyForRule } from '../renamed.ts';
import type { RuleDefinition } from '../rule.ts';
import type { SigmaCorrelation } from '../sigma/load.ts';
import { RuleError } from '../source.ts';
import { FALSE } from '../tree.ts';
import type { RuleInfo } from '../types.ts';
import type { RuleBook, RuleChange } from './book.ts';
import { changeRule, isEnabled } from './define.ts';

interface ChangedRules {
  readonly definitions: readonly RuleDefinition[];
  readonly correlations: readonly SigmaCorrelation[];
  readonly disabled: readonly RuleDefinition[];
  readonly problems: readonly Problem[];
}

/** Applies the changes in their order; the last word on `enabled` counts. `switchedOff`: ids of rules that are off unless a change switches them on. */
export function applyChanges(
  book: RuleBook,
  definitions: readonly RuleDefinition[],
  correlations: readonly SigmaCorrelation[],
  switchedOff: ReadonlySet<string> = new Set(),
): ChangedRules {
  const rules = [...definitions];
  const running = [...correlations];
  const off = new Set(switchedOff);
  const problems: Problem[] = [];
  for (const change of book.changes) {
    const wanted = (info: RuleInfo) => isNamed(info, change.name);
    let found = false;
    try {
      for (const [at, rule] of rules.entries()) {
        if (!wanted(rule.info)) continue;
        found = true;
        rules[at] = changeRule(rule, change, book);
        switchTo(off, rule.info.id, change);
      }
      for (const [at, correlation] of running.entries()) {
        if (!wanted(correlation.info)) continue;
        found = true;
        running[at] = { ...correlation, info: changedCorrelation(correlation, change, book) };
        switchTo(off, correlation.info.id, change);
      }
      if (!found && !HEURISTICS.some(({ info }) => wanted(info))) {
        throw notFound(book, change, [...rules, ...running, ...HEURISTICS]);
      }
    } catch (cause) {
      if (!(cause instanceof RuleError)) throw cause;
      problems.push({ subject: change.name, ...cause.problem });
    }
  }
  const kept = running.filter(({ info }) => !off.has(info.id));
  // A rule that is switched off still counts where a correlation asks for it.
  const asked = new Set(kept.flatMap((correlation) => correlation.rules.map(({ id }) => id)));
  const isOff = ({ info }: RuleDefinition) => off.has(info.id);
  return {
    definitions: rules
      .filter((rule) => !isOff(rule) || asked.has(rule.info.id))
      .map((rule) => (isOff(rule) ? { ...rule, silent: true } : rule)),
    correlations: kept,
    disabled: [
      ...rules.filter((rule) => isOff(rule) && !asked.has(rule.info.id)),
      ...running.filter(({ info }) => off.has(info.id)).map(({ info }) => ({ info, condition: FALSE })),
    ],
    problems,
  };
}

/** By name or id, and a Sigma rule also by its title where others have the same. */
function isNamed(info: RuleInfo, name: string): boolean {
  return info.name === name || info.id === name || (info.language === 'sigma' && info.label === name);
}

function switchTo(off: Set<string>, id: string, change: RuleChange): void {
  if (!change.values.has('enabled')) return;
  if (isEnabled(change)) off.delete(id);
  else off.add(id);
}

function changedCorrelation({ info }: SigmaCorrelation, change: RuleChange, book: RuleBook): RuleInfo {
  const exceptions = change.values.get('exceptions')?.at(-1);
  if (exceptions !== undefined) {
    throw exceptions.document.error(
      exceptions.node,
      'a correlation looks at no event of its own',
      'give the exceptions to the rules that it correlates',
    );
  }
  return changeRule({ info, condition: FALSE }, change, book).info;
}

function notFound(book: RuleBook, change: RuleChange, others: readonly { readonly info: RuleInfo }[]): RuleError {
  const { document, node, name, append } = change;
  const what = `no earlier rule "${name}" to ${append ? 'append to' : 'override'}`;
  const later = book.rules.get(name);
  if (later !== undefined) {
    const { file, line } = later.document.place(later.node);
    return document.error(node, what, `it is defined later, at ${file}:${line}`);
  }
  const known = [...book.rules.keys(), ...others.flatMap(({ info }) => [info.name, info.id])];
  return document.error(node, what, remedyForRule(name, known));
}
