/** Modifiers of a field: `CommandLine|base64offset|contains`. They are applied in the order in which they are written. */
import { isIP } from 'node:net';
import { messageOf } from '../../errors.ts';
import { quoted } from '../../visible.ts';
import type { YamlScalar } from '../../yaml.ts';
import { parseNetwork } from '../predicate/cidr.ts';
import { compileRegexp } from '../predicate/regexp.ts';
import type { OrderOperator, TextOperator } from '../tree.ts';
import { SigmaFault } from './problem.ts';
import {
  asCharacters,
  expand,
  hasWildcard,
  literalOf,
  parseText,
  surround,
  type Text,
  toBase64,
  toBase64Offsets,
  toUtf16,
  windash,
} from './text.ts';

export type SigmaValue =
  /** `raw` is the text as written, as long as no modifier has changed it: a regular expression has its own backslashes. */
  | { readonly type: 'text'; readonly text: Text; readonly raw?: string }
  | { readonly type: 'number'; readonly value: number; readonly spelling: string }
  | { readonly type: 'boolean'; readonly value: boolean }
  | { readonly type: 'null' }
  | { readonly type: 'regexp'; readonly pattern: string; readonly flags: string }
  | { readonly type: 'network'; readonly network: string }
  | { readonly type: 'order'; readonly how: OrderOperator; readonly value: number }
  | { readonly type: 'exists'; readonly value: boolean }
  | { readonly type: 'field'; readonly name: string; readonly how: 'equal' | TextOperator };

export interface Modified {
  /** For each value of the rule what its modifiers made of it, of which one suffices: base64offset makes three. */
  readonly groups: readonly (readonly SigmaValue[])[];
  /** All groups must match, not one of them. */
  readonly all: boolean;
  readonly cased: boolean;
  /** `neq`: the opposite of the whole item. */
  readonly negated: boolean;
}

const AFFIXES = { contains: [true, true], startswith: [false, true], endswith: [true, false] } as const;
const UTF16 = { wide: 'utf16le', utf16le: 'utf16le', utf16be: 'utf16be', utf16: 'utf16' } as const;
const ORDERS: ReadonlySet<string> = new Set(['lt', 'lte', 'gt', 'gte']);
const FLAGS: ReadonlySet<string> = new Set(['i', 'm', 's']);
const TIME_PARTS: ReadonlySet<string> = new Set(['minute', 'hour', 'day', 'week', 'month', 'year']);

function own<T extends object>(table: T, name: string): T[keyof T] | undefined {
  return Object.hasOwn(table, name) ? table[name as keyof T] : undefined;
}

/** Applies modifiers to the values of an item. Throws SigmaFault for what is unknown or does not go together. */
export function applyModifiers(names: readonly string[], scalars: readonly YamlScalar[]): Modified {
  let groups = scalars.map((scalar) => [initial(scalar)]);
  let all = false;
  let cased = false;
  let negated = false;
  names.forEach((name, index) => {
    if (names.indexOf(name) !== index) throw new SigmaFault(`the modifier ${quoted(name)} stands twice`);
    if (name === 'all') all = true;
    else if (name === 'cased') cased = true;
    else if (name === 'neq') negated = true;
    else if (FLAGS.has(name)) groups = groups.map((group) => group.map((value) => withFlag(value, name)));
    else groups = groups.map((group) => group.flatMap((value) => modify(value, name, names)));
  });
  for (const value of groups.flat()) {
    if (value.type === 'null' && names.some((name) => name !== 'neq')) {
      throw new SigmaFault(`null cannot be combined with ${quoted(names.join('|'))}`);
    }
    if (cased && value.type === 'regexp' && value.flags.includes('i')) {
      throw new SigmaFault('"cased" and the flag "i" exclude each other');
    }
  }
  return { groups: groups.map((group) => group.map(finished)), all, cased, negated };
}

function initial(scalar: YamlScalar): SigmaValue {
  const { value } = scalar;
  if (value === null) return { type: 'null' };
  if (typeof value === 'boolean') return { type: 'boolean', value };
  if (typeof value === 'number') return { type: 'number', value, spelling: scalar.text };
  return { type: 'text', text: parseText(value), raw: value };
}

