/**
 * The layers of src, in the order in which data flows: what each holds, and
 * what it must not know. The lint (check-layers.ts) and the table in
 * ARCHITECTURE.md read this.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';

export interface Layer {
  /** Folders or files of src. */
  readonly names: readonly string[];
  readonly holds: string;
  /** For ARCHITECTURE.md. */
  readonly mustNotKnow: string;
  /** Layers before it that it must not import all the same. */
  readonly forbidden: readonly string[];
}

const layer = (names: string, holds: string, mustNotKnow = '', forbidden: readonly string[] = []): Layer => ({
  names: names.split(' '),
  holds,
  mustNotKnow,
  forbidden,
});

export const LAYERS: readonly Layer[] = [
  layer(
    'errors log log-stream nearest visible yaml own-pid proc-stat rotation token-bucket every-second whole-file',
    'error table, logger, nearest name, texts made visible, YAML with bounds and places, the daemon’s own process id, /proc/PID/stat, rotation of files, limits by time, what is done once a second, files read whole within a bound',
    'everything',
  ),
  layer('config', 'option table → defaults, limits, validation, docs; frozen after load', 'the kernel, rules'),
  layer('btf', 'ELF section and BTF reader, pure', 'events', ['config']),
  layer('schema', 'BTF → a set of lazy readers per kind; field table; event JSON', 'the addon, rules'),
  layer('recording', 'recorded events: NDJSON to records', 'the addon, rules'),
  layer(
    'kernel',
    'the only code that knows the addon: load, attach, filter maps, counters, drain; pidfd and capabilities',
    'rules, HTTP',
    ['recording'],
  ),
  layer('enrich', 'process table, users, containers, DNS names, hashes', 'the addon, rules', ['kernel', 'recording']),
  layer(
    'rules',
    'read → check → compile → index → evaluate; CEL, JSON, Sigma and Falco front ends; windows',
    'where events come from',
    ['kernel', 'enrich', 'recording', 'btf'],
  ),
  layer('alerts', 'finding → alert, redaction, ledger, spool, sinks, history', 'the kernel', [
    'kernel',
    'enrich',
    'recording',
  ]),
  layer('response', 'simulate, kill, block', "the kernel, rules' internals", ['kernel', 'enrich', 'rules']),
  layer('plugins', 'enrichers, sinks and responses from ES modules', 'the kernel, rules, responses', [
    'kernel',
    'enrich',
    'rules',
    'response',
  ]),
  layer('metrics', 'catalog, registry, exposition', 'the stages: they receive counters', [
    'kernel',
    'enrich',
    'rules',
    'alerts',
    'response',
    'plugins',
  ]),
  layer('pipeline', 'the order of the stages from batch to sink; reload of sinks and plugins', 'the kernel, HTTP', [
    'kernel',
  ]),
  layer('http', 'koa app, web configuration', 'rules, the kernel, the stages', [
    'kernel',
    'enrich',
    'rules',
    'response',
    'plugins',
    'pipeline',
  ]),
  layer('daemon', 'start, reload, upkeep and status of the whole'),
  layer('cli', 'commands', 'the stages, once the daemon runs'),
  layer('main loading program', 'dispatch and exit codes', 'everything but commands', [
    'config',
    'schema',
    'kernel',
    'enrich',
    'rules',
    'alerts',
    'metrics',
    'pipeline',
    'http',
    'daemon',
  ]),
];

/** Interfaces and vocabularies alone: a layer may name those of the layers that it must not know otherwise. */
const isFace = (target: string): boolean => target.endsWith('/types.ts');
/** What every stage may know of metrics, also those that stand before them. */
const EVERYWHERE = new Set(['metrics/types.ts']);
const NATIVE_ONLY = 'kernel/native.ts';
const NATIVE_TYPES = '../native/addon.d.ts';

const RANK = new Map(LAYERS.flatMap(({ names }, index) => names.map((name) => [name, index] as const)));
const layerOf = (file: string): string => file.split('/')[0]?.replace(/\.(gen\.)?ts$/, '') ?? file;

/** Files of src and what they import, both as paths below src. */
export type Imports = ReadonlyMap<string, readonly string[]>;

export function importsOf(directory = 'src'): Imports {
  const imports = new Map<string, readonly string[]>();
  for (const file of readdirSync(directory, { recursive: true, encoding: 'utf8' })) {
    if (!file.endsWith('.ts')) continue;
    const source = readFileSync(join(directory, file), 'utf8');
    const targets = [...source.matchAll(/(?:from|import)\s*\(?\s*'(\.[^']+)'/g)].map(([, target = '']) =>
      relative('.', join(dirname(file), target)),
    );
    if (/\.node['"`]/.test(source)) targets.push('the addon');
    imports.set(file, targets);
  }
  return imports;
}

/** What breaks the rules, a sentence each. */
export function layerFaults(imports: Imports): string[] {
  const faults: string[] = [];
  for (const [file, targets] of imports) {
    const own = layerOf(file);
    const rank = RANK.get(own);
    if (rank === undefined) {
      faults.push(`src/${file}: "${own}" is not a layer; add it to scripts/layers.ts in its place`);
      continue;
    }
    for (const target of targets) {
      if (target === 'the addon') {
        if (file !== NATIVE_ONLY) faults.push(`src/${file}: only ${NATIVE_ONLY} may load the addon`);
        continue;
      }
      if (EVERYWHERE.has(target) || (file === NATIVE_ONLY && target === NATIVE_TYPES)) continue;
      const other = layerOf(target);
      const otherRank = RANK.get(other);
      if (otherRank === undefined || otherRank > rank)
        faults.push(`src/${file}: the layer "${own}" may not import ${target}, which stands after it`);
      else if (LAYERS[rank]?.forbidden.includes(other) === true && !isFace(target))
        faults.push(`src/${file}: the layer "${own}" must not know ${LAYERS[rank]?.mustNotKnow}; it imports ${target}`);
    }
  }
  for (const name of RANK.keys())
    if (!existsSync(join('src', name)) && !existsSync(join('src', `${name}.ts`)))
      faults.push(`scripts/layers.ts: there is no layer "${name}" in src`);
  return faults;
}

/** The layers that each layer imports, in their order. */
function uses(imports: Imports, { names }: Layer): string[] {
  const found = new Set<string>();
  for (const [file, targets] of imports)
    if (names.includes(layerOf(file))) for (const target of targets) found.add(layerOf(target));
  const base = LAYERS[0]?.names ?? [];
  return [...RANK.keys()].filter((name) => found.has(name) && !names.includes(name) && !base.includes(name));
}

/** The rows of ARCHITECTURE.md's table. */
export function layerTable(imports: Imports): string[] {
  const code = (list: readonly string[]) => list.map((name) => `\`${name}\``).join(', ');
  return [
    '| Layer | Holds | Must not know | Imports |',
    '|---|---|---|---|',
    '| `bpf/` | hooks by domain, filter, rate guard, counters; `events.h` is the one description of every record | | |',
    '| `native/` | handles of libbpf, the drain; no string is decoded, no JavaScript value made per event | rules, formats | |',
    ...LAYERS.map(
      (entry) => `| ${code(entry.names)} | ${entry.holds} | ${entry.mustNotKnow} | ${code(uses(imports, entry))} |`,
    ),
  ];
}
