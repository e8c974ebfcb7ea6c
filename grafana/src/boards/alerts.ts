import { alertList, type Board } from '../board.ts';
import { toDetections, toHost } from '../links.ts';
import { alertsOverTime, alertsStored, alertTable } from '../logs.ts';
import { limits, lines, number, PER_MINUTE, type Query, type State, states } from '../panels.ts';
import { CHOSEN, HOST, inRange, rate, select } from '../query.ts';
import { table } from '../table.ts';

const SEVERITIES: readonly State[] = [
  [0, 'nothing', 'transparent'],
  [1, 'info', 'blue'],
  [2, 'warning', 'orange'],
  [3, 'critical', 'red'],
];

/** A line for each rule that alerted in the time shown: its severity while it alerts, else nothing. */
const alertsOf = ([value, severity]: State): Query => {
  const matchers = [...CHOSEN, `severity="${severity}"`];
  const alerted = `increase(${select('alerts_total', ...matchers)}[$__range] @ end())`;
  return {
    expr: `${value} * (sum by (rule) (${rate('alerts_total', ...matchers)}) > bool 0) and on (rule) topk(12, sum by (rule) (${alerted}) > 0)`,
    legend: '{{rule}}',
  };
};

/** Firing in Prometheus: of the daemon's own names only those that the chosen boards know. */
const firing = (expr: string) =>
  `${expr}{alertname=~"Bpfwarden.+", alertname!="BpfwardenWatchdog", ${HOST.join(', ')}, severity=~"$severity"}`;

