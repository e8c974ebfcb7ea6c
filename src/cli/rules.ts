import { readFileSync } from 'node:fs';
import { messageOf, WardenError } from '../errors.ts';
import { nearest } from '../nearest.ts';
import { convertFalco } from '../rules/falco/convert.ts';
import { isFalco } from '../rules/falco/load.ts';
import { convertRuleFile } from '../rules/file/convert.ts';
import { type LoadedRules, loadRules } from '../rules/load.ts';
import { explainCondition, explanationText } from '../rules/predicate/explain.ts';
import { RuleError } from '../rules/source.ts';
import type { RuleInfo } from '../rules/types.ts';
import { KINDS } from '../schema/kinds.ts';
import { recordFromJson } from '../schema/record.ts';
import type { CommandLine, Flags } from './flags.ts';
import { lineWriter, printProblems, wantsJson } from './output.ts';
import { rulePathsOf, settingsOf } from './settings.ts';

/** The rules that the flags and the configuration name, with what is wrong with them. */
export function rulesOf(flags: Flags): LoadedRules {
  const config = settingsOf(flags);
  return loadRules({
    paths: rulePathsOf(config),
    localPaths: config.rules.local_paths,
    sigmaPaths: config.rules.sigma_paths,
    falcoPaths: config.rules.falco_paths,
    heuristics: config.threat_detection.enable_heuristics,
    kinds: Object.keys(KINDS),
  });
}

/** `rules [list]`, `rules convert FILE`. */
export function rules(line: CommandLine): number {
  const [what = 'list', ...files] = line.positionals;
  if (what === 'convert') return convertRules(files, line.flags);
  if (what !== 'list' || files.length > 0) {
    throw new WardenError('FLAG_INVALID', `rules takes list or convert FILE, not "${line.positionals.join(' ')}"`);
  }
  return listRules(line);
}

/** JSON becomes YAML and YAML becomes JSON; Falco's YAML becomes ours. */
function convertRules(files: readonly string[], flags: Flags): number {
  const [file, ...more] = files;
  if (file === undefined || more.length > 0) throw new WardenError('FLAG_INVALID', 'rules convert takes one rule file');
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    throw new WardenError('RULES_INVALID', `cannot read ${file}: ${messageOf(error)}`, { cause: error });
  }
  if (isFalco({ path: file, text })) return convertFalcoRules(file, text, flags);
  try {
    const converted = convertRuleFile(file, text, /\.ya?ml$/.test(file) ? 'json' : 'yaml');
    const out = lineWriter(flags.output ?? '-');
    out.write(converted.trimEnd());
    out.close();
    return 0;
  } catch (error) {
    if (!(error instanceof RuleError)) throw error;
    throw new WardenError('RULES_INVALID', `${file} is not a rule file`, { problems: [error.problem], cause: error });
  }
}

/** What of a Falco file has a form of ours, as YAML; exit code 1 when something has none. */
function convertFalcoRules(file: string, text: string, flags: Flags): number {
  const { rules, problems } = convertFalco({ path: file, text });
  printProblems(problems);
  if (rules.length > 0) {
    const out = lineWriter(flags.output ?? '-');
    out.write(convertRuleFile(file, JSON.stringify({ rules }), 'yaml').trimEnd());
    out.close();
  }
  return problems.length === 0 ? 0 : 1;
}

/** One line for each loaded rule. Exit code 1 when a file has a problem. */
function listRules({ flags }: CommandLine): number {
  const json = wantsJson(flags);
  const { ruleset, problems, disabled } = rulesOf(flags);
  printProblems(problems);
  const out = lineWriter('-');
  const infos = [...ruleset.infos].sort((a, b) => (a.source < b.source ? -1 : a.source > b.source ? 1 : 0));
  for (const info of infos) {
    const { name, severity, riskScore, mode, mitre, heuristic } = info;
    const kind = heuristic ? 'heuristic' : mode === 'shadow' ? 'shadow' : severity;
    if (json) out.json(info);
    else
      out.text(
        `${name.padEnd(44)} ${kind.padEnd(9)} ${riskScore.toFixed(2)}  ${mitre.join(',').padEnd(24)} ${placesOf(info)}`,
      );
  }
  if (!json) {
    for (const { info } of disabled) out.text(`${info.name.padEnd(44)} disabled  ${placesOf(info)}`);
    out.write(`${infos.length} rules, ${disabled.length} disabled`);
  }
  out.close();
  return problems.length === 0 ? 0 : 1;
}

/** Where the rule stands, and where later files changed it. */
function placesOf({ source, changedBy = [] }: RuleInfo): string {
  return changedBy.length === 0 ? source : `${source}, changed by ${changedBy.join(', ')}`;
}

/** `explain`: every condition of one rule with the value that an event has for it. */
export function explain({ flags }: CommandLine): number {
  const json = wantsJson(flags);
  if (flags.rule === undefined || flags.event === undefined) {
    throw new WardenError('FLAG_INVALID', 'explain needs --rule=NAME and --event=FILE ("-" is standard input)');
  }
  const { ruleset, problems } = rulesOf(flags);
  const rule = ruleset.rule(flags.rule);
  if (rule === undefined) {
    // Of the rule itself, and of files that could not be read at all.
    printProblems(problems.filter(({ subject, line }) => subject === flags.rule || line === undefined));
    const near = nearest(
      flags.rule,
      ruleset.infos.map(({ name }) => name),
    );
    throw new WardenError(
      'FLAG_INVALID',
      `no rule "${flags.rule}" is loaded${near === undefined ? '' : ` (did you mean "${near}"?)`}`,
    );
  }
  const explanation = explainCondition(rule.condition, readEvent(flags.event));
  const out = lineWriter('-');
  if (json) out.json({ rule: rule.info.name, ...explanation });
  else {
    out.text(`${rule.info.name} ${explanation.result ? 'matches' : 'does not match'}`);
    out.text(explanationText(explanation, 1));
    if (rule.definition.window !== undefined) out.write('  it also counts over time: one event alone raises no alert');
  }
  out.close();
  return 0;
}

function readEvent(file: string) {
  try {
    return recordFromJson(JSON.parse(readFileSync(file === '-' ? 0 : file, 'utf8')), '1');
  } catch (error) {
    throw new WardenError('RECORDING_INVALID', `cannot read an event from ${file}: ${messageOf(error)}`, {
      cause: error,
    });
  }
}
