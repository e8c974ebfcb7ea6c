/** Which part of a condition is asked first: all parts are pure, so the order is free, and what is cheap often decides. */
import { fieldName } from '../../schema/fields.ts';
import type { Condition, Leaf, Subject } from '../tree.ts';

/** Read from files, or worked out, when somebody first asks. */
const HASHES = /\.(sha256|md5)$/;
const LOOKED_UP =
  /^(process\.(parent\.|ancestor_)?(program|applet|invoked_path|effective_path|script|copy_of|packaged|exe_trusted|trusted|injected|interpreter|fed_by|feeds|ancestors)|target\.|container\.(?!id$|runtime$|pod_uid$))/;
/** Made from numbers, or looked up by one. */
const WRITTEN_OUT = /^(user|group)\.|\.hostname$|\.ip$/;

function ofSubject(subject: Subject): number {
  switch (subject.from) {
    case 'field': {
      const name = fieldName(subject.field);
      const base = HASHES.test(name) ? 200 : LOOKED_UP.test(name) ? 15 : WRITTEN_OUT.test(name) ? 4 : 0;
      return base + (subject.transform === undefined ? 0 : 2);
    }
    case 'element':
      return 0;
    case 'derived':
      return 4 + Math.max(0, ...subject.derived.fields.map((field) => ofSubject({ from: 'field', field })));
    case 'any_string':
      return 100;
  }
}

function ofLeaf({ subject, test }: Leaf): number {
  const read = ofSubject(subject);
  switch (test.op) {
    case 'exists':
      return read + 1;
    case 'contains':
    case 'glob':
      return read + 3;
    case 'cidr':
      return read + 5;
    case 'matches':
      return read + 20;
    case 'compare':
      return read + ofSubject(test.other) + 2;
    default:
      return read + 2;
  }
}

const costs = new WeakMap<Condition, number>();

/** In no unit: what evaluating a condition is expected to take beside others. */
function costOf(condition: Condition): number {
  let cost = costs.get(condition);
  if (cost === undefined) {
    cost = Math.min(1e6, newCost(condition));
    costs.set(condition, cost);
  }
  return cost;
}

function newCost(condition: Condition): number {
  switch (condition.type) {
    case 'const':
      return 0;
    case 'leaf':
      return ofLeaf(condition);
    case 'not':
      return costOf(condition.of);
    case 'quantifier':
      return ofSubject(condition.over) + 4 + 2 * costOf(condition.where);
    case 'all':
    case 'any': {
      // Half of the time the next part is not asked.
      let share = 1;
      let sum = 0;
      for (const part of cheapestFirst(condition)) {
        sum += share * costOf(part);
        share = Math.max(share / 2, 0.1);
      }
      return sum;
    }
  }
}

/** An exception (`and not …`) is rarely what decides. */
const EXCEPTION = 4;

/** `not X`, and what CEL makes of it: `not has(a) or (has(a) and not X)`. */
function isException(condition: Condition): boolean {
  switch (condition.type) {
    case 'not':
      return true;
    case 'any':
      return condition.of.some(isException);
    case 'all':
      return condition.of.some(isException) && condition.of.every((part) => isException(part) || isPresence(part));
    default:
      return false;
  }
}

function isPresence(condition: Condition): boolean {
  return condition.type === 'leaf' && condition.test.op === 'exists';
}

export function cheapestFirst({ type, of }: Condition & { readonly type: 'all' | 'any' }): readonly Condition[] {
  const weight = (part: Condition) => costOf(part) * (type === 'all' && isException(part) ? EXCEPTION : 1);
  return [...of].sort((a, b) => weight(a) - weight(b));
}
