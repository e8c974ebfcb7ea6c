/** The bill of materials: npm's own CycloneDX document, with what npm does not know and without what changes from run to run. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT, run, type Target } from './context.ts';
import { LIBRARIES, packagesIn } from './licences.ts';

interface Component {
  'bom-ref': string;
  [key: string]: unknown;
}
interface Document {
  serialNumber: string;
  metadata: { timestamp: string; component: Component };
  components: Component[];
  dependencies: { ref: string; dependsOn: string[] }[];
}

/** Version of the Node.js that packaging/runtime pins. */
export function runtimeVersion(arch: string): string {
  const manifest = JSON.parse(readFileSync(join(ROOT, 'packaging', 'runtime', 'package.json'), 'utf8')) as {
    optionalDependencies: Record<string, string>;
  };
  const version = manifest.optionalDependencies[`node-linux-${arch}`];
  if (version === undefined) throw new Error(`packaging/runtime pins no Node.js for ${arch}`);
  return version;
}

/** As scripts/cross.sh noted it when it linked them. */
function libraryVersion(arch: string, packages: readonly string[]): string {
  const lines = readFileSync(join(ROOT, 'build', arch, 'libraries'), 'utf8').split('\n');
  for (const line of lines) {
    const [name = '', version] = line.split(' ');
    if (packages.includes(name) && version !== undefined) return version;
  }
  throw new Error(`build/${arch}/libraries knows no version of ${packages.join(' or ')}`);
}

export function billOfMaterials(target: Target): string {
  const { arch, epoch, version, revision, tree } = target;
  const document = JSON.parse(
    run(epoch, 'npm', [
      'sbom',
      '--sbom-format=cyclonedx',
      '--omit=dev',
      '--sbom-type=application',
      '--package-lock-only',
    ]),
  ) as Document;
  // The lock file also has what is for other processors; the document names what is in this tree.
  const inside = new Set(packagesIn(tree).map((found) => `${found.name}@${found.version}`));
  document.components = document.components.filter((entry) => inside.has(entry['bom-ref']));
  const root = document.metadata.component['bom-ref'];
  const known = (ref: string) => ref === root || inside.has(ref);
  document.dependencies = document.dependencies
    .filter(({ ref }) => known(ref))
    .map(({ ref, dependsOn }) => ({ ref, dependsOn: dependsOn.filter(known) }));
  document.metadata.timestamp = new Date(epoch * 1000).toISOString();
  Object.assign(document.metadata.component, {
    name: 'bpfwarden',
    version,
    description: `revision ${revision}, linux ${arch}`,
  });
  document.components.push(
    {
      ...{ 'bom-ref': 'nodejs', type: 'platform', name: 'node', version: runtimeVersion(arch) },
      ...{ purl: `pkg:npm/node-linux-${arch}@${runtimeVersion(arch)}`, licenses: [{ license: { id: 'MIT' } }] },
    },
    ...LIBRARIES.map(({ name, packages, licence }) => ({
      ...{ 'bom-ref': name, type: 'library', name, version: libraryVersion(arch, packages) },
      ...{ purl: `pkg:deb/debian/${packages[0]}`, licenses: [{ expression: licence }] },
    })),
  );
  const digest = createHash('sha256')
    .update(JSON.stringify({ ...document, serialNumber: '' }))
    .digest('hex');
  const uuid = `${digest.slice(0, 8)}-${digest.slice(8, 12)}-5${digest.slice(13, 16)}-a${digest.slice(17, 20)}-${digest.slice(20, 32)}`;
  document.serialNumber = `urn:uuid:${uuid}`;
  return `${JSON.stringify(document, undefined, 2)}\n`;
}
