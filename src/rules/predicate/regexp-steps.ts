/**
 * Reads a regular expression of RE2 in the syntax that both engines have in
 * common, and counts what a backtracking engine does with it at most.
 */

/**
 * A part of an expression. Where what follows it takes n to the power of r
 * steps on a text of n characters, the part and what follows take at most
 * `ways * (1 + tries)` times n to the power of max(least, r + more): a repetition is
 * tried at each length (`.*x`: more is 1), unless the next character says where
 * it ends (`[^/]+/`: least is 1).
 */
export interface Steps {
  /** As the engine of JavaScript writes it. */
  readonly source: string;
  /** Ways through it that one text can take at one place. */
  readonly ways: number;
  /** Alternatives that are looked at on the way. */
  readonly tries: number;
  readonly least: number;
  readonly more: number;
  /** It begins at the beginning of the text or not at all. */
  readonly anchored: boolean;
}

interface Part extends Steps {
  /** Plain text that it begins with. */
  readonly prefix: string;
  /** It is nothing but that text. */
  readonly plain: boolean;
  /** The character at its end, where an open repetition stands before it: `.*` and `/`. */
  readonly closes: string | undefined;
}

const MAX_WAYS = 10_000;
const MAX_REPEAT = 16;
const MAX_DEPTH = 16;

/** Within brackets and outside: what RE2 means by a class of characters; its \s has no vertical tab. */
const CLASSES: Readonly<Record<string, string>> = { d: '0-9', w: '0-9A-Za-z_', s: '\\t\\n\\f\\r ' };
const CONTROLS = /^[tnrf]$/;
const PUNCTUATION = /^[^0-9A-Za-z]$/;

const EMPTY: Part = {
  source: '',
  ways: 1,
  tries: 0,
  least: 0,
  more: 0,
  anchored: false,
  prefix: '',
  plain: true,
  closes: undefined,
};

export class RegexpReader {
  readonly #text: string;
  readonly #dotAll: boolean;
  #at = 0;
  /** Beginnings of the expression, shortest first; every match has each of them. */
  #beginnings: Steps[] = [];

  constructor(text: string, dotAll: boolean) {
    this.#text = text;
    this.#dotAll = dotAll;
  }

  /** undefined: something in it is not understood, or cannot be counted. */
  whole(): Steps | undefined {
    const part = this.#alternatives(0);
    if (part === undefined) return undefined;
    return this.#at < this.#text.length ? undefined : part;
  }

  /** After `whole`. */
  get beginnings(): readonly Steps[] {
    return hasAlternatives(this.#text) ? [] : this.#beginnings;
  }

  #alternatives(depth: number): Part | undefined {
    if (depth > MAX_DEPTH) return undefined;
    const parts: Part[] = [];
    for (;;) {
      const part = this.#sequence(depth);
      if (part === undefined) return undefined;
      parts.push(part);
      if (this.#peek() !== '|') break;
      this.#at++;
    }
    const [only] = parts;
    if (only !== undefined && parts.length === 1) return only;
    const most = (of: (part: Part) => number) => Math.max(...parts.map(of));
    return {
      ...EMPTY,
      source: parts.map(({ source }) => source).join('|'),
      ways: most(({ ways }) => ways) * together(parts),
      tries: parts.reduce((sum, { tries }) => sum + 1 + tries, 0),
      least: most(({ least }) => least),
      more: most(({ more }) => more),
      anchored: parts.every(({ anchored }) => anchored),
      plain: false,
    };
  }

  #peek(): string {
    return this.#text.charAt(this.#at);
  }

