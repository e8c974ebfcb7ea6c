/** `exceptions` of a rule, and the condition that they make. */

import { quoted } from '../../visible.ts';
import type { YamlMap, YamlNode } from '../../yaml.ts';
import { FalcoFault } from './fault.ts';
import { itemText } from './lists.ts';
import { textOf } from './node.ts';
import { LIST_OPERATORS, MODIFIERS, OPERATORS, TEXT_OPERATORS } from './syntax.ts';

/** A text, a list, or a list in a list. */
export type Entry = string | readonly Entry[];

export interface Exception {
  readonly name: string;
  readonly fields: Entry | undefined;
  readonly comps: Entry | undefined;
  readonly values: readonly Entry[];
  readonly line: number;
}

function entryOf(node: YamlNode): Entry {
  if (node.kind === 'list') return node.items.map(entryOf);
  if (node.kind !== 'scalar') throw new FalcoFault('an exception holds texts and lists', node);
  if (node.text === '') {
    throw new FalcoFault('an exception has an empty text', {
      line: node.line,
      remedy: 'write \'""\' to compare with an empty text',
    });
  }
  return node.text;
}

/** Reads the key. `append`: the fields may be left out, because an exception of this name is there already. */
export function readExceptions(item: YamlMap, append: boolean): Exception[] {
  const node = item.entries.get('exceptions');
  if (node === undefined || (node.kind === 'scalar' && node.value === null)) return [];
  if (node.kind !== 'list') throw new FalcoFault('"exceptions" must be a list', node);
  const exceptions: Exception[] = [];
  for (const entry of node.items) {
    if (entry.kind !== 'map') throw new FalcoFault('an exception must be a map', entry);
    const name = textOf(entry, 'name');
    const fields = entry.entries.get('fields');
    if (fields === undefined && !append) throw new FalcoFault(`the exception ${quoted(name)} has no fields`, entry);
    const comps = entry.entries.get('comps');
    exceptions.push({
      name,
      fields: fields === undefined ? undefined : entryOf(fields),
      comps: comps === undefined ? undefined : operatorsIn(entryOf(comps)),
      values: valuesOf(entry),
      line: entry.line,
    });
  }
  return exceptions;
}

/** `startswith  anyof` is one operator, however many blanks are in it. */
function operatorsIn(entry: Entry): Entry {
  return typeof entry === 'string' ? entry.trim().replace(/\s+/g, ' ') : entry.map(operatorsIn);
}

function valuesOf(exception: YamlMap): readonly Entry[] {
  const node = exception.entries.get('values');
  if (node === undefined || (node.kind === 'scalar' && node.value === null)) return [];
  if (node.kind !== 'list') throw new FalcoFault('"values" of an exception must be a list', node);
  return node.items.map(entryOf);
}

/** Exceptions with further ones: values are added to one of the same name, others stand beside. */
export function appendExceptions(before: readonly Exception[], added: readonly Exception[]): Exception[] {
  const result = [...before];
  for (const exception of added) {
    const at = result.findIndex(({ name }) => name === exception.name);
    const known = result[at];
    if (known === undefined) {
      if (exception.fields === undefined)
        throw new FalcoFault(`no exception ${quoted(exception.name)} to add values to`, exception);
      if (exception.values.length === 0)
        throw new FalcoFault(`the exception ${quoted(exception.name)} has no values`, exception);
      validateException(exception);
      result.push(exception);
      continue;
    }
    if (exception.fields !== undefined || exception.comps !== undefined) {
      throw new FalcoFault(`to the exception ${quoted(exception.name)} only values can be added`, exception);
    }
    const merged = { ...known, values: [...known.values, ...exception.values] };
    validateException(merged);
    result[at] = merged;
  }
  return result;
}

const WITH_MODIFIER = TEXT_OPERATORS.flatMap((operator) =>
  MODIFIERS.map((modifier) => `${operator.trim()} ${modifier}`),
);
/** Operators that take values in brackets. */
const lists: readonly string[] = [...LIST_OPERATORS, ...WITH_MODIFIER];
const operators: readonly string[] = [...OPERATORS, ...WITH_MODIFIER];

/** Throws FalcoFault where fields, comps and values do not fit each other. */
export function validateException(exception: Exception): void {
  const { fields, comps, values, name } = exception;
  if (typeof fields === 'string') {
    if (comps !== undefined && (typeof comps !== 'string' || !lists.includes(comps))) {
      throw new FalcoFault(
        `comps of the exception ${quoted(name)} must be ${LIST_OPERATORS.join(', ')} or an operator with ${MODIFIERS.join(', ')}`,
        exception,
      );
    }
    if (values.some((value) => typeof value !== 'string'))
      throw new FalcoFault(`the exception ${quoted(name)} has one field, so its values must be texts`, exception);
    return;
  }
  if (fields === undefined) return;
  if (comps !== undefined && (typeof comps === 'string' || comps.length !== fields.length))
    throw new FalcoFault(`fields and comps of the exception ${quoted(name)} differ in length`, exception);
  for (const operator of compsOf(exception)) {
    if (!operators.includes(operator)) throw new FalcoFault(`${quoted(operator)} is no operator`, exception);
  }
  for (const value of values) {
    if (typeof value === 'string' || value.length !== fields.length)
      throw new FalcoFault(`fields and values of the exception ${quoted(name)} differ in length`, exception);
  }
}

/** The operators of a tuple; `=` where none are given. */
function compsOf({ fields, comps }: Exception): readonly string[] {
  if (typeof comps === 'object') return comps.map(String);
  return typeof fields === 'object' ? fields.map(() => '=') : [];
}

/** The rule's condition with `and not` each exception: text, like Falco's, because lists are put in it afterwards. */
export function withExceptions(condition: string, exceptions: readonly Exception[]): string {
  const parts = exceptions.map(exceptionText).filter((text) => text !== '');
  return parts.length === 0 ? condition : `(${condition})${parts.map((part) => ` and not ${part}`).join('')}`;
}

function exceptionText(exception: Exception): string {
  const { fields, values } = exception;
  if (values.length === 0 || fields === undefined) return '';
  if (typeof fields === 'string') {
    const operator = typeof exception.comps === 'string' ? exception.comps : 'in';
    return `(${fields} ${operator} (${values.map((value) => itemText(String(value))).join(', ')}))`;
  }
  const comps = compsOf(exception);
  const tuples = values.map((tuple) => {
    const checks = fields.map((field, index) => {
      const operator = comps[index] ?? '=';
      const value = typeof tuple === 'string' ? '' : (tuple[index] ?? '');
      return operator === 'exists' ? `${field} exists` : `${field} ${operator} ${valueText(value, operator)}`;
    });
    return `(${checks.join(' and ')})`;
  });
  return `(${tuples.join(' or ')})`;
}

function valueText(value: Entry, operator: string): string {
  if (typeof value !== 'string') return `(${value.map((one) => itemText(String(one))).join(', ')})`;
  if (!lists.includes(operator)) return itemText(value);
  return value.startsWith('(') ? value : `(${itemText(value)})`;
}
