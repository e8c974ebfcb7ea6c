/**
 * Debian's kernels and the few packages that the guests' root is made of, by an
 * apt root of its own below .cache/kernels: the host's apt stays as it is.
 */
import { execFileSync } from 'node:child_process';
import {
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { basename, join } from 'node:path';

export type Arch = 'amd64' | 'arm64';
export const ROOT = join(import.meta.dirname, '..', '..');
export const CACHE = join(ROOT, '.cache', 'kernels');
const APT = join(CACHE, 'apt');
const KEYRING = '/usr/share/keyrings/debian-archive-keyring.gpg';
/** Lists older than this are fetched again; a kernel that is there already is not. */
const LISTS_MS = 7 * 86_400_000;
const MIRROR = 'http://deb.debian.org/debian';

/** Which parts of the archive have kernels; what userland the guests have comes from the first. */
const SUITES: readonly (readonly [suite: string, security: boolean])[] = [
  ['bookworm', false],
  ['bookworm-security', true],
  ['bookworm-backports', false],
  ['trixie', false],
  ['trixie-security', true],
  ['trixie-backports', false],
  ['sid', false],
];

export interface Kernel {
  readonly arch: Arch;
  /** 6.12.118: the upstream version. */
  readonly version: string;
  readonly release: string;
  /** How its guest differs from others (run.ts, --append, --cpus). */
  readonly unusual?: string;
  /** vmlinuz and modules/ lie there. */
  readonly directory: string;
}

const run = (program: string, args: readonly string[], options: { readonly cwd?: string } = {}): string =>
  execFileSync(program, args, { encoding: 'utf8', maxBuffer: 1 << 28, stdio: ['ignore', 'pipe', 'pipe'], ...options });

/** The mirrors that the host's own apt uses, where it is Debian's. */
function mirrors(): { readonly main: string; readonly security: string } {
  const files = ['/etc/apt/sources.list'];
  if (existsSync('/etc/apt/sources.list.d'))
    files.push(...readdirSync('/etc/apt/sources.list.d').map((name) => join('/etc/apt/sources.list.d', name)));
  const uris = files
    .filter((file) => existsSync(file))
    .flatMap((file) => [...readFileSync(file, 'utf8').matchAll(/^(?:URIs:|deb(?:\s+\[[^\]]*\])?)\s+(\S+)/gm)])
    .map((match) => (match[1] ?? '').replace(/\/+$/, ''));
  const main = uris.find((uri) => /\/debian$/.test(uri)) ?? MIRROR;
  return { main, security: uris.find((uri) => /\/debian-security$/.test(uri)) ?? `${MIRROR}-security` };
}

const options = (arch: Arch) => [
  `-oDir=${APT}`,
  `-oDir::Etc=${APT}/etc/apt`,
  `-oDir::State=${APT}/var/lib/apt`,
  `-oDir::Cache=${APT}/var/cache/apt`,
  `-oDir::State::status=${APT}/var/lib/dpkg/status`,
  `-oAPT::Architecture=${arch}`,
  `-oAPT::Architectures::=${arch === 'amd64' ? 'arm64' : 'amd64'}`,
  '-oAPT::Sandbox::User=root',
  '-oAcquire::Languages=none',
  '-oAcquire::Retries=3',
];

/** Fetches the lists of all suites when there are none, or old ones. */
function update(): void {
  const done = join(APT, 'updated');
  if (existsSync(done) && Date.now() - Number(readFileSync(done, 'utf8')) < LISTS_MS) return;
  for (const directory of [
    'etc/apt/apt.conf.d',
    'etc/apt/preferences.d',
    'etc/apt/trusted.gpg.d',
    'var/lib/apt/lists/partial',
    'var/cache/apt/archives/partial',
    'var/lib/dpkg',
  ])
    mkdirSync(join(APT, directory), { recursive: true });
  writeFileSync(join(APT, 'var/lib/dpkg/status'), '');
  if (!existsSync(KEYRING))
    throw new Error(`${KEYRING} is missing: kernels come from Debian (apt-get install debian-archive-keyring)`);
  const { main, security } = mirrors();
  const lines = SUITES.map(
    ([suite, isSecurity]) =>
      `deb [signed-by=${KEYRING} arch=amd64,arm64] ${isSecurity ? security : main} ${suite} main`,
  );
  writeFileSync(join(APT, 'etc/apt/sources.list'), `${lines.join('\n')}\n`);
  run('apt-get', [...options('amd64'), '-qq', 'update']);
  writeFileSync(done, String(Date.now()));
}

const byVersion = (a: string, b: string) => a.localeCompare(b, 'en', { numeric: true });

