import { styleText } from 'node:util';
import { shortAlertLine } from '../alerts/line.ts';
import type { Alert } from '../alerts/types.ts';
import { WardenError } from '../errors.ts';
import type { Severity } from '../rules/types.ts';
import type { Flags } from './flags.ts';

const STYLES = {
  critical: ['bold', 'red'],
  warning: ['yellow'],
  info: ['cyan'],
} as const satisfies Record<Severity, readonly ('bold' | 'red' | 'yellow' | 'cyan')[]>;
const DEFAULT_WIDTH = 80;

/** What is known of where a person reads. */
export interface Terminal {
  readonly color: boolean;
  readonly width: number;
  /** Lines of a screen; undefined where it is none. */
  readonly height?: number | undefined;
}

/** `--color`, else NO_COLOR (no-color.org), else whether it is a terminal. Throws FLAG_INVALID. */
export function terminalOf(flags: Flags, stream: Partial<NodeJS.WriteStream> = process.stdout): Terminal {
  const size = {
    width: stream.columns ?? (Number(process.env.COLUMNS) || DEFAULT_WIDTH),
    height: stream.rows ?? (Number(process.env.LINES) || undefined),
  };
  switch (flags.color ?? 'auto') {
    case 'always':
      return { color: true, ...size };
    case 'never':
      return { color: false, ...size };
    case 'auto':
      return { color: stream.isTTY === true && (process.env.NO_COLOR ?? '') === '', ...size };
    default:
      throw new WardenError('FLAG_INVALID', `--color: expected auto, always or never, found "${flags.color}"`);
  }
}

export function severityText(severity: Severity, { color }: Terminal): string {
  const word = severity.toUpperCase().padEnd(8);
  return color ? styleText([...STYLES[severity]], word, { validateStream: false }) : word;
}

export function heading(text: string, { color }: Terminal): string {
  return color ? styleText('bold', text, { validateStream: false }) : text;
}

/**
 * Lines of at most `width` characters, cut between words and, where one is
 * longer than a line, within it.
 */
export function wrapped(text: string, width: number, indent: string, further = indent): string[] {
  const lines: string[] = [];
  let line = '';
  const room = () => Math.max(20, width - (lines.length === 0 ? indent : further).length);
  const end = () => {
    lines.push(`${lines.length === 0 ? indent : further}${line}`);
    line = '';
  };
  for (let word of text.split(' ')) {
    if (line !== '' && line.length + 1 + word.length > room()) end();
    line = line === '' ? word : `${line} ${word}`;
    while (line.length > room()) {
      word = line.slice(room());
      line = line.slice(0, room());
      end();
      line = word;
    }
  }
  if (line !== '' || lines.length === 0) end();
  return lines;
}

const SHORT_ID = 8;
/** Enough of an alert's id to name it by: its end, since ids begin with the time. */
export const shortId = (alertId: string): string => alertId.slice(-SHORT_ID);

/** `14:03:12 WARNING  fbc76e73 suspicious_temp_execution: /tmp/x (12 root)`, within the terminal's width. */
export function alertRow(alert: Alert, terminal: Terminal): string {
  const time = clock(alert.timestamp);
  const start = `${time} ${severityText(alert.severity, terminal)} ${shortId(alert.alert_id).padEnd(SHORT_ID)}`;
  const left = terminal.width - time.length - 11 - SHORT_ID;
  return `${start} ${shortAlertLine(alert, Math.max(20, left))}`;
}

/** Local time of day; with the date for another day. */
export function clock(seconds: number): string {
  const at = new Date(seconds * 1000);
  const time = at.toTimeString().slice(0, 8);
  if (at.toDateString() === new Date().toDateString()) return time;
  return `${at.getFullYear()}-${String(at.getMonth() + 1).padStart(2, '0')}-${String(at.getDate()).padStart(2, '0')} ${time}`;
}
