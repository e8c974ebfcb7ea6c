import { createHash } from 'node:crypto';
import type { Config } from '../config/options.ts';
import type { Problem } from '../errors.ts';
import type { KernelFilter, KindFilter } from '../kernel/types.ts';
import { kernelFilter } from '../rules/literals/kernel-filter.ts';
import { type LoadedRules, loadRules } from '../rules/load.ts';
import type { RuleSet } from '../rules/ruleset.ts';
import { WindowStore } from '../rules/window.ts';
import { KINDS } from '../schema/kinds.ts';
import type { Settings } from './in-force.ts';

export type Loaded = LoadedRules;

/** Loads what the configuration names. `previous` hands on windows and correlations. */
export function loadConfiguredRules({ config, rulePaths }: Settings, previous: RuleSet | undefined): Loaded {
  return loadRules({
    paths: rulePaths,
    sigmaPaths: config.rules.sigma_paths,
    heuristics: config.threat_detection.enable_heuristics,
    kinds: Object.keys(KINDS),
    ...(previous === undefined ? { windows: new WindowStore(config.rules.windows_max_keys) } : { previous }),
  });
}

/**
 * Problems that make a reload fail. A Sigma file that cannot be evaluated is
 * no mistake of the person who reloads: it is refused with the reason, and the
 * rest loads.
 */
export function fatalProblems(problems: readonly Problem[], config: Config): Problem[] {
  return problems.filter(({ file }) => !config.rules.sigma_paths.some((path) => file?.startsWith(path) === true));
}

/** What the kernel must let through: for the rules, and whole for kinds that an output or a plugin wants. */
export function wantedEvents(ruleset: RuleSet, config: Config, observed: Iterable<string>): KernelFilter {
  const kinds = new Map<string, KindFilter>(
    config.kernel.filter
      ? kernelFilter(ruleset.rules, Object.keys(KINDS), { folds: true }).kinds
      : Object.keys(KINDS).map((kind) => [kind, { pass: 'whole', because: 'kernel.filter is off' }]),
  );
  if (config.output.events_file !== '') {
    const written = config.output.events_kinds.length === 0 ? Object.keys(KINDS) : config.output.events_kinds;
    for (const kind of written) kinds.set(kind, { pass: 'whole', because: 'output.events_file' });
  }
  for (const kind of observed) kinds.set(kind, { pass: 'whole', because: 'a plugin observes it' });
  return { kinds };
}

/** Identifies a rule set across hosts: the first 16 hexadecimal digits of a hash over its rules. */
export function rulesHash(ruleset: RuleSet): string {
  const hash = createHash('sha256');
  for (const rule of ruleset.rules)
    hash.update(JSON.stringify([rule.info.name, rule.info.severity, rule.info.mode, rule.condition]));
  return hash.digest('hex').slice(0, 16);
}

export function configHash(config: Config): string {
  return createHash('sha256').update(JSON.stringify(config)).digest('hex').slice(0, 16);
}
