import { ACTIONS, SEVERITIES } from '../rules/types.ts';
import { EVENT_KINDS } from './kinds.ts';
import { closed, declared, type LabelValues, pattern } from './labels.ts';
import { TACTICS } from './tactics.ts';
import {
  DECODE_ERRORS,
  DELIVERY_OUTCOMES,
  ENGINE_FALLBACKS,
  ERRNO_CLASSES,
  HASH_OUTCOMES,
  KERNEL_FAILURES,
  LOSS_REASONS,
  MODES,
  RESPONSE_OUTCOMES,
  RINGS,
  SELF_CHECKS,
  SUPPRESSION_REASONS,
} from './vocabulary.ts';

export { PROCESS_METRICS } from './process-metrics.ts';

/**
 * Every metric once: name (without `bpfwarden_`), type, help, unit, labels
 * with their allowed values, buckets and cap. The registry, docs/metrics.md,
 * the zero-initialised series and the checks of dashboards and alert rules
 * follow from this table.
 *
 * `cap` is the most label sets a metric may have, those with `__other__`
 * included: one in which every label is, and one for each combination of the
 * closed labels beside a declared one, so that sums by severity or reason stay
 * right. Caps times samples per label set add up to less than SERIES_LIMIT, so
 * that no configuration and no attacker can make a host expose more.
 */
export interface MetricSpec {
  readonly type: 'counter' | 'gauge' | 'histogram';
  readonly help: string;
  /** The unit the name ends with (before `_total`), where it has one. */
  readonly unit?: 'seconds' | 'bytes' | 'ratio';
  readonly labels: Readonly<Record<string, LabelValues>>;
  readonly cap: number;
  /** Upper bounds of a histogram, without +Inf. */
  readonly buckets?: readonly number[];
  /** All label sets of the closed sets exist at 0 from the start; label sets of a declared name exist once it is declared. */
  readonly zero?: 'all' | 'declared';
}

export const PREFIX = 'bpfwarden_';
/** Most series of one host. */
export const SERIES_LIMIT = 2560;

const NONE = {} as const;
const event = { event: closed(...EVENT_KINDS) } as const;
const rule = declared('rules', 'name of a loaded rule');
const sink = declared('sinks', 'name of a configured sink');
const program = declared('programs', 'name of a BPF program');
const severity = closed(...SEVERITIES);
const action = closed(...ACTIONS);
const release = /^(?:v?\d[0-9A-Za-z.+_~-]{0,62}|unknown)$/;
/** Rules, sinks and programs that have series of their own; the rest is in __other__. */
const RULES = 245;
const SINKS = 12;
const PROGRAMS = 50;
const PLUGINS = 8;
const KINDS = EVENT_KINDS.length;

