/** Exceptions: data that narrows a rule without touching its condition. */
import { celCondition } from '../cel/condition.ts';
import { resolveName } from '../cel/scope.ts';
import { all, type Condition } from '../tree.ts';
import { type Placed, type RuleBook, readRuleBook } from './book.ts';
import { RuleDocument } from './document.ts';
import { EXCEPTION_KEYS } from './keys.ts';
import type { FileNode, ObjectNode } from './node.ts';
import { type JsonScope, jsonCondition } from './tree-condition.ts';

/**
 * One exception: a CEL condition, or an object whose `condition` and `fields`
 * must all hold. Where a field that it asks for is absent, it does not hold.
 * Throws RuleError.
 */
export function exceptionCondition({ document, node }: Placed, book: RuleBook, scope: JsonScope): Condition {
  if (node.kind === 'string') return celCondition(document.source(node), book);
  const object = document.object(node, 'an exception');
  document.checkKeys(object, EXCEPTION_KEYS);
  const condition = object.entries.get('condition')?.node;
  const fields = object.entries.get('fields')?.node;
  const parts: Condition[] = [];
  if (condition !== undefined) {
    if (condition.kind !== 'string') throw document.error(condition, '"condition" must be text');
    parts.push(celCondition(document.source(condition), book));
  }
  if (fields !== undefined) {
    for (const [name, entry] of document.object(fields, '"fields"').entries) {
      parts.push(...fieldConditions(name, entry.at, entry.node, scope));
    }
  }
  if (parts.length === 0) throw document.error(object, 'an exception needs "condition" or "fields"');
  return all(parts);
}

/** The condition of an exception's fields that are not from a file. Throws RuleError. */
export function exceptionOf(fields: Readonly<Record<string, unknown>>): Condition {
  const book = readRuleBook([]);
  const document = new RuleDocument('exception', JSON.stringify({ fields }));
  return exceptionCondition({ document, node: document.root }, book, {
    conditions: book.conditions,
    place: document.place,
  });
}

/** `{"process.name": "cron"}`, `{"process.name": ["cron", "atd"]}`, `{"process.path": {"startsWith": "/usr/"}}`. */
function fieldConditions(name: string, at: number, value: FileNode, scope: JsonScope): Condition[] {
  const found = resolveName(name);
  const isList = found?.kind === 'subject' && found.type === 'list<string>';
  if (value.kind === 'object') {
    return [...value.entries].map(([operator, entry]) => comparison(name, at, operator, entry.at, entry.node, scope));
  }
  const plain = isList ? 'contains' : 'equal';
  const several = isList ? 'someValue:contains' : 'in';
  return [comparison(name, at, value.kind === 'array' ? several : plain, at, value, scope)];
}

function comparison(
  fact: string,
  factAt: number,
  operator: string,
  operatorAt: number,
  value: FileNode,
  scope: JsonScope,
): Condition {
  const text = (at: number, content: string): { at: number; node: FileNode } => ({
    at,
    node: { kind: 'string', at, end: at, value: content, style: 'json' },
  });
  const node: ObjectNode = {
    kind: 'object',
    at: factAt,
    entries: new Map([
      ['fact', text(factAt, fact)],
      ['operator', text(operatorAt, operator)],
      ['value', { at: value.at, node: value }],
    ]),
  };
  return jsonCondition(node, scope);
}
