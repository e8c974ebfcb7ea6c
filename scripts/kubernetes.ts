/**
 * Writes the Helm chart and the kustomize folders:
 *   node --import tsx scripts/kubernetes.ts [--output=DIR]   default: build/kubernetes
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { type Files, helmChart, kustomize, type Sources } from './kubernetes/render.ts';
import { emptyDirectory, ROOT, write } from './release/context.ts';

const below = (folder: string, ending: string): string[] =>
  readdirSync(join(ROOT, folder))
    .filter((name) => name.endsWith(ending))
    .sort()
    .map((name) => `${folder}/${name}`);

export function kubernetesSources(version: string): Sources {
  return { version, rules: below('prometheus/rules', '.yaml'), dashboards: below('grafana/dashboards', '.json') };
}

export function writeKubernetes(version: string, output: string): void {
  emptyDirectory(output);
  const put = (folder: string, files: Files) => {
    for (const [path, text] of Object.entries(files)) write(join(output, folder, path), text);
  };
  put('chart/bpfwarden', helmChart(kubernetesSources(version)));
  put('.', kustomize(kubernetesSources(version)));
}

if (process.argv[1] === import.meta.filename) {
  const { values } = parseArgs({ options: { output: { type: 'string', default: join(ROOT, 'build', 'kubernetes') } } });
  const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { version: string };
  writeKubernetes(version, values.output);
  console.error(`kubernetes: ${values.output}/chart/bpfwarden and ${values.output}/base, ${values.output}/monitoring`);
}
