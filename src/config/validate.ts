import type { Problem } from '../errors.ts';
import { nearest } from '../nearest.ts';
import type { Options, OptionType } from './option.ts';
import { ARRAY_TABLES, type Config, SINK_OPTIONS, type SinkSpec, TABLES } from './options.ts';
import type { TomlDocument } from './toml.ts';

/** Where a table stands in the file. */
interface Place {
  readonly document: TomlDocument;
  readonly file: string;
  readonly table: string;
  /** Of a table that occurs several times. */
  readonly index: number;
}

const lineIn = ({ document, table, index }: Place, key = '') =>
  document.lineOf(table, key, index) ?? document.lineOf(table, '', index);
const placeOf = (place: Place, key = '') => ({ file: place.file, ...at(lineIn(place, key)) });

/** Checks parsed TOML against the option table and the types of sinks. All problems are reported, not only the first. */
export function validate(
  document: TomlDocument,
  file: string,
  sinks: readonly SinkSpec[],
): { config: Config; problems: Problem[] } {
  const problems = unknownTables(document, file);
  const config: Record<string, unknown> = {};
  for (const [table, options] of Object.entries(TABLES)) {
    const given = document.values[table];
    const place = { document, file, table, index: 0 };
    if (given !== undefined && !isPlainTable(given))
      problems.push({ ...wholeTable(place), message: `${table} must be a table`, remedy: `write [${table}]` });
    config[table] = readTable(place, isPlainTable(given) ? given : {}, options, problems);
  }
  for (const [table, options] of Object.entries(ARRAY_TABLES))
    config[table] = entriesOf({ document, file, table, index: 0 }, problems).map(([place, given]) =>
      readTable(place, given, options, problems),
    );
  config.sinks = entriesOf({ document, file, table: 'sinks', index: 0 }, problems).map(([place, given]) =>
    readSink(place, given, sinks, problems),
  );
  return { config: config as Config, problems };
}

const KNOWN_TABLES = [...Object.keys(TABLES), ...Object.keys(ARRAY_TABLES), 'sinks'];

function unknownTables(document: TomlDocument, file: string): Problem[] {
  return Object.entries(document.values)
    .filter(([name]) => !KNOWN_TABLES.includes(name))
    .map(([name, value]) => {
      const isTable = typeof value === 'object' && value !== null;
      const line = isTable ? document.lineOf(name) : document.lineOf('', name);
      return {
        file,
        ...at(line),
        message: isTable ? `unknown table [${name}]` : `key "${name}" stands outside a table`,
        remedy: suggestion(name, isTable ? KNOWN_TABLES : allKeys()),
      };
    });
}

function wholeTable({ document, file, table }: Place) {
  return { file, ...at(document.lineOf(table) ?? document.lineOf('', table)) };
}

function entriesOf(place: Place, problems: Problem[]): (readonly [Place, Record<string, unknown>])[] {
  const { document, table } = place;
  const given = document.values[table];
  if (given !== undefined && !(Array.isArray(given) && given.every(isPlainTable)))
    problems.push({ ...wholeTable(place), message: `${table} must be a list of tables`, remedy: `write [[${table}]]` });
  const entries: readonly unknown[] = Array.isArray(given) ? given : [];
  return entries.filter(isPlainTable).map((entry, index) => [{ ...place, index }, entry] as const);
}

function readTable(
  place: Place,
  given: Record<string, unknown>,
  options: Options,
  problems: Problem[],
): Record<string, unknown> {
  for (const key of Object.keys(given)) {
    if (Object.hasOwn(options, key)) continue;
    problems.push({
      ...placeOf(place, key),
      message: `unknown key "${key}" in [${place.table}]`,
      remedy: suggestion(key, Object.keys(options)),
    });
  }
  return readKeys(place, given, options, problems);
}

function readKeys(
  place: Place,
  given: Record<string, unknown>,
  options: Options,
  problems: Problem[],
): Record<string, unknown> {
  const { table } = place;
  const values: Record<string, unknown> = {};
  for (const [key, option] of Object.entries(options)) {
    const value = Object.hasOwn(given, key) ? given[key] : undefined;
    values[key] = value === undefined ? option.default : value;
    if (value === undefined) {
      if (option.required === true)
        problems.push({ ...placeOf(place, key), message: `[[${table}]] needs "${key}"`, remedy: option.doc });
      continue;
    }
    const expected = mismatch(option.type, value);
    if (expected === undefined) continue;
    const message = `expected ${expected}, found ${show(value)}`;
    problems.push({ ...placeOf(place, key), subject: `${table}.${key}`, message });
    values[key] = option.default;
  }
  return values;
}

/** A sink has the options of every sink and those of its type; a key of another type is no typo, and is told as what it is. */
function readSink(
  place: Place,
  given: Record<string, unknown>,
  sinks: readonly SinkSpec[],
  problems: Problem[],
): Record<string, unknown> {
  const values = readKeys(place, given, SINK_OPTIONS, problems);
  const spec = sinks.find(({ type }) => type === given.type);
  if (spec === undefined) {
    const types = sinks.map(({ type }) => type);
    if (typeof given.type === 'string')
      problems.push({
        ...placeOf(place, 'type'),
        subject: 'sinks.type',
        message: `expected one of ${types.map((type) => `"${type}"`).join(', ')}, found ${show(given.type)}`,
        remedy: suggestion(given.type, types),
      });
    return values;
  }
  for (const key of Object.keys(given)) {
    if (Object.hasOwn(SINK_OPTIONS, key) || Object.hasOwn(spec.options, key)) continue;
    const owners = sinks.filter(({ options }) => Object.hasOwn(options, key)).map(({ type }) => `"${type}"`);
    problems.push({
      ...placeOf(place, key),
      subject: `sinks.${String(given.name)}`,
      message: `a sink of type "${spec.type}" has no key "${key}"`,
      remedy:
        owners.length > 0
          ? `it belongs to type ${owners.join(', ')}`
          : suggestion(key, [...Object.keys(SINK_OPTIONS), ...Object.keys(spec.options)]),
    });
  }
  const own = readKeys(place, given, spec.options, problems);
  for (const keys of spec.required) {
    if (keys.some((key) => hasContent(own[key]))) continue;
    const needs = keys.map((key) => `"${key}"`).join(' or ');
    problems.push({
      ...placeOf(place),
      subject: `sinks.${String(given.name)}`,
      message: `a sink of type "${spec.type}" needs ${needs}`,
    });
  }
  for (const [key, { needs = [] }] of Object.entries(spec.options)) {
    const unmet = Object.hasOwn(given, key) ? needs.filter((need) => !need.isMet({ ...values, ...own })) : [];
    if (unmet.length === 0) continue;
    const what = unmet.map((need) => need.what).join(' and ');
    problems.push({
      ...placeOf(place, key),
      subject: `sinks.${String(given.name)}`,
      message: `"${key}" has no effect here: it works only with ${what}`,
      remedy: 'add that, or remove the key',
    });
  }
  return { ...values, ...own };
}

const hasContent = (value: unknown) => (typeof value === 'string' || Array.isArray(value)) && value.length > 0;

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
