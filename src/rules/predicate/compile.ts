import type { FieldSource } from '../../schema/event.ts';
import type { Condition, Leaf } from '../tree.ts';
import { scopeOf } from './actor.ts';
import { ADDRESS_FIELDS, addressTest, ipv4Of } from './address.ts';
import { cheapestFirst } from './cost.ts';
import { pairTest, valueTest } from './test-value.ts';
import { FAILS, HOLDS, Turn, UNKNOWN } from './turn.ts';
import { type Elements, reader, someString } from './values.ts';

export type Predicate = (event: FieldSource) => boolean;
type Many = Condition & { readonly type: 'all' | 'any' };
type Node = (event: FieldSource, elements: Elements) => boolean;

/**
 * Compiles a condition into a synchronous predicate that allocates nothing.
 * Throws an Error for a network that cannot be compiled; a regular expression is
 * compiled when a text first gets as far as it. Front ends check both before and
 * give the place.
 */
export function compilePredicate(condition: Condition): Predicate {
  return predicateCompiler()(condition).matches;
}

export interface SharedPredicate {
  /** Of any event. */
  readonly matches: Predicate;
  /** Of the event of this turn: parts that were asked about it before are not asked again. */
  readonly matchesInTurn: Predicate;
  /** In a turn, what it asks of the actor alone: where this does not hold, it does not hold for any event of such an actor. */
  readonly ofActor: Predicate | undefined;
}

/**
 * The same for many conditions: a part that several of them share is compiled
 * once, and evaluated once in a turn; what a part asks of the actor alone, once
 * for the actor.
 */
export function predicateCompiler(
  conditions: readonly Condition[] = [],
  turn: Turn = new Turn(),
): (condition: Condition) => SharedPredicate {
  const compiled: Compiled = { nodes: [], ofActor: new Map(), shared: sharedParts(conditions), turn };
  return (condition) => {
    const elements: Elements = [];
    const node = compileNode(condition, 0, compiled);
    const ofActor = scopeOf(condition) === 'own' ? node : compiled.ofActor.get(condition);
    return {
      matches: (event) => {
        turn.next();
        return node(event, elements);
      },
      matchesInTurn: (event) => node(event, elements),
      ofActor: ofActor === undefined ? undefined : (event) => ofActor(event, elements),
    };
  };
}

/** Parts of several conditions, or of several places in one; leaves cost less than remembering. */
export function sharedParts(conditions: readonly Condition[]): ReadonlySet<Condition> {
  const seen = new Set<Condition>();
  const shared = new Set<Condition>();
  const visit = (condition: Condition): void => {
    if (condition.type === 'leaf' || condition.type === 'const') return;
    if (seen.has(condition)) {
      shared.add(condition);
      return;
    }
    seen.add(condition);
    if (condition.type === 'not') visit(condition.of);
    else if (condition.type !== 'quantifier') condition.of.forEach(visit);
  };
  conditions.forEach(visit);
  return shared;
}

interface Compiled {
  /** By depth. */
  readonly nodes: Map<Condition, Node>[];
  /** Of what must hold as a whole: the part that asks of the actor alone. */
  readonly ofActor: Map<Condition, Node>;
  readonly shared: ReadonlySet<Condition>;
  readonly turn: Turn;
}

function remembered(node: Node, turn: Turn): Node {
  let asked = -1;
  let held = false;
  return (event, elements) => {
    if (asked === turn.number) return held;
    held = node(event, elements);
    asked = turn.number;
    return held;
  };
}

/** Of a part that asks of the actor alone. */
function rememberedOfActor(condition: Condition, node: Node, turn: Turn): Node {
  const scope = scopeOf(condition);
  if (scope === undefined || (scope === 'lineage' && isMixed(condition))) return node;
  const cell = turn.cell(scope);
  return (event, elements) => {
    const first = scope === 'own' ? turn.own : turn.lineage();
    if (first < 0) return node(event, elements);
    const found = turn.cells[first + cell];
    if (found !== UNKNOWN) return found === HOLDS;
    const held = node(event, elements);
    turn.cells[first + cell] = held ? HOLDS : FAILS;
    return held;
  };
}

/** Part of it asks of the actor alone, and is asked first: the ancestors, which take longer to come by, may not be needed. */
function isMixed(condition: Condition): boolean {
  return (condition.type === 'all' || condition.type === 'any') && condition.of.some((part) => scopeOf(part) === 'own');
}

