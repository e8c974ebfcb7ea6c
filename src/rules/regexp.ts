import { RE2JS } from 're2js';
import { messageOf } from '../errors.ts';

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

/**
 * Runs of literal text that every match contains, for the index and the kernel
 * filter. It understands plain concatenation and gives up (no run) on
 * anything else; finding less than there is only costs speed.
 */
export function literalRuns(pattern: string, flags = ''): string[] {
  const insensitive = flags.includes('i') || pattern.includes('(?');
  const runs: string[] = [];
  let run = '';
  const end = () => {
    if (run !== '') runs.push(run);
    run = '';
  };
  for (let at = 0; at < pattern.length; at++) {
    const unit = pattern.charAt(at);
    if (unit === '|') return [];
    if (unit === '(' || unit === '[') {
      end();
      const after = skipGroup(pattern, at);
      if (after === undefined) return [];
      at = after;
    } else if (unit === '*' || unit === '?' || unit === '{') {
      run = run.slice(0, -1);
      end();
      if (unit === '{') {
        const close = pattern.indexOf('}', at);
        if (close < 0) return [];
        at = close;
      }
    } else if (unit === '+' || unit === '.' || unit === '^' || unit === '$') {
      end();
    } else if (unit === '\\') {
      at++;
      const escaped = pattern.charAt(at);
      if (/^[dDsSwWbBAznrtfva]$/.test(escaped)) end();
      else if (/^[a-zA-Z0-9]?$/.test(escaped)) return [];
      else run += escaped;
    } else if (insensitive && /[sSkK\u0080-\uffff]/.test(unit)) {
      // RE2 folds U+017F to s and U+212A to k, foldCase does not.
      end();
    } else if (unit >= '\ud800' && unit <= '\udfff') {
      end();
    } else {
      run += unit;
    }
  }
  end();
  return runs;
}

/** Position of the bracket that closes the group or class at `at`; undefined when that is not plain to see. */
function skipGroup(pattern: string, at: number): number | undefined {
  if (pattern.charAt(at) === '[') {
    let close = pattern.charAt(at + 1) === '^' ? at + 2 : at + 1;
    if (pattern.charAt(close) === ']') close++;
    for (; close < pattern.length; close++) {
      const unit = pattern.charAt(close);
      if (unit === '\\') close++;
      else if (unit === '[' && pattern.charAt(close + 1) === ':') {
        const end = pattern.indexOf(':]', close);
        if (end < 0) return undefined;
        close = end + 1;
      } else if (unit === ']') return close;
    }
    return undefined;
  }
  let depth = 0;
  for (; at < pattern.length; at++) {
    const unit = pattern.charAt(at);
    if (unit === '\\') {
      if (pattern.charAt(at + 1) === 'Q') return undefined;
      at++;
    } else if (unit === '[') {
      const close = skipGroup(pattern, at);
      if (close === undefined) return undefined;
      at = close;
    } else if (unit === '(') depth++;
    else if (unit === ')' && --depth === 0) return at;
  }
  return undefined;
}
