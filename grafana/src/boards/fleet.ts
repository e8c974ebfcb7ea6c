import { alertList, type Board } from '../board.ts';
import { toDetections, toHost } from '../links.ts';
import { heat, limits, lines, number, PER_MINUTE, PER_SECOND, ranking } from '../panels.ts';
import { busiest, inRange, rate, select, selectProcess } from '../query.ts';
import { table } from '../table.ts';

const HOST_OF_SERIES = toHost('__field.labels.instance');
const byHost = 'sum by (instance)';

/** Is every host watched, and did anything happen on one? */
export const fleet: Board = {
  uid: 'bpfwarden-fleet',
  title: 'Fleet',
  description: 'Whether every host is watched, and what was found on which.',
  alertmanager: true,
  rows: [
    {
      title: 'Now',
      panels: [
        number({
          title: 'Hosts up',
          description: 'Daemons that answer Prometheus.',
          width: 3,
          unit: 'none',
          queries: [{ expr: `count(${select('build_info')})` }],
          runbooks: ['BpfwardenAbsent'],
        }),
        number({
          title: 'Hosts down',
          description: 'Targets of the chosen jobs that do not answer.',
          width: 3,
          unit: 'none',
          thresholds: limits([1, 'red']),
          queries: [{ expr: `sum(1 - ${selectProcess('up')})` }],
          runbooks: ['BpfwardenDown', 'BpfwardenHostMissing'],
        }),
        number({
          title: 'Critical',
          description: 'Critical alerts raised in the time shown.',
          width: 3,
          unit: 'locale',
          decimals: 0,
          thresholds: limits([0.5, 'red']),
          queries: [{ expr: `sum(${inRange('alerts_total', 'severity="critical"')})` }],
          runbooks: ['BpfwardenCriticalDetection'],
        }),
        number({
          title: 'Other alerts',
          description: 'Alerts of severity warning and info raised in the time shown.',
          width: 3,
          unit: 'locale',
          decimals: 0,
          queries: [{ expr: `sum(${inRange('alerts_total', 'severity!="critical"')})` }],
          runbooks: ['BpfwardenWarningDetection'],
        }),
        number({
          title: 'Events',
          description: 'Events seen in the kernels, exact also under overload.',
          width: 3,
          unit: PER_SECOND,
          queries: [{ expr: `sum(${rate('events_total')})` }],
        }),
        number({
          title: 'Events lost',
          description: 'Share of the events in the time shown that were lost between kernel and daemon.',
          width: 3,
          unit: 'percentunit',
          thresholds: limits([0.000001, 'orange'], [0.01, 'red']),
          queries: [{ expr: `sum(${inRange('events_lost_total')}) / sum(${inRange('events_total')})` }],
          runbooks: ['BpfwardenEventsLost', 'BpfwardenEventsLostMany'],
        }),
        number({
          title: 'Detached',
          description: 'BPF programs that are not attached, over all hosts.',
          width: 3,
          unit: 'none',
          thresholds: limits([1, 'red']),
          queries: [{ expr: `sum(1 - ${select('program_attached')})` }],
          runbooks: ['BpfwardenProgramDetached', 'BpfwardenProgramNotAttached'],
        }),
        number({
          title: 'Waiting',
          description: 'Accepted alerts that wait for a sink, over all hosts.',
          width: 3,
          unit: 'short',
          thresholds: limits([100, 'orange']),
          queries: [{ expr: `sum(${select('spool_alerts')})` }],
          runbooks: ['BpfwardenSpoolGrowing', 'BpfwardenSinkFailing'],
        }),
      ],
    },
    {
      title: 'Detections',
      panels: [
        lines({
          title: 'Alerts by severity',
          description: 'Alerts raised a minute.',
          width: 12,
          unit: PER_MINUTE,
          bars: true,
          stacked: true,
          severities: true,
          queries: [{ expr: `60 * sum by (severity) (${rate('alerts_total')})`, legend: '{{severity}}' }],
          drill: toDetections('These detections', 'severity', '__field.labels.severity'),
        }),
        heat({
          title: 'Risk scores',
          description: 'How many findings had which risk score (0 to 1). Each mark is an alert with its alert_id.',
          width: 12,
          unit: 'none',
          queries: [
            { expr: `sum by (le) (increase(${select('risk_score_bucket')}[$__rate_interval]))`, legend: '{{le}}' },
          ],
          runbooks: ['BpfwardenHighRiskOnManyHosts'],
        }),
        ranking({
          title: 'Rules that alerted most',
          description: 'Alerts in the time shown, over all chosen hosts.',
          width: 10,
          height: 9,
          unit: 'locale',
          queries: [
            {
              expr: `topk(10, sum by (rule) (${inRange('alerts_total')}) > 0)`,
              legend: '{{rule}}',
            },
          ],
          drill: toDetections('This rule', 'rule', '__field.labels.rule'),
        }),
        ranking({
          title: 'Hosts with most alerts',
          description: 'Alerts in the time shown.',
          width: 6,
          height: 9,
          unit: 'locale',
          color: 'orange',
          queries: [
            {
              expr: `topk(10, ${byHost} (${inRange('alerts_total')}) > 0)`,
              legend: '{{instance}}',
            },
          ],
          drill: HOST_OF_SERIES,
        }),
        alertList(8, 9),
      ],
    },
    {
      title: 'Hosts',
      panels: [
        table({
          title: 'Hosts',
          description: 'One row for each host; the name leads to its board.',
          width: 24,
          height: 8,
          labels: [{ label: 'instance', name: 'Host', width: 180, drill: toHost('__data.fields.Host') }],
          sort: 'Critical',
          columns: [
            {
              name: 'Critical',
              expr: `${byHost} (${inRange('alerts_total', 'severity="critical"')})`,
              unit: 'locale',
              decimals: 0,
              warnFrom: 0.5,
            },
            {
              name: 'Warning',
              expr: `${byHost} (${inRange('alerts_total', 'severity="warning"')})`,
              unit: 'locale',
              decimals: 0,
            },
            {
              name: 'Info',
              expr: `${byHost} (${inRange('alerts_total', 'severity="info"')})`,
              unit: 'locale',
              decimals: 0,
            },
            { name: 'Events', expr: `${byHost} (${rate('events_total')})`, unit: PER_SECOND },
            {
              name: 'Lost',
              expr: `${byHost} (${inRange('events_lost_total')})`,
              unit: 'locale',
              decimals: 0,
              warnFrom: 0.5,
            },
            {
              name: 'Detached',
              expr: `${byHost} (1 - ${select('program_attached')})`,
              unit: 'none',
              warnFrom: 1,
            },
            { name: 'Rules', expr: `${byHost} (${select('rules_loaded')})`, unit: 'none' },
            { name: 'Waiting', expr: `${byHost} (${select('spool_alerts')})`, unit: 'short', warnFrom: 100 },
            {
              name: 'CPU',
              expr: `${byHost} (rate(${selectProcess('process_cpu_seconds_total')}[$__rate_interval]))`,
              unit: 'percentunit',
              decimals: 1,
            },
            { name: 'Memory', expr: `${byHost} (${selectProcess('process_resident_memory_bytes')})`, unit: 'bytes' },
            {
              name: 'Up for',
              expr: `${byHost} (time() - ${selectProcess('process_start_time_seconds')})`,
              unit: 's',
              decimals: 0,
            },
          ],
        }),
        lines({
          title: 'Events by host',
          description: 'Events a second seen in the kernel: the ten busiest hosts.',
          width: 12,
          unit: PER_SECOND,
          queries: [
            {
              expr: busiest(10, 'instance', `${byHost} (${rate('events_total')})`, 'events_total'),
              legend: '{{instance}}',
            },
          ],
          drill: HOST_OF_SERIES,
        }),
        lines({
          title: 'Events lost by host',
          description: 'Events a second that were lost between kernel and daemon.',
          width: 12,
          unit: PER_SECOND,
          queries: [
            {
              expr: busiest(10, 'instance', `${byHost} (${rate('events_lost_total')})`, 'events_total'),
              legend: '{{instance}}',
            },
          ],
          runbooks: ['BpfwardenEventsLost'],
          drill: HOST_OF_SERIES,
        }),
      ],
    },
  ],
};
