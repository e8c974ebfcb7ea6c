import { fstatSync } from 'node:fs';
import { type Logger, pino } from 'pino';
import pretty from 'pino-pretty';
import { LogStream } from './log-stream.ts';
import { escapedJson, visible, visibleLines } from './visible.ts';

export type { Logger } from 'pino';
export const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal'] as const;
type LogLevel = (typeof LOG_LEVELS)[number];
export const LOG_FORMATS = ['auto', 'json', 'text', 'journal'] as const;
type LogFormat = (typeof LOG_FORMATS)[number];

type Destination = NodeJS.WriteStream & { fd: number };

/** syslog's priority of a level of pino's, as sd-daemon(3) writes it before a line. */
const PRIORITY: Readonly<Record<number, number>> = { 10: 7, 20: 7, 30: 6, 40: 4, 50: 3, 60: 2 };

interface LogOptions {
  readonly destination?: Destination;
  /** Default: on a terminal, unless NO_COLOR is set (no-color.org). */
  readonly color?: boolean;
  /** Also the facts of an alert that its line leaves out. */
  readonly verbose?: boolean;
}

/** Keys of an alert's log entry, for programs that read the log. */
const ALERT_KEYS = ['alert_id', 'rule', 'severity', 'risk_score'];

/**
 * The daemon's own log, on standard error: lines for a person on a terminal,
 * lines with their priority where the journal reads, JSON otherwise. Events and
 * alerts never go through it.
 */
export function createLogger(level: LogLevel, format: LogFormat = 'auto', how: LogOptions = {}): Logger {
  const { destination = process.stderr, verbose = false } = how;
  const plain = { level, base: null };
  const form = format === 'auto' ? formOf(destination) : format;
  if (form === 'json') {
    const to = new LogStream(destination.fd, (msg) => JSON.stringify({ level: 40, time: Date.now(), msg }));
    return pino(plain, { write: (line: string) => to.write(escapedJson(line)) });
  }
  // For people: no fact, and no text of an error, may drive the terminal.
  const options = {
    ...plain,
    formatters: { log: (facts: Record<string, unknown>) => shown(facts) as Record<string, unknown> },
    serializers: { err: (error: Error) => shown(pino.stdSerializers.err(error)) },
  };
  if (form === 'journal')
    return pino(options, journalStream(new LogStream(destination.fd, (msg) => `<${PRIORITY[40]}>${msg}`)));
  const colorize = how.color ?? (destination.isTTY && (process.env.NO_COLOR ?? '') === '');
  return pino(
    options,
    pretty({
      destination: destination.fd,
      colorize,
      singleLine: true,
      ignore: ['time', 'level', ...(verbose ? [] : ALERT_KEYS)].join(','),
      // Else the whole text has a colour, and the one that says something is lost in it.
      customColors: 'message:reset',
      messageFormat,
      sync: true,
    }),
  );
}

/** The texts in it made visible, as deep as facts of the log are. */
function shown(value: unknown, depth = 0): unknown {
  if (typeof value === 'string') return visibleLines(value);
  if (typeof value !== 'object' || value === null || value instanceof Error || depth > MAX_FACT_DEPTH) return value;
  if (Array.isArray(value)) return value.map((item) => shown(item, depth + 1));
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, shown(item, depth + 1)]));
}
const MAX_FACT_DEPTH = 4;

/** An alert is one line, with its severity where other entries have their level. */
const messageFormat: pretty.MessageFormatFunc = (entry, messageKey, _levelLabel, { colors }) => {
  const level = pino.levels.labels[Number(entry.level)] ?? 'info';
  const word = typeof entry.alert_id === 'string' ? String(entry.severity) : level;
  const time = new Date(Number(entry.time)).toTimeString().slice(0, 8);
  return `${time} ${colors[PAINT[word] ?? 'cyan'](word.toUpperCase().padEnd(8))} ${visible(String(entry[messageKey]))}`;
};
const PAINT: Readonly<Record<string, 'redBright' | 'yellow'>> = {
  critical: 'redBright',
  warning: 'yellow',
  fatal: 'redBright',
  error: 'redBright',
  warn: 'yellow',
};

function formOf(destination: Destination): Exclude<LogFormat, 'auto'> {
  if (destination.isTTY) return 'text';
  return isJournal(destination.fd) ? 'journal' : 'json';
}

/** systemd names the stream by its device and inode: a standard error that was led elsewhere since is not meant. */
function isJournal(fd: number): boolean {
  const named = process.env.JOURNAL_STREAM;
  if (named === undefined) return false;
  const { dev, ino } = fstatSync(fd, { bigint: true });
  return named === `${dev}:${ino}`;
}

/** Each line with its priority before it; the journal has the time. */
function journalStream(to: { write(text: string): unknown }): { write(line: string): void } {
  const render = pretty.prettyFactory({ colorize: false, ignore: 'time,level', singleLine: true });
  return {
    write(line) {
      const entry = JSON.parse(line) as { level: number };
      const prefix = `<${PRIORITY[entry.level] ?? 6}>`;
      to.write(`${visibleLines(render(entry).trimEnd()).replaceAll(/^/gm, prefix)}\n`);
    },
  };
}
