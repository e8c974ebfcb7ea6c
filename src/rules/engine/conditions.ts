/**
 * Condition tree -> conditions of json-rules-engine, with flat facts named as
 * `subjectText` writes them. Leaves keep their number in `name`, so that the
 * engine's result leads back to the tree.
 */
import type { NestedCondition } from 'json-rules-engine';
import { globText } from '../predicate/glob.ts';
import { type Condition, type Leaf, type Literal, type Subject, subjectText } from '../tree.ts';

/** Longer lists become constant facts: the engine clones a rule's conditions on every run, values included. */
const INLINE_VALUES = 16;

export interface EngineConditions {
  readonly root: { all: NestedCondition[] };
  /** Leaves, quantifiers and parts by the number in their `name`. */
  readonly nodes: readonly Condition[];
  /** What the facts are, by name. `undefined` stands for all strings of the event. */
  readonly facts: ReadonlyMap<string, Subject>;
  readonly constants: ReadonlyMap<string, readonly Literal[]>;
  /** Parts whose truth is a fact, by name. */
  readonly parts: ReadonlyMap<string, Condition>;
}

/** How many nodes a condition has, up to a limit. */
function sizeOf(condition: Condition, limit: number): number {
  if (condition.type === 'not') return 1 + sizeOf(condition.of, limit - 1);
  if (condition.type !== 'all' && condition.type !== 'any') return 1;
  let size = 1;
  for (const child of condition.of) {
    if (size > limit) break;
    size += sizeOf(child, limit - size);
  }
  return size;
}

/** @param largest Parts of more nodes become facts. */
export function engineConditions(condition: Condition, largest = Number.POSITIVE_INFINITY): EngineConditions {
  const nodes: Condition[] = [];
  const parts = new Map<string, Condition>();
  const facts = new Map<string, Subject>();
  const constants = new Map<string, readonly Literal[]>();

  const fact = (subject: Subject): string => {
    const name = subjectText(subject);
    facts.set(name, subject);
    return name;
  };
  const listValue = (values: readonly Literal[]): unknown => {
    if (values.length <= INLINE_VALUES) return values;
    const name = `list ${constants.size + 1}`;
    constants.set(name, values);
    return { fact: name };
  };
  const number = (node: Condition): string => String(nodes.push(node) - 1);
  const part = (node: Condition): NestedCondition => {
    const name = number(node);
    parts.set(`part ${name}`, node);
    return { name, fact: `part ${name}`, operator: 'equal', value: true };
  };

  const convert = (node: Condition): NestedCondition => {
    if (node !== condition && sizeOf(node, largest) > largest) return part(node);
    switch (node.type) {
      case 'const':
        return node.value ? { all: [] } : { not: { all: [] } };
      case 'all':
        return { all: node.of.map(convert) };
      case 'any':
        return { any: node.of.map(convert) };
      case 'not':
        return { not: convert(node.of) };
      case 'quantifier':
        return { name: number(node), fact: fact(node.over), operator: `${node.how}Element`, value: nodes.length - 1 };
      case 'leaf':
        return leaf(node);
    }
  };

  const leaf = (node: Leaf): NestedCondition => {
    const { subject, test } = node;
    const name = number(node);
    const named = (operator: string, value: unknown): NestedCondition => {
      const flags = 'ignoreCase' in test && test.ignoreCase === true && test.op !== 'compare' ? 'ignoreCase:' : '';
      const order = test.op === 'lt' || test.op === 'lte' || test.op === 'gt' || test.op === 'gte';
      const decorator = order ? 'asNumber:' : 'asText:';
      const loose = 'loose' in test && test.loose === true && test.op !== 'compare' ? decorator : '';
      const some = subject.from === 'any_string' ? 'someFact:' : '';
      return { name, fact: fact(subject), operator: some + loose + flags + operator, value };
    };
    switch (test.op) {
      case 'exists':
        return named('exists', true);
      case 'equal': {
        const [only] = test.values;
        return test.values.length === 1 && only !== undefined
          ? named('equal', only)
          : named('in', listValue(test.values));
      }
      case 'contains':
      case 'startsWith':
      case 'endsWith':
        return named(`${test.op}Text`, listValue(test.values));
      case 'matches':
        return named('matches', { pattern: test.pattern, flags: test.flags ?? '' });
      case 'glob':
        return named('glob', listValue(test.values.map(globText)));
      case 'cidr':
        return named('cidr', listValue(test.values));
      case 'listEqual':
        return named('listEqual', listValue(test.value));
      case 'compare': {
        const flags = `${test.ignoreCase === true ? ' ignoring case' : ''}${test.loose === true ? ' loosely' : ''}`;
        return named(`${test.how} fact${flags}`, { fact: fact(test.other) });
      }
      default:
        return named(test.op, test.value);
    }
  };

  return { root: { all: [convert(condition)] }, nodes, facts, constants, parts };
}
