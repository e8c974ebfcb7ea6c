import { createHash } from 'node:crypto';
import type { Config } from '../config/options.ts';
import { messageOf, type Problem, WardenError } from '../errors.ts';
import type { KernelFilter, KindFilter } from '../kernel/types.ts';
import type { Compiled } from '../rules/compiled/encoding.ts';
import { cachedIn, compilationKey, readCompiled, SHIPPED, writeCompiled } from '../rules/compiled/store.ts';
import { readRuleFiles } from '../rules/file/files.ts';
import { HEURISTICS } from '../rules/heuristics.ts';
import { liveFilter } from '../rules/literals/kernel-filter.ts';
import type { LoadedRules, RuleOptions } from '../rules/load.ts';
import { RuleSet } from '../rules/ruleset.ts';
import type { Condition } from '../rules/tree.ts';
import { BUILT_IN, type RuleInfo } from '../rules/types.ts';
import { WindowStore } from '../rules/window-store.ts';
import { KINDS } from '../schema/kinds.ts';
import type { Settings } from './in-force.ts';
import { preflight } from './preflight.ts';

export interface Loaded extends LoadedRules {
  /** Options that have no effect here: names of nothing, directories that are not there. */
  readonly ineffective: readonly Problem[];
  /** Compiled rules that could not be used or written; the rule files were read instead. */
  readonly notCompiled: readonly Problem[];
  /** What the kernel must let through for the rules. */
  readonly filter: KernelFilter;
}

/**
 * Loads what the configuration names. `previous` hands on windows and
 * correlations. Throws RULES_INVALID when a path that is named gives nothing or
 * no rule is in force: a daemon that looks well and watches for nothing is
 * worse than one that does not start. Throws CONFIG_INVALID for what no stage
 * could start with.
 */
export async function loadConfiguredRules(settings: Settings, previous: RuleSet | undefined): Promise<Loaded> {
  const { config, rulePaths: paths, allowUnsafeFiles } = settings;
  const loaded = await readRules(
    {
      paths,
      localPaths: config.rules.local_paths,
      sigmaPaths: config.rules.sigma_paths,
      falcoPaths: config.rules.falco_paths,
      heuristics: config.threat_detection.enable_heuristics,
      kinds: Object.keys(KINDS),
      distrust: !allowUnsafeFiles,
      ...(previous === undefined ? { windows: new WindowStore(config.rules.windows_max_keys) } : { previous }),
    },
    settings.cacheDirectory,
  );
  const problems = emptyProblems(loaded, [...paths, ...foreignPaths(config)]);
  if (problems.length > 0) throw new WardenError('RULES_INVALID', 'there is nothing to watch for', { problems });
  const { fatal, other } = await preflight(config, loaded);
  if (fatal.length > 0)
    throw new WardenError('CONFIG_INVALID', `the configuration has ${fatal.length} problem(s)`, { problems: fatal });
  return { ...loaded, ineffective: other };
}

/** Rules that were compiled from exactly these files; else what the files say, and that is kept for the next start. */
async function readRules(
  options: RuleOptions,
  cacheDirectory: string | undefined,
): Promise<Omit<Loaded, 'ineffective'>> {
  const read = readRuleFiles(options.paths, {
    distrusting: options.distrust === true,
    mayBeEmpty: options.localPaths ?? [],
  });
  const foreign = (options.sigmaPaths ?? []).length + (options.falcoPaths ?? []).length > 0;
  const key = foreign || read.problems.length > 0 ? undefined : compilationKey(read.files, options.paths);
  const cached = cacheDirectory === undefined ? undefined : cachedIn(cacheDirectory);
  const notCompiled: Problem[] = [];
  if (key !== undefined) {
    const found = readCompiled(key, [SHIPPED, ...(cached === undefined ? [] : [cached])], read.files);
    notCompiled.push(...found.problems);
    if (found.rules !== undefined)
      return { ...assemble(found.rules, options), filter: found.rules.filter, notCompiled };
  }
  // Half of what a start loads as code is for reading rule files.
  const { loadRules } = await import('../rules/load.ts');
  const { own, ...loaded } = loadRules({ ...options, read });
  const filter = liveFilter(loaded.ruleset.rules);
  if (key !== undefined && cached !== undefined && own !== undefined) {
    try {
      writeCompiled(key, cached, { ...own, filter, placements: loaded.ruleset.placements }, read.files);
    } catch (error) {
      notCompiled.push({ file: cached, message: `compiled rules cannot be written: ${messageOf(error)}` });
    }
  }
  return { ...loaded, filter, notCompiled };
}

