/**
 * The json-rules-engine front end: condition tree in JSON -> condition tree.
 * Operators, decorators and what they make of an absent fact follow
 * json-rules-engine 7 with undefined facts allowed. Beyond it: `contains` of
 * text, startsWith, endsWith, matches, glob, cidr, exists, and the decorator
 * `ignoreCase`.
 */
import { nearest } from '../../nearest.ts';
import { FIELD_ALIASES, FIELD_NAMES } from '../../schema/fields.ts';
import { resolveName, select } from '../cel/scope.ts';
import { RuleError } from '../source.ts';
import { all, any, type Condition, not, type Subject } from '../tree.ts';
import type { FileNode, ObjectNode } from './node.ts';
import { applyOperator, DECORATORS, JSON_OPERATORS, type Operands } from './tree-operators.ts';

export type PlaceOf = (node: FileNode) => { readonly file?: string; readonly line?: number; readonly column?: number };

/** What gives a node its place, and the conditions that can be referred to by name, each with its own file. */
export interface JsonScope {
  readonly conditions: ReadonlyMap<string, { readonly node: FileNode; readonly place: PlaceOf }>;
  readonly place: PlaceOf;
}

const MAX_NODES = 100_000;
const MAX_NAMES = 32;

/** Translates a tree. Throws RuleError with the place of the first mistake. */
export function jsonCondition(node: FileNode, scope: JsonScope): Condition {
  return new Translation(scope).condition(node);
}

class Translation {
  readonly #scope: JsonScope;
  readonly #open: string[] = [];
  #place: PlaceOf;
  #nodes = 0;

  constructor(scope: JsonScope) {
    this.#scope = scope;
    this.#place = scope.place;
  }

  #error(node: FileNode, message: string, remedy?: string): RuleError {
    return new RuleError({ ...this.#place(node), message, ...(remedy === undefined ? {} : { remedy }) });
  }

  condition(node: FileNode): Condition {
    if (++this.#nodes > MAX_NODES) throw this.#error(node, `more than ${MAX_NODES} conditions once names are expanded`);
    if (node.kind !== 'object') throw this.#error(node, 'expected an object with all, any, not, condition or fact');
    const kinds = ['all', 'any', 'not', 'condition', 'fact'].filter((key) => node.entries.has(key));
    const [kind] = kinds;
    if (kind === undefined) throw this.#error(node, 'expected one of all, any, not, condition or fact');
    if (kinds.length > 1) throw this.#error(node, `has both "${kinds.join('" and "')}"; one of them is allowed`);
    this.#onlyKeys(node, kind === 'fact' ? FACT_KEYS : [kind, 'name', 'priority']);
    const child = node.entries.get(kind)?.node;
    if (child === undefined || kind === 'fact') return this.#comparison(node);
    if (kind === 'not') return not(this.condition(child));
    if (kind === 'condition') return this.#named(child);
    if (child.kind !== 'array') throw this.#error(child, `"${kind}" must be a list of conditions`);
    if (child.items.length === 0) throw this.#error(child, `"${kind}" is empty`);
    const parts = child.items.map((item) => this.condition(item));
    return kind === 'all' ? all(parts) : any(parts);
  }

  #onlyKeys(node: ObjectNode, known: readonly string[]): void {
    for (const [key, entry] of node.entries) {
      if (known.includes(key)) continue;
      const near = nearest(key, known);
      const remedy = near === undefined ? `known are ${known.join(', ')}` : `did you mean "${near}"?`;
      throw this.#error({ ...entry.node, at: entry.at }, `unknown key "${key}"`, remedy);
    }
  }

  #named(node: FileNode): Condition {
    const name = this.#text(node, 'condition');
    const found = this.#scope.conditions.get(name);
    if (found === undefined) {
      const near = nearest(name, this.#scope.conditions.keys());
      throw this.#error(node, `no condition "${name}"`, near === undefined ? undefined : `did you mean "${near}"?`);
    }
    if (this.#open.includes(name)) {
      throw this.#error(node, `condition "${name}" uses itself: ${[...this.#open, name].join(' -> ')}`);
    }
    if (this.#open.length >= MAX_NAMES) throw this.#error(node, `named conditions nested deeper than ${MAX_NAMES}`);
    this.#open.push(name);
    const place = this.#place;
    this.#place = found.place;
    const condition = this.condition(found.node);
    this.#place = place;
    this.#open.pop();
    return condition;
  }

  #text(node: FileNode | undefined, what: string, parent?: FileNode): string {
    if (node?.kind === 'string') return node.value;
    const at = node ?? parent;
    if (at === undefined) throw new RuleError({ message: `"${what}" is missing` });
    throw this.#error(at, node === undefined ? `"${what}" is missing` : `"${what}" must be text`);
  }

  #comparison(node: ObjectNode): Condition {
    const get = (key: string) => node.entries.get(key)?.node;
    const params = get('params');
    if (params !== undefined) throw this.#error(params, '"params" have no use: facts are fields of the event');
    const subject = this.#fact(node);
    const operatorNode = get('operator');
    const [operator = '', ...decorators] = this.#text(operatorNode, 'operator', node).split(':').reverse();
    for (const decorator of decorators) {
      if (!DECORATORS.includes(decorator)) throw this.#unknownOperator(operatorNode ?? node, decorator, DECORATORS);
    }
    if (!JSON_OPERATORS.includes(operator)) throw this.#unknownOperator(operatorNode ?? node, operator, JSON_OPERATORS);
    const valueNode = get('value');
    if (valueNode === undefined) throw this.#error(node, '"value" is missing');
    const operands: Operands = {
      left: subject,
      right: this.#value(valueNode),
      ignoreCase: false,
      level: 0,
      fail: (message, remedy) => this.#error(valueNode, message, remedy),
    };
    return applyOperator(operator, decorators.reverse(), operands);
  }

