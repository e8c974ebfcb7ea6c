import { parse } from '@bufbuild/cel';
import { messageOf } from '../../errors.ts';
import { RuleError, type TextSource } from '../source.ts';
import { CelText } from './scope.ts';

/** Bounds what parsing can cost: the parser takes about 0.1 ms per term and recurses per bracket. */
const MAX_TEXT = 65_536;
const MAX_NESTING = 64;

/** Macros are asked for by one rule after another, and a parsed text does not change. */
const PARSED = new WeakMap<TextSource, CelText>();

/** Parses CEL, each source once. Throws RuleError with the place of the syntax error. */
export function parseCel(source: TextSource): CelText {
  const known = PARSED.get(source);
  if (known !== undefined) return known;
  const parsed = parseText(source);
  PARSED.set(source, parsed);
  return parsed;
}

function parseText(source: TextSource): CelText {
  const { text } = source;
  if (text.trim() === '') throw new RuleError({ ...source.place(0), message: 'empty condition' });
  if (text.length > MAX_TEXT) {
    const message = `condition of ${text.length} characters, at most ${MAX_TEXT} are allowed`;
    throw new RuleError({ ...source.place(0), message, remedy: 'put long lists of literals into "lists"' });
  }
  checkNesting(source);
  try {
    return new CelText(source, parse(text));
  } catch (cause) {
    // Very long chains exhaust the parser's stack; the process goes on.
    if (cause instanceof RangeError)
      throw new RuleError({ ...source.place(0), message: 'condition too complex' }, { cause });
    const at = offsetOf(cause);
    const message = syntaxMessage(text, at, messageOf(cause));
    throw new RuleError({ ...source.place(at), message }, { cause });
  }
}

function offsetOf(cause: unknown): number {
  const location = (cause as { location?: { start?: { offset?: unknown } } }).location;
  const offset = location?.start?.offset;
  return typeof offset === 'number' ? offset : 0;
}

/** The parser names what it would have accepted, which for an unfinished operand is only "end of input". */
function syntaxMessage(text: string, at: number, message: string): string {
  const rest = text.slice(at).trimStart();
  const near = rest === '' ? 'the end' : `"${rest.slice(0, 20)}"`;
  const detail = /expecting (.*)$/s.exec(message)?.[1];
  if (detail === 'end of input') return `syntax error: cannot go on at ${near}`;
  return `syntax error at ${near}${detail === undefined ? '' : `: expecting ${detail}`}`;
}

/** Counts brackets and chained `!`, `-` and `?` outside string literals. */
function checkNesting(source: TextSource): void {
  let depth = 0;
  let run = 0;
  let quote = '';
  for (let at = 0; at < source.text.length; at++) {
    const unit = source.text.charAt(at);
    if (quote !== '') {
      if (unit === '\\') at++;
      else if (unit === quote) quote = '';
      continue;
    }
    if (unit === '"' || unit === "'") quote = unit;
    else if ('([{?'.includes(unit)) depth++;
    else if (')]}'.includes(unit)) depth--;
    run = unit === '!' || unit === '-' ? run + 1 : 0;
    if (depth > MAX_NESTING || run > MAX_NESTING) {
      throw new RuleError({ ...source.place(at), message: `condition nested deeper than ${MAX_NESTING} levels` });
    }
  }
}