function assemble(
  { definitions, disabled, placements }: Compiled,
  { heuristics, windows, previous }: RuleOptions,
): LoadedRules {
  const ruleset = new RuleSet({
    definitions: [...definitions, ...(heuristics === true ? HEURISTICS : [])],
    placements,
    ...(windows === undefined ? {} : { windows }),
    ...(previous === undefined ? {} : { previous }),
  });
  return { ruleset, problems: [], refused: new Set(), warnings: [], disabled };
}

/** Where rules of other programs are. */
export const foreignPaths = ({ rules }: Config): string[] => [...rules.sigma_paths, ...rules.falco_paths];

/** Paths that were named and give no rule, and a rule set without rules. */
export function emptyProblems(
  { ruleset, problems }: Pick<LoadedRules, 'ruleset' | 'problems'>,
  paths: readonly string[],
): Problem[] {
  const unread = problems.filter(({ file, line }) => line === undefined && file !== undefined && paths.includes(file));
  if (unread.length > 0) return unread;
  if (ruleset.infos.some(isWritten)) return [];
  const message = `no rule is in force from ${paths.join(', ')}`;
  return [...problems, { subject: 'rules', message, remedy: 'name other paths, or enable a rule' }];
}

/** The built-in heuristics only add to the score of what rules find. */
export const isWritten = ({ source }: RuleInfo): boolean => source !== BUILT_IN;

/**
 * Problems that make a reload fail. A Sigma or Falco rule that cannot be
 * evaluated is no mistake of the person who reloads: it is refused with the
 * reason, and the rest loads.
 */
export function fatalProblems({ problems, refused }: LoadedRules): Problem[] {
  return problems.filter((problem) => !refused.has(problem));
}

/** What the kernel must let through: for the rules, and whole for kinds that an output or a plugin wants. */
export function wantedEvents(
  { filter }: Pick<Loaded, 'filter'>,
  config: Config,
  observed: Iterable<string>,
): KernelFilter {
  const kinds = new Map<string, KindFilter>(
    config.kernel.filter
      ? filter.kinds
      : Object.keys(KINDS).map((kind) => [kind, { pass: 'whole', because: 'kernel.filter is off', keepsPassed: true }]),
  );
  if (config.output.events_file !== '') {
    const written = config.output.events_kinds.length === 0 ? Object.keys(KINDS) : config.output.events_kinds;
    for (const kind of written) kinds.set(kind, { pass: 'whole', because: 'output.events_file', keepsPassed: true });
  }
  for (const kind of observed) kinds.set(kind, { pass: 'whole', because: 'a plugin observes it', keepsPassed: true });
  return { kinds };
}

/** Identifies a rule set across hosts: the first 16 hexadecimal digits of a hash over its rules. */
export function rulesHash(ruleset: RuleSet): string {
  const hash = createHash('sha256');
  // Each condition once, by what it says: rules share most of them, and whether they are one object is nobody's business here.
  const byText = new Map<string, number>();
  const known = new Map<Condition, number>();
  const place = (condition: Condition): number => {
    let number = known.get(condition);
    if (number === undefined) {
      const text = JSON.stringify(withPlaces(condition, place));
      number = byText.get(text) ?? byText.size;
      if (number === byText.size) hash.update(text);
      byText.set(text, number);
      known.set(condition, number);
    }
    return number;
  };
  for (const { condition, info } of ruleset.rules) {
    const at = place(condition);
    hash.update(JSON.stringify([info.name, info.severity, info.mode, at]));
  }
  return hash.digest('hex').slice(0, 16);
}

/** The condition with numbers in the place of its parts. */
function withPlaces(condition: Condition, place: (part: Condition) => number): unknown {
  switch (condition.type) {
    case 'all':
    case 'any':
      return [condition.type, condition.of.map(place)];
    case 'not':
      return [condition.type, place(condition.of)];
    case 'quantifier':
      return [condition.type, condition.how, condition.over, place(condition.where)];
    default:
      return condition;
  }
}

export function configHash(config: Config): string {
  return createHash('sha256').update(JSON.stringify(config)).digest('hex').slice(0, 16);
}
