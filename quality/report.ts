import { type Recall, raisedBy, recallOf, type VariationResult, type WorkResult } from './judge.ts';
import { isTuned, SEVERITIES, type Severity } from './scenario.ts';

export interface Results {
  readonly seed: number;
  readonly attacks: readonly VariationResult[];
  readonly work: readonly WorkResult[];
}

const percent = (part: number, whole: number): string => (whole === 0 ? '-' : `${((part / whole) * 100).toFixed(0)} %`);

/** The tables for people: recall of both halves, alerts per hour of work, precision. */
export function summary({ seed, attacks, work }: Results): string {
  const half = (tuned: boolean) => attacks.filter(({ behaviour }) => isTuned(behaviour.id, seed) === tuned);
  const rows: [string, Recall][] = [
    ['tuned on', recallOf(half(true))],
    ['only judged', recallOf(half(false))],
    ['all', recallOf(attacks)],
  ];
  const lines = [
    `Attacks, seed ${seed}:`,
    '',
    '| half | behaviours caught | variations caught | seen at any severity |',
    '|---|---|---|---|',
    ...rows.map(
      ([name, recall]) =>
        `| ${name} | ${of(recall.caughtBehaviours, recall.behaviours)} | ${of(recall.caughtVariations, recall.variations)} | ${of(recall.seenVariations, recall.variations)} |`,
    ),
  ];
  if (work.length > 0) lines.push('', ...workTables(seed, work));
  lines.push('', `Precision: ${precision(attacks, work)}`);
  return lines.join('\n');
}

/** What went past; of the half that is only judged, only on request. */
export function misses({ seed, attacks }: Results, all: boolean): string[] {
  return attacks
    .filter(({ caught, behaviour }) => !caught && (all || isTuned(behaviour.id, seed)))
    .map(({ behaviour, performance, alerts }) => {
      const { status, scene, output } = performance;
      if (status === undefined) return `not performed ${scene.id}: ${output.trim().slice(0, 300)}`;
      const seen = raisedBy(alerts, 'info').map(([rule, count]) => (count > 1 ? `${rule} x${count}` : rule));
      return `missed ${scene.id} (${behaviour.title}; wanted ${behaviour.severity}; exit ${status}): ${seen.join(', ') || 'no alert'}`;
    });
}

/** What ordinary work raised above info. */
export function noise({ seed, work }: Results, all: boolean, severity: Severity = 'warning'): string[] {
  return work
    .filter(({ work: { id } }) => all || isTuned(id, seed))
    .flatMap(({ work: entry, alerts, performance }) => {
      const heads =
        performance.status === undefined
          ? [`not performed ${entry.id}: ${performance.output.trim().slice(0, 300)}`]
          : performance.status === 0
            ? []
            : [
                `${entry.id}: exit ${performance.status}: ${performance.output.trim().slice(-300).replaceAll('\n', ' ')}`,
              ];
      return [
        ...heads,
        ...raisedBy(alerts, severity).map(([rule, count]) => {
          const example = alerts.find((alert) => alert.rule.name === rule);
          const wanted = entry.wanted[rule] === undefined ? '' : ' (wanted)';
          const { process, file } = example ?? {};
          return `noise ${entry.id}: ${rule} (${example?.severity}) x${count}${wanted}: ${process?.path ?? ''} [${process?.command_line?.slice(0, 120) ?? ''}] ${file?.path ?? ''} ${file?.new_path ?? ''}`;
        }),
      ];
    });
}

function workTables(seed: number, work: readonly WorkResult[]): string[] {
  const halves: [string, readonly WorkResult[]][] = [
    ['tuned on', work.filter((entry) => isTuned(entry.work.id, seed))],
    ['only judged', work.filter((entry) => !isTuned(entry.work.id, seed))],
    ['all', work],
  ];
  return [
    'Ordinary work, as delivered with default settings; alerts that the work asks for by itself (a user made administrator, a job given to cron) stand apart:',
    '',
    '| half | pieces of work | hours | critical | warnings | distinct warnings an hour | info an hour | asked for |',
    '|---|---|---|---|---|---|---|---|',
    ...halves.map(([name, entries]) => {
      const performed = entries.filter(({ performance }) => performance.status !== undefined);
      const hours = performed.reduce((sum, entry) => sum + entry.work.minutes, 0) / 60;
      const alerts = performed.flatMap(unwanted);
      const count = (severity: Severity) => alerts.filter((alert) => alert.severity === severity).length;
      const distinct = performed.reduce(
        (sum, entry) =>
          sum +
          raisedBy(
            unwanted(entry).filter(({ severity }) => severity === 'warning'),
            'warning',
          ).length,
        0,
      );
      const asked = performed.flatMap(({ alerts }) => alerts).filter(({ severity }) => severity !== 'info').length;
      const unasked = count('critical') + count('warning');
      return `| ${name} | ${performed.length} | ${hours.toFixed(1)} | ${count('critical')} | ${count('warning')} | ${perHour(distinct, hours)} | ${perHour(count('info'), hours)} | ${asked - unasked} |`;
    }),
  ];
}

/** What ordinary work raised by rule, the most severe first. */
export function alertsOfWork({ work }: Results): string {
  const byRule = raisedBy(work.flatMap(unwanted), 'info');
  const severityOf = new Map(work.flatMap(({ alerts }) => alerts).map((alert) => [alert.rule.name, alert.severity]));
  return [
    '| rule | severity | alerts in all of the work |',
    '|---|---|---|',
    ...[...SEVERITIES]
      .reverse()
      .flatMap((severity) =>
        byRule
          .filter(([rule]) => severityOf.get(rule) === severity)
          .map(([rule, count]) => `| \`${rule}\` | ${severity} | ${count} |`),
      ),
  ].join('\n');
}

/** Variations of attacks that went past, by behaviour. */
export function missedBehaviours({ seed, attacks }: Results): string {
  const missed = new Map<string, string[]>();
  for (const { behaviour, performance, caught } of attacks) {
    if (caught || performance.status === undefined) continue;
    const half = isTuned(behaviour.id, seed) ? 'tuned on' : 'only judged';
    const key = `${behaviour.id} (${half}, wanted ${behaviour.severity})`;
    missed.set(key, [...(missed.get(key) ?? []), performance.scene.id.slice(behaviour.id.length + 1)]);
  }
  return [...missed].map(([behaviour, variations]) => `- ${behaviour}: ${variations.join(', ')}`).join('\n');
}

/** Of the pairs of a scene and a rule that alerted at warning or above, those that belong to an attack. */
function precision(attacks: readonly VariationResult[], work: readonly WorkResult[]): string {
  const pairs = (alerts: Parameters<typeof raisedBy>[0]) => raisedBy(alerts, 'warning').length;
  const right = attacks.reduce((sum, { alerts }) => sum + pairs(alerts), 0);
  const wrong = work.reduce((sum, entry) => sum + pairs(unwanted(entry)), 0);
  return `${of(right, right + wrong)} of the pairs of scene and rule at warning or above belong to an attack`;
}

function unwanted({ work, alerts }: WorkResult): WorkResult['alerts'] {
  return alerts.filter(({ rule }) => work.wanted[rule.name] === undefined);
}

function of(part: number, whole: number): string {
  return `${part} of ${whole} (${percent(part, whole)})`;
}

function perHour(count: number, hours: number): string {
  return hours === 0 ? '-' : (count / hours).toFixed(1);
}