/** `depth` counts the quantifiers around a node: the level of the elements that one here binds. */
function compileNode(condition: Condition, depth: number, compiled: Compiled): Node {
  const known = compiled.nodes[depth] ?? new Map<Condition, Node>();
  compiled.nodes[depth] = known;
  let node = known.get(condition);
  if (node === undefined) {
    node = compileNew(condition, depth, compiled);
    // Within a quantifier it depends on the element.
    if (depth === 0 && compiled.shared.has(condition)) node = remembered(node, compiled.turn);
    if (depth === 0 && condition.type !== 'leaf' && condition.type !== 'const')
      node = rememberedOfActor(condition, node, compiled.turn);
    known.set(condition, node);
  }
  return node;
}

function compileNew(condition: Condition, depth: number, compiled: Compiled): Node {
  switch (condition.type) {
    case 'const': {
      const { value } = condition;
      return () => value;
    }
    case 'not': {
      const child = compileNode(condition.of, depth, compiled);
      return (event, elements) => !child(event, elements);
    }
    case 'all':
    case 'any':
      return compileMany(condition, depth, compiled);
    case 'quantifier': {
      const over = reader(condition.over);
      const where = compileNode(condition.where, depth + 1, compiled);
      const verdict = condition.how === 'any';
      return (event, elements) => {
        const list = over(event, elements);
        if (!Array.isArray(list)) return false;
        for (const element of list) {
          elements[depth] = element;
          if (where(event, elements) === verdict) return verdict;
        }
        return !verdict;
      };
    }
    case 'leaf':
      return compileLeaf(condition);
  }
}

function compileLeaf({ subject, test }: Leaf): Node {
  if (test.op === 'compare') {
    const holds = pairTest(test);
    const right = reader(test.other);
    if (subject.from === 'any_string') {
      return (event, elements) => someString(event, (text) => holds(text, right(event, elements)));
    }
    const left = reader(subject);
    return (event, elements) => {
      const value = left(event, elements);
      const other = right(event, elements);
      return value !== undefined && other !== undefined && holds(value, other);
    };
  }
  const holds = valueTest(test);
  if (subject.from === 'any_string') return (event) => someString(event, holds);
  if (subject.from === 'field' && subject.key === undefined && subject.index === undefined && !subject.transform) {
    const { field } = subject;
    const ofAddress = ADDRESS_FIELDS.has(field) ? addressTest(test) : undefined;
    if (ofAddress === undefined) return (event) => holds(event.value(field));
    return (event) => {
      const address = ipv4Of(event, field);
      return address === undefined ? holds(event.value(field)) : ofAddress(address);
    };
  }
  if (subject.from === 'derived') {
    const { read } = subject.derived;
    return (event) => holds(read(event));
  }
  const read = reader(subject);
  return (event, elements) => holds(read(event, elements));
}

/**
 * What asks of the actor alone comes first where the answer is remembered, all
 * of it as one question; else what is cheap comes first.
 */
function compileMany(condition: Many, depth: number, compiled: Compiled): Node {
  const compileParts = condition.type === 'all' ? compileAll : compileAny;
  const plain = compileParts(cheapestFirst(condition).map((child) => compileNode(child, depth, compiled)));
  const ofActor = depth === 0 ? condition.of.filter((child) => scopeOf(child) === 'own') : [];
  if (ofActor.length === 0 || ofActor.length === condition.of.length) return plain;
  const { turn } = compiled;
  const question: Many = { type: condition.type, of: ofActor };
  const known = rememberedOfActor(
    question,
    compileParts(cheapestFirst(question).map((child) => compileNode(child, depth, compiled))),
    turn,
  );
  const others: Many = { type: condition.type, of: condition.of.filter((child) => scopeOf(child) !== 'own') };
  const rest = rememberedOfActor(
    others,
    compileParts(cheapestFirst(others).map((child) => compileNode(child, depth, compiled))),
    turn,
  );
  if (condition.type === 'all') {
    compiled.ofActor.set(condition, known);
    return (event, elements) =>
      turn.own < 0 ? plain(event, elements) : known(event, elements) && rest(event, elements);
  }
  return (event, elements) => (turn.own < 0 ? plain(event, elements) : known(event, elements) || rest(event, elements));
}

function compileAll(children: readonly Node[]): Node {
  const [a, b] = children;
  if (children.length === 2 && a !== undefined && b !== undefined) {
    return (event, elements) => a(event, elements) && b(event, elements);
  }
  return (event, elements) => {
    for (const child of children) if (!child(event, elements)) return false;
    return true;
  };
}

function compileAny(children: readonly Node[]): Node {
  const [a, b] = children;
  if (children.length === 2 && a !== undefined && b !== undefined) {
    return (event, elements) => a(event, elements) || b(event, elements);
  }
  return (event, elements) => {
    for (const child of children) if (child(event, elements)) return true;
    return false;
  };
}
