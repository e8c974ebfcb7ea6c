/**
 * Data flows one way: a layer imports only itself and the layers before it.
 * `types.ts` files of metrics hold interfaces alone, so every layer may name
 * them. Exits 1 and lists what breaks the rule.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';

const ORDER = [
  ['errors', 'log', 'nearest', 'visible', 'yaml', 'proc-stat', 'rotation', 'token-bucket'],
  ['config'],
  ['btf'],
  ['schema'],
  ['recording'],
  ['kernel'],
  ['enrich'],
  ['rules'],
  ['alerts'],
  ['response'],
  ['plugins'],
  ['metrics'],
  ['pipeline'],
  ['http'],
  ['daemon'],
  ['cli'],
  ['main'],
] as const;
const EVERYWHERE = new Set(['metrics/types.ts']);
const NATIVE_ONLY = 'kernel/native.ts';
const NATIVE_TYPES = '../native/addon.d.ts';

const rank = new Map<string, number>(ORDER.flatMap((names, index) => names.map((name) => [name, index] as const)));
const layerOf = (file: string): string => file.split('/')[0]?.replace(/\.(gen\.)?ts$/, '') ?? file;

const faults: string[] = [];
for (const file of readdirSync('src', { recursive: true, encoding: 'utf8' })) {
  if (!file.endsWith('.ts')) continue;
  const path = join('src', file);
  const layer = layerOf(file);
  const own = rank.get(layer);
  if (own === undefined) {
    faults.push(`${path}: "${layer}" is not a layer; add it to scripts/check-layers.ts in its place`);
    continue;
  }
  const source = readFileSync(path, 'utf8');
  for (const match of source.matchAll(/(?:from|import)\s*\(?\s*'(\.[^']+)'/g)) {
    const target = relative('src', join(dirname(path), match[1] ?? ''));
    if (EVERYWHERE.has(target) || (file === NATIVE_ONLY && target === NATIVE_TYPES)) continue;
    const other = rank.get(layerOf(target));
    if (other === undefined || other > own) faults.push(`${path}: the layer "${layer}" may not import ${target}`);
  }
  if (/\.node['"`]/.test(source) && file !== NATIVE_ONLY)
    faults.push(`${path}: only ${NATIVE_ONLY} may load the addon`);
}
for (const fault of faults) console.error(fault);
process.exitCode = faults.length === 0 ? 0 : 1;