/** Who did what, where and when. */
export const alerts: Board = {
  uid: 'bpfwarden-alerts',
  title: 'Alerts',
  description:
    'The alerts themselves: who did what, where and when, with a link to each; beside it how many there were.',
  alertmanager: true,
  loki: true,
  choose: ['severity', 'rule'],
  rows: [
    {
      title: 'How many',
      panels: [
        number({
          title: 'Critical',
          description: 'Critical alerts raised in the time shown.',
          width: 4,
          unit: 'locale',
          decimals: 0,
          thresholds: limits([0.5, 'red']),
          queries: [{ expr: `sum(${inRange('alerts_total', ...CHOSEN, 'severity="critical"')}) or vector(0)` }],
          runbooks: ['BpfwardenCriticalDetection'],
        }),
        number({
          title: 'Warning',
          description: 'Alerts of severity warning raised in the time shown.',
          width: 4,
          unit: 'locale',
          decimals: 0,
          thresholds: limits([0.5, 'orange']),
          queries: [{ expr: `sum(${inRange('alerts_total', ...CHOSEN, 'severity="warning"')}) or vector(0)` }],
          runbooks: ['BpfwardenWarningDetection'],
        }),
        number({
          title: 'Info',
          description: 'Alerts of severity info raised in the time shown: a record, which no sink sends by default.',
          width: 4,
          unit: 'locale',
          decimals: 0,
          queries: [{ expr: `sum(${inRange('alerts_total', ...CHOSEN, 'severity="info"')}) or vector(0)` }],
          runbooks: ['BpfwardenInfoDetection'],
        }),
        number({
          title: 'Updates',
          description: 'Updates of alerts in the time shown: repeats that were held back, summed up.',
          width: 4,
          unit: 'locale',
          decimals: 0,
          queries: [{ expr: `sum(${inRange('alert_updates_total')})` }],
        }),
        number({
          title: 'Waiting',
          description: 'Accepted alerts that wait for a sink.',
          width: 4,
          unit: 'short',
          thresholds: limits([100, 'orange']),
          queries: [{ expr: `sum(${select('spool_alerts')})` }],
          runbooks: ['BpfwardenSpoolGrowing'],
        }),
        alertsStored({
          title: 'In Loki',
          description: 'Alerts and updates that Loki has of the time shown: what the sink otlp was given.',
          width: 4,
        }),
        lines({
          title: 'Alerts by severity',
          description: 'Alerts raised a minute, as the daemons count them.',
          width: 12,
          height: 7,
          unit: PER_MINUTE,
          bars: true,
          stacked: true,
          severities: true,
          queries: [{ expr: `60 * sum by (severity) (${rate('alerts_total', ...CHOSEN)})`, legend: '{{severity}}' }],
        }),
        alertsOverTime({
          title: 'Alerts in Loki',
          description:
            'Alerts and updates a minute, as they arrived in Loki. Info is missing unless the sink sends it.',
          width: 12,
          height: 7,
        }),
      ],
    },
    {
      title: 'Each alert',
      panels: [
        alertTable({
          title: 'Who did what, where and when',
          description:
            'The newest alerts, from Loki; the last column leads to the whole alert on the daemon that raised it.',
          width: 24,
          height: 16,
          rows: 200,
          format:
            '| label_format object=`{{ if .file_path }}{{ .file_path }}{{ else if .destination_address }}{{ .destination_address }}:{{ .destination_port }}{{ end }}`',
          columns: [
            { attribute: 'severity', name: 'Severity', severity: true },
            { attribute: 'host_name', name: 'Host', width: 90 },
            { attribute: 'rule_name', name: 'Rule', width: 290 },
            { attribute: 'user_name', name: 'User', width: 90 },
            { attribute: 'process_command_line', name: 'Command' },
            { attribute: 'object', name: 'File or address' },
            { attribute: 'alert_url', name: 'Alert', width: 70, leads: 'The alert' },
          ],
        }),
      ],
    },
    {
      title: 'Process trees',
      panels: [
        alertTable({
          title: 'Who started it',
          description:
            'The process of each alert below its ancestors, from Loki: an incident is the alerts of one process tree. Filter by its number to follow what came one after the other.',
          width: 24,
          height: 12,
          rows: 200,
          format: '| process_tree != ""',
          columns: [
            { attribute: 'incident_id', name: 'Incident', width: 150 },
            { attribute: 'severity', name: 'Severity', severity: true },
            { attribute: 'host_name', name: 'Host', width: 90 },
            { attribute: 'rule_name', name: 'Rule', width: 290 },
            { attribute: 'process_tree', name: 'Process tree' },
            { attribute: 'alert_url', name: 'Alert', width: 70, leads: 'The alert' },
          ],
        }),
      ],
    },
    {
      title: 'When',
      panels: [
        states({
          title: 'Timeline',
          description:
            'When which rule alerted, in the colour of its severity: the twelve of each severity that alerted most.',
          width: 24,
          height: 12,
          unit: 'none',
          of: SEVERITIES,
          queries: [...SEVERITIES].reverse().slice(0, 3).map(alertsOf),
          drill: toDetections('This rule', 'rule', '__field.labels.rule'),
        }),
      ],
    },
    {
      title: 'What Prometheus and Alertmanager say',
      panels: [
        table({
          title: 'Firing',
          description:
            "Alerts of the rules in Prometheus that fire now, and for how long. Grafana's Alertmanager data source answers no panel but the list beside it.",
          width: 16,
          height: 10,
          labels: [
            { label: 'severity', name: 'Severity', severity: true },
            { label: 'alertname', name: 'Alert', width: 230 },
            { label: 'rule', name: 'Rule', width: 240, drill: toDetections('This rule', 'rule', '__data.fields.Rule') },
            { label: 'instance', name: 'Host', width: 140, drill: toHost('__data.fields.Host') },
          ],
          sort: 'For',
          columns: [
            {
              name: 'For',
              expr: `max by (severity, alertname, rule, instance) (time() - ${firing('ALERTS_FOR_STATE')})`,
              unit: 's',
              decimals: 0,
            },
          ],
        }),
        alertList(8, 10, 'To be silenced or looked up'),
      ],
    },
  ],
};
