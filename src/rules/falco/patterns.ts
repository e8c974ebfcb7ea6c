/** Shell patterns as regular expressions, for what our own globs do not have: brackets, and wildcards that stop at a slash. */

/** Only `*`, `?` and escapes of those: what the tree's globs have. */
export function isPlainGlob(pattern: string): boolean {
  return !/\[|\\(?![*?\\])/.test(pattern);
}

const SPECIAL = /[\\^$.|?*+()[\]{}]/g;
const literal = (text: string) => text.replace(SPECIAL, '\\$&');

/** fnmatch(3) without flags, for the whole text: `*` goes over slashes. The `s` flag belongs to it. */
export function globPattern(pattern: string): string {
  return `^${translate(pattern, '.')}$`;
}

/** A path whose first components match: a wildcard stays within one. */
export function pathPattern(pattern: string): string {
  return `^${translate(pattern.replace(/\/+$/, ''), '[^/]')}(?:/|$)`;
}

function translate(pattern: string, any: string): string {
  let result = '';
  for (let at = 0; at < pattern.length; at++) {
    const unit = pattern.charAt(at);
    if (unit === '*') result += `${any}*`;
    else if (unit === '?') result += any;
    else if (unit === '\\' && at + 1 < pattern.length) result += literal(pattern.charAt(++at));
    else if (unit === '[') {
      const set = bracket(pattern, at);
      result += set === undefined ? '\\[' : set.text;
      if (set !== undefined) at = set.end;
    } else result += literal(unit);
  }
  return result;
}

/** `[a-z]`, `[!x]`, `[]x]`; undefined when no bracket closes it, and then it stands for itself. */
function bracket(pattern: string, from: number): { readonly text: string; readonly end: number } | undefined {
  let at = from + 1;
  const negated = pattern.charAt(at) === '!' || pattern.charAt(at) === '^';
  if (negated) at++;
  const begin = at;
  while (at < pattern.length && (pattern.charAt(at) !== ']' || at === begin)) at++;
  if (at >= pattern.length) return undefined;
  const inner = pattern.slice(begin, at).replace(/[\\\][^]/g, '\\$&');
  return { text: `[${negated ? '^' : ''}${inner}]`, end: at };
}
