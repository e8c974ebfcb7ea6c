/**
 * YAML with bounds and places, for every file in YAML that a person writes:
 * every number keeps its spelling, every node its offset and line, maps are
 * Maps (a key `__proto__` is a key), and what a hostile file can cost is
 * bounded: bytes, depth, nodes after aliases are expanded.
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
  type Scalar,
} from 'yaml';

/** 1 MiB parses in about a second; the largest file of SigmaHQ has 0.1 MiB. */
export const MAX_YAML_BYTES = 1 << 20;
const MAX_DOCUMENTS = 1000;
const MAX_NODES = 200_000;
/** Syntax tokens inside one another; a map in a list takes four. The library's composer is recursive: 40,000 levels kill the process. */
const MAX_TOKEN_DEPTH = 200;
const MAX_DEPTH = 64;

/** How a scalar is written; what its text's characters are in the file follows from it. */
type YamlStyle = 'plain' | 'single' | 'double' | 'literal' | 'folded';

interface Placed {
  /** Offset in the text. */
  readonly at: number;
  /** From 1. */
  readonly line: number;
}
export interface YamlScalar extends Placed {
  readonly kind: 'scalar';
  readonly value: string | number | boolean | null;
  /** As it is written, without quotes: `0x10`, `1.50`. */
  readonly text: string;
  readonly style: YamlStyle;
  /** Offset after its last character. */
  readonly end: number;
}
interface YamlList extends Placed {
  readonly kind: 'list';
  readonly items: readonly YamlNode[];
}
export interface YamlMap extends Placed {
  readonly kind: 'map';
  readonly entries: ReadonlyMap<string, YamlNode>;
  /** The keys of the same names, for their places. */
  readonly keys: ReadonlyMap<string, YamlScalar>;
}
export type YamlNode = YamlScalar | YamlList | YamlMap;

export interface YamlDocument {
  readonly line: number;
  /** Undefined for an empty document. */
  readonly root: YamlNode | undefined;
  readonly fault: YamlFault | undefined;
}

/** What is wrong with a text as YAML, and where. */
export class YamlFault extends Error {
  override readonly name = 'YamlFault';
  readonly at: number | undefined;
  readonly line: number | undefined;

  constructor(message: string, place?: { readonly at: number; readonly line: number }) {
    super(message);
    this.at = place?.at;
    this.line = place?.line;
  }
}

export interface YamlLimits {
  readonly bytes: number;
  readonly nodes: number;
}

/** The documents of a file. A fault of one document leaves the others readable. Throws YamlFault when the file as a whole is refused. */
export function readYaml(
  source: string,
  limits: YamlLimits = { bytes: MAX_YAML_BYTES, nodes: MAX_NODES },
): YamlDocument[] {
  if (source.length > limits.bytes) throw new YamlFault(`YAML of more than ${limits.bytes} bytes`);
  const lines = new LineCounter();
  const tokens: CST.Token[] = [];
  let documents = 0;
  for (const token of new Parser(lines.addNewLine).parse(source)) {
    checkDepth(token);
    if (token.type === 'document' && ++documents > MAX_DOCUMENTS) {
      throw new YamlFault(`more than ${MAX_DOCUMENTS} YAML documents in one file`);
    }
    tokens.push(token);
  }
  // The check for equal keys is our own: the library's compares each key with each.
  const composer = new Composer({ schema: 'core', merge: false, uniqueKeys: false, strict: true, lineCounter: lines });
  const result: YamlDocument[] = [];
  let rest = limits.nodes;
  for (const document of composer.compose(tokens, false, source.length)) {
    const walker = new Walker(lines, limits.nodes, rest);
    result.push(walker.document(document));
    rest = walker.rest;
  }
  return result;
}

function checkDepth(token: CST.Token): void {
  const stack: [unknown, number][] = [[token, 0]];
  for (let next = stack.pop(); next !== undefined; next = stack.pop()) {
    const [value, depth] = next;
    if (typeof value !== 'object' || value === null) continue;
    if (depth > MAX_TOKEN_DEPTH) throw new YamlFault('YAML is nested too deeply');
    if (Array.isArray(value)) for (const item of value) stack.push([item, depth]);
    else
      for (const key of ['value', 'items', 'key', 'sep', 'start', 'end'])
        stack.push([Reflect.get(value, key), depth + 1]);
  }
}

class Walker {
  readonly #lines: LineCounter;
  readonly #anchors = new Map<string, ParsedNode>();
  readonly #most: number;
  rest: number;

  constructor(lines: LineCounter, most: number, rest: number) {
    this.#lines = lines;
    this.#most = most;
    this.rest = rest;
  }

