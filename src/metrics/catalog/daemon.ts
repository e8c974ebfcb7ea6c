/** Rows of the metric catalog: what is said of the daemon and its configuration; programs, tables, files, streams. */
import { closed, pattern } from '../labels.ts';
import { CUTS, HASH_OUTCOMES } from '../vocabulary.ts';
import { type MetricSpec, NONE, PROGRAMS, program, release } from './spec.ts';

/** What is said of the daemon and its configuration. */
export const IDENTITY = {
  host_info: {
    type: 'gauge',
    help: "Always 1; the host's own name, as alerts have it: Prometheus's instance is where it is scraped.",
    labels: { hostname: pattern(/^[\w.-]{1,253}$/, 'host name') },
    cap: 2,
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
} as const satisfies Record<string, MetricSpec>;

/** Programs, tables, files, streams. */
export const UPKEEP = {
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
  program_verified_instructions: {
    type: 'gauge',
    help: 'Instructions of the BPF program that this kernel’s verifier looked at, of at most a million; 0 before Linux 5.16.',
    labels: { program },
    cap: PROGRAMS + 2,
    zero: 'declared',
  },
  program_skipped_runs_total: {
    type: 'counter',
    help: 'Runs that the kernel left out because the BPF program was at work on the same CPU: since Linux 7.0 a task may be preempted in the middle of one. Programs that have a second one for that count what both left out, the most that can be no event.',
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
  http_connections_cut_total: {
    type: 'counter',
    help: 'Connections that the HTTP server ended: too_many, to make room for another one; pipelined, more requests than may wait for an answer; unread, an answer was not taken.',
    labels: { reason: closed(...CUTS) },
    cap: CUTS.length + 1,
    zero: 'all',
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
