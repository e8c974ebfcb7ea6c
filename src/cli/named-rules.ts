import { realpathSync } from 'node:fs';
import { readRuleFiles } from '../rules/file/files.ts';
import { type LoadedRules, loadRules } from '../rules/load.ts';
import { RuleSet } from '../rules/ruleset.ts';
import type { RuleInfo } from '../rules/types.ts';
import { KINDS } from '../schema/kinds.ts';
import type { Flags } from './flags.ts';
import { rulePathsOf, settingsOf } from './settings.ts';

/** What rule files that a person names define or change, and what is wrong in them. */
export type NamedRules = Pick<LoadedRules, 'ruleset' | 'disabled' | 'problems' | 'warnings'>;

/**
 * The files by themselves; where they lean on rules, lists or macros that are
 * not in them, together with those that a daemon would read before them, as
 * `[rules] local_paths` are.
 */
export function loadNamedRules(paths: readonly string[], flags: Flags): NamedRules {
  const options = { examples: true, kinds: Object.keys(KINDS) };
  const read = readRuleFiles(paths, { examples: true });
  const alone = loadRules({ paths, ...options, read });
  if (alone.problems.length === 0) return alone;
  const { rules, ...config } = settingsOf(flags);
  const before = rulePathsOf({ ...config, rules: { ...rules, local_paths: [] } });
  const first = readRuleFiles(before, { examples: true });
  // One of the shipped files is where it belongs already.
  const known = new Set(first.files.map(({ path }) => realPath(path)));
  const added = read.files.filter(({ path }) => !known.has(realPath(path)));
  const both = { files: [...first.files, ...added], problems: [...first.problems, ...read.problems] };
  const together = loadRules({ paths: [...before, ...paths], ...options, heuristics: true, read: both });
  const theirs = new Set([...paths, ...read.files.map(({ path }) => path)].map(realPath));
  const problems = together.problems.filter(({ file }) => file !== undefined && theirs.has(realPath(file)));
  if (problems.length > alone.problems.length) return alone;
  const isTheirs = ({ source, changedBy = [] }: RuleInfo) =>
    [source, ...changedBy].some((place) => theirs.has(realPath(place.replace(/(?::\d+){1,2}$/, ''))));
  const definitions = together.ruleset.rules.map(({ definition }) => definition).filter(({ info }) => isTheirs(info));
  const disabled = together.disabled.filter(({ info }) => isTheirs(info));
  return { ruleset: new RuleSet({ definitions }), disabled, problems, warnings: alone.warnings };
}

/** As it stands where it leads nowhere: the name of what no file holds. */
function realPath(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path;
  }
}
