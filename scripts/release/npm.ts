/** The npm package: one for both processors, with what is compiled for each inside. */
import { cpSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { emptyDirectory, ROOT, run, setTimes, type Target, write } from './context.ts';
import { manifestText } from './tree.ts';

/** From the tree, which is the same for both. */
const FROM_TREE = ['dist', 'rules', 'grafana', 'prometheus', 'docs', 'examples', 'licenses', 'LICENSES'];
const TEXTS = ['README.md', 'CHANGELOG.md', 'LICENSE', 'packaging/man', 'packaging/bpfwarden.toml'];
/** What compiling takes, where nothing prebuilt fits. */
const SOURCES = ['bpf', 'native', 'binding.gyp', 'scripts/build-bpf.sh', 'packaging/npm-install.mjs'];

function manifest({ version, revision }: Target): Record<string, unknown> {
  const own = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as {
    dependencies: Record<string, string>;
    devDependencies: Record<string, string>;
    [key: string]: unknown;
  };
  const { name, description, license, type, engines, bin, dependencies, devDependencies } = own;
  return {
    ...{ name, version, revision, description, license, type, engines, bin },
    man: ['packaging/man/bpfwarden.8'],
    os: ['linux'],
    cpu: ['x64', 'arm64'],
    scripts: { install: 'node packaging/npm-install.mjs' },
    // Headers that the addon is compiled with, should it have to be.
    dependencies: { ...dependencies, 'node-addon-api': devDependencies['node-addon-api'] },
  };
}

export function buildNpm(targets: readonly Target[]): string {
  const [first] = targets;
  if (first === undefined) throw new Error('no processor to build for');
  const { epoch, output, version, tree } = first;
  const place = emptyDirectory(join(ROOT, 'build', 'npm'));
  const copy = (from: string, path: string) => {
    mkdirSync(dirname(join(place, path)), { recursive: true });
    cpSync(join(from, path), join(place, path), { recursive: true });
  };
  for (const path of [...FROM_TREE, ...TEXTS]) copy(tree, path);
  for (const path of SOURCES) copy(ROOT, path);
  rmSync(join(place, 'native', 'README.md'), { force: true });
  for (const { arch, tree: from } of targets)
    cpSync(join(from, 'build'), join(place, 'prebuilds', `linux-${arch}`), { recursive: true });
  write(join(place, 'package.json'), manifestText(manifest(first)));
  setTimes(place, epoch);
  run(epoch, 'npm', ['pack', place, '--ignore-scripts', '--pack-destination', output]);
  return join(output, `bpfwarden-${version}.tgz`);
}
