/** The condition line of a Sigma rule: `selection and not 1 of filter_*`. */

import { quoted } from '../../visible.ts';
import { SigmaFault } from './problem.ts';

export type ConditionNode =
  | { readonly op: 'and' | 'or'; readonly of: readonly ConditionNode[] }
  | { readonly op: 'not'; readonly of: ConditionNode }
  | { readonly op: 'name'; readonly name: string }
  /** `pattern` undefined is `them`. */
  | { readonly op: 'some'; readonly how: 'any' | 'all'; readonly pattern: string | undefined };

const TOKEN = /\s*(?:([()])|([^\s()|]+)|(\|))/gy;
const MAX_TOKENS = 2000;
const MAX_DEPTH = 50;
/** Words that cannot name a search identifier. Case does not matter for operators: older rules write AND. */
const OPERATORS = new Set(['and', 'or', 'not']);

/** Parses a condition. Throws SigmaFault, without a line, for anything outside the grammar. */
export function parseSigmaCondition(text: string): ConditionNode {
  const tokens = tokenize(text);
  let at = 0;
  let depth = 0;

  const word = () => tokens[at]?.toLowerCase();
  const fail = (expected: string): never => {
    const found = tokens[at];
    throw new SigmaFault(
      `condition ${quoted(text)}: ${expected} expected, ${found === undefined ? 'but it ends' : `found ${quoted(found)}`}`,
    );
  };

  function chain(op: 'or' | 'and', part: () => ConditionNode): ConditionNode {
    const first = part();
    const of = [first];
    while (word() === op) {
      at++;
      of.push(part());
    }
    return of.length === 1 ? first : { op, of };
  }
  const expression = (): ConditionNode => chain('or', () => chain('and', negation));

  function negation(): ConditionNode {
    let negative = false;
    for (; word() === 'not'; at++) negative = !negative;
    const operand = primary();
    return negative ? { op: 'not', of: operand } : operand;
  }

  function primary(): ConditionNode {
    const token = tokens[at];
    if (token === '(') {
      at++;
      if (++depth > MAX_DEPTH) throw new SigmaFault(`condition: more than ${MAX_DEPTH} brackets inside one another`);
      const inner = expression();
      depth--;
      if (tokens[at] !== ')') fail('")"');
      at++;
      return inner;
    }
    if (token === undefined || token === ')' || OPERATORS.has(token.toLowerCase())) return fail('a search identifier');
    at++;
    if (word() !== 'of' || !/^(\d+|any|all)$/i.test(token)) {
      if (token.includes('*')) throw new SigmaFault(`condition: the pattern ${quoted(token)} needs "1 of" or "all of"`);
      return { op: 'name', name: token };
    }
    if (/^\d+$/.test(token) && token !== '1') {
      throw new SigmaFault(`condition: "${token} of" is not in the specification, only "1 of" and "all of"`);
    }
    at++;
    const pattern = tokens[at];
    if (pattern === undefined || pattern === '(' || pattern === ')') return fail('"them" or a pattern');
    at++;
    const how = token.toLowerCase() === 'all' ? 'all' : 'any';
    return { op: 'some', how, pattern: pattern === 'them' ? undefined : pattern };
  }

  const result = expression();
  if (at < tokens.length) fail('"and", "or" or the end');
  return result;
}

function tokenize(text: string): string[] {
  const tokens: string[] = [];
  TOKEN.lastIndex = 0;
  for (let match = TOKEN.exec(text); match !== null; match = TOKEN.exec(text)) {
    if (match[3] !== undefined) {
      throw new SigmaFault(
        `condition ${quoted(text)}: aggregations after "|" belong to Sigma 1`,
        undefined,
        'write a correlation rule',
      );
    }
    tokens.push(match[1] ?? match[2] ?? '');
    if (tokens.length > MAX_TOKENS) throw new SigmaFault(`condition of more than ${MAX_TOKENS} words`);
  }
  return tokens;
}

/**
 * The search identifiers that `them` or a pattern stands for. Those that start
 * with an underscore are left out unless the pattern starts with one, too.
 */
export function selectNames(pattern: string | undefined, names: Iterable<string>): string[] {
  if (pattern === undefined) return [...names].filter((name) => !name.startsWith('_'));
  const parts = pattern.split('*');
  return [...names].filter((name) => {
    if (name.startsWith('_') && !pattern.startsWith('_')) return false;
    const [head = ''] = parts;
    if (parts.length === 1) return name === pattern;
    const tail = parts.at(-1) ?? '';
    if (name.length < head.length + tail.length || !name.startsWith(head) || !name.endsWith(tail)) return false;
    let from = head.length;
    for (const part of parts.slice(1, -1)) {
      const found = name.indexOf(part, from);
      if (found < 0 || found + part.length > name.length - tail.length) return false;
      from = found + part.length;
    }
    return true;
  });
}