function finished(value: SigmaValue): SigmaValue {
  if (value.type === 'text') return { type: 'text', text: asCharacters(value.text) };
  if (value.type === 'regexp') {
    try {
      compileRegexp(value.pattern, value.flags);
    } catch (cause) {
      const perl = /\(\?(?:<?[=!]|>)|\\[1-9]/.test(value.pattern);
      throw new SigmaFault(
        messageOf(cause),
        undefined,
        perl ? 'RE2 has no look-around and no back references' : undefined,
      );
    }
  }
  return value;
}

function withFlag(value: SigmaValue, flag: string): SigmaValue {
  if (value.type !== 'regexp') throw new SigmaFault(`the flag "${flag}" belongs behind the modifier "re"`);
  return { ...value, flags: value.flags + flag };
}

/** Text of a value for a textual modifier. */
function textOf(value: SigmaValue, modifier: string): Text {
  if (value.type === 'text') return value.text;
  if (value.type === 'number') return parseText(value.spelling);
  if (value.type === 'boolean') return parseText(String(value.value));
  if (value.type === 'null') throw new SigmaFault(`null cannot be combined with "${modifier}"`);
  throw new SigmaFault(`"${modifier}" cannot follow the modifiers before it`);
}

const text = (value: Text): SigmaValue => ({ type: 'text', text: value });

function modify(value: SigmaValue, name: string, names: readonly string[]): SigmaValue[] {
  const affix = own(AFFIXES, name);
  if (affix !== undefined) return [affixed(value, name as keyof typeof AFFIXES)];
  const utf16 = own(UTF16, name);
  if (utf16 !== undefined) return [text(toUtf16(textOf(value, name), utf16))];
  if (ORDERS.has(name)) return [{ type: 'order', how: name as OrderOperator, value: numberOf(value, name) }];
  if (TIME_PARTS.has(name)) {
    throw new SigmaFault(`the modifier "${name}" needs a field with a date, and events have none`);
  }
  switch (name) {
    case 'windash':
      return [text(windash(textOf(value, name)))];
    case 'base64':
      return toBase64(textOf(value, name)).map(text);
    case 'base64offset':
      return toBase64Offsets(textOf(value, name)).map(text);
    case 're':
      return [regexp(value)];
    case 'expand':
      return [expanded(value)];
    case 'exists':
      if (names.length > 1) throw new SigmaFault('"exists" cannot be combined with other modifiers');
      if (value.type !== 'boolean') throw new SigmaFault('"exists" needs true or false');
      return [{ type: 'exists', value: value.value }];
    case 'fieldref':
      return [fieldReference(textOf(value, name))];
    case 'cidr':
      return [network(textOf(value, name))];
    default:
      throw new SigmaFault(`the modifier ${quoted(name)} is unknown`);
  }
}

function affixed(value: SigmaValue, name: keyof typeof AFFIXES): SigmaValue {
  const operator = ({ contains: 'contains', startswith: 'startsWith', endswith: 'endsWith' } as const)[name];
  if (value.type === 'field') {
    if (value.how !== 'equal') throw new SigmaFault(`"${name}" cannot follow another modifier of place`);
    return { ...value, how: operator };
  }
  if (value.type === 'regexp') {
    if (name === 'contains') return value;
    const pattern = name === 'startswith' ? `^(?:${value.pattern})` : `(?:${value.pattern})$`;
    return { ...value, pattern };
  }
  const [before, after] = AFFIXES[name];
  return text(surround(textOf(value, name), before, after));
}

function regexp(value: SigmaValue): SigmaValue {
  if (value.type === 'text' && value.raw !== undefined) return { type: 'regexp', pattern: value.raw, flags: '' };
  if (value.type === 'number') return { type: 'regexp', pattern: value.spelling, flags: '' };
  throw new SigmaFault('"re" needs an unchanged text: it must be the first modifier');
}

function expanded(value: SigmaValue): SigmaValue {
  if (value.type === 'text') return text(expand(value.text));
  if (value.type !== 'regexp') return value;
  const placeholder = /(?<!\\)%[^%\s]+%/.exec(value.pattern)?.[0];
  if (placeholder !== undefined) throw new SigmaFault(`the placeholder ${placeholder} has no definition`);
  return value;
}

function numberOf(value: SigmaValue, modifier: string): number {
  if (value.type === 'number') return value.value;
  if (value.type === 'text' && !hasWildcard(value.text)) {
    const spelling = literalOf(value.text);
    if (/^-?\d+(\.\d+)?$/.test(spelling)) return Number(spelling);
  }
  throw new SigmaFault(`"${modifier}" needs a number`);
}

function fieldReference(reference: Text): SigmaValue {
  const [first] = reference.parts;
  const before = first !== undefined && 'wildcard' in first;
  const last = reference.parts.at(-1);
  const after = reference.parts.length > 1 && last !== undefined && 'wildcard' in last;
  const name = literalOf(reference);
  if (name === '') throw new SigmaFault('"fieldref" needs the name of a field');
  let how: 'equal' | TextOperator = 'equal';
  if (before && after) how = 'contains';
  else if (after) how = 'startsWith';
  else if (before) how = 'endsWith';
  return { type: 'field', name, how };
}

function network(value: Text): SigmaValue {
  const written = literalOf(value);
  const fault = new SigmaFault(`${quoted(written)} is not an IP network such as 10.0.0.0/8 or fd00::/8`);
  // The library also reads 10 and 0x7f.1 as addresses.
  if (hasWildcard(value) || isIP(written.split('/', 1)[0] ?? '') === 0) throw fault;
  try {
    parseNetwork(written);
  } catch {
    throw fault;
  }
  return { type: 'network', network: written };
}
