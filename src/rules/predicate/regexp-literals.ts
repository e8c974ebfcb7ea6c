/**
 * Literal text that every match of a regular expression contains, for the
 * index and the kernel filter. It understands concatenation, groups and
 * alternatives of plain text and takes anything else as "some text"; finding
 * less than there is only costs speed.
 */

/** Runs of literal text that occur one after the other in a match. `open` at an end: the run goes on with what follows. */
interface Way {
  readonly runs: readonly string[];
  /** The first run begins where the expression begins; the last one ends where it ends. */
  readonly joinsBefore: boolean;
  readonly joinsAfter: boolean;
}

const GAP: Way = { runs: [], joinsBefore: false, joinsAfter: false };
const NOTHING: Way = { runs: [''], joinsBefore: true, joinsAfter: true };
const MAX_WAYS = 64;
const MAX_DEPTH = 32;

/**
 * For each way in which the expression can match, the literal runs of that
 * way: every match contains all runs of one of them. undefined when the
 * expression is not understood.
 */
export function literalWays(pattern: string, flags = ''): readonly (readonly string[])[] | undefined {
  if (/\\[QpPxCk\d]/.test(pattern)) return undefined;
  const insensitive = flags.includes('i') || /\(\?[a-zA-Z-]*i/.test(pattern);
  const parser = new Parser(pattern, insensitive);
  const ways = parser.alternatives(0);
  if (ways === undefined || !parser.done) return undefined;
  return ways.map((way) => way.runs.filter((run) => run !== ''));
}

class Parser {
  readonly #text: string;
  readonly #insensitive: boolean;
  #at = 0;

  constructor(text: string, insensitive: boolean) {
    this.#text = text;
    this.#insensitive = insensitive;
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
    return all.length > MAX_WAYS ? [GAP] : all;
  }

  #sequence(depth: number): Way[] | undefined {
    let ways: Way[] = [NOTHING];
    while (!this.done && this.#text.charAt(this.#at) !== '|' && this.#text.charAt(this.#at) !== ')') {
      const item = this.#item(depth);
      if (item === undefined) return undefined;
      const next = this.#repeated(item);
      // More ways than are worth following: the rest is some text.
      ways =
        ways.length * next.length > MAX_WAYS
          ? ways.map((way) => join(way, GAP))
          : ways.flatMap((a) => next.map((b) => join(a, b)));
    }
    return ways;
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
    if (unit === '^' || unit === '$') return [NOTHING];
    if (unit === '.') return [GAP];
    if (unit === '*' || unit === '+' || unit === '?') return undefined;
    if (unit !== '\\') return [this.#literal(unit)];
    const escaped = this.#text.charAt(this.#at++);
    if (/^[dDsSwWntrfva]$/.test(escaped)) return [GAP];
    if (/^[bBAz]$/.test(escaped)) return [NOTHING];
    return /^[a-zA-Z0-9]?$/.test(escaped) ? undefined : [this.#literal(escaped)];
  }

  #literal(unit: string): Way {
    // RE2 folds U+017F to s and U+212A to k, foldCase does not; halves of a pair are no characters.
    if (this.#insensitive && /[sSkK\u0080-\uffff]/.test(unit)) return GAP;
    return unit >= '\ud800' && unit <= '\udfff' ? GAP : { runs: [unit], joinsBefore: true, joinsAfter: true };
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

function join(a: Way, b: Way): Way {
  if (a.runs.length === 0 || b.runs.length === 0) {
    const runs = [...a.runs, ...b.runs];
    return {
      runs,
      joinsBefore: a.runs.length > 0 && a.joinsBefore,
      joinsAfter: b.runs.length > 0 && b.joinsAfter,
    };
  }
  const glued = a.joinsAfter && b.joinsBefore;
  const last = a.runs.at(-1) ?? '';
  const [first = ''] = b.runs;
  const runs = glued ? [...a.runs.slice(0, -1), last + first, ...b.runs.slice(1)] : [...a.runs, ...b.runs];
  return { runs, joinsBefore: a.joinsBefore, joinsAfter: b.joinsAfter };
}
