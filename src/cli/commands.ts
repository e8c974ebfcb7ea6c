import type { FlagName } from './flags.ts';

export interface CommandSpec {
  /** As help shows them. */
  readonly arguments: string;
  /** How many arguments it takes: at least, at most. */
  readonly takes: readonly [number, number];
  readonly doc: string;
  /** What help says beyond `doc`. */
  readonly details: readonly string[];
  /** Flags of its own; those of COMMON go with every command. */
  readonly flags: readonly FlagName[];
}

/** Flags that choose configuration and rules; a command that needs none of them takes them all the same. */
export const COMMON: readonly FlagName[] = [
  'config.file',
  'rules.path',
  'rules.local-path',
  'sigma.path',
  'falco.path',
  'web.listen-address',
  'web.config.file',
  'web.enable-lifecycle',
  'log.level',
  'log.format',
  'output.alerts',
  'output.events',
  'output.format',
  'help',
  'version',
];

const MANY = Number.POSITIVE_INFINITY;

/** Every command once: dispatch, help, documentation and completions follow from this table. */
export const COMMANDS = {
  run: {
    arguments: '',
    takes: [0, 0],
    doc: 'Watch this host (the default)',
    details: ['Ends with SIGTERM or SIGINT. SIGHUP reads configuration and rules again; SIGUSR1 reopens output files.'],
    flags: ['allow-unsafe-files', 'color', 'verbose'],
  },
  check: {
    arguments: '[FILE…]',
    takes: [0, MANY],
    doc: 'Check configuration and rules; with --kernel also what this kernel offers',
    details: [
      'Without FILE: everything that `run` would check before it touches the kernel, for the same flags. No root needed.',
      'With FILE: each file by what it is: configuration (.toml), rules (YAML or JSON), Sigma or Falco rules, web configuration.',
      'A rule file that changes shipped rules, or uses their lists and macros, is read behind them, like [rules] local_paths.',
      'With --kernel (root): also loads and attaches each BPF program, and detaches it again.',
    ],
    flags: ['kernel', 'allow-unsafe-files', 'format', 'json'],
  },
  test: {
    arguments: 'PATH…',
    takes: [1, MANY],
    doc: 'Run the examples in rule files',
    details: [
      'Files that change shipped rules, or use their lists and macros, are read behind them, like [rules] local_paths.',
      'With --verbose: also names the conditions that no example has seen both true and false.',
    ],
    flags: ['verbose', 'format', 'json'],
  },
  record: {
    arguments: 'FILE',
    takes: [1, 1],
    doc: 'Write live events to FILE as NDJSON; "-" is standard output',
    details: [],
    flags: ['kinds', 'duration'],
  },
  replay: {
    arguments: 'FILE',
    takes: [1, 1],
    doc: 'Run recorded events through the rules; no root, no kernel; "-" is standard input',
    details: [
      'Every match is an alert on --output.alerts (default standard output); nothing is held back unless --deduplicate asks for it.',
      'Lines that are no events are named, and the exit code is then 1 unless --ignore-bad-lines is given.',
    ],
    flags: ['compare.rules.path', 'deduplicate', 'ignore-bad-lines'],
  },
  explain: {
    arguments: '',
    takes: [0, 0],
    doc: 'Say why a rule matches an event, or why not',
    details: [],
    flags: ['event', 'rule', 'format', 'json'],
  },
  rules: {
    arguments: '[list | convert FILE]',
    takes: [0, 2],
    doc: "List the loaded rules, or turn a rule file from JSON to YAML or back, or Falco's rules into ours",
    details: [],
    flags: ['format', 'json', 'output'],
  },
  tune: {
    arguments: 'ALERT_ID',
    takes: [1, 1],
    doc: 'Print the narrowest exception that would have held an alert back',
    details: [
      "As YAML for a file of [rules] local_paths, with how many of the rule's last alerts it would have held back.",
      'ALERT_ID: the whole id, the eight characters that `alerts` shows, or "last" for the newest.',
      'The alert is asked of the daemon at --web.listen-address, else looked for in --output.alerts.',
    ],
    flags: ['format', 'json'],
  },
  spool: {
    arguments: '[list | resend ID… | drop ID…]',
    takes: [0, MANY],
    doc: 'Show the alerts that a sink never took, send them again or forget them',
    details: [
      'Works beside a running daemon, which does what was asked within a second; without one it is done at its next start.',
      'ID is what `list` shows, or "all". An alert goes to the sink that it was for, or to --sink.',
    ],
    flags: ['sink', 'format', 'json'],
  },
  alerts: {
    arguments: '[FILE]',
    takes: [0, 1],
    doc: 'List the alerts that the running daemon remembers, or those of an alerts file, one line each',
    details: ['BPFWARDEN_USER and BPFWARDEN_PASSWORD are used where the daemon asks for a password.'],
    flags: ['follow', 'since', 'severity', 'rule', 'limit', 'verbose', 'color', 'format', 'json'],
  },
  show: {
    arguments: 'ALERT_ID',
    takes: [1, 1],
    doc: 'Show an alert: what happened, why, process tree, incident, what to do',
    details: [
      'ALERT_ID: the whole id, the eight characters that `alerts` shows, or "last" for the newest.',
      'From the running daemon, else from the alerts file of the configuration.',
    ],
    flags: ['color', 'format', 'json'],
  },
  top: {
    arguments: '',
    takes: [0, 0],
    doc: 'Show live which processes, directories, addresses and rules there is most of',
    details: ['Only of events that reach user space: what no rule looks at is counted in the kernel alone.'],
    flags: ['interval', 'once', 'color', 'format', 'json'],
  },
  help: { arguments: '[COMMAND]', takes: [0, 1], doc: 'Show help', details: [], flags: [] },
  version: { arguments: '', takes: [0, 0], doc: 'Show the version', details: [], flags: [] },
} as const satisfies Record<string, CommandSpec>;

export type CommandName = keyof typeof COMMANDS;

export const EXIT_CODES = [
  'Exit codes: 0 fine; 1 findings, or a mistake of the user in flags, configuration, rules or recordings; 2 the system (rights, kernel, disk).',
];
