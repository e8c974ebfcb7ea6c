import { capOf, type MetricSpec } from './catalog.ts';
import { type DeclaredSet, type LabelValues, OTHER } from './labels.ts';
import type { Labels } from './types.ts';

/** A label set of the metric; always the same object while it exists. */
interface Admitted {
  readonly set: Labels;
  /** It is not the label set that was asked for. */
  readonly folded: boolean;
  /** prom-client does not have it yet. */
  fresh: boolean;
  /** What a counter grew since prom-client was last told. */
  pending: number;
}

export type DeclaredNames = ReadonlyMap<DeclaredSet, ReadonlySet<string>>;

/**
 * The label sets that one metric has. Every update passes `admit`, which
 * answers with the label set to update: the one asked for while its values
 * are in their sets and there is room, else one that holds `__other__`.
 * There are never more than `capOf` says, once those of rules that went are dropped.
 */
export class Family {
  readonly #names: readonly string[];
  readonly #values: readonly LabelValues[];
  readonly #declared: DeclaredNames;
  readonly #sets = new Map<string, Admitted>();
  readonly #spec: MetricSpec;
  readonly #reserved: number;
  readonly #fold: () => void;
  #cap: number;
  #ownCount = 0;

  /** `folded` is called for each update that did not get the label set it asked for. */
  constructor(spec: MetricSpec, declared: DeclaredNames, folded: () => void) {
    this.#names = Object.keys(spec.labels);
    this.#values = Object.values(spec.labels);
    this.#declared = declared;
    this.#spec = spec;
    this.#cap = spec.cap;
    this.#fold = folded;
    const open = this.#values.some((values) => values.of !== 'closed');
    const beside = this.#values.reduce((n, values) => n * (values.of === 'closed' ? values.values.length : 1), 1);
    // Room for one label set of nothing but __other__, and beside an open label for every closed combination.
    this.#reserved = this.#names.length === 0 ? 0 : open && this.#names.length > 1 ? beside + 1 : 1;
  }

  /** Room for the series of so many rules. */
  makeRoom(rules: number): void {
    this.#cap = capOf(this.#spec, rules);
  }

  /** The label set to update. */
  admit(labels: Labels | undefined): Admitted {
    // Only accepted label sets are in the map, so what is found needs no further check.
    const known = this.#sets.get(this.#keyAsked(labels));
    if (known !== undefined && !known.folded) return known;
    const asked = this.#checked(labels);
    const found = this.#find(asked) ?? this.#add(asked);
    if (found !== undefined && !found.folded) return found;
    this.#fold();
    if (found !== undefined) return found;
    const beside = asked.map((value, index) => (this.#values[index]?.of === 'closed' ? value : OTHER));
    return this.#find(beside) ?? this.#add(beside) ?? this.#last();
  }

  /** Label sets that `gone` says yes to are forgotten and returned. */
  drop(gone: (set: Labels) => boolean): Labels[] {
    const dropped: Labels[] = [];
    for (const [key, { set, folded }] of this.#sets) {
      if (!gone(set)) continue;
      this.#sets.delete(key);
      if (!folded) this.#ownCount--;
      dropped.push(set);
    }
    return dropped;
  }

  [Symbol.iterator](): Iterator<Admitted> {
    return this.#sets.values();
  }

  /** Whether another label set without `__other__` has room. */
  get hasRoom(): boolean {
    return this.#ownCount < this.#cap - this.#reserved;
  }

  /** A key of what was asked, equal for all values that are in no set. */
  keyOf(labels: Labels | undefined): string {
    return this.#checked(labels).join('\0');
  }

  #checked(labels: Labels | undefined): readonly string[] {
    return this.#values.map((values, index) => {
      const value = labels?.[this.#names[index] ?? ''];
      return value !== undefined && this.#allows(values, value) ? value : OTHER;
    });
  }

  #allows(values: LabelValues, value: string): boolean {
    if (values.of === 'closed') return values.values.includes(value);
    if (values.of === 'declared') return this.#declared.get(values.set)?.has(value) === true;
    return values.pattern.test(value);
  }

  /** On the path of every event, so without an array. */
  #keyAsked(labels: Labels | undefined): string {
    let key = '';
    for (let index = 0; index < this.#names.length; index++) {
      const value = labels?.[this.#names[index] ?? ''] ?? OTHER;
      key = index === 0 ? value : `${key}\0${value}`;
    }
    return key;
  }

  #find(values: readonly string[]): Admitted | undefined {
    return this.#sets.get(values.join('\0'));
  }

  #add(values: readonly string[]): Admitted | undefined {
    const folded = values.includes(OTHER);
    if (folded ? this.#sets.size >= this.#cap - 1 : !this.hasRoom) return undefined;
    if (!folded) this.#ownCount++;
    return this.#keep(values, folded);
  }

  #last(): Admitted {
    const values = this.#names.map(() => OTHER);
    return this.#find(values) ?? this.#keep(values, true);
  }

  #keep(values: readonly string[], folded: boolean): Admitted {
    const set = Object.freeze(Object.fromEntries(this.#names.map((name, index) => [name, values[index] ?? OTHER])));
    const admitted: Admitted = { set, folded, fresh: true, pending: 0 };
    this.#sets.set(values.join('\0'), admitted);
    return admitted;
  }
}
