/** What a rule file holds, in JSON or YAML, with places. */
export type FileNode = ObjectNode | ListNode | ScalarNode;

export interface ObjectNode {
  readonly kind: 'object';
  readonly at: number;
  readonly entries: ReadonlyMap<string, { readonly at: number; readonly node: FileNode }>;
}

export interface ListNode {
  readonly kind: 'array';
  readonly at: number;
  readonly items: readonly FileNode[];
}

interface Scalar<K extends string, T> {
  readonly kind: K;
  readonly at: number;
  readonly end: number;
  readonly value: T;
}

/** How a text is written, which tells where its characters stand. */
type TextStyle = 'json' | 'plain' | 'single' | 'double' | 'literal' | 'folded';

export interface TextNode extends Scalar<'string', string> {
  readonly style: TextStyle;
}
export type ScalarNode = TextNode | Scalar<'number', number> | Scalar<'boolean', boolean> | Scalar<'null', null>;

/** A mistake in the syntax of a file. */
export class FileSyntaxError extends Error {
  override readonly name = 'FileSyntaxError';
  readonly at: number;

  constructor(at: number, message: string) {
    super(message);
    this.at = at;
  }
}

/** The plain value of a node. */
export function plain(node: FileNode): unknown {
  if (node.kind === 'object') {
    return Object.fromEntries([...node.entries].map(([key, entry]) => [key, plain(entry.node)]));
  }
  return node.kind === 'array' ? node.items.map(plain) : node.value;
}

/** Offset in the file of the character at `index` of a text node's value, past the escapes, indentation and folds before it. */
export function offsetInText(file: string, node: TextNode, index: number): number {
  switch (node.style) {
    case 'json':
      return offsetInJson(file, node, index);
    case 'plain':
      return offsetOfInk(file, node.at, node, index, () => 1);
    case 'single':
      return offsetOfInk(file, node.at + 1, node, index, (at) => (file.startsWith("''", at) ? 2 : 1));
    case 'double':
      return offsetOfInk(file, node.at + 1, node, index, (at) =>
        file.charAt(at) === '\\' ? escapeLength(file, at) : 1,
      );
    case 'literal':
    case 'folded':
      return offsetOfInk(file, file.indexOf('\n', node.at) + 1, node, index, () => 1);
  }
}

function offsetInJson(file: string, node: TextNode, index: number): number {
  let at = node.at + 1;
  for (let decoded = 0; decoded < index && at < node.end - 1; decoded++) {
    if (file.charAt(at) !== '\\') at++;
    else at += file.charAt(at + 1) === 'u' ? 6 : 2;
  }
  return at;
}

const BLANK = /\s/;

/**
 * YAML adds and drops only white space between what it keeps, so the n-th
 * character with ink of the value is the n-th with ink in the file.
 */
function offsetOfInk(
  file: string,
  from: number,
  node: TextNode,
  index: number,
  length: (at: number) => number,
): number {
  let inked = 0;
  for (let i = 0; i < index; i++) if (!BLANK.test(node.value.charAt(i))) inked++;
  // A blank stands right after the last ink before it.
  const exact = index < node.value.length && !BLANK.test(node.value.charAt(index));
  let at = from;
  let after = from;
  while (at < node.end) {
    const blank = BLANK.test(file.charAt(at)) || blankEscape(file, at, node.style);
    if (!blank && inked === 0 && exact) return at;
    const step = length(at);
    if (!blank) {
      inked--;
      after = at + step;
      if (inked === 0 && !exact) return after;
    }
    at += step;
  }
  return after;
}

/** Escapes of double-quoted YAML that stand for white space or for nothing. */
function blankEscape(file: string, at: number, style: TextStyle): boolean {
  return style === 'double' && file.charAt(at) === '\\' && /[\s0abefntrvNLP_]/.test(file.charAt(at + 1));
}

function escapeLength(file: string, at: number): number {
  const lengths: Readonly<Record<string, number>> = { x: 4, u: 6, U: 10 };
  return lengths[file.charAt(at + 1)] ?? 2;
}
