/** The program as it is installed, for one processor: everything it needs but the C library. */
import { chmodSync, copyFileSync, cpSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { ARCHITECTURES, emptyDirectory, filesBelow, ROOT, run, setTimes, type Target, write } from './context.ts';
import { licences } from './licences.ts';
import { productionModules } from './modules.ts';
import { billOfMaterials } from './sbom.ts';

/** Read at run time by something; what else a package carries (typings, sources, tests) stays behind. */
const NEEDED = /(\.(js|cjs|mjs|json|node|wasm)|\/(licen[cs]e|notice|copying)[^/]*)$/i;
const NOT_NEEDED =
  /^(.*\/node_modules\/)?(@[^/]+\/)?[^/]+\/(test|tests|__tests__|benchmarks?|examples?|docs?|\.github)\/|\.(test|spec)\.[cm]?js$/;
const SHARED = ['rules', 'grafana/dashboards', 'grafana/provisioning', 'prometheus', 'docs', 'examples'];
const PACKAGING = ['bpfwarden.toml', 'systemd', 'man', 'completions'];
const TEXTS = ['README.md', 'CHANGELOG.md', 'LICENSE', 'LICENSES'];

function copyModules({ arch, epoch, tree }: Target): void {
  const from = productionModules(arch, epoch);
  for (const file of filesBelow(from)) {
    if (file.startsWith('.') || file.includes('/.bin/') || !NEEDED.test(`/${file}`) || NOT_NEEDED.test(file)) continue;
    // Prebuilt for musl, or for one version of V8: the runtime is a glibc one, and Node-API serves every version.
    if (/\.musl\.node$|\.abi\d+\./.test(file)) continue;
    mkdirSync(dirname(join(tree, 'node_modules', file)), { recursive: true });
    const to = join(tree, 'node_modules', file);
    if (file.endsWith('.node')) run(epoch, ARCHITECTURES[arch].strip, ['--strip-unneeded', '-o', to, join(from, file)]);
    else copyFileSync(join(from, file), to);
  }
}

/** `package.json` as installed: no scripts, no development packages, the revision. */
export function installedManifest({
  version,
  revision,
}: Pick<Target, 'version' | 'revision'>): Record<string, unknown> {
  const { name, description, license, type, engines, bin } = JSON.parse(
    readFileSync(join(ROOT, 'package.json'), 'utf8'),
  ) as Record<string, unknown>;
  return { name, version, revision, description, license, type, engines, bin };
}

export const manifestText = (manifest: Record<string, unknown>): string =>
  `${JSON.stringify(manifest, undefined, 2)}\n`;

/** Fills `target.tree`. */
export function buildTree(target: Target): void {
  const { arch, epoch, tree, work } = target;
  emptyDirectory(work);
  emptyDirectory(tree);
  run(epoch, 'bash', ['scripts/cross.sh', arch]);
  run(epoch, join(ROOT, 'node_modules/.bin/tsc'), [
    ...['-p', 'tsconfig.json', '--outDir', join(tree, 'dist'), '--tsBuildInfoFile', join(work, 'tsc.tsbuildinfo')],
  ]);
  run(epoch, process.execPath, ['--import', 'tsx', 'scripts/compile-rules.ts', join(tree, 'dist'), 'rules']);
  run(epoch, process.execPath, ['--import', 'tsx', 'scripts/bundle.ts', join(tree, 'dist')]);
  cpSync(join(ROOT, 'build', arch, 'Release'), join(tree, 'build', 'Release'), { recursive: true });
  mkdirSync(join(tree, 'build', 'bpf'), { recursive: true });
  copyFileSync(join(ROOT, 'build', arch, 'bpf', 'bpfwarden.bpf.o'), join(tree, 'build', 'bpf', 'bpfwarden.bpf.o'));
  copyModules(target);

  mkdirSync(join(tree, 'bin'));
  const node = join(ROOT, run(epoch, 'bash', ['scripts/runtime.sh', 'fetch', arch]).trim());
  // Its symbol table is a quarter of it; what the addon is linked to stays.
  run(epoch, ARCHITECTURES[arch].strip, ['--strip-unneeded', '-o', join(tree, 'bin', 'node'), node]);
  copyFileSync(join(ROOT, 'packaging', 'bpfwarden.sh'), join(tree, 'bin', 'bpfwarden'));
  for (const name of SHARED) cpSync(join(ROOT, name), join(tree, name), { recursive: true });
  for (const name of PACKAGING)
    cpSync(join(ROOT, 'packaging', name), join(tree, 'packaging', name), { recursive: true });
  for (const name of TEXTS) cpSync(join(ROOT, name), join(tree, name), { recursive: true });
  // Pictures are half of the documentation and nobody looks at them on a server.
  rmSync(join(tree, 'docs', 'img'), { recursive: true, force: true });
  write(join(tree, 'package.json'), manifestText(installedManifest(target)));
  licences(target, node);
  write(join(tree, 'sbom.cdx.json'), billOfMaterials(target));
  for (const file of filesBelow(tree))
    chmodSync(join(tree, file), /^bin\/|^examples\/.*\.sh$/.test(file) ? 0o755 : 0o644);
  setTimes(tree, epoch);
}
