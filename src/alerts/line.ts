import { visible } from '../visible.ts';
import type { Alert } from './types.ts';

/** A value below nested groups, such as `process.parent.name`, or undefined. */
export function valueAt(root: unknown, path: string): unknown {
  let value = root;
  for (const key of path.split('.')) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, key)) return undefined;
    value = (value as Record<string, unknown>)[key];
  }
  return value;
}

/** The same as text; '' for what is absent or not a scalar. */
export function textAt(root: unknown, path: string): string {
  const value = valueAt(root, path);
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean' ? String(value) : '';
}

/** Cut at a number of characters, with a mark. */
export const clip = (text: string, length = 160): string =>
  text.length <= length ? text : `${text.slice(0, length - 1)}…`;

/**
 * One line for a person, such as
 * `WARNING Execution from /tmp [suspicious_temp_execution] risk 0.70: /tmp/x (pid 12, root) by bash`.
 */
export function formatAlertLine(alert: Alert): string {
  const command =
    textAt(alert, 'process.command_line') || textAt(alert, 'process.path') || textAt(alert, 'process.name');
  const user = textAt(alert, 'user.name') || textAt(alert, 'process.uid');
  const pid = textAt(alert, 'process.pid');
  const facts = [
    pid && `pid ${pid}`,
    user,
    textAt(alert, 'container.id') && `container ${textAt(alert, 'container.id').slice(0, 12)}`,
  ];
  const parent = textAt(alert, 'process.parent.name');
  const parts = [
    alert.severity.toUpperCase(),
    clip(alert.label),
    `[${alert.rule.name}]`,
    `risk ${alert.risk_score.toFixed(2)}:`,
    clip(command || textAt(alert, 'event.type')),
    facts.some(Boolean) ? `(${facts.filter(Boolean).join(', ')})` : '',
    parent && `by ${clip(parent, 40)}`,
    objectOf(alert),
    actionOf(alert),
    alert.repeated === undefined ? '' : `repeated ${alert.repeated.count} times`,
  ];
  return visible(parts.filter(Boolean).join(' '));
}

/**
 * The same for a narrow terminal, without the severity: which rule, what, who.
 * Cut at `width`, never in the middle of an escape.
 */
export function shortAlertLine(alert: Alert, width: number): string {
  const command =
    textAt(alert, 'process.command_line') || textAt(alert, 'process.path') || textAt(alert, 'process.name');
  const object = objectOf(alert);
  const who = [textAt(alert, 'process.pid'), textAt(alert, 'user.name') || textAt(alert, 'process.uid')]
    .filter((part) => part !== '')
    .join(' ');
  const repeated = alert.repeated === undefined ? '' : ` ×${alert.repeated.count + 1}`;
  const head = `${alert.rule.name}${repeated}: `;
  const tail = `${object === '' ? '' : ` ${object}`}${who === '' ? '' : ` (${who})`}`;
  // The command is what can be cut: its beginning tells most.
  const room = Math.max(12, width - head.length - tail.length);
  return clip(visible(`${head}${clip(command || textAt(alert, 'event.type'), room)}${tail}`), width);
}

/** What was acted upon: a file, an address or another process. */
function objectOf(alert: Alert): string {
  const path = textAt(alert, 'file.path');
  const moved = textAt(alert, 'file.new_path');
  if (path !== '') return `file ${clip(moved === '' ? path : `${path} → ${moved}`)}`;
  const ip = textAt(alert, 'network.destination.ip');
  const port = textAt(alert, 'network.destination.port');
  if (ip !== '') return `→ ${ip.includes(':') ? `[${ip}]` : ip}${port === '' ? '' : `:${port}`}`;
  const target = textAt(alert, 'target.pid');
  return target === '' ? '' : `on ${textAt(alert, 'target.name') || 'process'} (pid ${target})`;
}

function actionOf(alert: Alert): string {
  const { action, outcome } = alert.response;
  return outcome === 'none' ? '' : `${action}: ${outcome}`;
}

/**
 * Why the rule matched: one sentence per leaf condition that was true. A rule
 * asks several times, in its macros, whether a field is there; that is said
 * once, and only of a field of which nothing else is said.
 */
export function explainAlert(alert: Alert): string[] {
  const clipped = (value: unknown) => clip(visible(JSON.stringify(value) ?? 'absent'), 400);
  const told = new Set(alert.matched.filter(({ operator }) => operator !== 'exists').map(({ field }) => field));
  const sentences = alert.matched
    .filter(({ field, operator }) => operator !== 'exists' || !told.has(field))
    .map(({ field, operator, expected, actual }) =>
      operator === 'equal' || (operator === 'exists' && expected === true)
        ? `${field} is ${clipped(actual)}`
        : `${field} ${operator} ${clipped(expected)}: it is ${clipped(actual)}`,
    );
  return [...new Set(sentences)];
}
