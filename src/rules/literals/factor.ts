/**
 * What is asked twice is asked once: `(a and b) or (a and c)` is `a and (b or c)`, and beside `a` the `a` within
 * another part is true. So what decides most, that a file was written or that a call succeeded, is asked first.
 * Parts that ask of the actor alone stay the objects that they are: many rules share them, and they are remembered.
 */

import { scopeOf } from '../predicate/actor.ts';
import { all, any, type Condition, not } from '../tree.ts';
import { specialise } from './specialise.ts';

/** Equivalent to the condition. Parts that are equal must be the same object, as interning makes them. */
export function factor(condition: Condition, before = new Map<Condition, Condition>()): Condition {
  if (scopeOf(condition) !== undefined) return condition;
  let factored = before.get(condition);
  if (factored === undefined) {
    factored = factorNew(condition, before);
    before.set(condition, factored);
  }
  return factored;
}

function factorNew(condition: Condition, before: Map<Condition, Condition>): Condition {
  switch (condition.type) {
    case 'all':
    case 'any': {
      const parts = [...new Set(condition.of.map((part) => factor(part, before)))];
      const same = parts.length === condition.of.length && parts.every((part, at) => part === condition.of[at]);
      if (condition.type === 'all') return assume(same ? condition : all(parts));
      return factorWays(same ? condition : any(parts));
    }
    case 'not': {
      const part = factor(condition.of, before);
      return part === condition.of ? condition : not(part);
    }
    default:
      return condition;
  }
}

const factsOf = (way: Condition): readonly Condition[] => (way.type === 'all' ? way.of : [way]);

function factorWays(condition: Condition): Condition {
  if (condition.type !== 'any') return condition;
  const ways = condition.of.map(factsOf);
  const [first = [], ...others] = ways;
  const common = new Set(first.filter((fact) => others.every((way) => way.includes(fact))));
  if (common.size === 0) return condition;
  return assume(all([...common, any(ways.map((way) => all(way.filter((fact) => !common.has(fact)))))]));
}

/** Parts that are single questions hold wherever the others are asked. */
function assume(condition: Condition): Condition {
  if (condition.type !== 'all') return condition;
  const isFact = (part: Condition) => part.type === 'leaf' && scopeOf(part) === undefined;
  const facts = new Set(condition.of.filter(isFact));
  if (facts.size === 0 || facts.size === condition.of.length) return condition;
  const known = (asked: object) => (facts.has(asked as Condition) ? true : undefined);
  return all(
    condition.of.map((part) => (isFact(part) || scopeOf(part) !== undefined ? part : specialise(part, known))),
  );
}
