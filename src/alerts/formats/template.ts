import { WardenError } from '../../errors.ts';
import { nearest } from '../../nearest.ts';
import { FIELD_NAMES } from '../../schema/fields.ts';
import { ALERT_KEYS } from '../alert.ts';
import { formatAlertLine, textAt, valueAt } from '../line.ts';
import type { Alert } from '../types.ts';
import { explainAlert } from '../why.ts';

/** The first part of every path into an alert: its own keys, and the groups of an event's fields. */
const ROOTS: ReadonlySet<string> = new Set([
  ...ALERT_KEYS,
  ...FIELD_NAMES.flatMap((name) => name.split('.')[0] ?? name),
  'plugins',
]);

type Part = string | ((alert: Alert) => string);

/**
 * A body with placeholders:
 * `{{rule.name}}` a value as the inside of a JSON string, '' when absent;
 * `{{json process.args}}` the value as JSON, null when absent;
 * `{{line}}` the alert in one line; `{{why}}` the conditions that matched.
 * Text is escaped for JSON, so that no command line can change the structure.
 * Throws CONFIG_INVALID for what is no placeholder.
 */
export function compileTemplate(template: string, subject: string): (alert: Alert) => string {
  const parts: Part[] = [];
  let end = 0;
  for (const match of template.matchAll(/\{\{([^{}]*)\}\}/g)) {
    parts.push(template.slice(end, match.index), placeholder((match[1] ?? '').trim(), subject));
    end = match.index + match[0].length;
  }
  const rest = template.slice(end);
  const open = parts.some((part) => typeof part === 'string' && part.includes('{{')) || rest.includes('{{');
  if (open) throw wrong(subject, '"{{" is not closed', 'write {{field.path}}');
  parts.push(rest);
  return (alert) => parts.map((part) => (typeof part === 'string' ? part : part(alert))).join('');
}

function placeholder(text: string, subject: string): (alert: Alert) => string {
  if (text === 'line') return (alert) => inside(formatAlertLine(alert));
  if (text === 'why') return (alert) => inside(explainAlert(alert).join('; '));
  const [, json, path] = /^(json\s+)?([A-Za-z_][\w]*(?:\.[\w]+)*)$/.exec(text) ?? [];
  if (path === undefined)
    throw wrong(
      subject,
      `"{{${text}}}" is no placeholder`,
      'use {{field.path}}, {{json field.path}}, {{line}} or {{why}}',
    );
  const root = path.split('.')[0] ?? path;
  if (!ROOTS.has(root)) {
    const near = nearest(root, ROOTS);
    const remedy = near === undefined ? 'docs/alerts.md shows what an alert has' : `did you mean "${near}"?`;
    throw wrong(subject, `"{{${text}}}": an alert has no "${root}"`, remedy);
  }
  if (json !== undefined) return (alert) => JSON.stringify(valueAt(alert, path)) ?? 'null';
  return (alert) => inside(textAt(alert, path));
}

function wrong(subject: string, message: string, remedy: string): WardenError {
  return new WardenError('CONFIG_INVALID', `${subject}: ${message}`, { problems: [{ subject, message, remedy }] });
}

const inside = (text: string) => JSON.stringify(text).slice(1, -1);
