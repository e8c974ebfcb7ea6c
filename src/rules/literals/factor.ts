/**
 * What is asked twice is asked once: `(a and b) or (a and c)` is `a and (b or c)`, and beside `a` the `a` within
 * another part is true. So what decides most, that a file was written or that a call succeeded, is asked first.
 * Parts whose answers are remembered stay the objects that they are: those that ask of the actor alone, and those
 * that several rules share.
 */
import { scopeOf } from '../predicate/actor.ts';
import { all, any, type Condition, not, TRUE } from '../tree.ts';

const NONE: ReadonlySet<Condition> = new Set();

/** Equivalent to the condition. Parts that are equal must be the same object, as interning makes them. */
export function factor(condition: Condition, shared: ReadonlySet<Condition> = NONE): Condition {
  const isKept = (part: Condition) => shared.has(part) || scopeOf(part) !== undefined;
  const isFact = (part: Condition) => part.type === 'leaf' && scopeOf(part) === undefined;

  const rewrite = (part: Condition, of: (child: Condition) => Condition): Condition => {
    if (part.type === 'not') {
      const child = of(part.of);
      return child === part.of ? part : not(child);
    }
    if (part.type !== 'all' && part.type !== 'any') return part;
    const children = [...new Set(part.of.map(of))];
    if (children.length === part.of.length && children.every((child, at) => child === part.of[at])) return part;
    return part.type === 'all' ? all(children) : any(children);
  };

  /** Parts that are single questions hold wherever the others are asked. */
  const assume = (whole: Condition): Condition => {
    if (whole.type !== 'all') return whole;
    const facts = new Set(whole.of.filter(isFact));
    if (facts.size === 0 || facts.size === whole.of.length) return whole;
    const given = (part: Condition): Condition => {
      if (facts.has(part)) return TRUE;
      return isKept(part) ? part : rewrite(part, given);
    };
    return all(whole.of.map((part) => (facts.has(part) ? part : given(part))));
  };

  const visit = (part: Condition): Condition => {
    if (isKept(part)) return part;
    const rewritten = rewrite(part, visit);
    return assume(factorWays(rewritten));
  };
  return visit(condition);
}

/** What all ways have in common, and the rest. */
function factorWays(condition: Condition): Condition {
  if (condition.type !== 'any') return condition;
  const ways = condition.of.map((way) => (way.type === 'all' ? way.of : [way]));
  const [first = [], ...others] = ways;
  const common = new Set(first.filter((fact) => others.every((way) => way.includes(fact))));
  if (common.size === 0) return condition;
  return all([...common, any(ways.map((way) => all(way.filter((fact) => !common.has(fact)))))]);
}
