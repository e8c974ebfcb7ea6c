import { hostname } from 'node:os';
import { draftsOf } from '../alerts/alert.ts';
import { newAlertId } from '../alerts/identity.ts';
import { Ledger } from '../alerts/ledger.ts';
import { redactedAlert } from '../alerts/output.ts';
import { redactorOf } from '../alerts/redact.ts';
import type { Config } from '../config/options.ts';
import { emptyProblems, foreignPaths } from '../daemon/rules.ts';
import type { Problem } from '../errors.ts';
import { readRecording } from '../recording.ts';
import { loadRules } from '../rules/load.ts';
import type { RuleSet } from '../rules/ruleset.ts';
import { KINDS } from '../schema/kinds.ts';
import { jsonLine, visible } from '../visible.ts';
import type { CommandLine } from './flags.ts';
import { lineWriter, printProblems } from './output.ts';
import { rulePathsOf, settingsOf } from './settings.ts';

const MAX_LINE_PROBLEMS = 20;

/**
 * Runs recorded events through the rules and writes an alert for every match.
 * Rules named by flag are the only ones: with --sigma.path or --falco.path
 * alone the shipped rules stay out. Nothing is held back unless --deduplicate asks for it.
 */
export async function replay({ flags, positionals }: CommandLine): Promise<number> {
  const [file = '-'] = positionals;
  const config = settingsOf(flags);
  const { paths: own, sigma_paths: sigma, falco_paths: falco } = config.rules;
  const onlyForeign = flags['rules.path'] === undefined && own.length === 0 && sigma.length + falco.length > 0;
  const paths = onlyForeign ? config.rules.local_paths : rulePathsOf(config);
  const loaded = loadRules(ruleOptions(config, paths));
  const { ruleset } = loaded;
  // What was named and gives no rule finds nothing: that is no answer. Rules beside one that is refused are.
  const empty = emptyProblems(loaded, [...paths, ...foreignPaths(config)]);
  printProblems([...new Set([...loaded.problems, ...empty])]);
  const compared = flags['compare.rules.path'];
  const other = compared === undefined ? undefined : loadRules(ruleOptions(config, compared));
  if (other !== undefined) printProblems(other.problems);

  const writer = lineWriter(flags['output.alerts'] ?? '-');
  const redactor = redactorOf(config);
  const accept = flags.deduplicate === true ? acceptor(config) : () => true;
  const counts = new Map<string, { first: number; second: number }>();
  const count = (rule: string, side: 'first' | 'second') => {
    const entry = counts.get(rule) ?? { first: 0, second: 0 };
    entry[side]++;
    counts.set(rule, entry);
  };
  let events = 0;
  let badLines = 0;
  const onProblem = (problem: Problem) => {
    if (++badLines <= MAX_LINE_PROBLEMS) printProblems([problem]);
  };
  try {
    for await (const event of readRecording(file, onProblem)) {
      events++;
      const finding = await ruleset.evaluate(event);
      for (const draft of finding === undefined ? [] : draftsOf(finding, { hostName: hostname() })) {
        if (!accept(draft)) continue;
        count(draft.rule.name, 'first');
        writer.write(jsonLine(redactedAlert(draft, { alertId: newAlertId(Date.now()) }, redactor)));
      }
      if (other !== undefined) await countOther(other.ruleset, event, count);
    }
  } finally {
    writer.close();
  }
  const alerts = [...counts.values()].reduce((sum, { first }) => sum + first, 0);
  process.stderr.write(
    `${events} events, ${alerts} alerts, ${ruleset.infos.length} rules${badLines > 0 ? `, ${badLines} problems in lines` : ''}\n`,
  );
  if (other !== undefined) printDifference(counts);
  const unread = badLines > 0 && flags['ignore-bad-lines'] !== true;
  return unread || empty.length > 0 ? 1 : 0;
}

function ruleOptions(config: Config, paths: readonly string[]) {
  return {
    paths,
    localPaths: config.rules.local_paths,
    sigmaPaths: config.rules.sigma_paths,
    falcoPaths: config.rules.falco_paths,
    heuristics: config.threat_detection.enable_heuristics,
    kinds: Object.keys(KINDS),
  };
}

type AlertDraft = ReturnType<typeof draftsOf>[number];

/** Holds back what the daemon's ledger would, by the events' own time. */
function acceptor(config: Config): (draft: AlertDraft) => boolean {
  let now = 0;
  const { ledger, threat_detection: detection } = config;
  const book = new Ledger(
    {
      enabled: true,
      confidenceThreshold: detection.confidence_threshold,
      dedupeSeconds: ledger.dedupe_seconds,
      maxEntries: ledger.max_entries,
      alertsPerMinute: ledger.alerts_per_minute,
      silences: [],
    },
    { monotonic: () => now, wall: () => now },
  );
  return (draft) => {
    now = Math.max(now, draft.timestamp * 1000);
    book.due(() => undefined);
    return book.accept(draft, '') === 'accepted';
  };
}

async function countOther(
  ruleset: RuleSet,
  event: Parameters<RuleSet['evaluate']>[0],
  count: (rule: string, side: 'second') => void,
): Promise<void> {
  const finding = await ruleset.evaluate(event);
  if (finding === undefined) return;
  for (const { rule } of draftsOf(finding, { hostName: '' })) count(rule.name, 'second');
}

/** Alerts by rule under both rule sets; rules with the same count are left out. */
function printDifference(counts: ReadonlyMap<string, { first: number; second: number }>): void {
  const changed = [...counts].filter(([, { first, second }]) => first !== second).sort(([a], [b]) => (a < b ? -1 : 1));
  if (changed.length === 0) {
    process.stderr.write('both rule sets give the same alerts\n');
    return;
  }
  process.stderr.write('rule: alerts now -> with the compared rules\n');
  for (const [rule, { first, second }] of changed) {
    const difference = second - first;
    process.stderr.write(`${visible(rule)}: ${first} -> ${second} (${difference > 0 ? '+' : ''}${difference})\n`);
  }
}
