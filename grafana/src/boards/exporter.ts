import type { Board } from '../board.ts';
import { heat, limits, lines, number, PER_MINUTE, PER_SECOND } from '../panels.ts';
import { busiest, inRange, processRate, quantile, rate, select, selectProcess } from '../query.ts';

const byHost = 'sum by (instance)';

/** What watching costs, and whether the watcher itself is well. */
export const exporter: Board = {
  uid: 'bpfwarden-exporter',
  title: 'Exporter',
  description: 'Health and cost of bpfwarden itself: pipeline, losses, CPU, memory, delivery of alerts.',
  rows: [
    {
      title: 'Pipeline',
      panels: [
        lines({
          title: 'What became of the events',
          description: 'Filtered, throttled, lost and processed add up to what the kernel saw.',
          width: 12,
          unit: PER_SECOND,
          stacked: true,
          queries: [
            { expr: `sum(${rate('events_filtered_total')})`, legend: 'filtered' },
            { expr: `sum(${rate('events_throttled_total')})`, legend: 'throttled' },
            { expr: `sum(${rate('events_lost_total')})`, legend: 'lost' },
            { expr: `sum(${rate('events_processed_total')})`, legend: 'processed' },
          ],
          runbooks: ['BpfwardenEventsLost', 'BpfwardenEventsThrottled'],
        }),
        lines({
          title: 'Share that the kernel filter drops',
          description: 'Events that no loaded rule can match never reach user space.',
          width: 6,
          unit: 'percentunit',
          max: 1,
          queries: [
            {
              expr: `${byHost} (${rate('events_filtered_total')}) / (${byHost} (${rate('events_total')}) > 0)`,
              legend: '{{instance}}',
            },
          ],
        }),
        lines({
          title: 'Lost events by reason',
          description: 'No room in the ring buffer, or no scratch buffer to build the record in.',
          width: 6,
          unit: PER_SECOND,
          queries: [{ expr: `sum by (reason) (${rate('events_lost_total')})`, legend: '{{reason}}' }],
          runbooks: ['BpfwardenEventsLost', 'BpfwardenEventsLostMany'],
        }),
        lines({
          title: 'Ring buffers',
          description: 'Share of each ring buffer that waits for the daemon, the fullest host.',
          width: 12,
          unit: 'percentunit',
          queries: [
            { expr: `max by (ring) (${select('ring_used_bytes')} / ${select('ring_size_bytes')})`, legend: '{{ring}}' },
          ],
          runbooks: ['BpfwardenRingFilling'],
        }),
        lines({
          title: 'Limits met in the kernel',
          description: 'What the kernel programs could not hold or read; the events concerned are marked, not lost.',
          width: 12,
          unit: PER_SECOND,
          queries: [{ expr: `sum by (reason) (${rate('kernel_failures_total')})`, legend: '{{reason}}' }],
          runbooks: ['BpfwardenKernelFailures'],
        }),
        number({
          title: 'Unaccounted',
          description: 'Events that no counter explains; anything but 0 is a defect or a manipulation.',
          width: 6,
          height: 3,
          unit: 'short',
          thresholds: limits([1, 'red']),
          queries: [{ expr: `sum(${select('events_unaccounted')})` }],
          runbooks: ['BpfwardenEventsUnaccounted'],
        }),
        number({
          title: 'Decode errors',
          description: 'Records in the time shown that could not be decoded.',
          width: 6,
          height: 3,
          unit: 'locale',
          decimals: 0,
          thresholds: limits([0.5, 'red']),
          queries: [{ expr: `sum(${inRange('events_decode_errors_total')})` }],
          runbooks: ['BpfwardenDecodeErrors'],
        }),
        number({
          title: 'Failed readings',
          description: 'Readings for a scrape in the time shown that failed; what they set may be old.',
          width: 6,
          height: 3,
          unit: 'locale',
          decimals: 0,
          thresholds: limits([0.5, 'orange']),
          queries: [{ expr: `sum(${inRange('collect_failures_total')})` }],
          runbooks: ['BpfwardenCollectFailing'],
        }),
        number({
          title: 'Rules in force',
          description: 'Loaded rules of the host that has fewest.',
          width: 6,
          height: 3,
          unit: 'none',
          thresholds: limits(),
          queries: [{ expr: `min(${select('rules_loaded')})` }],
          runbooks: ['BpfwardenNoRules'],
        }),
        number({
          title: 'Rules refused',
          description: 'Rules that are not in force because something is wrong with them.',
          width: 6,
          height: 3,
          unit: 'none',
          thresholds: limits([1, 'orange']),
          queries: [{ expr: `sum(${select('rule_problems')})` }],
          runbooks: ['BpfwardenRulesRefused'],
        }),
        number({
          title: 'Rule sets',
          description: 'Different rule sets in force; more than one means that hosts detect different things.',
          width: 6,
          height: 3,
          unit: 'none',
          thresholds: limits([2, 'orange']),
          queries: [{ expr: `count(count by (sha256) (${select('rules_hash_info')}))` }],
          runbooks: ['BpfwardenRulesDiffer'],
        }),
        number({
          title: 'Folded updates',
          description:
            'Updates in the time shown that were counted under __other__, because a metric is at its limit of series; system calls and risk scores of rare kinds do so by design.',
          width: 6,
          height: 3,
          unit: 'locale',
          decimals: 0,
          thresholds: limits([0.5, 'orange']),
          queries: [
            {
              expr: `sum(${inRange('series_overflow_total', 'metric!~"bpfwarden_(syscalls_total|risk_score)"')}) or vector(0)`,
            },
          ],
          runbooks: ['BpfwardenSeriesCapReached'],
        }),
        number({
          title: 'Plugin failures',
          description: 'Calls of plugins in the time shown that threw or took too long.',
          width: 6,
          height: 3,
          unit: 'locale',
          decimals: 0,
          thresholds: limits([0.5, 'orange']),
          queries: [{ expr: `sum(${inRange('plugin_failures_total')}) or vector(0)` }],
          runbooks: ['BpfwardenPluginFailing'],
        }),
      ],
    },
    {
      title: 'Cost',
      panels: [
        lines({
          title: 'CPU of the daemon',
          description: 'Share of one core in user and system mode.',
          width: 12,
          unit: 'percentunit',
          queries: [
            { expr: `${byHost} (${processRate('process_cpu_user_seconds_total')})`, legend: '{{instance}} user' },
            { expr: `${byHost} (${processRate('process_cpu_system_seconds_total')})`, legend: '{{instance}} system' },
          ],
        }),
        lines({
          title: 'Memory',
          description: 'Resident memory of the daemon, the JavaScript heap, and what it holds outside of it.',
          width: 12,
          unit: 'bytes',
          queries: [
            { expr: `${byHost} (${selectProcess('process_resident_memory_bytes')})`, legend: '{{instance}} resident' },
            { expr: `${byHost} (${selectProcess('nodejs_heap_size_used_bytes')})`, legend: '{{instance}} heap' },
            { expr: `${byHost} (${selectProcess('nodejs_external_memory_bytes')})`, legend: '{{instance}} external' },
          ],
        }),
        lines({
          title: 'CPU of the BPF programs',
          description:
            'Share of one core that the kernel spends in the eight dearest programs; 0 unless kernel.program_statistics is on.',
          width: 12,
          unit: 'percentunit',
          queries: [
            {
              expr: busiest(
                8,
                'program',
                `sum by (program) (${rate('program_run_seconds_total')})`,
                'program_run_seconds_total',
              ),
              legend: '{{program}}',
            },
          ],
        }),
        lines({
          title: 'Runs of the BPF programs',
          description: 'How often the kernel ran the eight busiest programs; 0 unless kernel.program_statistics is on.',
          width: 12,
          unit: PER_SECOND,
          queries: [
            {
              expr: busiest(8, 'program', `sum by (program) (${rate('program_runs_total')})`, 'program_runs_total'),
              legend: '{{program}}',
            },
          ],
        }),
        lines({
          title: 'CPU per processed event',
          description:
            'CPU time of the daemon by events that went through the rules. Idle work weighs more on a quiet host.',
          width: 8,
          unit: 's',
          queries: [
            {
              expr: `${byHost} (rate(${selectProcess('process_cpu_seconds_total')}[$__rate_interval])) / (${byHost} (${rate('events_processed_total')}) > 0)`,
              legend: '{{instance}}',
            },
          ],
        }),
        lines({
          title: 'Event loop delay',
          description: 'How late the daemon gets to its work; events wait in the ring buffer meanwhile.',
          width: 8,
          unit: 's',
          queries: [
            {
              expr: `max by (instance) (${selectProcess('nodejs_eventloop_lag_p99_seconds')})`,
              legend: '{{instance}} p99',
            },
            {
              expr: `max by (instance) (${selectProcess('nodejs_eventloop_lag_max_seconds')})`,
              legend: '{{instance}} max',
            },
          ],
          runbooks: ['BpfwardenEventLoopBlocked'],
        }),
        lines({
          title: 'File descriptors',
          description: 'Open file descriptors as a share of the limit.',
          width: 8,
          unit: 'percentunit',
          queries: [
            {
              expr: `max by (instance) (${selectProcess('process_open_fds')} / ${selectProcess('process_max_fds')})`,
              legend: '{{instance}}',
            },
          ],
          runbooks: ['BpfwardenFileDescriptorsScarce'],
        }),
        lines({
          title: 'Time of a scrape',
          description: 'How long Prometheus waits for /metrics.',
          width: 12,
          unit: 's',
          queries: [
            { expr: `max by (instance) (${selectProcess('scrape_duration_seconds')})`, legend: '{{instance}}' },
          ],
        }),
        lines({
          title: 'Series of a host',
          description: 'Samples that each host exposes, at most 2,000.',
          width: 12,
          unit: 'short',
          queries: [{ expr: `max by (instance) (${selectProcess('scrape_samples_scraped')})`, legend: '{{instance}}' }],
          runbooks: ['BpfwardenSeriesCapReached'],
        }),
      ],
    },
    {
      title: 'Detection',
      panels: [
        heat({
          title: 'Time from event to finding',
          description: 'From the kernel clock at the event to the finding. Each mark is an alert with its alert_id.',
          width: 12,
          unit: 's',
          queries: [
            {
              expr: `sum by (le) (increase(${select('detection_latency_seconds_bucket')}[$__rate_interval]))`,
              legend: '{{le}}',
            },
          ],
          runbooks: ['BpfwardenDetectionSlow'],
        }),
        lines({
          title: '99th percentile by host',
          description: 'Time from event to finding that one finding in a hundred exceeds.',
          width: 12,
          unit: 's',
          queries: [{ expr: quantile(0.99, 'detection_latency_seconds', ['instance']), legend: '{{instance}}' }],
          runbooks: ['BpfwardenDetectionSlow'],
        }),
        lines({
          title: 'Tables',
          description: 'Entries of the process table and of the alert ledger.',
          width: 8,
          unit: 'short',
          queries: [
            { expr: `${byHost} (${select('process_table_entries')})`, legend: '{{instance}} processes' },
            { expr: `${byHost} (${select('ledger_entries')})`, legend: '{{instance}} ledger' },
          ],
        }),
        lines({
          title: 'Forgotten for want of room',
          description: 'Processes, keys of windows and ledger entries evicted while still of use.',
          width: 8,
          unit: PER_SECOND,
          queries: [
            { expr: `sum(${rate('process_table_evictions_total')})`, legend: 'processes' },
            { expr: `sum(${rate('window_evictions_total')})`, legend: 'windows' },
            { expr: `sum(${rate('ledger_evictions_total')})`, legend: 'ledger' },
          ],
          runbooks: ['BpfwardenProcessTableEvictions', 'BpfwardenWindowEvictions', 'BpfwardenLedgerEvictions'],
        }),
        lines({
          title: 'Unknown processes',
          description: 'Events a second of processes that the process table did not have.',
          width: 8,
          unit: PER_SECOND,
          queries: [{ expr: `${byHost} (${rate('process_table_misses_total')})`, legend: '{{instance}}' }],
          runbooks: ['BpfwardenProcessTableEvictions'],
        }),
      ],
    },
    {
      title: 'Delivery',
      panels: [
        lines({
          title: 'Deliveries',
          description: 'Attempts a minute by sink and outcome.',
          width: 12,
          unit: PER_MINUTE,
          queries: [
            {
              expr: `60 * sum by (sink, outcome) (${rate('alert_deliveries_total')})`,
              legend: '{{sink}} {{outcome}}',
            },
          ],
          runbooks: ['BpfwardenSinkFailing', 'BpfwardenAlertsRejected', 'BpfwardenAlertsUndelivered'],
        }),
        lines({
          title: 'Time from alert to acceptance',
          description: 'All attempts included.',
          width: 12,
          unit: 's',
          exemplars: true,
          queries: [
            { expr: quantile(0.5, 'alert_delivery_seconds'), legend: 'median' },
            { expr: quantile(0.95, 'alert_delivery_seconds'), legend: '95th percentile' },
          ],
          runbooks: ['BpfwardenDeliverySlow'],
        }),
        lines({
          title: 'Alerts on disk',
          description: 'Alerts that wait for a sink.',
          width: 8,
          unit: 'short',
          queries: [{ expr: `${byHost} (${select('spool_alerts')})`, legend: '{{instance}}' }],
          runbooks: ['BpfwardenSpoolGrowing'],
        }),
        lines({
          title: 'Size on disk',
          description: 'Size of the waiting alerts; at spool.max_bytes the oldest are dropped.',
          width: 8,
          unit: 'bytes',
          queries: [{ expr: `${byHost} (${select('spool_bytes')})`, legend: '{{instance}}' }],
          runbooks: ['BpfwardenSpoolNearlyFull'],
        }),
        lines({
          title: 'Oldest waiting alert',
          description: 'Its age; 0 when none waits.',
          width: 8,
          unit: 's',
          queries: [{ expr: `max by (instance) (${select('spool_oldest_seconds')})`, legend: '{{instance}}' }],
          runbooks: ['BpfwardenSpoolOld'],
        }),
        lines({
          title: 'Stream clients',
          description: 'Clients of the alert and event streams, and entries not sent to those that read too slowly.',
          width: 24,
          height: 6,
          unit: 'short',
          queries: [
            { expr: `sum(${select('stream_clients')})`, legend: 'clients' },
            { expr: `sum(${rate('stream_dropped_total')})`, legend: 'dropped a second' },
          ],
        }),
      ],
    },
  ],
};
