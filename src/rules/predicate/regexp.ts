import { RE2JS } from 're2js';
import { messageOf } from '../../errors.ts';

/**
 * Regular expressions of rules are RE2: paths and arguments come from whoever
 * is being watched, and a backtracking engine takes exponential time on
 * `(a+)+$`. Both limits bound what a rule file may cost to load; a program
 * of 10,000 instructions compiles in about 30 ms.
 */
export const MAX_PATTERN_LENGTH = 4096;
const MAX_PROGRAM_SIZE = 10_000;

/** Compiles a pattern with flags i, m, s. Throws an Error that says what RE2 refuses. */
export function compileRegexp(pattern: string, flags = ''): RE2JS {
  if (pattern.length > MAX_PATTERN_LENGTH) {
    throw new Error(`regular expression of ${pattern.length} characters, at most ${MAX_PATTERN_LENGTH} are allowed`);
  }
  let bits = 0;
  for (const flag of flags) {
    if (flag === 'i') bits |= RE2JS.CASE_INSENSITIVE;
    else if (flag === 'm') bits |= RE2JS.MULTILINE;
    else if (flag === 's') bits |= RE2JS.DOTALL;
    else throw new Error(`unknown regular expression flag "${flag}"; known are i, m and s`);
  }
  let compiled: RE2JS;
  try {
    compiled = RE2JS.compile(pattern, bits);
  } catch (cause) {
    throw new Error(`regular expression: ${messageOf(cause).replace('error parsing regexp: ', '')} (syntax is RE2)`, {
      cause,
    });
  }
  if (compiled.programSize() > MAX_PROGRAM_SIZE) {
    throw new Error(`regular expression compiles to ${compiled.programSize()} steps, at most ${MAX_PROGRAM_SIZE}`);
  }
  return compiled;
}