  document(document: Document.Parsed): YamlDocument {
    const place = this.#place(document.range[0]);
    try {
      const [error] = document.errors;
      if (error !== undefined) throw new YamlFault(`not YAML: ${firstLine(error.message)}`, this.#place(error.pos[0]));
      const [warning] = document.warnings;
      if (warning !== undefined) throw new YamlFault(firstLine(warning.message), place);
      const { contents } = document;
      const empty = contents === null || (isScalar(contents) && contents.value === null);
      const root = empty ? undefined : this.#node(contents, 0);
      return { line: root?.line ?? place.line, root, fault: undefined };
    } catch (fault) {
      if (fault instanceof YamlFault) return { line: place.line, root: undefined, fault };
      throw fault;
    }
  }

  #place(at: number): { readonly at: number; readonly line: number } {
    return { at, line: this.#lines.linePos(at).line };
  }

  #node(node: ParsedNode, depth: number): YamlNode {
    const place = this.#place(node.range[0]);
    if (depth > MAX_DEPTH) throw new YamlFault('YAML is nested too deeply, or an alias contains itself', place);
    if (--this.rest < 0) throw new YamlFault(`more than ${this.#most} YAML nodes with aliases expanded`, place);
    if (isAlias(node)) {
      const target = this.#anchors.get(node.source);
      if (target === undefined) throw new YamlFault(`no anchor for the alias *${node.source}`, place);
      return this.#node(target, depth + 1);
    }
    if (node.tag !== undefined && !node.tag.startsWith('tag:yaml.org,2002:')) {
      throw new YamlFault(`the YAML tag ${JSON.stringify(node.tag.slice(0, 80))} is unknown`, place);
    }
    if (node.anchor !== undefined) this.#anchors.set(node.anchor, node);
    if (isScalar(node)) return { ...place, ...scalar(node), end: node.range[1] };
    if (isSeq(node)) return { kind: 'list', items: node.items.map((item) => this.#node(item, depth + 1)), ...place };
    if (isMap(node)) return { ...place, ...this.#map(node.items, depth) };
    throw new YamlFault('unknown kind of YAML node', place);
  }

  #map(
    pairs: readonly { key: ParsedNode; value: ParsedNode | null }[],
    depth: number,
  ): Pick<YamlMap, 'kind' | 'entries' | 'keys'> {
    const entries = new Map<string, YamlNode>();
    const keys = new Map<string, YamlScalar>();
    const merged: YamlNode[] = [];
    for (const pair of pairs) {
      const key = this.#node(pair.key, depth + 1);
      if (key.kind !== 'scalar') throw new YamlFault('a YAML key must be a plain text', key);
      const value: YamlNode =
        pair.value === null ? { ...key, value: null, text: '', end: key.at } : this.#node(pair.value, depth + 1);
      if (key.text === '<<' && key.style === 'plain') {
        merged.push(...(value.kind === 'list' ? value.items : [value]));
      } else if (entries.has(key.text)) {
        throw new YamlFault(`the YAML key ${JSON.stringify(key.text.slice(0, 80))} stands twice`, key);
      } else {
        entries.set(key.text, value);
        keys.set(key.text, key);
      }
    }
    for (const source of merged) {
      if (source.kind !== 'map') throw new YamlFault('only a map can be merged with <<', source);
      for (const [key, value] of source.entries) {
        if (entries.has(key)) continue;
        entries.set(key, value);
        const from = source.keys.get(key);
        if (from !== undefined) keys.set(key, from);
      }
    }
    return { kind: 'map', entries, keys };
  }
}

function firstLine(message: string): string {
  return (message.split('\n', 1)[0] ?? message).replace(/ at line \d+, column \d+:?$/, '');
}

const STYLES: Readonly<Record<Scalar.Type, YamlStyle>> = {
  PLAIN: 'plain',
  QUOTE_SINGLE: 'single',
  QUOTE_DOUBLE: 'double',
  BLOCK_LITERAL: 'literal',
  BLOCK_FOLDED: 'folded',
};

function scalar(node: Scalar.Parsed): Pick<YamlScalar, 'kind' | 'value' | 'text' | 'style'> {
  const { value, source } = node;
  const style = STYLES[node.type ?? 'PLAIN'];
  if (value === null || typeof value === 'boolean') return { kind: 'scalar', value, text: source, style };
  if (typeof value === 'number') {
    // Beyond 2^53 the spelling is the only exact form; .inf and .nan are words in a rule.
    const exact = Number.isFinite(value) && (!Number.isInteger(value) || Number.isSafeInteger(value));
    return { kind: 'scalar', value: exact ? value : source, text: source, style };
  }
  const text = String(value);
  return { kind: 'scalar', value: text, text, style };
}
