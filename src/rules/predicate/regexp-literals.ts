/**
 * Literal text that every match of a regular expression contains, for the
 * index and the kernel filter. It understands concatenation, groups and
 * alternatives of plain text and takes anything else as "some text"; finding
 * less than there is only costs speed.
 */

/** Literal text in a match, and whether it stands where the whole text begins or ends. */
export interface Run {
  readonly text: string;
  readonly begins: boolean;
  readonly ends: boolean;
}

/** Runs of literal text that occur one after the other in a match. */
interface Way {
  readonly runs: readonly Run[];
  /** The first run begins where the expression begins; the last one ends where it ends. */
  readonly joinsBefore: boolean;
  readonly joinsAfter: boolean;
}

const GAP: Way = { runs: [], joinsBefore: false, joinsAfter: false };
const EMPTY: Run = { text: '', begins: false, ends: false };
const NOTHING: Way = { runs: [EMPTY], joinsBefore: true, joinsAfter: true };
const BEGIN: Way = { ...NOTHING, runs: [{ ...EMPTY, begins: true }] };
const END: Way = { ...NOTHING, runs: [{ ...EMPTY, ends: true }] };
/** Ways that are followed. Endings are asked for by the kernel filter alone, whose tokens are looked up in a table. */
const MAX_WAYS = { beginnings: 64, endings: 256 };
const MAX_DEPTH = 32;

/**
 * For each way in which the expression can match, the literal runs of that
 * way: every match contains all runs of one of them. undefined when the
 * expression is not understood.
 */
export function literalWays(pattern: string, flags = ''): readonly (readonly string[])[] | undefined {
  return placedWays(pattern, flags)?.map((runs) => runs.map(({ text }) => text));
}

/** What is kept of an expression with more ways than are worth following: how they begin, or how they end. */
type Kept = 'beginnings' | 'endings';

/** The same with the place of each run. */
export function placedWays(
  pattern: string,
  flags = '',
  kept: Kept = 'beginnings',
): readonly (readonly Run[])[] | undefined {
  if (/\\[QpPxCk\d]/.test(pattern)) return undefined;
  const has = (flag: string) => flags.includes(flag) || new RegExp(`\\(\\?[a-zA-Z-]*${flag}`).test(pattern);
  const parser = new Parser(pattern, { insensitive: has('i'), byLine: has('m'), kept });
  const ways = parser.alternatives(0);
  if (ways === undefined || !parser.done) return undefined;
  return ways.map(({ runs }) => runs.filter(({ text }) => text !== ''));
}

interface Reading {
  readonly insensitive: boolean;
  /** `^` and `$` stand for the beginnings and ends of lines. */
  readonly byLine: boolean;
  readonly kept: Kept;
}

class Parser {
  readonly #text: string;
  readonly #how: Reading;
  readonly #most: number;
  #at = 0;

  constructor(text: string, how: Reading) {
    this.#text = text;
    this.#how = how;
    this.#most = MAX_WAYS[how.kept];
  }

  get done(): boolean {
    return this.#at >= this.#text.length;
  }