export const CATALOG = {
  host_info: {
    type: 'gauge',
    help: "Always 1; the host's own name, as alerts have it: Prometheus's instance is where it is scraped.",
    labels: { hostname: pattern(/^[\w.-]{1,253}$/, 'host name') },
    cap: 1,
  },
  build_info: {
    type: 'gauge',
    help: 'Always 1; the labels say what runs.',
    labels: {
      version: pattern(release, 'version of bpfwarden'),
      revision: pattern(/^(?:[0-9a-f]{7,40}(?:-dirty)?|unknown)$/, 'source revision, or unknown'),
      nodeversion: pattern(release, 'version of Node.js'),
      kernel: pattern(release, 'release of the running kernel'),
    },
    cap: 3,
  },
  config_hash_info: {
    type: 'gauge',
    help: 'Always 1; SHA-256 of the configuration in force, its first 16 hexadecimal digits.',
    labels: { sha256: pattern(/^[0-9a-f]{16}$/, '16 hexadecimal digits') },
    cap: 2,
  },
  rules_hash_info: {
    type: 'gauge',
    help: 'Always 1; SHA-256 over the rule files in force, its first 16 hexadecimal digits.',
    labels: { sha256: pattern(/^[0-9a-f]{16}$/, '16 hexadecimal digits') },
    cap: 2,
  },
  config_last_reload_successful: {
    type: 'gauge',
    help: 'Whether the last load of configuration and rules succeeded (1) or the earlier ones stayed in force (0).',
    labels: NONE,
    cap: 1,
  },
  config_last_reload_success_timestamp_seconds: {
    type: 'gauge',
    help: 'Unix time of the last successful load of configuration and rules.',
    unit: 'seconds',
    labels: NONE,
    cap: 1,
  },

  events_total: {
    type: 'counter',
    help: 'Events seen by the kernel side, exact also under overload; equals filtered + throttled + lost + submitted.',
    labels: event,
    cap: KINDS + 1,
    zero: 'all',
  },
  events_filtered_total: {
    type: 'counter',
    help: 'Events dropped in the kernel because no loaded rule can match them.',
    labels: event,
    cap: KINDS + 1,
    zero: 'all',
  },
  events_throttled_total: {
    type: 'counter',
    help: 'Events dropped in the kernel because one process caused more than its rate limit.',
    labels: event,
    cap: KINDS + 1,
    zero: 'all',
  },
  events_lost_total: {
    type: 'counter',
    help: 'Events lost between kernel and daemon: no room in the ring buffer, or no scratch buffer.',
    labels: { ...event, reason: closed(...LOSS_REASONS) },
    cap: KINDS * LOSS_REASONS.length + 1,
    zero: 'all',
  },
  events_processed_total: {
    type: 'counter',
    help: 'Events that the daemon took from the ring buffer and ran through the rules.',
    labels: event,
    cap: KINDS + 1,
    zero: 'all',
  },
  events_decode_errors_total: {
    type: 'counter',
    help: 'Records from the kernel that could not be decoded.',
    labels: { reason: closed(...DECODE_ERRORS) },
    cap: DECODE_ERRORS.length + 1,
    zero: 'all',
  },
  events_unaccounted: {
    type: 'gauge',
    help: 'Events seen by the kernel that no counter explains, records on their way excluded; anything but 0 is a defect.',
    labels: NONE,
    cap: 1,
  },
  file_bytes_total: {
    type: 'counter',
    help: 'Bytes that processes read from and wrote to files, counted in the kernel.',
    unit: 'bytes',
    labels: { direction: closed('read', 'write') },
    cap: 2 + 1,
    zero: 'all',
  },
  file_calls_total: {
    type: 'counter',
    help: 'Read and write calls on files, counted in the kernel.',
    labels: { direction: closed('read', 'write') },
    cap: 2 + 1,
    zero: 'all',
  },
  network_bytes_total: {
    type: 'counter',
    help: 'Bytes that processes sent and received over TCP and UDP, counted in the kernel.',
    unit: 'bytes',
    labels: { direction: closed('sent', 'received') },
    cap: 2 + 1,
    zero: 'all',
  },
  syscalls_total: {
    type: 'counter',
    help: 'System calls by name, counted in the kernel; calls beyond the cap are in __other__.',
    labels: { syscall: declared('syscalls', 'name of a system call that occurred') },
    cap: 38,
  },
  syscall_errors_total: {
    type: 'counter',
    help: 'Failed system calls by class of errno: denied (EPERM, EACCES), missing (ENOENT and the like), again (to be repeated), failed (all others).',
    labels: { errno_class: closed(...ERRNO_CLASSES) },
    cap: ERRNO_CLASSES.length + 1,
    zero: 'all',
  },

  kernel_failures_total: {
    type: 'counter',
    help: 'What something bounded in the kernel programs could not hold or read; events are marked, not lost.',
    labels: { reason: closed(...KERNEL_FAILURES) },
    cap: KERNEL_FAILURES.length + 1,
    zero: 'all',
  },
  self_check: {
    type: 'gauge',
    help: 'Whether the last check of the sensor by itself found everything as it should be: 1, or 0.',
    labels: { check: closed(...SELF_CHECKS) },
    cap: SELF_CHECKS.length + 1,
  },
  self_check_failures_total: {
    type: 'counter',
    help: 'Checks of the sensor by itself that found a hook blind or something changed from outside.',
    labels: { check: closed(...SELF_CHECKS) },
    cap: SELF_CHECKS.length + 1,
    zero: 'all',
  },
  self_repairs_total: {
    type: 'counter',
    help: 'What was changed from outside and could be put back.',
    labels: { check: closed(...SELF_CHECKS) },
    cap: SELF_CHECKS.length + 1,
    zero: 'all',
  },
  canary_seconds: {
    type: 'gauge',
    help: 'Time from the kernel to the detector of the slowest of the daemon’s own marked operations, at the last check.',
    unit: 'seconds',
    labels: NONE,
    cap: 1,
  },
  ring_used_bytes: {
    type: 'gauge',
    help: 'Bytes in the ring buffer that the daemon has not taken yet.',
    unit: 'bytes',
    labels: { ring: closed(...RINGS) },
    cap: RINGS.length + 1,
    zero: 'all',
  },
  ring_size_bytes: {
    type: 'gauge',
    help: 'Size of the ring buffer.',
    unit: 'bytes',
    labels: { ring: closed(...RINGS) },
    cap: RINGS.length + 1,
    zero: 'all',
  },

  rules_loaded: { type: 'gauge', help: 'Rules in force, without the built-in heuristics.', labels: NONE, cap: 1 },
  rule_problems: {
    type: 'gauge',
    help: 'Rules refused at the last load because something is wrong with them.',
    labels: NONE,
    cap: 1,
  },
  rule_info: {
    type: 'gauge',
    help: 'Always 1; one series for each loaded rule and ATT&CK technique it names, to join with.',
    labels: { rule, severity, technique: pattern(/^(?:T\d{4}(?:\.\d{3})?|none)$/, 'ATT&CK technique id, or none') },
    cap: 251,
  },
  rule_matches_total: {
    type: 'counter',
    help: 'Events that a rule matched, before anything is held back; mode="shadow" rules raise no alerts.',
    labels: { rule, severity, mode: closed(...MODES) },
    cap: RULES + SEVERITIES.length * MODES.length + 1,
    zero: 'declared',
  },
  rule_engine_runs_total: {
    type: 'counter',
    help: 'Decisions of json-rules-engine on a rule that the compiled predicate had found.',
    labels: NONE,
    cap: 1,
  },
  rule_engine_disagreements_total: {
    type: 'counter',
    help: 'Matches of a compiled predicate that json-rules-engine denied; the match is dropped, and anything but 0 is a defect.',
    labels: NONE,
    cap: 1,
  },
  rule_engine_fallbacks_total: {
    type: 'counter',
    help: 'Decisions taken by the condition tree, because the queue of json-rules-engine was full or its run failed.',
    labels: { reason: closed(...ENGINE_FALLBACKS) },
    cap: ENGINE_FALLBACKS.length + 1,
    zero: 'all',
  },
  rule_engine_queue_events: {
    type: 'gauge',
    help: 'Events that wait for json-rules-engine.',
    labels: NONE,
    cap: 1,
  },
  tactic_alerts_total: {
    type: 'counter',
    help: 'Alerts by ATT&CK tactic of the rule; a rule of two tactics counts in both, one of none in none.',
    labels: { tactic: closed(...TACTICS, 'none'), severity },
    cap: (TACTICS.length + 1) * SEVERITIES.length + 1,
    zero: 'all',
  },
  risk_score: {
    type: 'histogram',
    help: 'Risk score (0 to 1) of events that at least one rule or heuristic matched; exemplar: alert_id.',
    labels: event,
    buckets: [0.2, 0.4, 0.6, 0.8, 1],
    cap: 24,
  },
  alerts_total: {
    type: 'counter',
    help: 'Alerts raised, after dedupe, throttle and silences.',
    labels: { rule, severity, action },
    cap: RULES + SEVERITIES.length * ACTIONS.length + 1,
    zero: 'declared',
  },
  alert_updates_total: {
    type: 'counter',
    help: 'Updates of alerts: repeats that were held back, summed up.',
    labels: { severity: closed(...SEVERITIES) },
    cap: SEVERITIES.length + 1,
    zero: 'all',
  },
  alerts_suppressed_total: {
    type: 'counter',
    help: 'Rule matches that raised no alert, by reason; repeats are summed up in a later alert.',
    labels: { rule, reason: closed(...SUPPRESSION_REASONS) },
    cap: 256,
    zero: 'declared',
  },
  ledger_entries: {
    type: 'gauge',
    help: 'Rule and entity pairs that the alert ledger remembers.',
    labels: NONE,
    cap: 1,
  },
  ledger_evictions_total: {
    type: 'counter',
    help: 'Rule and entity pairs forgotten early because the alert ledger was full.',
    labels: NONE,
    cap: 1,
  },
  incidents: {
    type: 'gauge',
    help: 'Incidents (alerts of one process tree) that are remembered.',
    labels: NONE,
    cap: 1,
  },
  incident_evictions_total: {
    type: 'counter',
    help: 'Incidents forgotten although they were not over, because the table was full.',
    labels: NONE,
    cap: 1,
  },
  window_evictions_total: {
    type: 'counter',
    help: 'Keys of rule windows forgotten early because the table was full.',
    labels: NONE,
    cap: 1,
  },
  detection_latency_seconds: {
    type: 'histogram',
    help: 'Time from the event in the kernel to the finding in the daemon; exemplar: alert_id.',
    unit: 'seconds',
    labels: NONE,
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10],
    cap: 1,
  },

  alert_deliveries_total: {
    type: 'counter',
    help: 'Attempts to deliver an alert by sink and what came of them.',
    labels: { sink, outcome: closed(...DELIVERY_OUTCOMES) },
    cap: (SINKS + 1) * DELIVERY_OUTCOMES.length + 1,
    zero: 'declared',
  },
  alert_delivery_seconds: {
    type: 'histogram',
    help: 'Time from the alert to its acceptance by a sink; exemplar: alert_id.',
    unit: 'seconds',
    labels: NONE,
    buckets: [0.005, 0.025, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60, 600, 3600],
    cap: 1,
  },
  spool_alerts: { type: 'gauge', help: 'Alerts on disk that wait for a sink.', labels: NONE, cap: 1 },
  spool_bytes: { type: 'gauge', help: 'Size of the alerts on disk.', unit: 'bytes', labels: NONE, cap: 1 },
  dead_letters: {
    type: 'gauge',
    help: 'Alerts that a sink never took, kept for a person to look at.',
    labels: NONE,
    cap: 1,
  },
  dead_letters_evicted_total: {
    type: 'counter',
    help: 'Dead letters given up for newer ones.',
    labels: NONE,
    cap: 1,
  },
  spool_oldest_seconds: {
    type: 'gauge',
    help: 'Age of the oldest alert on disk, 0 when there is none.',
    unit: 'seconds',
    labels: NONE,
    cap: 1,
  },
  response_actions_total: {
    type: 'counter',
    help: 'Response actions of alerts and what became of them.',
    labels: { action: closed(...ACTIONS, 'plugin'), outcome: closed(...RESPONSE_OUTCOMES) },
    cap: (ACTIONS.length + 1) * RESPONSE_OUTCOMES.length + 1,
    zero: 'all',
  },
  audit_records_lost_total: {
    type: 'counter',
    help: 'Records of response actions that could not be written to the audit file.',
    labels: NONE,
    cap: 1,
  },
  plugin_unobserved_total: {
    type: 'counter',
    help: 'Events that a plugin asked for and was not given, because it did not keep up.',
    labels: { plugin: declared('plugins', 'name of a configured plugin') },
    cap: PLUGINS + 2,
    zero: 'declared',
  },
  plugin_failures_total: {
    type: 'counter',
    help: 'Calls of a plugin that threw or took too long.',
    labels: { plugin: declared('plugins', 'name of a configured plugin') },
    cap: PLUGINS + 2,
    zero: 'declared',
  },

  program_attached: {
    type: 'gauge',
    help: 'Whether the BPF program is attached (1) or not (0).',
    labels: { program },
    cap: PROGRAMS + 2,
    zero: 'declared',
  },
  program_run_seconds_total: {
    type: 'counter',
    help: 'Time the kernel spent in the BPF program, while kernel.program_statistics is on.',
    unit: 'seconds',
    labels: { program },
    cap: PROGRAMS + 2,
    zero: 'declared',
  },
  program_runs_total: {
    type: 'counter',
    help: 'Runs of the BPF program, while kernel.program_statistics is on.',
    labels: { program },
    cap: PROGRAMS + 2,
    zero: 'declared',
  },
  process_table_entries: { type: 'gauge', help: 'Processes in the process table.', labels: NONE, cap: 1 },
  process_table_evictions_total: {
    type: 'counter',
    help: 'Processes forgotten while alive because the process table was full.',
    labels: NONE,
    cap: 1,
  },
  process_table_misses_total: {
    type: 'counter',
    help: 'Events of a process that the process table did not have.',
    labels: NONE,
    cap: 1,
  },
  executable_hashes_total: {
    type: 'counter',
    help: 'Executables whose hashes were asked for; refused: as many as allowed were waiting.',
    labels: { outcome: closed(...HASH_OUTCOMES) },
    cap: HASH_OUTCOMES.length + 1,
    zero: 'all',
  },
  hash_evictions_total: {
    type: 'counter',
    help: 'Hashes forgotten because the cache was full.',
    labels: NONE,
    cap: 1,
  },
  dns_evictions_total: {
    type: 'counter',
    help: 'Names from DNS answers forgotten before their time because the cache was full.',
    labels: NONE,
    cap: 1,
  },
  event_writes_failed_total: {
    type: 'counter',
    help: 'Events that could not be written to output.events_file.',
    labels: NONE,
    cap: 1,
  },
  stream_clients: { type: 'gauge', help: 'Clients of the alert and event streams.', labels: NONE, cap: 1 },
  stream_dropped_total: {
    type: 'counter',
    help: 'Entries not sent to a stream client because it read too slowly.',
    labels: NONE,
    cap: 1,
  },
  collect_failures_total: {
    type: 'counter',
    help: 'Readings for a scrape that failed; the metrics they set kept their last values.',
    labels: NONE,
    cap: 1,
  },
  series_overflow_total: {
    type: 'counter',
    help: 'Updates counted under __other__ because the value has no series or the metric is at its cap.',
    labels: { metric: pattern(/^bpfwarden_[a-z_]{1,80}$/, 'full name of a metric of this table that has labels') },
    cap: 32,
  },
} as const satisfies Record<string, MetricSpec>;

export type MetricName = keyof typeof CATALOG;
/** The labels that the metric has, as the argument of inc, set and observe. */
export type LabelsOf<N extends MetricName> = { readonly [L in keyof (typeof CATALOG)[N]['labels']]: string };
type OfType<T extends MetricSpec['type']> = {
  [N in MetricName]: (typeof CATALOG)[N]['type'] extends T ? N : never;
}[MetricName];
export type CounterName = OfType<'counter'>;
export type GaugeName = OfType<'gauge'>;
export type HistogramName = OfType<'histogram'>;

/** The table with its entries widened, for code that walks over it. */
export const SPECS: ReadonlyMap<MetricName, MetricSpec> = new Map(
  Object.entries(CATALOG) as [MetricName, MetricSpec][],
);

/** Samples that one label set of the metric exposes. */
export function samplesPerLabelSet(spec: MetricSpec): number {
  return spec.buckets === undefined ? 1 : spec.buckets.length + 3;
}
