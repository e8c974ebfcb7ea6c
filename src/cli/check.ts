import { formatProblem, messageOf, type Problem, WardenError } from '../errors.ts';
import { Sensor } from '../kernel/sensor.ts';
import type { KindFilter } from '../kernel/types.ts';
import { createLogger } from '../log.ts';
import { kernelFilter } from '../rules/literals/kernel-filter.ts';
import { loadRules } from '../rules/load.ts';
import { type Condition, walk } from '../rules/tree.ts';
import { fieldName } from '../schema/fields.ts';
import { KINDS } from '../schema/kinds.ts';
import type { CommandLine } from './flags.ts';
import { lineWriter } from './output.ts';
import { BPF_OBJECT, rulePathsOf, settingsOf } from './settings.ts';

/**
 * `check`: configuration, rules, and whether each BPF program loads and
 * attaches. Exit code 0 when all is well, 1 when a person's file is wrong, 2
 * when the system is.
 */
export function check({ flags }: CommandLine): number {
  const out = lineWriter('-');
  let code = 0;
  const fail = (exitCode: number, problems: readonly Problem[], message: string) => {
    if (code === 0) code = exitCode;
    out.write(`  ${message}`);
    for (const problem of problems) out.write(`    ${formatProblem(problem)}`);
  };

  out.write(`configuration${flags['config.file'] === undefined ? ' (defaults)' : ` ${flags['config.file']}`}`);
  let config: ReturnType<typeof settingsOf>;
  try {
    config = settingsOf(flags);
    out.write('  ok');
  } catch (error) {
    if (!(error instanceof WardenError)) throw error;
    fail(error.exitCode, error.problems, error.message);
    out.close();
    return code;
  }

  const paths = [...rulePathsOf(config), ...config.rules.sigma_paths];
  out.write(`rules ${paths.join(' ')}`);
  const { ruleset, problems, disabled } = loadRules({
    paths: rulePathsOf(config),
    examples: true,
    sigmaPaths: config.rules.sigma_paths,
    heuristics: config.threat_detection.enable_heuristics,
    kinds: Object.keys(KINDS),
  });
  out.write(`  ${ruleset.infos.length} loaded, ${disabled.length} disabled`);
  if (problems.length > 0) fail(1, problems, `${problems.length} problem(s)`);
  for (const info of ruleset.infos) {
    const onlyName = ruleset.rule(info.name);
    if (onlyName !== undefined && looksAtNameOnly(onlyName.condition)) {
      out.write(`  note: ${info.name} looks at nothing but names that a program can choose for itself`);
    }
  }

  out.write('kernel filter');
  const filter = kernelFilter(ruleset.rules, Object.keys(KINDS), { folds: true });
  for (const [kind, decision] of filter.kinds) out.write(`  ${kind.padEnd(18)} ${describe(kind, decision)}`);

  out.write('BPF programs');
  try {
    const sensor = new Sensor({ objectPath: BPF_OBJECT, config, log: createLogger('error') });
    try {
      const reports = sensor.attach();
      for (const { program, attached, reason } of reports)
        out.write(`  ${program.padEnd(20)} ${attached ? 'ok' : `not attached: ${reason ?? ''}`}`);
      if (reports.some(({ attached }) => !attached) && code === 0) code = 2;
    } finally {
      sensor.close();
    }
  } catch (error) {
    if (!(error instanceof WardenError)) throw error;
    fail(error.exitCode, [], messageOf(error));
  }
  out.write(code === 0 ? 'all is well' : 'there are problems');
  out.close();
  return code;
}

function describe(kind: string, decision: KindFilter): string {
  if (KINDS[kind as keyof typeof KINDS]?.group === 'always' || kind === 'net_dns')
    return 'passed whole: the daemon itself needs it';
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
  });
  return names;
}
