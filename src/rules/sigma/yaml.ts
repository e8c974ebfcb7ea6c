/**
 * YAML for rule files: every number keeps its spelling, every node its line,
 * maps are Maps (a key `__proto__` is a key), and what a hostile file can cost
 * is bounded: bytes, depth, nodes after aliases are expanded.
 */
import {
  Composer,
  type CST,
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type ParsedNode,
  Parser,
} from 'yaml';
import { quoted, SigmaFault } from './problem.ts';

/** 1 MiB parses in about a second; the largest file of SigmaHQ has 0.1 MiB. */
export const MAX_FILE_BYTES = 1 << 20;
const MAX_DOCUMENTS = 1000;
const MAX_NODES = 200_000;
/** Syntax tokens inside one another; a map in a list takes four. The library's composer is recursive: 40,000 levels kill the process. */
const MAX_TOKEN_DEPTH = 200;
const MAX_DEPTH = 64;

export interface YamlScalar {
  readonly kind: 'scalar';
  readonly value: string | number | boolean | null;
  /** As it is written, without quotes: `0x10`, `1.50`. */
  readonly text: string;
  readonly line: number;
}
export interface YamlList {
  readonly kind: 'list';
  readonly items: readonly YamlNode[];
  readonly line: number;
}
export interface YamlMap {
  readonly kind: 'map';
  readonly entries: ReadonlyMap<string, YamlNode>;
  readonly line: number;
}
export type YamlNode = YamlScalar | YamlList | YamlMap;

export interface YamlDocument {
  readonly line: number;
  /** Undefined for an empty document. */
  readonly root: YamlNode | undefined;
  readonly fault: SigmaFault | undefined;
}

/** The documents of a file. A fault of one document leaves the others readable. Throws SigmaFault when the file as a whole is refused. */
export function readYaml(source: string): YamlDocument[] {
  const lines = new LineCounter();
  const tokens: CST.Token[] = [];
  let documents = 0;
  for (const token of new Parser(lines.addNewLine).parse(source)) {
    checkDepth(token);
    if (token.type === 'document' && ++documents > MAX_DOCUMENTS) {
      throw new SigmaFault(`more than ${MAX_DOCUMENTS} YAML documents in one file`);
    }
    tokens.push(token);
  }
  // The check for equal keys is our own: the library's compares each key with each.
  const composer = new Composer({ schema: 'core', merge: false, uniqueKeys: false, strict: true, lineCounter: lines });
  const result: YamlDocument[] = [];
  let rest = MAX_NODES;
  for (const document of composer.compose(tokens, false, source.length)) {
    const line = lines.linePos(document.range[0]).line;
    const walker = new Walker(lines, rest);
    result.push(walker.document(document, line));
    rest = walker.rest;
  }
  return result;
}

function checkDepth(token: CST.Token): void {
  const stack: [unknown, number][] = [[token, 0]];
  for (let next = stack.pop(); next !== undefined; next = stack.pop()) {
    const [value, depth] = next;
    if (typeof value !== 'object' || value === null) continue;
    if (depth > MAX_TOKEN_DEPTH) throw new SigmaFault('YAML is nested too deeply');
    if (Array.isArray(value)) for (const item of value) stack.push([item, depth]);
    else
      for (const key of ['value', 'items', 'key', 'sep', 'start', 'end'])
        stack.push([Reflect.get(value, key), depth + 1]);
  }
}

class Walker {
  readonly #lines: LineCounter;
  readonly #anchors = new Map<string, ParsedNode>();
  rest: number;

  constructor(lines: LineCounter, rest: number) {
    this.#lines = lines;
    this.rest = rest;
  }

  document(document: Document.Parsed, line: number): YamlDocument {
    try {
      const [error] = document.errors;
      if (error !== undefined) {
        const first = error.message.split('\n', 1)[0] ?? error.message;
        throw new SigmaFault(`not YAML: ${first}`, this.#lines.linePos(error.pos[0]).line);
      }
      const [warning] = document.warnings;
      if (warning !== undefined) throw new SigmaFault(warning.message.split('\n', 1)[0] ?? warning.message, line);
      const { contents } = document;
      const empty = contents === null || (isScalar(contents) && contents.value === null);
      const root = empty ? undefined : this.#node(contents, 0);
      return { line: root?.line ?? line, root, fault: undefined };
    } catch (fault) {
      if (fault instanceof SigmaFault) return { line, root: undefined, fault };
      throw fault;
    }
  }

  #node(node: ParsedNode, depth: number): YamlNode {
    const line = this.#lines.linePos(node.range[0]).line;
    if (depth > MAX_DEPTH) throw new SigmaFault('YAML is nested too deeply, or an alias contains itself', line);
    if (--this.rest < 0) throw new SigmaFault(`more than ${MAX_NODES} YAML nodes with aliases expanded`, line);
    if (isAlias(node)) {
      const target = this.#anchors.get(node.source);
      if (target === undefined) throw new SigmaFault(`no anchor for the alias *${node.source}`, line);
      return this.#node(target, depth + 1);
    }
    if (node.tag !== undefined && !node.tag.startsWith('tag:yaml.org,2002:')) {
      throw new SigmaFault(`the YAML tag ${quoted(node.tag)} is unknown`, line);
    }
    if (node.anchor !== undefined) this.#anchors.set(node.anchor, node);
    if (isScalar(node)) return scalar(node.value, node.source, line);
    if (isSeq(node)) return { kind: 'list', items: node.items.map((item) => this.#node(item, depth + 1)), line };
    if (isMap(node)) return this.#map(node.items, depth, line);
    throw new SigmaFault('unknown kind of YAML node', line);
  }

  #map(pairs: readonly { key: ParsedNode; value: ParsedNode | null }[], depth: number, line: number): YamlMap {
    const entries = new Map<string, YamlNode>();
    const merged: YamlNode[] = [];
    for (const pair of pairs) {
      const key = this.#node(pair.key, depth + 1);
      if (key.kind !== 'scalar') throw new SigmaFault('a YAML key must be a plain text', key.line);
      const value = pair.value === null ? scalar(null, '', key.line) : this.#node(pair.value, depth + 1);
      if (key.text === '<<' && isScalar(pair.key) && pair.key.type === 'PLAIN') {
        merged.push(...(value.kind === 'list' ? value.items : [value]));
      } else if (entries.has(key.text)) {
        throw new SigmaFault(`the YAML key ${quoted(key.text)} stands twice`, key.line);
      } else {
        entries.set(key.text, value);
      }
    }
    for (const source of merged) {
      if (source.kind !== 'map') throw new SigmaFault('only a map can be merged with <<', source.line);
      for (const [key, value] of source.entries) if (!entries.has(key)) entries.set(key, value);
    }
    return { kind: 'map', entries, line };
  }
}

function scalar(value: unknown, source: string, line: number): YamlScalar {
  if (value === null || typeof value === 'boolean') return { kind: 'scalar', value, text: source, line };
  if (typeof value === 'number') {
    // Beyond 2^53 the spelling is the only exact form; .inf and .nan are words in a rule.
    const exact = Number.isFinite(value) && (!Number.isInteger(value) || Number.isSafeInteger(value));
    return { kind: 'scalar', value: exact ? value : source, text: source, line };
  }
  const text = String(value);
  return { kind: 'scalar', value: text, text, line };
}
