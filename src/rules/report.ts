/** What the commands `rules` and `explain` print. */

import { nearest } from '../nearest.ts';
import type { EventRecord } from '../schema/event.ts';
import { type conditionText, explainCondition, explanationText } from './explain.ts';
import type { RuleSet } from './ruleset.ts';
import type { RuleInfo } from './types.ts';

const COLUMNS: readonly (readonly [string, (info: RuleInfo) => string])[] = [
  ['RULE', (info) => info.name],
  ['SEVERITY', (info) => info.severity],
  ['SCORE', (info) => String(info.riskScore)],
  ['CONFIDENCE', (info) => String(info.confidence)],
  ['ACTION', (info) => (info.heuristic ? 'heuristic' : info.mode === 'shadow' ? 'shadow' : info.action)],
  ['MITRE', (info) => info.mitre.join(',')],
  ['SOURCE', (info) => info.source],
];

/** The rules as a table, in the order of their names. */
export function rulesText(infos: readonly RuleInfo[]): string {
  const sorted = [...infos].sort((a, b) => (a.name < b.name ? -1 : 1));
  const rows = [COLUMNS.map(([title]) => title), ...sorted.map((info) => COLUMNS.map(([, cell]) => cell(info)))];
  const widths = COLUMNS.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

/**
 * Why one rule matches an event or not, or which rules match it. undefined
 * with the nearest name when there is no such rule.
 */
export function explainText(
  ruleset: RuleSet,
  event: EventRecord,
  name?: string,
): { readonly text: string } | { readonly nearest: string | undefined } {
  if (name === undefined) {
    const matching = ruleset.rules.filter((rule) => rule.matches(event));
    if (matching.length === 0) return { text: `no rule matches event ${event.id} (${event.kind})` };
    return {
      text: matching
        .map((rule) => `${rule.info.name} (${rule.info.source})\n${why(rule.condition, event)}`)
        .join('\n\n'),
    };
  }
  const rule = ruleset.rule(name);
  if (rule === undefined)
    return {
      nearest: nearest(
        name,
        ruleset.infos.map((info) => info.name),
      ),
    };
  const { window } = rule.definition;
  const counted =
    window === undefined
      ? ''
      : `\nmatches count in a window: ${window.type}, ${window.count} within ${window.seconds} s by ${window.by.map((part) => part.name).join(', ') || 'nothing'}`;
  const verdict = rule.matches(event) ? 'matches' : 'does not match';
  return {
    text: `${rule.info.name} (${rule.info.source}) ${verdict} event ${event.id} (${event.kind})\n${why(rule.condition, event)}${counted}`,
  };
}

function why(condition: Parameters<typeof conditionText>[0], event: EventRecord): string {
  return explanationText(explainCondition(condition, event), 1);
}
