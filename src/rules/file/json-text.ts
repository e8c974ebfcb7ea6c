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
  return new JsonText(text).root();
}

class JsonText {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  root(): FileNode {
    if (this.#text.charCodeAt(0) === 0xfeff) this.#at = 1;
    const root = this.#value(0);
    this.#space();
    if (this.#at < this.#text.length) this.#fail(`expected the end of the file, found ${this.#found()}`);
    return root;
  }

  #fail(message: string, where = this.#at): never {
    throw new FileSyntaxError(where, message);
  }

  #space(): void {
    SPACE.lastIndex = this.#at;
    SPACE.exec(this.#text);
    this.#at = SPACE.lastIndex;
  }

  #found(): string {
    const unit = this.#text.charAt(this.#at);
    return unit === '' ? 'the end of the file' : JSON.stringify(unit);
  }

  #value(depth: number): FileNode {
    if (depth > MAX_DEPTH) this.#fail(`nested deeper than ${MAX_DEPTH} levels`);
    this.#space();
    const unit = this.#text.charAt(this.#at);
    if (unit === '{') return this.#object(depth);
    if (unit === '[') return this.#array(depth);
    return this.#scalar();
  }

  #scalar(): ScalarNode {
    const start = this.#at;
    if (this.#text.charAt(start) === '"') return this.#string(start);
    WORD.lastIndex = start;
    const word = WORD.exec(this.#text)?.[0];
    if (word === undefined) this.#fail(`expected a JSON value, found ${this.#found()}`);
    this.#at += word.length;
    const place = { at: start, end: this.#at };
    if (word === 'null') return { kind: 'null', ...place, value: null };
    if (word === 'true' || word === 'false') return { kind: 'boolean', ...place, value: word === 'true' };
    const value = Number(word);
    if (!Number.isFinite(value)) this.#fail('number out of range', start);
    return { kind: 'number', ...place, value };
  }

  #string(start: number): ScalarNode {
    const end = this.#endOfString(start);
    this.#at = end;
    try {
      const value = JSON.parse(this.#text.slice(start, end)) as string;
      return { kind: 'string', at: start, end, value, style: 'json' };
    } catch {
      this.#fail('string with an unknown escape', start);
    }
  }

  /** Offset after the closing quote of the string that starts there. */
  #endOfString(start: number): number {
    const text = this.#text;
    let end = start + 1;
    for (; end < text.length && text.charAt(end) !== '"'; end++) {
      if (text.charCodeAt(end) < 0x20)
        this.#fail('a string may not contain a line break or another control character', end);
      if (text.charAt(end) === '\\') end++;
    }
    if (end >= text.length) this.#fail('string without its closing quote');
    if (end - start > MAX_STRING) this.#fail(`string of more than ${MAX_STRING} characters`);
    return end + 1;
  }

  #array(depth: number): ListNode {
    const at = this.#at;
    const items: FileNode[] = [];
    this.#separated(']', () => items.push(this.#value(depth + 1)));
    return { kind: 'array', at, items };
  }

  #object(depth: number): ObjectNode {
    const at = this.#at;
    const entries = new Map<string, { at: number; node: FileNode }>();
    this.#separated('}', () => {
      const { key, keyAt } = this.#key();
      if (entries.has(key)) this.#fail(`duplicate key "${key}"`, keyAt);
      this.#space();
      if (this.#text.charAt(this.#at) !== ':') this.#fail(`expected ":", found ${this.#found()}`);
      this.#at++;
      entries.set(key, { at: keyAt, node: this.#value(depth + 1) });
    });
    return { kind: 'object', at, entries };
  }

  #key(): { readonly key: string; readonly keyAt: number } {
    this.#space();
    if (this.#text.charAt(this.#at) !== '"') this.#fail(`expected a key in double quotes, found ${this.#found()}`);
    const keyAt = this.#at;
    const key = String(this.#scalar().value);
    if (key === '__proto__') this.#fail('"__proto__" is not allowed as a key', keyAt);
    return { key, keyAt };
  }

  /** From an opening bracket, which is here, to after the closing one. */
  #separated(closing: ']' | '}', element: () => void): void {
    this.#at++;
    this.#space();
    if (this.#text.charAt(this.#at) === closing) {
      this.#at++;
      return;
    }
    for (;;) {
      element();
      this.#space();
      const unit = this.#text.charAt(this.#at);
      if (unit !== ',' && unit !== closing) this.#fail(`expected "," or "${closing}", found ${this.#found()}`);
      this.#at++;
      if (unit === closing) return;
    }
  }
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
