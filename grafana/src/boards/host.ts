import type { Board } from '../board.ts';
import { toDetections } from '../links.ts';
import { heat, limits, lines, number, PER_MINUTE, PER_SECOND, ranking, states, valueMapping } from '../panels.ts';
import { busiest, inRange, quantile, rate, select, selectProcess } from '../query.ts';

const RULE = toDetections('This rule', 'rule', '__field.labels.rule');

/** All about one host, from what was found down to how the sensor is. */
export const host: Board = {
  uid: 'bpfwarden-host',
  title: 'Host',
  description: 'One host: what was found on it, what it does, and how its sensor is.',
  oneHost: true,
  rows: [
    {
      title: 'State',
      panels: [
        number({
          title: 'Version',
          description: 'Version of bpfwarden that runs.',
          width: 4,
          unit: 'string',
          name: true,
          queries: [{ expr: select('build_info'), legend: '{{version}}' }],
        }),
        number({
          title: 'Up for',
          description: 'Time since the daemon started.',
          width: 4,
          unit: 's',
          decimals: 0,
          queries: [{ expr: `time() - ${selectProcess('process_start_time_seconds')}` }],
          runbooks: ['BpfwardenRestarting'],
        }),
        number({
          title: 'Rules in force',
          description: 'Loaded rules.',
          width: 4,
          unit: 'none',
          queries: [{ expr: select('rules_loaded') }],
          runbooks: ['BpfwardenNoRules', 'BpfwardenRulesRefused'],
        }),
        number({
          title: 'Last reload',
          description: 'Whether the last reload of configuration and rules succeeded.',
          width: 4,
          unit: 'none',
          thresholds: limits(),
          mappings: [valueMapping(0, 'failed', 'red'), valueMapping(1, 'succeeded', 'green')],
          queries: [{ expr: select('config_last_reload_successful') }],
          runbooks: ['BpfwardenReloadFailed'],
        }),
        number({
          title: 'Loaded',
          description: 'When configuration and rules were last loaded.',
          width: 4,
          unit: 'dateTimeFromNow',
          queries: [{ expr: `${select('config_last_reload_success_timestamp_seconds')} * 1000` }],
        }),
        number({
          title: 'Unaccounted events',
          description: 'Events that no counter explains; anything but 0 is a defect or a manipulation.',
          width: 4,
          unit: 'short',
          thresholds: limits([1, 'red']),
          queries: [{ expr: select('events_unaccounted') }],
          runbooks: ['BpfwardenEventsUnaccounted'],
        }),
      ],
    },
    {
      title: 'Findings',
      panels: [
        lines({
          title: 'Alerts by rule',
          description: 'Alerts a minute: the ten rules that raised most.',
          width: 12,
          unit: PER_MINUTE,
          bars: true,
          stacked: true,
          queries: [
            {
              expr: busiest(10, 'rule', `60 * sum by (rule) (${rate('alerts_total')})`, 'alerts_total'),
              legend: '{{rule}}',
            },
          ],
          runbooks: ['BpfwardenCriticalDetection', 'BpfwardenWarningDetection'],
          drill: RULE,
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
          title: 'ATT&CK tactics',
          description: 'Rule matches in the time shown by tactic. Several at once look like the steps of one attack.',
          width: 6,
          unit: 'locale',
          color: 'red',
          queries: [
            {
              expr: `sum by (tactic) (${inRange('tactic_alerts_total', 'tactic!="none"')}) > 0`,
              legend: '{{tactic}}',
            },
          ],
          runbooks: ['BpfwardenManyTacticsOnOneHost'],
        }),
        ranking({
          title: 'Rules',
          description: 'Alerts in the time shown.',
          width: 10,
          unit: 'locale',
          queries: [{ expr: `topk(12, sum by (rule) (${inRange('alerts_total')}) > 0)`, legend: '{{rule}}' }],
          drill: RULE,
        }),
        lines({
          title: 'Alerts and what was held back',
          description: 'Alerts raised a minute, and matches that raised none, by reason.',
          width: 8,
          unit: PER_MINUTE,
          queries: [
            { expr: `60 * sum(${rate('alerts_total')})`, legend: 'raised' },
            { expr: `60 * sum by (reason) (${rate('alerts_suppressed_total')})`, legend: '{{reason}}' },
          ],
          runbooks: ['BpfwardenAlertsRateLimited'],
        }),
      ],
    },
    {
      title: 'Activity',
      panels: [
        lines({
          title: 'Events by kind',
          description: 'Events a second seen in the kernel: the ten most frequent kinds.',
          width: 12,
          unit: PER_SECOND,
          stacked: true,
          queries: [
            {
              expr: busiest(10, 'event', `sum by (event) (${rate('events_total')})`, 'events_total'),
              legend: '{{event}}',
            },
          ],
        }),
        lines({
          title: 'What became of the events',
          description:
            'Seen is the sum of filtered, throttled, lost and processed; the filter drops what no rule can match.',
          width: 12,
          unit: PER_SECOND,
          queries: [
            { expr: `sum(${rate('events_total')})`, legend: 'seen' },
            { expr: `sum(${rate('events_filtered_total')})`, legend: 'filtered' },
            { expr: `sum(${rate('events_throttled_total')})`, legend: 'throttled' },
            { expr: `sum(${rate('events_lost_total')})`, legend: 'lost' },
            { expr: `sum(${rate('events_processed_total')})`, legend: 'processed' },
          ],
          runbooks: ['BpfwardenEventsLost', 'BpfwardenEventsThrottled'],
        }),
        lines({
          title: 'File bytes',
          description: 'Bytes that processes read from and wrote to files.',
          width: 12,
          unit: 'Bps',
          queries: [{ expr: `sum by (direction) (${rate('file_bytes_total')})`, legend: '{{direction}}' }],
        }),
        lines({
          title: 'Network bytes',
          description: 'Bytes that processes sent and received over TCP and UDP.',
          width: 12,
          unit: 'Bps',
          queries: [{ expr: `sum by (direction) (${rate('network_bytes_total')})`, legend: '{{direction}}' }],
        }),
      ],
    },
    {
      title: 'Sensor',
      panels: [
        states({
          title: 'BPF programs',
          description: 'Whether each program is attached.',
          width: 12,
          height: 16,
          unit: 'none',
          of: [
            [0, 'detached', 'red'],
            [1, 'attached', 'green'],
          ],
          queries: [{ expr: `min by (program) (${select('program_attached')})`, legend: '{{program}}' }],
          runbooks: ['BpfwardenProgramDetached', 'BpfwardenProgramNotAttached'],
        }),
        lines({
          title: 'Time from event to finding',
          description: 'From the kernel clock at the event to the finding in the daemon.',
          width: 12,
          height: 16,
          unit: 's',
          exemplars: true,
          queries: [
            { expr: quantile(0.5, 'detection_latency_seconds'), legend: 'median' },
            { expr: quantile(0.99, 'detection_latency_seconds'), legend: '99th percentile' },
          ],
          runbooks: ['BpfwardenDetectionSlow'],
        }),
      ],
    },
  ],
};
