/** Rule files in YAML: the same nodes as JSON gives, so that every check after this one knows one form. */
import { readYaml, YamlFault, type YamlLimits, type YamlNode, type YamlScalar } from '../../yaml.ts';
import { type FileNode, FileSyntaxError, type ScalarNode } from './node.ts';

/** A list of 100,000 addresses still fits; more is for JSON, which reads forty times as fast. */
const YAML_LIMITS: YamlLimits = { bytes: 8 << 20, nodes: 400_000 };

/** Reads one document. Throws FileSyntaxError. An empty text is an empty object. */
export function parseYamlText(text: string): FileNode {
  try {
    const documents = readYaml(text, YAML_LIMITS).filter(
      ({ root, fault }) => root !== undefined || fault !== undefined,
    );
    const [first, second] = documents;
    if (first?.fault !== undefined) throw first.fault;
    if (second !== undefined) {
      throw new FileSyntaxError(second.root?.at ?? 0, 'a rule file is one YAML document, and here begins a second one');
    }
    return first?.root === undefined ? { kind: 'object', at: 0, entries: new Map() } : nodeOf(first.root);
  } catch (cause) {
    if (cause instanceof YamlFault) throw new FileSyntaxError(cause.at ?? 0, cause.message);
    throw cause;
  }
}

function nodeOf(node: YamlNode): FileNode {
  if (node.kind === 'scalar') return scalarOf(node);
  if (node.kind === 'list') return { kind: 'array', at: node.at, items: node.items.map(nodeOf) };
  const entries = new Map<string, { at: number; node: FileNode }>();
  for (const [key, value] of node.entries) {
    const at = node.keys.get(key)?.at ?? value.at;
    if (key === '__proto__') throw new FileSyntaxError(at, '"__proto__" is not allowed as a key');
    entries.set(key, { at, node: nodeOf(value) });
  }
  return { kind: 'object', at: node.at, entries };
}

function scalarOf({ value, text, style, at, end }: YamlScalar): ScalarNode {
  if (value === null) return { kind: 'null', at, end, value };
  if (typeof value === 'boolean') return { kind: 'boolean', at, end, value };
  if (typeof value === 'string') return { kind: 'string', at, end, value, style };
  // 0644 is meant as a mode; YAML reads it as 644.
  if (/^[-+]?0\d/.test(text)) {
    throw new FileSyntaxError(at, `${text} is the number ${value} in YAML; write "${text}" in quotes if text is meant`);
  }
  return { kind: 'number', at, end, value };
}
