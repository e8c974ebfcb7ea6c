import type { Config } from '../config/options.ts';
import { preflight } from '../daemon/preflight.ts';
import { emptyProblems, foreignPaths, isWritten } from '../daemon/rules.ts';
import { formatProblem, messageOf, type Problem, WardenError } from '../errors.ts';
import { daemonNeeds } from '../kernel/filter.ts';
import type { KindFilter } from '../kernel/types.ts';
import { liveFilter } from '../rules/literals/kernel-filter.ts';
import { type LoadedRules, loadRules } from '../rules/load.ts';
import { type Condition, walk } from '../rules/tree.ts';
import { fieldName } from '../schema/fields.ts';
import { KINDS, kindSpec } from '../schema/kinds.ts';
import { checkFile } from './check-file.ts';
import type { CommandLine, Flags } from './flags.ts';
import type { NamedRules } from './named-rules.ts';
import { lineWriter, wantsJson } from './output.ts';
import { rulePathsOf, settingsOf, trust } from './settings.ts';

/** One part of what is checked: what it is, what was found, what is wrong. */
export interface Section {
  readonly title: string;
  readonly lines: readonly string[];
  readonly problems: readonly Problem[];
  /** What is ignored; no mistake. */
  readonly warnings?: readonly Problem[];
  /** 1 for the user's mistake, 2 for the system's; 0 without problems. */
  readonly code: 0 | 1 | 2;
}

/**
 * `check`: everything that `run` checks before it touches the kernel; with
 * FILEs those files, with --kernel the BPF programs too. Exit code 0 when all
 * is well, 1 when a person's file is wrong, 2 when the system is.
 */
export async function check({ flags, positionals }: CommandLine): Promise<number> {
  const json = wantsJson(flags);
  const sections = positionals.length > 0 ? positionals.map((file) => checkFile(file, flags)) : await checkAll(flags);
  const code = sections.reduce((worst, section) => (worst === 0 ? section.code : worst), 0);
  const out = lineWriter('-');
  if (json) out.json({ ok: code === 0, sections });
  else {
    for (const { title, lines, problems, warnings = [] } of sections) {
      out.text(title);
      for (const line of lines) out.text(`  ${line}`);
      for (const warning of warnings) out.text(`  warning: ${formatProblem(warning)}`);
      for (const problem of problems) out.text(`  ${formatProblem(problem)}`);
    }
    out.write(code === 0 ? 'all is well' : 'there are problems');
  }
  out.close();
  return code;
}

async function checkAll(flags: Flags): Promise<Section[]> {
  const title = `configuration${flags['config.file'] === undefined ? ' (defaults)' : ` ${flags['config.file']}`}`;
  let config: Config;
  try {
    config = settingsOf(flags);
    trust(flags, config);
  } catch (error) {
    return [failure(title, error)];
  }
  const paths = rulePathsOf(config);
  const loaded = loadRules({
    paths,
    examples: true,
    localPaths: config.rules.local_paths,
    sigmaPaths: config.rules.sigma_paths,
    falcoPaths: config.rules.falco_paths,
    heuristics: config.threat_detection.enable_heuristics,
    kinds: Object.keys(KINDS),
    distrust: flags['allow-unsafe-files'] !== true,
  });
  const { fatal, other } = await preflight(config, loaded);
  const wrong = [...fatal, ...other].map((problem) => ({ ...fileOf(flags), ...problem }));
  const sections = [
    sectionOf(title, wrong.length === 0 ? ['ok'] : [], wrong),
    ruleSection(loaded, [...paths, ...foreignPaths(config)]),
    filterSection(loaded),
  ];
  if (flags.kernel === true) sections.push((await import('./check-kernel.ts')).kernelSection(config));
  return sections;
}

const fileOf = (flags: Flags) => (flags['config.file'] === undefined ? {} : { file: flags['config.file'] });

export function sectionOf(title: string, lines: readonly string[], problems: readonly Problem[]): Section {
  return { title, lines, problems, code: problems.length === 0 ? 0 : 1 };
}

/** A section for what threw. */
export function failure(title: string, error: unknown): Section {
  if (!(error instanceof WardenError)) throw error;
  const problems = error.problems.length === 0 ? [{ message: messageOf(error) }] : error.problems;
  return { title, lines: [], problems, code: error.exitCode };
}

/** What is loaded from rule files, and what is wrong with them. */
export function ruleSection(loaded: NamedRules, paths: readonly string[]): Section {
  const { ruleset, disabled } = loaded;
  const written = ruleset.infos.filter(isWritten).length;
  const builtIn = ruleset.infos.length - written;
  const lines = [
    `${written} loaded, ${disabled.length} disabled${builtIn === 0 ? '' : `, and ${builtIn} built-in heuristics`}`,
  ];
  for (const { info, condition } of ruleset.rules) {
    if (looksAtNameOnly(condition))
      lines.push(`note: ${info.name} looks at nothing but names that a program can choose for itself`);
  }
  const empty = emptyProblems(loaded, paths).filter((problem) => !loaded.problems.includes(problem));
  const section = sectionOf(`rules ${paths.join(' ')}`, lines, [...loaded.problems, ...empty]);
  return loaded.warnings.length === 0 ? section : { ...section, warnings: loaded.warnings };
}

function filterSection({ ruleset }: LoadedRules): Section {
  const filter = liveFilter(ruleset.rules);
  const lines = [...filter.kinds].map(([kind, decision]) => `${kind.padEnd(18)} ${describe(kind, decision)}`);
  return sectionOf('kernel filter', lines, []);
}

function describe(kind: string, decision: KindFilter): string {
  const spec = kindSpec(kind);
  if (spec !== undefined && daemonNeeds(spec)) return 'passed whole: the daemon itself needs it';
  switch (decision.pass) {
    case 'none':
      return 'filtered in the kernel: no rule looks at it; counted';
    case 'whole':
      return `passed whole: ${decision.because} gives no literal to filter by`;
    case 'tokens':
      return `filtered in the kernel by ${decision.tokens.length} literal(s)`;
  }
}

const CHOSEN_BY_PROGRAM = new Set(['process.comm', 'process.new_name']);

/** Task names are the program's to choose: a rule on them alone is easily got around. */
function looksAtNameOnly(condition: Condition): boolean {
  const fields = fieldsOf(condition).filter((name) => name !== 'event.type' && name !== 'event.error');
  return fields.length > 0 && fields.every((name) => CHOSEN_BY_PROGRAM.has(name));
}

function fieldsOf(condition: Condition): string[] {
  const names: string[] = [];
  walk(condition, (node) => {
    const subject = node.type === 'leaf' ? node.subject : node.over;
    if (subject.from === 'field') names.push(fieldName(subject.field));
    else if (subject.from === 'derived') names.push(...subject.derived.fields.map(fieldName));
  });
  return names;
}
