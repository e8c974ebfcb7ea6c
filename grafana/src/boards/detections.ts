import type { Board } from '../board.ts';
import { toDetections, toHost } from '../links.ts';
import { heat, lines, number, PER_MINUTE, ranking } from '../panels.ts';
import { busiest, CHOSEN, ENFORCED, inRange, ofAlertingRules, rate, select } from '../query.ts';
import { table } from '../table.ts';

const CHOSEN_RULES = [...CHOSEN, ENFORCED];
const SEVERITY = 'severity=~"$severity"';
const RULE = 'rule=~"$rule"';
/** A rule has one series of rule_info for each technique, which is the "many" side of the join. */
const byTechnique = (matches: string) =>
  `sum by (technique) (${select('rule_info', ...CHOSEN, 'technique!="none"')} * on (job, instance, rule) group_left () sum by (job, instance, rule) (${matches}))`;

/** What was found, by rule, severity and ATT&CK; choose a rule to see it alone. */
export const detections: Board = {
  uid: 'bpfwarden-detections',
  title: 'Detections',
  description: 'What was found: by rule, severity, host and ATT&CK technique.',
  choose: ['severity', 'rule'],
  rows: [
    {
      title: 'Over time',
      panels: [
        number({
          title: 'Detections',
          description: 'Matches of the chosen rules in the time shown, before anything is held back.',
          width: 4,
          unit: 'locale',
          decimals: 0,
          queries: [{ expr: `sum(${inRange('rule_matches_total', ...CHOSEN_RULES)})` }],
        }),
        number({
          title: 'Alerts raised',
          description: 'Alerts that followed from them, after dedupe, throttle and silences.',
          width: 4,
          unit: 'locale',
          decimals: 0,
          queries: [{ expr: `sum(${inRange('alerts_total', ...CHOSEN)})` }],
        }),
        number({
          title: 'Held back',
          description: 'Matches that raised no alert of their own; each is counted with its reason.',
          width: 4,
          unit: 'locale',
          decimals: 0,
          queries: [{ expr: `sum(${inRange('alerts_suppressed_total', RULE)})` }],
          runbooks: ['BpfwardenAlertsRateLimited'],
        }),
        number({
          title: 'On trial',
          description: 'Matches of rules in shadow mode, which raise no alerts.',
          width: 4,
          unit: 'locale',
          decimals: 0,
          queries: [{ expr: `sum(${inRange('rule_matches_total', ...CHOSEN, 'mode="shadow"')}) or vector(0)` }],
        }),
        number({
          title: 'Rules that matched',
          description: 'How many different rules matched in the time shown.',
          width: 4,
          unit: 'none',
          queries: [
            { expr: `count(sum by (rule) (${inRange('rule_matches_total', ...CHOSEN_RULES)}) > 0) or vector(0)` },
          ],
        }),
        number({
          title: 'Hosts concerned',
          description: 'How many hosts had a match in the time shown.',
          width: 4,
          unit: 'none',
          queries: [
            { expr: `count(sum by (instance) (${inRange('rule_matches_total', ...CHOSEN_RULES)}) > 0) or vector(0)` },
          ],
          runbooks: ['BpfwardenSameRuleOnManyHosts'],
        }),
        lines({
          title: 'By severity',
          description: 'Rule matches a minute.',
          width: 12,
          unit: PER_MINUTE,
          bars: true,
          stacked: true,
          severities: true,
          queries: [
            { expr: `60 * sum by (severity) (${rate('rule_matches_total', ...CHOSEN_RULES)})`, legend: '{{severity}}' },
          ],
        }),
        lines({
          title: 'By rule',
          description: 'Alerts a minute: the ten rules that raised most.',
          width: 12,
          unit: PER_MINUTE,
          bars: true,
          stacked: true,
          queries: [
            {
              expr: busiest(
                10,
                'rule',
                `60 * sum by (rule) (${rate('alerts_total', ...CHOSEN)})`,
                'alerts_total',
                ...CHOSEN,
              ),
              legend: '{{rule}}',
            },
          ],
          runbooks: ['BpfwardenRuleRateUnusual'],
        }),
        heat({
          title: 'Risk scores',
          description:
            'How many findings had which risk score (0 to 1), of all rules. Each mark is an alert with its alert_id.',
          width: 12,
          unit: 'none',
          queries: [
            { expr: `sum by (le) (increase(${select('risk_score_bucket')}[$__rate_interval]))`, legend: '{{le}}' },
          ],
          runbooks: ['BpfwardenHighRiskOnManyHosts'],
        }),
        ranking({
          title: 'Findings by kind of event',
          description: 'What the events were that at least one rule or heuristic matched, in the time shown.',
          width: 12,
          unit: 'locale',
          color: 'purple',
          queries: [{ expr: `sum by (event) (${inRange('risk_score_count')}) > 0`, legend: '{{event}}' }],
        }),
      ],
    },
    {
      title: 'ATT&CK',
      panels: [
        ranking({
          title: 'Techniques',
          description: 'Matches in the time shown by ATT&CK technique; a rule of two techniques counts in both.',
          width: 8,
          height: 10,
          unit: 'locale',
          queries: [
            {
              expr: `topk(12, ${byTechnique(inRange('rule_matches_total', ...CHOSEN_RULES))} > 0)`,
              legend: '{{technique}}',
            },
          ],
        }),
        ranking({
          title: 'Tactics',
          description: 'Matches in the time shown by ATT&CK tactic, of all rules of the chosen severities.',
          width: 8,
          height: 10,
          unit: 'locale',
          color: 'red',
          queries: [
            {
              expr: `sum by (tactic) (${inRange('tactic_alerts_total', SEVERITY, 'tactic!="none"')}) > 0`,
              legend: '{{tactic}}',
            },
          ],
          runbooks: ['BpfwardenManyTacticsOnOneHost'],
        }),
        lines({
          title: 'Tactics over time',
          description: 'Matches a minute by ATT&CK tactic.',
          width: 8,
          height: 10,
          unit: PER_MINUTE,
          bars: true,
          stacked: true,
          queries: [
            {
              expr: `60 * sum by (tactic) (${rate('tactic_alerts_total', SEVERITY, 'tactic!="none"')}) > 0`,
              legend: '{{tactic}}',
            },
          ],
        }),
      ],
    },
    {
      title: 'Rules and hosts',
      panels: [
        table({
          title: 'Rules',
          description:
            'Matches, alerts and what was held back in the time shown, of rules that raise alerts; the name chooses the rule.',
          width: 14,
          height: 12,
          labels: [
            {
              label: 'rule',
              name: 'Rule',
              width: 250,
              drill: toDetections('Only this rule', 'rule', '__data.fields.Rule'),
            },
            { label: 'severity', name: 'Severity', severity: true },
          ],
          sort: 'Alerts',
          columns: [
            {
              name: 'Matches',
              expr: ofAlertingRules(`sum by (rule, severity) (${inRange('rule_matches_total', ...CHOSEN_RULES)}) > 0`),
              unit: 'locale',
              decimals: 0,
            },
            {
              name: 'Alerts',
              expr: `sum by (rule, severity) (${inRange('alerts_total', ...CHOSEN)}) > 0`,
              unit: 'locale',
              decimals: 0,
            },
            {
              name: 'Held back',
              expr: `(sum by (rule) (${inRange('alerts_suppressed_total', RULE)}) > 0) * on (rule) group_left (severity) max by (rule, severity) (${select('rule_info', ...CHOSEN)})`,
              unit: 'locale',
              decimals: 0,
            },
            {
              name: 'Hosts',
              expr: ofAlertingRules(
                `count by (rule, severity) (sum by (rule, severity, instance) (${inRange('rule_matches_total', ...CHOSEN_RULES)}) > 0)`,
              ),
              unit: 'none',
            },
          ],
        }),
        ranking({
          title: 'Hosts',
          description: 'Matches of the chosen rules in the time shown.',
          width: 10,
          height: 12,
          unit: 'locale',
          color: 'orange',
          queries: [
            {
              expr: `topk(15, sum by (instance) (${inRange('rule_matches_total', ...CHOSEN_RULES)}) > 0)`,
              legend: '{{instance}}',
            },
          ],
          drill: toHost('__field.labels.instance'),
        }),
      ],
    },
    {
      title: 'Response',
      panels: [
        lines({
          title: 'Held back by reason',
          description: 'Matches a minute that raised no alert of their own.',
          width: 12,
          unit: PER_MINUTE,
          queries: [{ expr: `60 * sum by (reason) (${rate('alerts_suppressed_total', RULE)})`, legend: '{{reason}}' }],
        }),
        lines({
          title: 'Actions',
          description: 'Response actions a minute by outcome. Unless switched on, kill and block are simulated.',
          width: 12,
          unit: PER_MINUTE,
          queries: [
            {
              expr: `60 * sum by (outcome) (${rate('response_actions_total', 'outcome!="none"')})`,
              legend: '{{outcome}}',
            },
          ],
          runbooks: ['BpfwardenResponseFailed'],
        }),
      ],
    },
  ],
};
