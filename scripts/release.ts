/**
 * Builds what is given away, for x64 and arm64, into build/release:
 *
 *   npm run release [-- --arch=x64] [--only=tarball,deb,rpm,image,npm,kubernetes] [--output=DIR] [--version=V]
 *
 * The same commit on the same distribution gives the same bytes. What a format
 * needs and is not there is said before anything is built.
 */
import { createHash } from 'node:crypto';
import { copyFileSync, mkdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { parseArgs } from 'node:util';
import { ARCHITECTURES, type Arch, describeRelease, has, ROOT, type Target, write } from './release/context.ts';
import { buildDeb } from './release/deb.ts';
import { buildImage } from './release/image.ts';
import { buildKubernetes } from './release/kubernetes.ts';
import { buildNpm } from './release/npm.ts';
import { buildRpm } from './release/rpm.ts';
import { buildTarball } from './release/tarball.ts';
import { buildTree } from './release/tree.ts';

interface Format {
  /** Program → Debian package that has it. */
  readonly needs: Readonly<Record<string, string>>;
  /** One for each processor, or one for all of them. */
  readonly build?: (target: Target) => string;
  readonly buildForAll?: (targets: readonly Target[]) => readonly string[];
}

const FORMATS: Readonly<Record<string, Format>> = {
  tarball: { needs: { tar: 'tar', gzip: 'gzip' }, build: buildTarball },
  deb: { needs: { 'dpkg-buildpackage': 'dpkg-dev', dh: 'debhelper' }, build: buildDeb },
  rpm: { needs: { rpmbuild: 'rpm' }, build: buildRpm },
  image: { needs: { buildah: 'buildah', 'dpkg-deb': 'dpkg' }, build: buildImage },
  npm: { needs: { npm: 'npm' }, buildForAll: (targets) => [buildNpm(targets)] },
  kubernetes: { needs: { tar: 'tar', gzip: 'gzip' }, buildForAll: buildKubernetes },
};

function fail(message: string): never {
  console.error(`release: ${message}`);
  process.exit(1);
}

const { values } = parseArgs({
  options: {
    arch: { type: 'string', default: Object.keys(ARCHITECTURES).join(',') },
    only: { type: 'string', default: Object.keys(FORMATS).join(',') },
    version: { type: 'string' },
    output: { type: 'string', default: join(ROOT, 'build', 'release') },
  },
});
const archs = values.arch.split(',');
for (const arch of archs) if (!Object.hasOwn(ARCHITECTURES, arch)) fail(`--arch=${arch}: x64 and arm64 are built`);
const formats = values.only.split(',').map((name) => {
  const format = FORMATS[name];
  return format ?? fail(`--only=${name}: formats are ${Object.keys(FORMATS).join(', ')}`);
});
const missing = formats.flatMap(({ needs }) => Object.entries(needs).filter(([program]) => !has(program)));
if (missing.length > 0) fail(`missing: ${[...new Set(missing.map(([, name]) => name))].join(' ')} (apt-get install)`);

const release = describeRelease(values.output, values.version);
mkdirSync(release.output, { recursive: true });
const artefacts: string[] = [];
const targets: Target[] = [];
for (const arch of archs as Arch[]) {
  const work = join(ROOT, 'build', arch, 'release');
  const target: Target = { ...release, arch, work, tree: join(work, 'tree') };
  console.error(`release: ${release.version} (${release.revision}) for ${arch}`);
  buildTree(target);
  for (const { build } of formats) if (build !== undefined) artefacts.push(build(target));
  targets.push(target);
  const bill = join(release.output, `bpfwarden-${release.version}-linux-${arch}.sbom.cdx.json`);
  copyFileSync(join(target.tree, 'sbom.cdx.json'), bill);
  artefacts.push(bill);
}
for (const { buildForAll } of formats) if (buildForAll !== undefined) artefacts.push(...buildForAll(targets));
const sums = [...new Set(artefacts)].sort().map((file) => {
  const sum = createHash('sha256').update(readFileSync(file)).digest('hex');
  return `${sum}  ${basename(file)}\n`;
});
write(join(release.output, 'SHA256SUMS'), sums.join(''));
process.stdout.write(sums.join(''));