  #unknownOperator(node: FileNode, name: string, known: readonly string[]): RuleError {
    const near = nearest(name, [...known, ...JSON_OPERATORS, ...DECORATORS]);
    const remedy = near === undefined ? `known are ${known.join(', ')}` : `did you mean "${near}"?`;
    return this.#error(node, `unknown operator "${name}"`, remedy);
  }

  #value(node: FileNode): Operands['right'] {
    if (node.kind === 'object') {
      this.#onlyKeys(node, ['fact', 'path']);
      return { kind: 'subject', ...this.#fact(node) };
    }
    if (node.kind === 'array') {
      const values = node.items.map((item) => {
        if (item.kind === 'string' || item.kind === 'number' || item.kind === 'boolean') return item.value;
        throw this.#error(item, 'a list may contain only text, numbers and truth values');
      });
      return { kind: 'list', values };
    }
    if (node.value === null)
      throw this.#error(node, 'null is not a value a field can have', 'use the operator "exists"');
    return { kind: 'literal', value: node.value };
  }

  #fact(node: ObjectNode): { readonly subject: Subject; readonly type: string } {
    const factNode = node.entries.get('fact')?.node;
    const name = this.#text(factNode, 'fact', node);
    const pathNode = node.entries.get('path')?.node;
    const parts = pathNode === undefined ? [] : this.#path(pathNode);
    const full = [name, ...parts].join('.');
    let found = parts.length === 0 ? resolveName(name) : undefined;
    if (parts.length > 0) {
      found = resolveName(full);
      if (found === undefined) {
        const container = resolveName([name, ...parts.slice(0, -1)].join('.'));
        found = container === undefined ? undefined : select(container, parts.at(-1) ?? '');
      }
    }
    if (found?.kind !== 'subject') {
      const near = nearest(full, [...FIELD_NAMES, ...Object.keys(FIELD_ALIASES)]);
      const message = found === undefined ? `unknown fact "${full}"` : `"${full}" is a group of fields`;
      throw this.#error(factNode ?? node, message, near === undefined ? undefined : `did you mean "${near}"?`);
    }
    return { subject: found.subject, type: found.type };
  }

  /** JSONPath can run filters and scripts, and costs 15 us a fact: only plain properties are taken. */
  #path(node: FileNode): string[] {
    const text = this.#text(node, 'path');
    const match = /^\$?\.?([A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*)$/.exec(text);
    if (match?.[1] === undefined) {
      throw this.#error(node, `JSONPath "${text}" is not allowed: only plain properties such as "$.parent.name" are`);
    }
    return match[1].split('.');
  }
}

const FACT_KEYS = ['fact', 'operator', 'value', 'path', 'params', 'priority', 'name'];
