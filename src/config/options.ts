/**
 * Every configuration option once: table, key, type, default, limits and
 * meaning. Validation, defaults, the frozen Config type and docs/config.md
 * follow from this table.
 */
import { LOG_FORMATS } from '../log.ts';
import { CAPABILITIES } from './capabilities.ts';
import { bool, choice, float, int, list, type Options, path, someOf, string, url, type ValuesOf } from './option.ts';

/** Tables that occur once: `[name]`. */
export const TABLES = {
  monitoring: {
    enable_process: bool(true, 'Watch processes and privileged operations'),
    enable_network: bool(true, 'Watch the network'),
    enable_filesystem: bool(true, 'Watch files'),
    syscall_counts: bool(true, 'Count every system call by number and errno class in the kernel'),
    self_check_seconds: int(
      60,
      0,
      3600,
      'How often the sensor checks that it sees what the daemon itself does and that nobody has changed its programs and maps; 0 for never',
    ),
  },
  threat_detection: {
    provider: choice(['rule_engine'], 'rule_engine', 'What classifies events'),
    enable_heuristics: bool(true, 'Add the scores of heuristic rules'),
    confidence_threshold: float(0.6, 0, 1, 'Matches of rules with a lower confidence raise no alert; they are counted'),
    hash_executables: bool(false, 'Compute SHA-256 of executables although no rule asks for it'),
  },
  response: {
    enable_alerts: bool(true, 'Send alerts'),
    alert_webhook: url('URL that receives each alert as JSON; empty for none'),
    log_format: choice(
      LOG_FORMATS,
      'auto',
      "Form of the daemon's own log: text on a terminal, journal (lines with priorities) under systemd, else json",
    ),
    log_level: choice(['trace', 'debug', 'info', 'warn', 'error', 'fatal'], 'info', "Level of the daemon's own log"),
    enforce: bool(
      false,
      'Really kill and block for the rules and tags in enforce_rules; otherwise both are only simulated',
    ),
    enforce_rules: list(
      'string',
      [],
      'Rule names, or tags as "tag:NAME", whose action is carried out when enforce is true',
    ),
    block_seconds: int(300, 1, 86400, 'How long a blocked destination stays blocked'),
    protected_processes: list(
      'string',
      ['/sbin/init', '/lib/systemd/systemd', '/usr/lib/systemd/systemd', '/usr/sbin/sshd'],
      'Executables that are never killed; pid 1, the daemon and its ancestors never are',
    ),
    audit_file: path('', 'NDJSON file of every action, simulated ones too; empty for the log only'),
  },
  rules: {
    paths: list('path', [], 'Rule files and directories instead of the shipped ones; empty for the shipped rules'),
    local_paths: list(
      'path',
      [],
      'Rule files and directories beside them, which take effect after them: own rules, and changes by name (merge) of shipped rules, Sigma rules and built-in heuristics',
    ),
    sigma_paths: list('path', [], 'Sigma files and directories'),
    falco_paths: list('path', [], 'Falco rule files and directories, in order: later ones add to earlier ones'),
    windows_max_keys: int(
      65536,
      16,
      16777216,
      'Keys that all windows together keep; the oldest are evicted and counted',
    ),
  },
  output: {
    alerts_file: path('', 'NDJSON file for alerts; "-" is standard output; empty for none'),
    events_file: path('', 'NDJSON file for events; "-" is standard output; empty for none'),
    events_kinds: list('string', [], 'Kinds written to events_file; empty for all. They bypass the kernel filter'),
    format: choice(['full', 'simple'], 'full', 'Form of the events in events_file'),
    rotate_bytes: int(104857600, 0, 1099511627776, 'alerts_file and events_file are rotated at this size; 0 for never'),
    rotate_keep: int(5, 1, 1000, 'Rotated files kept'),
  },
  alertmanager: {
    urls: list('url', [], 'Alertmanagers; each alert goes to every one of them'),
    resolve_seconds: int(
      600,
      5,
      86400,
      'An alert is resolved after this time without a repeat; longer than the 5 minutes of the metric alerts, which it inhibits',
    ),
    min_severity: choice(['info', 'warning', 'critical'], 'warning', 'Lowest severity that is sent'),
  },
  web: {
    listen_address: string('127.0.0.1:9477', 'Address and port of /metrics'),
    external_url: url('Where people reach this daemon, for links in alerts; empty for listen_address'),
    config_file: path('', 'exporter-toolkit web configuration (TLS, basic auth)'),
    enable_lifecycle: bool(false, 'Allow POST /-/reload'),
    api_access: choice(
      ['owner', 'all'],
      'owner',
      'Who may read /api/ and reload without a password or client certificate: root and the user of the daemon on this host, or everybody who can connect',
    ),
    host_names: list('string', [], 'Further names under which a server on loopback answers /api/'),
  },
  kernel: {
    ring_bytes: int(8388608, 65536, 1073741824, 'Ring buffer for file and network events; a power of two'),
    priority_ring_bytes: int(
      4194304,
      65536,
      1073741824,
      'Ring buffer for process and privileged events; a power of two',
    ),
    rate_limit: int(
      5000,
      0,
      10000000,
      'Events of one kind a second that one process may send to user space: file and network events, a twentieth of it for each kind of privileged operation; 0 for no limit',
    ),
    rate_burst: int(
      20000,
      1,
      100000000,
      'Events of one kind that one process may send at once; a sixty-fourth of it for each kind of privileged operation',
    ),
    program_statistics: bool(
      false,
      'Switch on kernel run-time statistics of the BPF programs (costs about 20 ns a run)',
    ),
    resolve_paths: bool(
      true,
      'Take the final paths of unlink, rename, chmod, mount and the like from the kernel functions that decide about them, where the kernel lets them be hooked; else they are those that were passed (event.unverified)',
    ),
    filter: bool(true, 'Drop in the kernel what no rule can match'),
    drop_capabilities: bool(
      true,
      'Give up, once the BPF programs are attached, every capability that the running daemon does not need. Kept are CAP_BPF, CAP_SYS_PTRACE and CAP_DAC_READ_SEARCH; CAP_KILL while response.enforce names rules; CAP_DAC_OVERRIDE while a file or directory it writes belongs to another user. What a reload needs beyond that takes a restart; the log says so',
    ),
    keep_capabilities: someOf(
      CAPABILITIES,
      [],
      'Further capabilities to keep, such as "CAP_NET_ADMIN": plugins run in the daemon and have no more than it has',
    ),
  },
  kubernetes: {
    kubelet_url: url(
      'Kubelet of this node, such as "https://127.0.0.1:10250", which is asked for its list of pods; empty for none',
    ),
    cri_socket: path(
      '',
      'Socket of the container engine, such as "/run/containerd/containerd.sock" or "/var/run/crio/crio.sock", which is asked for its lists of pods and containers; empty for none',
    ),
    token_file: path(
      '/var/run/secrets/kubernetes.io/serviceaccount/token',
      'Token for the kubelet, read anew each time; empty for none',
    ),
    ca_file: path('', 'Certificates that its own must be signed by; empty for those that Node.js knows'),
    verify: bool(true, "Check the kubelet's certificate"),
    pod_labels: list('string', [], 'Labels of pods that events have as container.pod_labels'),
    refresh_seconds: int(60, 5, 86400, 'How often kubelet and engine are asked, beside when an unknown pod is seen'),
  },
  enrich: {
    max_processes: int(65536, 256, 4194304, 'Processes kept in the process table'),
    engine_state: list(
      'path',
      [],
      "Directories of container engines that are not in their usual place: Docker's data directory, containerd's state directory, the storage of podman or CRI-O",
    ),
    environment: list(
      'string',
      [
        'LD_PRELOAD',
        'LD_LIBRARY_PATH',
        'LD_AUDIT',
        'GLIBC_TUNABLES',
        'GCONV_PATH',
        'EDITOR',
        'SUDO_EDITOR',
        'VISUAL',
        'HTTP_PROXY',
        'HTTPS_PROXY',
        'http_proxy',
        'https_proxy',
        'ALL_PROXY',
        'BASH_ENV',
        'ENV',
        'PROMPT_COMMAND',
        'HISTFILE',
        'HISTSIZE',
        'HISTFILESIZE',
        'HISTCONTROL',
        'PYTHONSTARTUP',
        'PERL5OPT',
        'NODE_OPTIONS',
        'SUDO_USER',
        'SSH_CONNECTION',
        'SSH_CLIENT',
        'SSH_AUTH_SOCK',
      ],
      'Environment variables that are kept',
    ),
    dns_entries: int(16384, 16, 1048576, 'Names kept from DNS answers'),
    hash_max_bytes: int(67108864, 0, 4294967296, 'Larger executables are not hashed'),
  },
  ledger: {
    dedupe_seconds: int(
      60,
      0,
      86400,
      'Repeats of one rule and entity within this time are held back and summed up; 0 for no dedupe',
    ),
    max_entries: int(65536, 16, 4194304, 'Rule and entity pairs remembered'),
    incident_seconds: int(
      600,
      1,
      86400,
      'Alerts of one process tree belong to one incident until it was quiet for this long',
    ),
    max_incidents: int(1024, 16, 65536, 'Incidents remembered'),
    alerts_per_minute: int(
      600,
      0,
      1000000,
      'Alerts a minute of one rule over all entities; the rest is counted; 0 for no limit',
    ),
  },
  spool: {
    directory: path('/var/lib/bpfwarden/spool', 'Where accepted alerts wait for delivery'),
    max_bytes: int(
      268435456,
      1048576,
      1099511627776,
      'Size limit of its file; the oldest alerts are dropped and counted',
    ),
    dead_letter_seconds: int(
      86400,
      1,
      31536000,
      'An alert that could not be delivered for this long becomes a dead letter',
    ),
  },
  history: {
    alerts: int(1000, 0, 1000000, 'Alerts kept for /api/v1/alerts'),
    events: int(1000, 0, 1000000, 'Events kept for /api/v1/events'),
    stream_clients: int(16, 0, 1024, 'Clients of the event streams at a time'),
  },
  redaction: {
    enabled: bool(true, 'Replace secrets in arguments and URLs'),
    patterns: list('string', [], 'Further RE2 patterns; what matches, or the first group, is replaced'),
  },
} as const satisfies Record<string, Options>;

