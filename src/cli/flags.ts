import { parseArgs } from 'node:util';
import { WardenError } from '../errors.ts';
import { nearest } from '../nearest.ts';

/** Every flag once: help text and parsing follow from this table. */
export const FLAGS = {
  'config.file': { type: 'string', value: 'F', doc: 'TOML configuration' },
  'rules.path': {
    type: 'string',
    value: 'P',
    multiple: true,
    doc: 'Rule file or directory instead of the shipped ones; repeatable',
  },
  'rules.local-path': {
    type: 'string',
    value: 'P',
    multiple: true,
    doc: 'Rule file or directory beside those, taking effect after them; repeatable',
  },
  'sigma.path': { type: 'string', value: 'P', multiple: true, doc: 'Sigma file or directory; repeatable' },
  'web.listen-address': { type: 'string', value: 'A', doc: 'Address of /metrics (default 127.0.0.1:9477)' },
  'web.config.file': { type: 'string', value: 'F', doc: 'exporter-toolkit web configuration (TLS, basic auth)' },
  'web.enable-lifecycle': { type: 'boolean', doc: 'Allow POST /-/reload' },
  'log.level': { type: 'string', value: 'L', doc: 'trace, debug, info, warn, error, fatal' },
  'output.alerts': { type: 'string', value: 'F', doc: 'NDJSON file for alerts; "-" is standard output' },
  'output.events': { type: 'string', value: 'F', doc: 'NDJSON file for events; "-" is standard output' },
  'output.format': { type: 'string', value: 'X', doc: 'Form of written events: full or simple' },
  'compare.rules.path': {
    type: 'string',
    value: 'P',
    multiple: true,
    doc: 'replay: a second rule set; the alert counts of both are compared',
  },
  kinds: { type: 'string', value: 'K,…', doc: 'record: event kinds to write; default: all' },
  duration: { type: 'string', value: 'S', doc: 'record: stop after so many seconds' },
  deduplicate: {
    type: 'boolean',
    doc: 'replay: hold back repeats, low confidence and throttled alerts as the daemon would',
  },
  event: { type: 'string', value: 'F', doc: 'explain: file with one event as JSON; "-" is standard input' },
  rule: { type: 'string', value: 'R', doc: 'explain: rule name or id' },
  output: { type: 'string', value: 'F', doc: 'rules convert: file to write; default: standard output' },
  format: { type: 'string', value: 'X', doc: 'rules, test, explain: text or json' },
  help: { type: 'boolean', short: 'h', doc: 'Show this text' },
  version: { type: 'boolean', doc: 'Show the version' },
} as const satisfies Record<
  string,
  { type: 'string' | 'boolean'; doc: string; value?: string; multiple?: true; short?: string }
>;

type FlagTable = typeof FLAGS;
export type FlagName = keyof FlagTable;
export type Flags = {
  readonly [K in FlagName]?: FlagTable[K] extends { multiple: true }
    ? readonly string[]
    : FlagTable[K] extends { type: 'boolean' }
      ? boolean
      : string;
};

export const COMMANDS = {
  run: { arguments: '', doc: 'Watch this host (the default)' },
  check: { arguments: '', doc: 'Check configuration, rules and BPF programs; exit 1 and say what is wrong' },
  test: { arguments: 'PATH…', doc: 'Run the examples in rule files' },
  record: { arguments: 'FILE', doc: 'Write live events to FILE as NDJSON' },
  replay: { arguments: 'FILE', doc: 'Run recorded events through the rules; no root, no kernel' },
  explain: { arguments: '', doc: 'Say why a rule matches an event, or why not' },
  rules: { arguments: '[convert FILE]', doc: 'List the loaded rules, or turn a rule file from JSON to YAML or back' },
} as const satisfies Record<string, { arguments: string; doc: string }>;
export type CommandName = keyof typeof COMMANDS;

export interface CommandLine {
  readonly command: CommandName;
  readonly flags: Flags;
  readonly positionals: readonly string[];
}

/** Parses the arguments after `bpfwarden`. Throws FLAG_INVALID naming the nearest flag or command. */
export function parseCommandLine(argv: readonly string[]): CommandLine {
  const options = Object.fromEntries(
    Object.entries(FLAGS).map(([name, flag]) => [
      name,
      {
        type: flag.type,
        ...('multiple' in flag ? { multiple: true } : {}),
        ...('short' in flag ? { short: flag.short } : {}),
      },
    ]),
  );
  let parsed: { values: Record<string, unknown>; positionals: string[] };
  try {
    parsed = parseArgs({ args: [...argv], options, allowPositionals: true, strict: true });
  } catch (error) {
    throw new WardenError('FLAG_INVALID', explain(error), { cause: error });
  }
  const flags = parsed.values as Flags;
  const [first = 'run', ...rest] = parsed.positionals;
  if (!Object.hasOwn(COMMANDS, first)) {
    const near = nearest(first, Object.keys(COMMANDS));
    const hint = near === undefined ? `commands: ${Object.keys(COMMANDS).join(', ')}` : `did you mean "${near}"?`;
    throw new WardenError('FLAG_INVALID', `unknown command "${first}" (${hint})`);
  }
  return { command: first as CommandName, flags, positionals: rest };
}

function explain(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  const unknown = /Unknown option '(-[^']*)'/.exec(message)?.[1];
  if (unknown === undefined) return message;
  const near = nearest(unknown.replace(/^-+/, ''), Object.keys(FLAGS));
  return `unknown flag ${unknown}${near === undefined ? '; --help lists all' : ` (did you mean --${near}?)`}`;
}

/** The text of --help. */
export function helpText(): string {
  const commands = Object.entries(COMMANDS).map(
    ([name, { arguments: args, doc }]) => `  ${`${name} ${args}`.padEnd(30)}${doc}`,
  );
  const flags = Object.entries(FLAGS).map(
    ([name, flag]) => `  ${`--${name}${'value' in flag ? `=${flag.value}` : ''}`.padEnd(30)}${flag.doc}`,
  );
  return ['usage: bpfwarden [command] [flags]', '', 'Commands:', ...commands, '', 'Flags:', ...flags, ''].join('\n');
}
