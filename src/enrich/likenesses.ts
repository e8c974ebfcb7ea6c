/** Longer texts are not kept. */
const MAX_TEXT = 2_048;
const MAX_KNOWN = 1_024;

/** One number for one text: what was told apart by a long text is told apart by a number from then on. */
export class Likenesses {
  readonly #known = new Map<string, number>();
  #next = 1;

  /** The text's number, or a new one: no number ever stands for two texts. */
  numberOf(text: string): number {
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
