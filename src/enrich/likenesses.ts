/** Longer texts are not kept. */
const MAX_TEXT = 2_048;
const MAX_KNOWN = 1_024;

/** In a fixed order; what stands at a place is always of one type. */
export type Looks = readonly (string | number | boolean | undefined)[];

/** What starts of the same come back with: they look like the last one, mostly. */
export interface LookedLike {
  looks: Looks | undefined;
  likeness: number;
}

export const written = (part: Looks[number]): string => (part === undefined ? '' : `=${part}`);

/** One number for one look: what was told apart by a long text is told apart by a number from then on. */
export class Likenesses {
  readonly #known = new Map<string, number>();
  #next = 1;

  /**
   * The number of the looks, or a new one: no number ever stands for two.
   *
   * @param last Where the last ones are remembered.
   */
  numberOf(looks: Looks, last?: LookedLike): number {
    if (last?.looks !== undefined && isSame(looks, last.looks)) return last.likeness;
    const number = this.#numberOf(looks.map(written).join('\0'));
    if (last !== undefined) {
      last.looks = looks;
      last.likeness = number;
    }
    return number;
  }

  #numberOf(text: string): number {
    if (text.length > MAX_TEXT) return this.#next++;
    let number = this.#known.get(text);
    if (number === undefined) {
      number = this.#next++;
      if (this.#known.size >= MAX_KNOWN) this.#known.clear();
      this.#known.set(text, number);
    }
    return number;
  }
}

function isSame(a: Looks, b: Looks): boolean {
  for (let at = 0; at < a.length; at++) if (a[at] !== b[at]) return false;
  return true;
}
