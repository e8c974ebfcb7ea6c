import type { Glob, GlobPart } from '../tree.ts';
import { FOLD_TABLE } from './fold.ts';

/** Parses `*`, `?` and their escapes `\*`, `\?`, `\\`; another backslash stands for itself. */
export function parseGlob(text: string): Glob {
  const parts: GlobPart[] = [];
  let literal = '';
  const wildcard = (which: '*' | '?') => {
    if (literal !== '') parts.push({ literal });
    literal = '';
    parts.push({ wildcard: which });
  };
  for (let at = 0; at < text.length; at++) {
    const unit = text.charAt(at);
    const next = text.charAt(at + 1);
    if (unit === '\\' && (next === '*' || next === '?' || next === '\\')) {
      literal += next;
      at++;
    } else if (unit === '*' || unit === '?') {
      wildcard(unit);
    } else {
      literal += unit;
    }
  }
  if (literal !== '') parts.push({ literal });
  return parts;
}

/** The text that parseGlob turns into this glob. */
export function globText(glob: Glob): string {
  return glob
    .map((part) => ('wildcard' in part ? part.wildcard : part.literal.replace(/\\(?=[*?\\]|$)|[*?]/g, '\\$&')))
    .join('');
}

/** The two units are one character. */
function isPair(first: number, second: number): boolean {
  return first >= 0xd800 && first <= 0xdbff && second >= 0xdc00 && second <= 0xdfff;
}

const ANY = -1;
const ONE = -2;

/**
 * A matcher for the whole text. Time is at most length of text times length
 * of pattern: it goes back to the last `*` only.
 */
export function compileGlob(glob: Glob, ignoreCase: boolean): (text: string) => boolean {
  const units: number[] = [];
  for (const part of glob) {
    if ('wildcard' in part) {
      const kind = part.wildcard === '*' ? ANY : ONE;
      if (kind !== ANY || units.at(-1) !== ANY) units.push(kind);
    } else {
      for (let at = 0; at < part.literal.length; at++) {
        const unit = part.literal.charCodeAt(at);
        units.push(ignoreCase ? (FOLD_TABLE[unit] ?? unit) : unit);
      }
    }
  }
  const pattern = Int32Array.from(units);
  return (text) => {
    let at = 0;
    let p = 0;
    let star = -1;
    let retry = 0;
    while (at < text.length) {
      const wanted = p < pattern.length ? pattern[p] : undefined;
      const raw = text.charCodeAt(at);
      const unit = ignoreCase ? FOLD_TABLE[raw] : raw;
      if (wanted === ANY) {
        star = p++;
        retry = at;
      } else if (wanted === ONE) {
        at += isPair(raw, text.charCodeAt(at + 1)) ? 2 : 1;
        p++;
      } else if (wanted !== undefined && wanted === unit) {
        at++;
        p++;
      } else if (star >= 0) {
        p = star + 1;
        at = ++retry;
      } else {
        return false;
      }
    }
    while (pattern[p] === ANY) p++;
    return p === pattern.length;
  };
}
