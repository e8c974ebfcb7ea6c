import type { Condition, Derived, Leaf, Subject } from './tree.ts';

/**
 * One object for conditions that are equal. Rules share most of what they ask
 * (macros), so that what is worked out for a condition is worked out once, and
 * memory holds it once: of 300 rules, 22,000 nodes become 3,600.
 */
export class Interning {
  readonly #byKey = new Map<string, Condition>();
  readonly #known = new Map<Condition, Condition>();
  readonly #numbers = new Map<Condition | Derived, number>();

  /** The condition itself, or an equal one from before. */
  of(condition: Condition): Condition {
    const known = this.#known.get(condition);
    if (known !== undefined) return known;
    const own = this.#withParts(condition);
    const key = this.#key(own);
    const first = key === undefined ? own : (this.#byKey.get(key) ?? own);
    if (key !== undefined && first === own) this.#byKey.set(key, own);
    this.#known.set(condition, first);
    this.#known.set(first, first);
    return first;
  }

  #withParts(condition: Condition): Condition {
    switch (condition.type) {
      case 'all':
      case 'any': {
        const of = condition.of.map((child) => this.of(child));
        return of.every((child, at) => child === condition.of[at]) ? condition : { type: condition.type, of };
      }
      case 'not': {
        const of = this.of(condition.of);
        return of === condition.of ? condition : { type: 'not', of };
      }
      case 'quantifier': {
        const where = this.of(condition.where);
        return where === condition.where ? condition : { ...condition, where };
      }
      default:
        return condition;
    }
  }

  /** Equal for equal conditions alone; undefined for one that stays alone. */
  #key(condition: Condition): string | undefined {
    switch (condition.type) {
      case 'const':
        return String(condition.value);
      case 'all':
      case 'any':
        return `${condition.type} ${condition.of.map((child) => this.#number(child)).join(' ')}`;
      case 'not':
        return `not ${this.#number(condition.of)}`;
      case 'quantifier':
        return `${condition.how} ${this.#number(condition.where)} of ${this.#subjectKey(condition.over)}`;
      case 'leaf':
        return this.#leafKey(condition);
    }
  }

  #leafKey({ subject, test }: Leaf): string | undefined {
    if (!isWritable(test)) return undefined;
    const of = this.#subjectKey(subject);
    return test.op === 'compare'
      ? `${of} ${this.#subjectKey(test.other)} ${JSON.stringify({ ...test, other: undefined })}`
      : `${of} ${JSON.stringify(test)}`;
  }

  #subjectKey(subject: Subject): string {
    return subject.from === 'derived' ? `derived ${this.#number(subject.derived)}` : JSON.stringify(subject);
  }

  #number(of: Condition | Derived): number {
    let number = this.#numbers.get(of);
    if (number === undefined) {
      number = this.#numbers.size;
      this.#numbers.set(of, number);
    }
    return number;
  }
}

/** Whether JSON tells a test from every other: it writes null for a number that is not finite. */
export function isWritable(test: Leaf['test']): boolean {
  const finite = (value: unknown) => typeof value !== 'number' || Number.isFinite(value);
  if ('value' in test) return finite(test.value);
  return !('values' in test) || (test.values as readonly unknown[]).every(finite);
}