/** What every sink has; the rest is its type's (SinkSpec). */
export const SINK_OPTIONS = {
  name: { ...string('', 'Unique name, the metric label'), required: true },
  type: { ...string('', 'Kind of sink'), required: true },
  min_severity: choice(
    ['info', 'warning', 'critical'],
    'warning',
    'Lowest severity that is sent; for a file info, which is a record and calls nobody',
  ),
  timeout_seconds: float(10, 0.1, 300, 'Time limit of one delivery'),
} as const satisfies Options;

/** One type of sink, as far as a configuration file is concerned. */
export interface SinkSpec {
  readonly type: string;
  readonly options: Options;
  /** Of each group at least one key must be given. */
  readonly required: readonly (readonly string[])[];
}

/** Tables that may occur any number of times: `[[name]]`. */
export const ARRAY_TABLES = {
  silences: {
    rule: string('', 'Rule name, * matches any text; empty for every rule'),
    condition: string('', 'CEL condition on the event; empty for every event'),
    until: string('', 'RFC 3339 time when the silence ends; empty for never'),
    why: { ...string('', 'Reason'), required: true },
  },
  plugins: {
    name: { ...string('', 'Unique name'), required: true },
    module: { ...path('', 'ES module'), required: true },
    timeout_ms: int(100, 1, 60000, 'A call that takes longer counts as failed'),
    options: string('', 'Passed to the plugin'),
  },
} as const satisfies Record<string, Options>;

/** A sink with the options of its type, which the type's own file knows (alerts/sinks). */
export type SinkConfig = ValuesOf<typeof SINK_OPTIONS> & Readonly<Record<string, unknown>>;

export type Config = { readonly [T in keyof typeof TABLES]: ValuesOf<(typeof TABLES)[T]> } & {
  readonly [T in keyof typeof ARRAY_TABLES]: readonly ValuesOf<(typeof ARRAY_TABLES)[T]>[];
} & { readonly sinks: readonly SinkConfig[] };
export type SilenceConfig = Config['silences'][number];
