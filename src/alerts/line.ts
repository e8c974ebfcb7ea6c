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

/** Less of a command than this says nothing: who it was is left out instead. */
const LEAST_COMMAND = 24;
/** The same where what was acted upon stands beside it. */
const LEAST_BESIDE = 10;

/**
 * The same for a narrow terminal, without the severity: which rule, what, who.
 * Cut at `width`, never in the middle of an escape. What is too long loses the
 * middle of its paths first, then who it was, then the end of the command.
 */
export function shortAlertLine(alert: Alert, width: number): string {
  const whole = textAt(alert, 'process.command_line') || textAt(alert, 'process.path') || textAt(alert, 'event.type');
  const acted = objectOf(alert);
  // `cat /etc/shadow` names its file itself.
  const object = acted === '' || whole.includes(acted.replace(/^file /, '')) ? '' : ` ${acted}`;
  const who = [textAt(alert, 'process.pid'), textAt(alert, 'user.name') || textAt(alert, 'process.uid')]
    .filter((part) => part !== '')
    .join(' ');
  const repeated = alert.repeated === undefined ? '' : ` ×${alert.repeated.count + 1}`;
  const head = visible(`${alert.rule.name}${repeated}: `);
  const tail = who === '' ? '' : ` (${who})`;
  const line = (command: string, rest: string) => visible(`${command}${rest}`);
  const room = width - head.length;
  if (line(whole, object + tail).length <= room) return head + line(whole, object + tail);
  const command = visible(shortPaths(whole));
  const target = visible(shortPaths(object));
  const [program = ''] = command.split(' ');
  const end = visible(tail);
  for (const rest of [target + end, target, end]) {
    const left = room - rest.length;
    const least = Math.min(command.length, target !== '' && rest.startsWith(target) ? LEAST_BESIDE : LEAST_COMMAND);
    if (left >= least) return head + clip(command, left) + rest;
    // What was acted upon tells more than arguments.
    if (rest === target && target !== '' && program.length <= left) return head + program + rest;
  }
  return clip(`${head}${command}`, width);
}

/** `/tmp/…/x` for `/tmp/a/b/x`: where a path begins and its name tell most. */
function shortPaths(text: string): string {
  return text
    .split(' ')
    .map((word) => {
      const [start = '', first = '', ...more] = word.split('/');
      const name = more.at(-1);
      return start === '' && name !== undefined && more.length > 1 ? `/${first}/…/${name}` : word;
    })
    .join(' ');
}

const MAX_TREE = 8;

/** `systemd[1] › sshd[800] › bash[901] › ./x[905]`: a process below its ancestors; of many the middle is left out. */
export function processTree(alert: Alert): string {
  const ancestors = valueAt(alert, 'process.ancestors');
  const above = Array.isArray(ancestors) ? [...ancestors].reverse() : [valueAt(alert, 'process.parent')];
  const names = [...above, valueAt(alert, 'process')].flatMap((process) => {
    const name = textAt(process, 'name') || textAt(process, 'path');
    const pid = textAt(process, 'pid');
    return name === '' ? [] : [`${clip(name, 64)}${pid === '' ? '' : `[${pid}]`}`];
  });
  const shown = names.length <= MAX_TREE ? names : [...names.slice(0, 2), '…', ...names.slice(3 - MAX_TREE)];
  return shown.join(' › ');
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
