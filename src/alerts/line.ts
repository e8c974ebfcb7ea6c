import type { Alert } from './types.ts';

/** Control characters could drive a terminal, and line feeds forge lines: both are made visible. */
function visible(text: string): string {
  return text.replace(
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
    /[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g,
    (character) => `\\x${character.charCodeAt(0).toString(16).padStart(2, '0')}`,
  );
}

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

const clip = (text: string, length = 160) => (text.length <= length ? text : `${text.slice(0, length - 1)}…`);

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

/** Why the rule matched: one sentence per leaf condition that was true. */
export function explainAlert(alert: Alert): string[] {
  const clipped = (value: unknown) => clip(visible(JSON.stringify(value) ?? 'absent'), 400);
  return alert.matched.map(
    ({ field, operator, expected, actual }) => `${field} ${operator} ${clipped(expected)}: it is ${clipped(actual)}`,
  );
}
