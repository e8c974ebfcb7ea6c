/** rules/rule.schema.json for editors, from the tables that the reader checks against. */
import { FIELD_ALIASES, FIELD_NAMES, FIELDS } from '../../schema/fields.ts';
import {
  EXAMPLE_KEYS,
  EXCEPTION_KEYS,
  FILE_KEYS,
  type Key,
  type KeyType,
  RATING_KEYS,
  RULE_KEYS,
  WINDOW_KEYS,
} from './keys.ts';
import { DECORATORS, JSON_OPERATORS } from './tree-operators.ts';

type Json = { readonly [key: string]: unknown };

function typeSchema(type: KeyType): Json {
  switch (type.is) {
    case 'text':
      return {
        type: 'string',
        minLength: 1,
        ...(type.choices === undefined ? {} : { enum: type.choices }),
        ...(type.pattern === undefined ? {} : { pattern: type.pattern }),
        ...(type.max === undefined ? {} : { maxLength: type.max }),
      };
    case 'number':
      return { type: type.integer === true ? 'integer' : 'number', minimum: type.min, maximum: type.max };
    case 'bool':
      return { type: 'boolean' };
    case 'texts':
      return {
        type: 'array',
        items: { type: 'string', ...(type.pattern === undefined ? {} : { pattern: type.pattern }) },
      };
    case 'own':
      return { ...type.shape };
  }
}

function objectSchema(keys: Readonly<Record<string, Key>>, required: readonly string[] = []): Json {
  const properties = Object.entries(keys).map(([key, { type, doc }]) => [
    key,
    { ...typeSchema(type), description: doc },
  ]);
  return {
    type: 'object',
    properties: Object.fromEntries(properties),
    additionalProperties: false,
    ...(required.length === 0 ? {} : { required }),
  };
}

function treeSchema(): Json {
  const tree = { $ref: '#/$defs/tree' };
  const common = { name: { type: 'string' }, priority: { type: 'integer' } };
  const node = (key: string, schema: Json) => ({
    type: 'object',
    properties: { [key]: schema, ...common },
    required: [key],
    additionalProperties: false,
  });
  const list = { type: 'array', items: tree, minItems: 1 };
  const fact = { anyOf: [{ enum: [...FIELD_NAMES, ...Object.keys(FIELD_ALIASES)] }, { type: 'string' }] };
  const comparison = {
    type: 'object',
    properties: {
      fact,
      operator: {
        anyOf: [
          { enum: JSON_OPERATORS },
          { type: 'string', pattern: `^((${DECORATORS.join('|')}):)+(${JSON_OPERATORS.join('|')})$` },
        ],
      },
      value: { type: ['string', 'number', 'boolean', 'array', 'object'] },
      path: { type: 'string', pattern: '^\\$?\\.?[A-Za-z_]\\w*(\\.[A-Za-z_]\\w*)*$' },
      ...common,
    },
    required: ['fact', 'operator', 'value'],
    additionalProperties: false,
  };
  return {
    anyOf: [node('all', list), node('any', list), node('not', tree), node('condition', { type: 'string' }), comparison],
  };
}

/** Fields under their dotted names, on top of those of an actor; nested and simple events are open to more. */
function eventSchema(): Json {
  const actor = { anyOf: [{ type: 'string' }, { type: 'array', items: { type: 'string' } }] };
  const fields = FIELD_NAMES.map((name) => [name, { description: FIELDS[name].doc }] as const);
  return {
    type: 'object',
    properties: {
      actor: { ...actor, description: 'The actors whose fields the event has' },
      ...Object.fromEntries(fields),
    },
  };
}

const LITERALS = { type: 'array', items: { type: ['string', 'number', 'boolean'] } };

export function ruleSchema(): Json {
  const change = (key: string, schema: Json) => ({
    type: 'object',
    properties: { [key]: schema },
    required: [key],
    additionalProperties: false,
  });
  return {
    $schema: 'http://json-schema.org/draft-07/schema#',
    title: 'bpfwarden rule file',
    ...objectSchema(FILE_KEYS),
    $defs: {
      rule: objectSchema(RULE_KEYS, ['name']),
      rating: objectSchema(RATING_KEYS),
      tree: treeSchema(),
      window: objectSchema(WINDOW_KEYS, ['seconds']),
      example: objectSchema(EXAMPLE_KEYS),
      event: eventSchema(),
      exception: objectSchema(EXCEPTION_KEYS),
      list: { anyOf: [LITERALS, change('append', LITERALS), change('override', LITERALS)] },
      macro: { anyOf: [{ type: 'string' }, change('override', { type: 'string' })] },
    },
  };
}

export function ruleSchemaText(): string {
  return `${compact(ruleSchema(), '')}\n`;
}

const WIDTH = 120;

/** JSON with what fits on a line on one line: a field is a line. */
function compact(value: unknown, indent: string): string {
  const line = JSON.stringify(value);
  if (typeof value !== 'object' || value === null || indent.length + line.length <= WIDTH) return line;
  const inner = `${indent}  `;
  if (Array.isArray(value)) {
    return `[\n${value.map((item) => inner + compact(item, inner)).join(',\n')}\n${indent}]`;
  }
  const entries = Object.entries(value).map(([key, item]) => `${inner}${JSON.stringify(key)}: ${compact(item, inner)}`);
  return `{\n${entries.join(',\n')}\n${indent}}`;
}
