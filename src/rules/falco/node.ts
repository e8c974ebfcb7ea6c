/** Typed access to the keys of an item. */

import { quoted } from '../../visible.ts';
import type { YamlMap, YamlNode } from '../../yaml.ts';
import { FalcoFault } from './fault.ts';

/** The text of a scalar key. Throws FalcoFault when it is missing or empty. */
export function textOf(item: YamlMap, key: string): string {
  const text = optionalText(item, key);
  if (text === undefined) throw new FalcoFault(`${quoted(key)} is missing`, item);
  if (text.trim() === '') throw new FalcoFault(`${quoted(key)} is empty`, item);
  return text;
}

export function optionalText(item: YamlMap, key: string): string | undefined {
  const node = item.entries.get(key);
  if (node === undefined) return undefined;
  if (node.kind !== 'scalar') throw new FalcoFault(`${quoted(key)} must be a text`, node);
  return scalarText(node);
}

function scalarText(node: YamlNode & { readonly kind: 'scalar' }): string {
  return node.value === null && node.text === '' ? '' : node.text;
}

/** The texts of a list; undefined without the key. */
export function textsOf(item: YamlMap, key: string): string[] | undefined {
  const node = item.entries.get(key);
  if (node === undefined) return undefined;
  if (node.kind !== 'list') throw new FalcoFault(`${quoted(key)} must be a list`, node);
  return node.items.map((entry) => {
    if (entry.kind !== 'scalar') throw new FalcoFault(`an entry of ${quoted(key)} must be a text`, entry);
    return scalarText(entry);
  });
}

/** The words that yaml-cpp, and so Falco, takes for truth values. */
const TRUTH: Readonly<Record<string, boolean>> = {
  true: true,
  yes: true,
  on: true,
  y: true,
  false: false,
  no: false,
  off: false,
  n: false,
};

export function flagOf(item: YamlMap, key: string): boolean | undefined {
  const text = optionalText(item, key);
  if (text === undefined) return undefined;
  const word = text.toLowerCase();
  if (!Object.hasOwn(TRUTH, word)) throw new FalcoFault(`${quoted(key)} must be true or false`, item);
  return TRUTH[word];
}