  #sequence(depth: number): Part | undefined {
    let whole = EMPTY;
    let first = true;
    while (this.#at < this.#text.length && this.#peek() !== '|' && this.#peek() !== ')') {
      const part = this.#peek() === '(' ? this.#group(depth) : this.#repeated(whole.closes);
      if (part === undefined) return undefined;
      whole = first ? part : followed(whole, part);
      first = false;
      if (whole.ways * (1 + whole.tries) > MAX_WAYS) return undefined;
      if (depth === 0) this.#beginnings.push(whole);
    }
    return whole;
  }

  /** A group is not repeated; it may be left out. */
  #group(depth: number): Part | undefined {
    const head = /^\((\?:|\?P?<\w+>)?/.exec(this.#text.slice(this.#at, this.#at + 128));
    this.#at += head?.[0].length ?? 1;
    if (this.#peek() === '?') return undefined;
    const inner = this.#alternatives(depth + 1);
    if (inner === undefined || this.#peek() !== ')') return undefined;
    this.#at++;
    const source = `(?:${inner.source})`;
    if (this.#peek() !== '?') return /[*+{]/.test(this.#peek()) ? undefined : { ...inner, source };
    this.#at++;
    if (/[*+{]/.test(this.#peek())) return undefined;
    const optional = { ways: inner.ways + 1, tries: inner.tries + 1, anchored: false, prefix: '', plain: false };
    return { ...inner, ...optional, source: `${source}?${this.#lazy()}` };
  }

  /** One character, class or assertion, and how often. `closes` is what an open repetition before it ended with. */
  #repeated(closes: string | undefined): Part | undefined {
    const item = this.#item();
    if (item === undefined) return undefined;
    const { source, literal } = item;
    const once: Part = {
      ...EMPTY,
      source,
      anchored: source === '^',
      prefix: literal ?? '',
      plain: literal !== undefined,
    };
    const unit = this.#peek();
    if (!/[*+?{]/.test(unit)) return once;
    if (/^(\^|\$|\\[bB])$/.test(source)) return undefined;
    const count = unit === '{' ? /^\{(\d+)(,(\d*))?\}/.exec(this.#text.slice(this.#at, this.#at + 12)) : null;
    if (unit === '{' && count === null) return undefined;
    this.#at += count?.[0].length ?? 1;
    const many: Part = { ...EMPTY, source: `${source}${count?.[0] ?? unit}${this.#lazy()}`, plain: false };
    if (/[*+?{]/.test(this.#peek())) return undefined;
    if (unit === '?') return { ...many, ways: 2, tries: 2 };
    const least = Number(count?.[1] ?? 0);
    const most = count?.[2] === undefined ? count?.[1] : count[3];
    if (Math.max(least, Number(most ?? 0)) > MAX_REPEAT) return undefined;
    if (most !== undefined && most !== '') return { ...many, ways: 1 + Number(most) - least, tries: Number(most) };
    if (this.#isEnded(source)) return { ...many, least: 1 };
    // From one place where the one before ended to the next: together they are as long as the text.
    if (closes !== undefined && !new RegExp(source, 'i').test(closes)) return many;
    return { ...many, more: 1 };
  }

  /** What follows cannot be one more repetition: there is one place to go on from. */
  #isEnded(source: string): boolean {
    const next = /^(?:\\([^0-9A-Za-z])|([^\\()[\].*+?{}|^]))(?![*?{])/.exec(this.#text.slice(this.#at, this.#at + 3));
    if (next === null) return false;
    return next[2] === '$' || !new RegExp(source, 'i').test(next[1] ?? next[2] ?? '');
  }

  #lazy(): string {
    if (this.#peek() !== '?') return '';
    this.#at++;
    return '?';
  }

  #item(): { readonly source: string; readonly literal?: string } | undefined {
    const unit = this.#text.charAt(this.#at++);
    if (unit === '[') return this.#brackets();
    if (unit === '.') return { source: this.#dotAll ? '[^]' : '[^\\n]' };
    if (unit === '^' || unit === '$') return { source: unit };
    if (unit === '\\') {
      const escaped = this.#text.charAt(this.#at++);
      const set = CLASSES[escaped.toLowerCase()];
      if (set !== undefined) return { source: `[${escaped === escaped.toLowerCase() ? '' : '^'}${set}]` };
      if (CONTROLS.test(escaped) || /^[bB]$/.test(escaped)) return { source: `\\${escaped}` };
      return PUNCTUATION.test(escaped) ? { source: `\\${escaped}`, literal: escaped } : undefined;
    }
    if (/[*+?]/.test(unit)) return undefined;
    return { source: /[{}\]]/.test(unit) ? `\\${unit}` : unit, literal: unit };
  }

  #brackets(): { readonly source: string } | undefined {
    let source = '[';
    if (this.#peek() === '^') {
      source += '^';
      this.#at++;
    }
    for (let first = true; ; first = false) {
      const unit = this.#text.charAt(this.#at++);
      if (unit === '') return undefined;
      if (unit === ']' && !first) return { source: `${source}]` };
      if (unit === '[') {
        if (/^[:.=]$/.test(this.#peek())) return undefined;
        source += '\\[';
      } else if (unit === '\\') {
        const escaped = this.#text.charAt(this.#at++);
        const set = CLASSES[escaped];
        if (set !== undefined) source += set;
        else if (CONTROLS.test(escaped) || PUNCTUATION.test(escaped)) source += `\\${escaped}`;
        else return undefined;
      } else source += unit === ']' ? '\\]' : unit;
    }
  }
}

function followed(a: Part, b: Part): Part {
  const closing = a.more > 0 && a.plain === false && b.plain && b.source !== '' && isOpenAtEnd(a);
  return {
    source: a.source + b.source,
    ways: a.ways * b.ways,
    tries: a.tries + b.tries,
    least: Math.max(a.least, b.least + a.more),
    more: a.more + b.more,
    anchored: a.anchored,
    prefix: a.plain ? a.prefix + b.prefix : a.prefix,
    plain: a.plain && b.plain,
    closes: closing ? b.prefix : b.closes,
  };
}

/** The last item of the part is a repetition. */
function isOpenAtEnd({ source }: Part): boolean {
  return /[*+}]\??$/.test(source) && !/\\[*+}]\??$/.test(source);
}

/** How many of the alternatives one text can have at one place: those that begin in the same way. */
function together(parts: readonly Part[]): number {
  const prefixes = parts.map(({ prefix }) => prefix.toLowerCase());
  const beside = (a: string) => prefixes.filter((b) => a.startsWith(b) || b.startsWith(a)).length;
  return Math.max(...prefixes.map(beside));
}

/** Whether there is an alternative to the whole: then a beginning says nothing. */
function hasAlternatives(text: string): boolean {
  let depth = 0;
  let brackets = -1;
  for (let at = 0; at < text.length; at++) {
    const unit = text.charAt(at);
    if (unit === '\\') at++;
    else if (brackets >= 0) {
      if (unit === ']' && at > brackets + 1 && !(at === brackets + 2 && text.charAt(at - 1) === '^')) brackets = -1;
    } else if (unit === '[') brackets = at;
    else if (unit === '(') depth++;
    else if (unit === ')') depth--;
    else if (unit === '|' && depth === 0) return true;
  }
  return false;
}
