/**
 * Values of recorded JSON brought to the type of their field. What cannot be
 * brought there is `undefined`: the field is absent.
 *
 * - int, double: a number, or text that spells one (decimal or 0x…). A fraction
 *   in an int field does not fit.
 * - string: text; a number becomes its decimal text.
 * - bool: true, false, and the texts "true" and "false".
 * - list<string>: a list of texts or numbers; one text stands for a list of one,
 *   and in lists of names "A|B" for two.
 * - map<string>: an object of texts, or a list of "NAME=value".
 * - list<process>: a list of objects with the keys of ProcessSummary.
 */
import type { FieldValue, ProcessSummary } from './event.ts';
import type { FieldType } from './fields.ts';

type JsonObject = { readonly [key: string]: unknown };

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

const NUMBER = /^\s*[+-]?(?:0x[0-9a-f]+|(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?)\s*$/i;

function toNumber(value: unknown): number | undefined {
  if (typeof value === 'number') return Number.isFinite(value) ? value : undefined;
  if (typeof value !== 'string' || !NUMBER.test(value)) return undefined;
  const text = value.trim();
  const number = /^[+-]/.test(text) ? Number(text.slice(1)) * (text.startsWith('-') ? -1 : 1) : Number(text);
  return Number.isFinite(number) ? number : undefined;
}

function toText(value: unknown): string | undefined {
  if (typeof value === 'string') return value;
  return typeof value === 'number' && Number.isFinite(value) ? String(value) : undefined;
}

function toBoolean(value: unknown): boolean | undefined {
  if (typeof value === 'boolean') return value;
  return value === 'true' ? true : value === 'false' ? false : undefined;
}

function toList(value: unknown): readonly string[] | undefined {
  if (typeof value === 'string')
    return /^[A-Z][A-Z0-9_]*(\|[A-Z][A-Z0-9_]*)+$/.test(value) ? value.split('|') : [value];
  if (!Array.isArray(value)) return undefined;
  const list: string[] = [];
  for (const element of value) {
    const text = toText(element);
    if (text === undefined) return undefined;
    list.push(text);
  }
  return list;
}

function toMap(value: unknown): Readonly<Record<string, string>> | undefined {
  const pairs: [string, string][] = [];
  if (Array.isArray(value)) {
    for (const element of value) {
      if (typeof element !== 'string') return undefined;
      const equals = element.indexOf('=');
      pairs.push(equals < 0 ? [element, ''] : [element.slice(0, equals), element.slice(equals + 1)]);
    }
  } else if (isObject(value)) {
    for (const [key, element] of Object.entries(value)) {
      const text = toText(element);
      if (text === undefined) return undefined;
      pairs.push([key, text]);
    }
  } else return undefined;
  // fromEntries defines own properties, so a key "__proto__" is only a key.
  return Object.fromEntries(pairs);
}

function toSummary(value: unknown): ProcessSummary | undefined {
  if (!isObject(value)) return undefined;
  const pid = toNumber(value.pid);
  const name = toText(value.name);
  const path = toText(value.path ?? value.executable);
  const args = value.args === undefined ? undefined : toList(value.args);
  const line = toText(value.command_line) ?? args?.join(' ');
  const program = toText(value.program);
  const effective = toText(value.effective_path);
  const trusted = toBoolean(value.trusted);
  const injected = toBoolean(value.injected);
  const start = toNumber(value.start_time);
  const entity = toText(value.entity_id);
  if (pid === undefined && name === undefined && path === undefined && line === undefined) return undefined;
  return {
    ...(pid === undefined ? {} : { pid }),
    ...(name === undefined ? {} : { name }),
    ...(path === undefined ? {} : { path }),
    ...(args === undefined ? {} : { args }),
    ...(line === undefined ? {} : { command_line: line }),
    ...(program === undefined ? {} : { program }),
    ...(effective === undefined ? {} : { effective_path: effective }),
    ...(trusted === undefined ? {} : { trusted }),
    ...(injected === undefined ? {} : { injected }),
    ...(start === undefined ? {} : { start_time: start }),
    ...(entity === undefined ? {} : { entity_id: entity }),
  } as ProcessSummary;
}

function toProcesses(value: unknown): readonly ProcessSummary[] | undefined {
  if (!Array.isArray(value)) return undefined;
  const list: ProcessSummary[] = [];
  for (const element of value) {
    const summary = toSummary(element);
    if (summary === undefined) return undefined;
    list.push(summary);
  }
  return list;
}

/** The value as the type wants it; undefined where it does not fit. */
export function coerce(value: unknown, type: FieldType): FieldValue {
  switch (type) {
    case 'string':
      return toText(value);
    case 'int': {
      const number = toNumber(value);
      return number !== undefined && Number.isInteger(number) ? number : undefined;
    }
    case 'double':
      return toNumber(value);
    case 'bool':
      return toBoolean(value);
    case 'list<string>':
      return toList(value);
    case 'map<string>':
      return toMap(value);
    case 'list<process>':
      return toProcesses(value);
  }
}
