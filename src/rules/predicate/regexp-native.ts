/**
 * The regular expressions that the engine of JavaScript may be trusted with: it
 * is many times as fast as RE2JS, but it backtracks. What it may do is counted
 * beforehand, by `regexp-steps.ts`; an expression gets texts only as long as
 * that stays small. Of longer ones, and where the whole expression is refused,
 * the beginning of the expression is looked for, which most texts do not have.
 * The rest is left to RE2, and so are other texts than ASCII, where folding and
 * surrogate pairs differ.
 */
import { RegexpReader, type Steps } from './regexp-steps.ts';

/** Steps for one text, some two nanoseconds each: no more than RE2JS takes for a long one. */
const MAX_STEPS = 100_000;
/** With room for fewer characters it is not worth a look at the text. */
const MIN_LENGTH = 24;
const MAX_LENGTH = 4096;
/** The beginning of an expression is for texts of any usual length. */
const MIN_LENGTH_OF_BEGINNING = 1024;
/** A shorter one says next to nothing. */
const MIN_BEGINNING = 4;

const ASCII = /^[\0-\x7f]*$/;

/** undefined: RE2 has to say. */
type NativeSearch = (text: string) => boolean | undefined;

export function nativeSearch(pattern: string, flags = ''): NativeSearch | undefined {
  const { whole, beginning } = translateRegexp(pattern, flags);
  if (whole === undefined && beginning === undefined) return undefined;
  const longestWhole = whole?.longest ?? -1;
  const longest = Math.max(longestWhole, beginning?.longest ?? -1);
  return (text) => {
    if (text.length > longest || !ASCII.test(text)) return undefined;
    if (text.length <= longestWhole) return whole?.expression.test(text);
    return beginning === undefined || text.length > beginning.longest || beginning.expression.test(text)
      ? undefined
      : false;
  };
}

interface Expression {
  readonly expression: RegExp;
  /** Longest text that it may be asked about. */
  readonly longest: number;
}

interface Translation {
  readonly whole: Expression | undefined;
  /** What every match begins with. */
  readonly beginning: Expression | undefined;
}

export function translateRegexp(pattern: string, flags = ''): Translation {
  const none: Translation = { whole: undefined, beginning: undefined };
  if (!ASCII.test(pattern) || flags.includes('m')) return none;
  const head = /^\(\?([is]+)\)/.exec(pattern);
  const all = flags + (head?.[1] ?? '');
  const reader = new RegexpReader(pattern.slice(head?.[0].length ?? 0), all.includes('s'));
  const part = reader.whole();
  const made = (steps: Steps, least: number): Expression | undefined => {
    const longest = longestFor(steps);
    return longest < least
      ? undefined
      : { expression: new RegExp(steps.source, all.includes('i') ? 'i' : ''), longest };
  };
  const whole = part === undefined ? undefined : made(part, MIN_LENGTH);
  if (whole !== undefined && whole.longest >= MIN_LENGTH_OF_BEGINNING) return { whole, beginning: undefined };
  const first = reader.beginnings.findLast(
    (steps) => steps.source.length >= MIN_BEGINNING && longestFor(steps) >= MIN_LENGTH_OF_BEGINNING,
  );
  return { whole, beginning: first === undefined ? undefined : made(first, MIN_LENGTH_OF_BEGINNING) };
}

function longestFor({ ways, tries, least, more, anchored }: Steps): number {
  const exponent = Math.max(least, more) + (anchored ? 0 : 1);
  const most = exponent === 0 ? MAX_LENGTH : Math.floor((MAX_STEPS / (ways * (1 + tries))) ** (1 / exponent));
  return Math.min(most, MAX_LENGTH);
}
