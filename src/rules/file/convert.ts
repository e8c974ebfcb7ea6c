/** A rule file from JSON to YAML, laid out for reading, and from YAML to JSON. Comments are all that is lost, and only on the way to JSON. */
import { Document, isMap, isPair, isScalar, isSeq, type Node, Scalar, visit } from 'yaml';
import { FIELD_NAMES, FIELDS, fieldId, fieldName } from '../../schema/fields.ts';
import { layOutCondition, oneLine } from '../cel/layout.ts';
import { withActors } from './actors.ts';
import { RuleDocument } from './document.ts';
import { FILE_KEYS } from './keys.ts';
import { plain } from './node.ts';

type Fields = Record<string, unknown>;

const SCHEMA = ' yaml-language-server: $schema=';
/** Keys whose text is CEL. */
const CEL_KEYS = ['condition'];

/** The file in the other language. Throws RuleError where it is not a rule file. */
export function convertRuleFile(file: string, text: string, to: 'json' | 'yaml', schema?: string): string {
  const document = new RuleDocument(file, text);
  document.checkKeys(document.root, FILE_KEYS);
  const data = plain(document.root) as Fields;
  return to === 'json' ? `${JSON.stringify(eachCondition(data, collapsed), null, 2)}\n` : yamlText(data, file, schema);
}

function collapsed(text: string): string {
  return text.includes('\n') ? (oneLine(text) ?? text) : text;
}

/** The same data with a function applied to every text that is CEL: conditions, macros, exceptions, steps of sequences. */
function eachCondition(data: Fields, change: (text: string) => string): Fields {
  const texts = (value: unknown): unknown => {
    if (typeof value === 'string') return change(value);
    return Array.isArray(value) ? value.map((item) => (typeof item === 'string' ? change(item) : item)) : value;
  };
  const macro = (value: unknown): unknown =>
    isFields(value) ? { ...value, override: texts(value.override) } : texts(value);
  const exception = (value: unknown): unknown =>
    isFields(value) && 'condition' in value ? { ...value, condition: texts(value.condition) } : texts(value);
  const rule = (value: unknown): unknown => {
    if (!isFields(value)) return value;
    const changed = { ...value };
    for (const key of CEL_KEYS) if (key in changed) changed[key] = texts(changed[key]);
    if (Array.isArray(changed.exceptions)) changed.exceptions = changed.exceptions.map(exception);
    if (isFields(changed.window) && 'sequence' in changed.window) {
      changed.window = { ...changed.window, sequence: texts(changed.window.sequence) };
    }
    return changed;
  };
  const result = { ...data };
  if (Array.isArray(result.rules)) result.rules = result.rules.map(rule);
  if (isFields(result.macros)) {
    result.macros = Object.fromEntries(Object.entries(result.macros).map(([name, value]) => [name, macro(value)]));
  }
  return result;
}

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function yamlText(data: Fields, file: string, schema: string | undefined): string {
  const laidOut = eachCondition(data, (text) => {
    const lines = layOutCondition(text);
    return lines.includes('\n') && !lines.endsWith('\n') ? `${lines}\n` : lines;
  });
  const document = new Document(withActors(withShortExamples(laidOut), file), { aliasDuplicateObjects: false });
  if (schema !== undefined) document.commentBefore = `${SCHEMA}${schema}`;
  style(document);
  return document.toString({ lineWidth: 0, flowCollectionPadding: false });
}

/** Long texts as blocks, lists of plain values and events on one line, a blank line between rules. */
function style(document: Document): void {
  visit(document, {
    Scalar: (_, node) => {
      if (typeof node.value === 'string' && node.value.includes('\n')) node.type = Scalar.BLOCK_LITERAL;
    },
    Seq: (_, node, path) => {
      const flat = node.items.every((item) => isScalar(item) && !String(item.value).includes('\n'));
      const short = node.items.reduce(
        (sum: number, item) => sum + String(isScalar(item) ? item.value : '').length + 4,
        0,
      );
      if (flat && (short < 90 || path.length > 8)) node.flow = true;
    },
    Pair: (_, pair) => {
      const key = isScalar(pair.key) ? String(pair.key.value) : '';
      const value = pair.value as Node | null;
      if (['match', 'no_match', 'event', 'window'].includes(key) && isMap(value)) value.flow = true;
      if (['match', 'no_match', 'events'].includes(key) && isSeq(value)) {
        for (const item of value.items) if (isMap(item)) item.flow = true;
      }
      if (key === 'actors' && isMap(value)) {
        for (const item of value.items) if (isPair(item) && isMap(item.value)) item.value.flow = true;
      }
    },
  });
  if (!isMap(document.contents)) return;
  for (const [at, pair] of document.contents.items.entries()) {
    if (at > 0 && isScalar(pair.key)) pair.key.spaceBefore = true;
    if (isScalar(pair.key) && pair.key.value === 'rules' && isSeq(pair.value)) {
      for (const [index, rule] of pair.value.items.entries()) if (index > 0 && isMap(rule)) rule.spaceBefore = true;
    }
  }
}

function withShortExamples(data: Fields): Fields {
  const short = (examples: unknown) => (Array.isArray(examples) ? examples.map(shortExample) : examples);
  const result = { ...data };
  if (Array.isArray(result.rules)) {
    result.rules = result.rules.map((rule: unknown) =>
      isFields(rule) && 'examples' in rule ? { ...rule, examples: short(rule.examples) } : rule,
    );
  }
  if (isFields(result.examples)) {
    result.examples = Object.fromEntries(Object.entries(result.examples).map(([name, one]) => [name, short(one)]));
  }
  return result;
}

/** `{event, match: true}` as `{match: event}` with dotted fields, where every field is one that the checker knows. */
function shortExample(example: unknown): unknown {
  if (!isFields(example) || typeof example.match !== 'boolean') return example;
  const { event, events, match, ...rest } = example;
  const all = Array.isArray(events) ? events : [event];
  const flat = all.map(dotted);
  if (flat.some((one) => one === undefined) || flat.length === 0) return example;
  return { ...rest, [match ? 'match' : 'no_match']: Array.isArray(events) ? flat : flat[0] };
}

/** An event under dotted names; undefined where a name is unknown or stands twice. */
function dotted(event: unknown): Fields | undefined {
  const result: Fields = {};
  const walk = (value: Fields, prefix: string): boolean =>
    Object.entries(value).every(([key, item]) => {
      const name = prefix === '' ? key : `${prefix}.${key}`;
      const field = fieldId(name);
      const isMap = field !== undefined && FIELDS[fieldName(field)].type === 'map<string>';
      if (isFields(item) && !isMap && FIELD_NAMES.some((known) => known.startsWith(`${name}.`)))
        return walk(item, name);
      if (field === undefined || Object.hasOwn(result, name) || isFields(item) !== isMap) return false;
      result[name] = item;
      return true;
    });
  return isFields(event) && walk(event, '') ? result : undefined;
}