interface Available {
  readonly version: string;
  readonly packages: readonly string[];
}

/** Kernels of an architecture that can be fetched: the cloud flavour, which has all that is needed and is small. */
function available(arch: Arch): Available[] {
  update();
  const names = ['linux-image-', 'linux-binary-', 'linux-modules-'].flatMap((prefix) =>
    run('apt-cache', [...options(arch), 'pkgnames', prefix])
      .split('\n')
      .filter((name) => new RegExp(`^${prefix}\\d+\\.\\d+\\.\\d+\\S*-cloud-${arch}$`).test(name)),
  );
  const has = new Set(names);
  const found = new Map<string, string[]>();
  for (const name of names) {
    const flavour = name.replace(/^linux-(image|binary|modules)-/, '');
    // Since 6.19 the image lies among the modules, in packages of their own; those of old versions vanish.
    const split = [`linux-binary-${flavour}`, `linux-modules-${flavour}`];
    if (split.every((each) => has.has(each))) found.set(flavour, split);
    else if (!has.has(split[0] as string) && has.has(`linux-image-${flavour}`))
      found.set(flavour, [`linux-image-${flavour}`]);
  }
  const versions = [...found].map(([flavour, packages]) => ({
    // 6.1.0-56 is Debian's number of an ABI; the version of its package is the kernel's.
    version: flavour.replace(/[+-].*$/, ''),
    flavour,
    packages,
  }));
  return versions.sort((a, b) => byVersion(a.flavour, b.flavour));
}

/** Downloads packages of an architecture and answers the files. */
export function download(arch: Arch, packages: readonly string[]): string[] {
  update();
  const directory = join(CACHE, 'debs', arch);
  mkdirSync(directory, { recursive: true });
  const fileOf = (name: string) => readdirSync(directory).find((file) => file.startsWith(`${name}_`));
  return packages.map((name) => {
    if (fileOf(name) === undefined)
      run('apt-get', [...options(arch), '-qq', 'download', `${name}:${arch}`], { cwd: directory });
    const file = fileOf(name);
    if (file === undefined) throw new Error(`apt-get did not download ${name}:${arch}`);
    return join(directory, file);
  });
}

function unpack(files: readonly string[], directory: string): void {
  const work = mkdtempSync(join(CACHE, 'unpack-'));
  for (const file of files) run('dpkg-deb', ['-x', file, work]);
  mkdirSync(join(directory, 'modules'), { recursive: true });
  for (const boot of existsSync(join(work, 'boot')) ? readdirSync(join(work, 'boot')) : [])
    if (boot.startsWith('vmlinuz-')) copyFileSync(join(work, 'boot', boot), join(directory, 'vmlinuz'));
  for (const modules of [join(work, 'lib/modules'), join(work, 'usr/lib/modules')]) {
    for (const release of existsSync(modules) ? readdirSync(modules) : []) {
      cpSync(join(modules, release), join(directory, 'modules'), { recursive: true });
      if (existsSync(join(modules, release, 'vmlinuz')))
        copyFileSync(join(modules, release, 'vmlinuz'), join(directory, 'vmlinuz'));
    }
  }
  rmSync(work, { recursive: true });
}

/**
 * The newest kernel that a pattern fits: `6.1`, `6.12.90`, `7`, `newest`, or the
 * name of a folder below .cache/kernels/ARCH/ that somebody put there (vmlinuz and
 * modules/). Throws with what there is when none fits.
 */
export function fetchKernel(pattern: string, arch: Arch): Kernel {
  const own = join(CACHE, arch, pattern);
  if (existsSync(join(own, 'vmlinuz')))
    return { arch, version: pattern.replace(/[+-].*$/, ''), release: pattern, directory: own };
  const all = available(arch);
  const fits = ({ version }: Available) => pattern === 'newest' || `${version}.`.startsWith(`${pattern}.`);
  const chosen = all.filter(fits).at(-1);
  if (chosen === undefined)
    throw new Error(
      `no kernel ${pattern} for ${arch} in ${SUITES.map(([suite]) => suite).join(', ')}; there are ${[...new Set(all.map(({ version }) => version.split('.').slice(0, 2).join('.')))].join(', ')}`,
    );
  const release = (chosen.packages[0] ?? '').replace(/^linux-(image|binary)-/, '');
  const directory = join(CACHE, arch, release);
  if (!existsSync(join(directory, 'vmlinuz'))) unpack(download(arch, chosen.packages), directory);
  const file = basename(download(arch, chosen.packages)[0] ?? '');
  const version = /_(\d+\.\d+(?:\.\d+)?)/.exec(file)?.[1] ?? chosen.version;
  return { arch, version, release, directory };
}
