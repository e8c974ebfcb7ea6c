/**
 * JSON with positions, so that an error names line and column. JSON.parse
 * has no positions and takes the last of duplicate keys silently; the YAML
 * reader could do it, at forty times the cost.
 */
import { type FileNode, FileSyntaxError, type ListNode, type ObjectNode, type ScalarNode } from './node.ts';

export const MAX_DEPTH = 100;

const SPACE = /[ \t\r\n]*/y;
const WORD = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null/y;
const MAX_STRING = 1_000_000;

/** Parses strict JSON. Throws FileSyntaxError at the first mistake; duplicate keys and `__proto__` are mistakes. */
export function parseJsonText(text: string): FileNode {
  let at = 0;

  function fail(message: string, where = at): never {
    throw new FileSyntaxError(where, message);
  }

  function space(): void {
    SPACE.lastIndex = at;
    SPACE.exec(text);
    at = SPACE.lastIndex;
  }

  function found(): string {
    const unit = text.charAt(at);
    return unit === '' ? 'the end of the file' : JSON.stringify(unit);
  }

  function scalar(): ScalarNode {
    const start = at;
    if (text.charAt(at) === '"') {
      at = endOfString();
      try {
        return {
          kind: 'string',
          at: start,
          end: at,
          value: JSON.parse(text.slice(start, at)) as string,
          style: 'json',
        };
      } catch {
        fail('string with an unknown escape', start);
      }
    }
    WORD.lastIndex = at;
    const word = WORD.exec(text)?.[0];
    if (word === undefined) fail(`expected a JSON value, found ${found()}`);
    at += word.length;
    if (word === 'null') return { kind: 'null', at: start, end: at, value: null };
    if (word === 'true' || word === 'false') return { kind: 'boolean', at: start, end: at, value: word === 'true' };
    const value = Number(word);
    if (!Number.isFinite(value)) fail('number out of range', start);
    return { kind: 'number', at: start, end: at, value };
  }

  /** Offset after the closing quote of the string that starts here. */
  function endOfString(): number {
    let end = at + 1;
    for (; end < text.length && text.charAt(end) !== '"'; end++) {
      if (text.charCodeAt(end) < 0x20) fail('a string may not contain a line break or another control character', end);
      if (text.charAt(end) === '\\') end++;
    }
    if (end >= text.length) fail('string without its closing quote');
    if (end - at > MAX_STRING) fail(`string of more than ${MAX_STRING} characters`);
    return end + 1;
  }

  function value(depth: number): FileNode {
    if (depth > MAX_DEPTH) fail(`nested deeper than ${MAX_DEPTH} levels`);
    space();
    const unit = text.charAt(at);
    if (unit === '{') return object(depth);
    if (unit === '[') return array(depth);
    return scalar();
  }

  function array(depth: number): ListNode {
    const start = at++;
    const items: FileNode[] = [];
    space();
    if (text.charAt(at) === ']') at++;
    else {
      for (;;) {
        items.push(value(depth + 1));
        space();
        const unit = text.charAt(at);
        if (unit !== ',' && unit !== ']') fail(`expected "," or "]", found ${found()}`);
        at++;
        if (unit === ']') break;
      }
    }
    return { kind: 'array', at: start, items };
  }

  function object(depth: number): ObjectNode {
    const start = at++;
    const entries = new Map<string, { at: number; node: FileNode }>();
    space();
    if (text.charAt(at) === '}') at++;
    else {
      for (;;) {
        space();
        if (text.charAt(at) !== '"') fail(`expected a key in double quotes, found ${found()}`);
        const keyAt = at;
        const key = String(scalar().value);
        if (key === '__proto__') fail('"__proto__" is not allowed as a key', keyAt);
        if (entries.has(key)) fail(`duplicate key "${key}"`, keyAt);
        space();
        if (text.charAt(at) !== ':') fail(`expected ":", found ${found()}`);
        at++;
        entries.set(key, { at: keyAt, node: value(depth + 1) });
        space();
        const unit = text.charAt(at);
        if (unit !== ',' && unit !== '}') fail(`expected "," or "}", found ${found()}`);
        at++;
        if (unit === '}') break;
      }
    }
    return { kind: 'object', at: start, entries };
  }

  if (text.charCodeAt(0) === 0xfeff) at = 1;
  const root = value(0);
  space();
  if (at < text.length) fail(`expected the end of the file, found ${found()}`);
  return root;
}

/** Line and column, both from 1, of offsets in a text. */
export class Places {
  readonly #starts: number[] = [0];

  constructor(text: string) {
    for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) this.#starts.push(at + 1);
  }

  at(offset: number): { readonly line: number; readonly column: number } {
    let low = 0;
    let high = this.#starts.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if ((this.#starts[middle] ?? 0) <= offset) low = middle;
      else high = middle - 1;
    }
    return { line: low + 1, column: offset - (this.#starts[low] ?? 0) + 1 };
  }
}
