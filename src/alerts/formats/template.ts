import { WardenError } from '../../errors.ts';
import { explainAlert, formatAlertLine, textAt, valueAt } from '../line.ts';
import type { Alert } from '../types.ts';

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
  parts.push(template.slice(end));
  return (alert) => parts.map((part) => (typeof part === 'string' ? part : part(alert))).join('');
}

function placeholder(text: string, subject: string): (alert: Alert) => string {
  if (text === 'line') return (alert) => inside(formatAlertLine(alert));
  if (text === 'why') return (alert) => inside(explainAlert(alert).join('; '));
  const [, json, path] = /^(json\s+)?([A-Za-z_][\w]*(?:\.[\w]+)*)$/.exec(text) ?? [];
  if (path === undefined) {
    const message = `"{{${text}}}" is no placeholder`;
    const remedy = 'use {{field.path}}, {{json field.path}}, {{line}} or {{why}}';
    throw new WardenError('CONFIG_INVALID', `${subject}: ${message}`, { problems: [{ subject, message, remedy }] });
  }
  if (json !== undefined) return (alert) => JSON.stringify(valueAt(alert, path)) ?? 'null';
  return (alert) => inside(textAt(alert, path));
}

const inside = (text: string) => JSON.stringify(text).slice(1, -1);
