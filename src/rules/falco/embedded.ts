/**
 * Rule files inside other YAML: under `customRules` of a Helm values file, as
 * Falco's chart takes them, and under `data` of a ConfigMap.
 */
import type { YamlNode, YamlScalar } from '../../yaml.ts';
import type { SourceFile } from '../yaml-files.ts';

/** Values of a chart that has Falco's as a part stand one deeper. */
const MAX_DEPTH = 3;

/** The rule files in a document; lines are those of the file. Empty when there is none. */
export function embeddedFiles(root: YamlNode, path: string): SourceFile[] {
  return textsIn(root, 0).map((node) => ({ path, text: `${'\n'.repeat(linesBefore(node))}${node.text}` }));
}

function textsIn(node: YamlNode, depth: number): YamlScalar[] {
  if (node.kind !== 'map' || depth > MAX_DEPTH) return [];
  const kind = node.entries.get('kind');
  if (kind?.kind === 'scalar' && kind.text === 'ConfigMap') return textsOf(node.entries.get('data'));
  return [...node.entries].flatMap(([key, value]) =>
    key === 'customRules' ? textsOf(value) : textsIn(value, depth + 1),
  );
}

/** Other files of a ConfigMap, such as falco.yaml, have no items of rules. */
const RULES = /^- +(?:rule|macro|list|required_engine_version|required_plugin_versions):/m;

function textsOf(node: YamlNode | undefined): YamlScalar[] {
  if (node?.kind !== 'map') return [];
  return [...node.entries.values()].filter((value) => value.kind === 'scalar').filter(({ text }) => RULES.test(text));
}

/** A block begins in the line after its mark. */
function linesBefore({ style, line }: YamlScalar): number {
  return style === 'literal' ? line : line - 1;
}
