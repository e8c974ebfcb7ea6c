import type { Problem } from '../errors.ts';
import { nearest } from '../nearest.ts';
import { ARRAY_TABLES, type Config, type Option, type OptionType, TABLES } from './options.ts';
import type { TomlDocument } from './toml.ts';

type Specs = Record<string, Option<unknown> & { readonly required?: true }>;

/** Checks parsed TOML against the option table. All problems are reported, not only the first. */
export function validate(document: TomlDocument, file: string): { config: Config; problems: Problem[] } {
  const problems: Problem[] = [];
  const known = [...Object.keys(TABLES), ...Object.keys(ARRAY_TABLES)];
  for (const [name, value] of Object.entries(document.values)) {
    if (known.includes(name)) continue;
    const isTable = typeof value === 'object' && value !== null;
    const line = isTable ? document.lineOf(name) : document.lineOf('', name);
    problems.push({
      file,
      ...at(line),
      message: isTable ? `unknown table [${name}]` : `key "${name}" stands outside a table`,
      remedy: suggestion(name, isTable ? known : allKeys()),
    });
  }
  const config: Record<string, unknown> = {};
  for (const [name, specs] of Object.entries(TABLES)) {
    const given = document.values[name];
    if (given !== undefined && !isPlainTable(given)) {
      problems.push({
        file,
        ...at(document.lineOf('', name) ?? document.lineOf(name)),
        message: `${name} must be a table`,
        remedy: `write [${name}]`,
      });
    }
    config[name] = readTable(name, 0, isPlainTable(given) ? given : {}, specs, document, file, problems);
  }
  for (const [name, specs] of Object.entries(ARRAY_TABLES)) {
    const given = document.values[name];
    if (given !== undefined && !(Array.isArray(given) && given.every(isPlainTable))) {
      problems.push({
        file,
        ...at(document.lineOf(name) ?? document.lineOf('', name)),
        message: `${name} must be a list of tables`,
        remedy: `write [[${name}]]`,
      });
    }
    const entries: unknown[] = Array.isArray(given) ? given.filter(isPlainTable) : [];
    config[name] = entries.map((entry, index) =>
      readTable(name, index, entry as Record<string, unknown>, specs, document, file, problems),
    );
  }
  return { config: config as Config, problems };
}

function readTable(
  table: string,
  index: number,
  given: Record<string, unknown>,
  specs: Specs,
  document: TomlDocument,
  file: string,
  problems: Problem[],
): Record<string, unknown> {
  const values: Record<string, unknown> = {};
  for (const key of Object.keys(given)) {
    if (Object.hasOwn(specs, key)) continue;
    const place = { file, ...at(document.lineOf(table, key, index) ?? document.lineOf(table, '', index)) };
    problems.push({
      ...place,
      message: `unknown key "${key}" in [${table}]`,
      remedy: suggestion(key, Object.keys(specs)),
    });
  }
  for (const [key, spec] of Object.entries(specs)) {
    const value = Object.hasOwn(given, key) ? given[key] : undefined;
    values[key] = value === undefined ? spec.default : value;
    const line = document.lineOf(table, key, index) ?? document.lineOf(table, '', index);
    if (value === undefined) {
      if (spec.required === true)
        problems.push({ file, ...at(line), message: `[[${table}]] needs "${key}"`, remedy: spec.doc });
      continue;
    }
    const expected = mismatch(spec.type, value);
    if (expected === undefined) continue;
    problems.push({
      file,
      ...at(line),
      subject: `${table}.${key}`,
      message: `expected ${expected}, found ${show(value)}`,
    });
    values[key] = spec.default;
  }
  return values;
}

/** What was expected, when `value` is not of the type; undefined when it is. */
export function mismatch(type: OptionType, value: unknown): string | undefined {
  switch (type.is) {
    case 'bool':
      return typeof value === 'boolean' ? undefined : 'true or false';
    case 'path':
      return typeof value === 'string' && !value.includes('\0') ? undefined : 'a path as text';
    case 'string':
      if (typeof value !== 'string') return 'text';
      if (type.choices === undefined || type.choices.includes(value)) return undefined;
      return `one of ${type.choices.map((choice) => `"${choice}"`).join(', ')}`;
    case 'url':
      return typeof value === 'string' && (value === '' || isHttpUrl(value)) ? undefined : 'an http or https URL';
    case 'int':
      if (Number.isInteger(value) && (value as number) >= type.min && (value as number) <= type.max) return undefined;
      return `a whole number from ${type.min} to ${type.max}`;
    case 'number':
      if (typeof value === 'number' && value >= type.min && value <= type.max) return undefined;
      return `a number from ${type.min} to ${type.max}`;
    case 'list': {
      const item: OptionType = type.of === 'url' ? { is: 'url' } : { is: type.of };
      if (Array.isArray(value) && value.every((entry) => mismatch(item, entry) === undefined && entry !== '')) {
        const { choices } = type;
        const unknown = choices === undefined ? undefined : value.find((entry) => !choices.includes(entry));
        return unknown === undefined ? undefined : `known names ("${unknown}": ${suggestion(unknown, choices ?? [])})`;
      }
      return `a list of ${{ string: 'texts', path: 'paths', url: 'http or https URLs' }[type.of]}`;
    }
  }
}

function isHttpUrl(text: string): boolean {
  if (!URL.canParse(text)) return false;
  return ['http:', 'https:'].includes(new URL(text).protocol);
}

function isPlainTable(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Date);
}

function suggestion(name: string, known: readonly string[]): string {
  const near = nearest(name, known);
  return near === undefined ? `known here: ${known.join(', ')}` : `did you mean "${near}"?`;
}

function allKeys(): string[] {
  return Object.values(TABLES).flatMap((specs) => Object.keys(specs));
}

function at(line: number | undefined): { line?: number } {
  return line === undefined ? {} : { line };
}

function show(value: unknown): string {
  const text =
    JSON.stringify(value, (_, inner) => (typeof inner === 'bigint' ? inner.toString() : inner)) ?? String(value);
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
}
