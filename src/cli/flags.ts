import { parseArgs } from 'node:util';
import { WardenError } from '../errors.ts';
import { nearest } from '../nearest.ts';
import { COMMANDS, COMMON, type CommandName, type CommandSpec } from './commands.ts';

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
  'falco.path': {
    type: 'string',
    value: 'P',
    multiple: true,
    doc: 'Falco rule file or directory; repeatable, in order',
  },
  'web.listen-address': { type: 'string', value: 'A', doc: 'Address of /metrics (default 127.0.0.1:9477)' },
  'web.config.file': { type: 'string', value: 'F', doc: 'exporter-toolkit web configuration (TLS, basic auth)' },
  'web.enable-lifecycle': { type: 'boolean', doc: 'Allow POST /-/reload' },
  'log.level': { type: 'string', value: 'L', doc: 'trace, debug, info, warn, error, fatal' },
  'log.format': { type: 'string', value: 'X', doc: 'auto, json, text, journal' },
  'output.alerts': { type: 'string', value: 'F', doc: 'NDJSON file for alerts; "-" is standard output' },
  'output.events': { type: 'string', value: 'F', doc: 'NDJSON file for events; "-" is standard output' },
  'output.format': { type: 'string', value: 'X', doc: 'Form of written events: full or simple' },
  'compare.rules.path': {
    type: 'string',
    value: 'P',
    multiple: true,
    doc: 'A second rule set; the alert counts of both are compared',
  },
  kinds: { type: 'string', value: 'K,…', doc: 'Event kinds to write; default: all' },
  duration: { type: 'string', value: 'S', doc: 'Stop after so many seconds' },
  deduplicate: {
    type: 'boolean',
    doc: 'Hold back repeats, low confidence and throttled alerts as the daemon would',
  },
  event: { type: 'string', value: 'F', doc: 'File with one event as JSON; "-" is standard input' },
  rule: { type: 'string', value: 'R', doc: 'Rule name or id' },
  'allow-unsafe-files': {
    type: 'boolean',
    doc: 'Also read configuration and rules that everybody may write',
  },
  sink: { type: 'string', value: 'NAME', doc: 'Sink to send to, instead of the one that it was for' },
  color: { type: 'string', value: 'X', doc: 'auto (a terminal, unless NO_COLOR is set), always or never' },
  verbose: { type: 'boolean', doc: 'More lines for each alert or rule' },
  follow: { type: 'boolean', doc: 'Go on with alerts as they are raised' },
  since: { type: 'string', value: 'T', doc: 'Alerts since 30m, 12h, a date or Unix seconds' },
  severity: { type: 'string', value: 'S', doc: 'The lowest: info, warning or critical' },
  limit: { type: 'string', value: 'N', doc: 'At most so many (default 50)' },
  interval: { type: 'string', value: 'S', doc: 'Seconds between two tables (default 2)' },
  once: { type: 'boolean', doc: 'One table, then end' },
  kernel: { type: 'boolean', doc: 'Also load and attach the BPF programs (root)' },
  'ignore-bad-lines': { type: 'boolean', doc: 'Lines that are no events are named and do not change the exit code' },
  output: { type: 'string', value: 'F', doc: 'File to write; default: standard output' },
  format: { type: 'string', value: 'X', doc: 'Form of the answer: text or json' },
  json: { type: 'boolean', doc: 'The same as --format=json' },
  help: { type: 'boolean', short: 'h', doc: 'Show this text' },
  version: { type: 'boolean', short: 'V', doc: 'Show the version' },
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

export interface CommandLine {
  readonly command: CommandName;
  /** Whether the command was named, rather than the default. */
  readonly named: boolean;
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
  const [first = 'run', ...positionals] = parsed.positionals;
  if (!isCommand(first)) {
    const near = nearest(first, Object.keys(COMMANDS));
    const hint = near === undefined ? `commands: ${Object.keys(COMMANDS).join(', ')}` : `did you mean "${near}"?`;
    throw new WardenError('FLAG_INVALID', `unknown command "${first}" (${hint})`);
  }
  if (flags.help !== true) checkFit(first, flags, positionals);
  return { command: first, named: parsed.positionals.length > 0, flags, positionals };
}

export function isCommand(name: string): name is CommandName {
  return Object.hasOwn(COMMANDS, name);
}

/** A flag or an argument that would be ignored is a mistake: what the person meant does not happen. */
function checkFit(command: CommandName, flags: Flags, positionals: readonly string[]): void {
  const { arguments: args, takes, flags: own }: CommandSpec = COMMANDS[command];
  const [least, most] = takes;
  const usage = `usage: bpfwarden ${command}${args === '' ? '' : ` ${args}`}`;
  if (positionals.length < least)
    throw new WardenError('FLAG_INVALID', `${command} takes ${args}, and nothing was given (${usage})`);
  if (positionals.length > most)
    throw new WardenError('FLAG_INVALID', `${command} does not take "${positionals[most]}" (${usage})`);
  for (const name of Object.keys(flags) as FlagName[]) {
    if (COMMON.includes(name) || own.includes(name)) continue;
    const takers = Object.entries(COMMANDS).filter(([, spec]: [string, CommandSpec]) => spec.flags.includes(name));
    const remedy = takers.map(([taker]) => taker).join(', ');
    throw new WardenError('FLAG_INVALID', `--${name} does not go with ${command}, only with ${remedy}`);
  }
}

/** What other programs call it. */
const ELSEWHERE: Readonly<Record<string, string>> = {
  '-o': '--json',
  '--no-color': '--color=never',
  '-c': '--config.file=F',
  '--config': '--config.file=F',
  '-f': '--follow',
  '-n': '--limit=N',
  '-v': '--verbose',
};

function explain(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  const unknown = /Unknown option '(-[^']*)'/.exec(message)?.[1];
  if (unknown === undefined) return message;
  const near = nearest(unknown.replace(/^-+/, ''), Object.keys(FLAGS));
  const meant = ELSEWHERE[unknown] ?? (near === undefined ? undefined : `--${near}`);
  return `unknown flag ${unknown}${meant === undefined ? '; --help lists all' : ` (did you mean ${meant}?)`}`;
}