  alternatives(depth: number): Way[] | undefined {
    if (depth > MAX_DEPTH) return undefined;
    const all: Way[] = [];
    for (;;) {
      const ways = this.#sequence(depth);
      if (ways === undefined) return undefined;
      all.push(...ways);
      if (this.#text.charAt(this.#at) !== '|') break;
      this.#at++;
    }
    if (all.length <= this.#most) return all;
    const ends = this.#how.kept === 'endings' ? endings(all) : [];
    return ends.length === 0 || ends.length > this.#most ? [GAP] : ends;
  }

  #sequence(depth: number): Way[] | undefined {
    let ways: Way[] = [NOTHING];
    while (!this.done && this.#text.charAt(this.#at) !== '|' && this.#text.charAt(this.#at) !== ')') {
      const item = this.#item(depth);
      if (item === undefined) return undefined;
      const next = this.#repeated(item);
      ways = this.#joined(ways, next);
    }
    return ways;
  }

  /** Where there are more ways than are worth following, the rest is some text. */
  #joined(ways: readonly Way[], next: readonly Way[]): Way[] {
    let before = ways;
    if (before.length * next.length > this.#most) {
      if (this.#how.kept === 'beginnings') return before.map((way) => join(way, GAP));
      before = endings(before);
      if (before.length * next.length > this.#most) before = [GAP];
    }
    return before.flatMap((a) => next.map((b) => join(a, b)));
  }

  /** Applies the repetition that follows an item. */
  #repeated(item: Way[]): Way[] {
    const unit = this.#text.charAt(this.#at);
    if (unit === '+') {
      this.#at++;
      this.#lazy();
      return item.map((way) => join(join(way, GAP), NOTHING));
    }
    if (unit === '*' || unit === '?') {
      this.#at++;
      this.#lazy();
      return unit === '*' ? [GAP] : [NOTHING, ...item];
    }
    const counted = unit === '{' ? /^\{\d+(,\d*)?\}/.exec(this.#text.slice(this.#at, this.#at + 16)) : null;
    if (counted !== null) {
      this.#at += counted[0].length;
      this.#lazy();
      return [GAP];
    }
    return item;
  }

  #lazy(): void {
    if (this.#text.charAt(this.#at) === '?') this.#at++;
  }

  #item(depth: number): Way[] | undefined {
    const unit = this.#text.charAt(this.#at);
    if (unit === '(') return this.#group(depth);
    if (unit === '[') return this.#class() ? [GAP] : undefined;
    this.#at++;
    if (unit === '^') return [this.#how.byLine ? NOTHING : BEGIN];
    if (unit === '$') return [this.#how.byLine ? NOTHING : END];
    if (unit === '.') return [GAP];
    if (unit === '*' || unit === '+' || unit === '?') return undefined;
    if (unit !== '\\') return [this.#literal(unit)];
    const escaped = this.#text.charAt(this.#at++);
    if (/^[dDsSwWntrfva]$/.test(escaped)) return [GAP];
    if (escaped === 'A') return [BEGIN];
    if (escaped === 'z') return [END];
    if (escaped === 'b' || escaped === 'B') return [NOTHING];
    return /^[a-zA-Z0-9]?$/.test(escaped) ? undefined : [this.#literal(escaped)];
  }

  #literal(unit: string): Way {
    // RE2 folds U+017F to s and U+212A to k, foldCase does not; halves of a pair are no characters.
    if (this.#how.insensitive && /[sSkK\u0080-\uffff]/.test(unit)) return GAP;
    return unit >= '\ud800' && unit <= '\udfff' ? GAP : { ...NOTHING, runs: [{ ...EMPTY, text: unit }] };
  }

  #group(depth: number): Way[] | undefined {
    const head = /^\((\?(P?<\w+>|[imsU]*-?[imsU]*:))?/.exec(this.#text.slice(this.#at, this.#at + 128));
    const flagsOnly = /^\(\?[imsU]*-?[imsU]*\)/.exec(this.#text.slice(this.#at, this.#at + 32));
    if (flagsOnly !== null) {
      this.#at += flagsOnly[0].length;
      return [NOTHING];
    }
    this.#at += head?.[0].length ?? 1;
    if (this.#text.charAt(this.#at) === '?') return undefined;
    const ways = this.alternatives(depth + 1);
    if (ways === undefined || this.#text.charAt(this.#at) !== ')') return undefined;
    this.#at++;
    return ways;
  }

  /** Skips a character class. */
  #class(): boolean {
    this.#at++;
    if (this.#text.charAt(this.#at) === '^') this.#at++;
    if (this.#text.charAt(this.#at) === ']') this.#at++;
    for (; this.#at < this.#text.length; this.#at++) {
      const unit = this.#text.charAt(this.#at);
      if (unit === '\\') this.#at++;
      else if (unit === '[' && this.#text.charAt(this.#at + 1) === ':') {
        const end = this.#text.indexOf(':]', this.#at);
        if (end < 0) return false;
        this.#at = end + 1;
      } else if (unit === ']') {
        this.#at++;
        return true;
      }
    }
    return false;
  }
}

/** The different last runs of ways. */
function endings(ways: readonly Way[]): Way[] {
  const found = new Map<string, Way>();
  for (const { runs, joinsAfter } of ways) {
    const last = joinsAfter ? runs.at(-1) : undefined;
    const way = last === undefined ? GAP : { runs: [last], joinsBefore: false, joinsAfter };
    found.set(last === undefined ? '' : JSON.stringify(last), way);
  }
  return [...found.values()];
}

function join(a: Way, b: Way): Way {
  const last = a.runs.at(-1);
  const [first] = b.runs;
  if (last === undefined || first === undefined) {
    return {
      runs: [...a.runs, ...b.runs],
      joinsBefore: last !== undefined && a.joinsBefore,
      joinsAfter: first !== undefined && b.joinsAfter,
    };
  }
  const runs =
    a.joinsAfter && b.joinsBefore
      ? [...a.runs.slice(0, -1), glued(last, first), ...b.runs.slice(1)]
      : [...a.runs, ...b.runs];
  return { runs, joinsBefore: a.joinsBefore, joinsAfter: b.joinsAfter };
}

/** What stands before the beginning of the text, or behind its end, never matches: there it does not matter what is said. */
function glued(a: Run, b: Run): Run {
  return {
    text: a.text + b.text,
    begins: a.begins || (a.text === '' && b.begins),
    ends: b.ends || (b.text === '' && a.ends),
  };
}
