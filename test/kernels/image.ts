/** The ext4 image that all kernels of an architecture have as their root: Debian's C library, busybox, Node.js, what was built, and the provoker. */
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { type Arch, CACHE, download, ROOT } from './packages.ts';

const LIBRARIES = ['libc6', 'libstdc++6', 'libgcc-s1', 'busybox-static'];
const PROVOKER = ['main', 'process', 'file', 'network', 'privilege', 'uring'];
/** Where the product lies in the guest. */
export const PRODUCT = '/opt/bpfwarden';
const IMAGE_BYTES = 900 * 2 ** 20;

export interface Image {
  readonly root: string;
  /** A static busybox for the first stage. */
  readonly busybox: string;
}

const NODE_ARCH = { amd64: 'x64', arm64: 'arm64' } as const;
const TRIPLE = { amd64: 'x86_64-linux-gnu', arm64: 'aarch64-linux-gnu' } as const;
const LOADER = { amd64: ['lib64', 'ld-linux-x86-64.so.2'], arm64: ['lib', 'ld-linux-aarch64.so.1'] } as const;

const run = (program: string, args: readonly string[], cwd = ROOT) =>
  execFileSync(program, args, { cwd, encoding: 'utf8', maxBuffer: 1 << 28, stdio: ['ignore', 'pipe', 'pipe'] });

/** The C compiler for an architecture: the machine's own, or the cross compiler. */
function compiler(arch: Arch): string {
  const own = (process.arch === 'arm64') === (arch === 'arm64');
  return own ? 'cc' : `${TRIPLE[arch]}-gcc`;
}

function compile(arch: Arch, to: string): void {
  const source = join(ROOT, 'test', 'kernels', 'provoke');
  const flags = ['-O1', '-static', '-pthread', '-Wall', '-Wno-unused-result'];
  const sources = PROVOKER.map((name) => join(source, `${name}.c`));
  run(compiler(arch), [...flags, '-o', join(to, 'provoke'), ...sources]);
  run(compiler(arch), ['-Os', '-static', '-o', join(to, 'true'), join(source, 'true.c')]);
}

/** Production packages of the architecture, installed once for a lock file. */
function nodeModules(arch: Arch): string {
  const stage = join(CACHE, 'stage', arch);
  mkdirSync(stage, { recursive: true });
  for (const name of ['package.json', 'package-lock.json']) copyFileSync(join(ROOT, name), join(stage, `${name}.new`));
  const same =
    existsSync(join(stage, 'node_modules')) &&
    run('bash', ['-c', 'cmp -s package-lock.json package-lock.json.new && echo same || true'], stage).trim() === 'same';
  for (const name of ['package.json', 'package-lock.json']) copyFileSync(join(stage, `${name}.new`), join(stage, name));
  if (!same)
    run(
      'npm',
      [
        'ci',
        '--omit=dev',
        '--ignore-scripts',
        '--no-audit',
        '--no-fund',
        '--os=linux',
        `--cpu=${NODE_ARCH[arch]}`,
        '--libc=glibc',
      ],
      stage,
    );
  return join(stage, 'node_modules');
}

/** Builds what is not built and makes the image. */
export function makeImage(arch: Arch): Image {
  const node = NODE_ARCH[arch];
  run('bash', ['scripts/build.sh', 'ts']);
  run('bash', ['scripts/cross.sh', node]);
  const runtime = run('bash', ['scripts/runtime.sh', 'fetch', node]).trim();

  const tree = join(CACHE, 'root', arch);
  rmSync(tree, { recursive: true, force: true });
  for (const directory of [
    'proc',
    'sys',
    'dev',
    'run',
    'tmp',
    'etc',
    'root',
    'var/lib',
    'usr/bin',
    'usr/lib',
    'usr/sbin',
  ])
    mkdirSync(join(tree, directory), { recursive: true });
  for (const name of ['bin', 'lib', 'sbin']) symlinkSync(`usr/${name}`, join(tree, name));

  const debian = join(CACHE, 'userland', arch);
  rmSync(debian, { recursive: true, force: true });
  mkdirSync(debian, { recursive: true });
  for (const file of download(arch, LIBRARIES)) run('dpkg-deb', ['-x', file, debian]);
  const libraries = join(tree, 'usr/lib', TRIPLE[arch]);
  mkdirSync(libraries, { recursive: true });
  for (const from of [join(debian, 'lib', TRIPLE[arch]), join(debian, 'usr/lib', TRIPLE[arch])])
    for (const name of existsSync(from) ? readdirSync(from) : [])
      if (/\.so(\.|$)/.test(name)) run('cp', ['-L', join(from, name), join(libraries, name)]);
  const [place, loader] = LOADER[arch];
  if (place !== 'lib') symlinkSync('usr/lib', join(tree, place));
  run('cp', ['-L', join(libraries, loader), join(tree, 'usr/lib', loader)]);
  const busybox = ['bin/busybox', 'usr/bin/busybox'].map((name) => join(debian, name)).find(existsSync);
  if (busybox === undefined) throw new Error('busybox-static has no busybox');

  const bin = join(tree, 'usr/bin');
  copyFileSync(busybox, join(bin, 'busybox'));
  for (const name of ['sh', 'mount', 'ifconfig', 'poweroff', 'sync', 'tar', 'cat', 'mkdir', 'rm', 'dmesg'])
    symlinkSync('busybox', join(bin, name));
  copyFileSync(join(ROOT, runtime), join(bin, 'node'));
  compile(arch, bin);
  for (const name of ['busybox', 'node', 'provoke', 'true']) chmodSync(join(bin, name), 0o755);
  writeFileSync(join(tree, 'etc/passwd'), 'root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n');
  writeFileSync(join(tree, 'etc/group'), 'root:x:0:\nnogroup:x:65534:\n');
  writeFileSync(join(tree, 'etc/hosts'), '127.0.0.1 localhost\n::1 localhost\n');
  writeFileSync(join(tree, 'etc/hostname'), 'guest\n');
  writeFileSync(join(tree, 'etc/fstab'), '# nothing\n');
  writeFileSync(join(tree, 'usr/lib/os-release'), 'ID=debian\nNAME="Debian"\n');
  symlinkSync('../usr/lib/os-release', join(tree, 'etc/os-release'));

  const product = join(tree, PRODUCT);
  mkdirSync(join(product, 'build'), { recursive: true });
  for (const name of ['dist', 'rules', 'package.json'])
    cpSync(join(ROOT, name), join(product, name), { recursive: true });
  for (const name of ['Release', 'bpf'])
    cpSync(join(ROOT, 'build', node, name), join(product, 'build', name), {
      recursive: true,
      filter: (from) => !/(\.(x86|arm64)\.o|\.stamp|lock)$/.test(from),
    });
  cpSync(nodeModules(arch), join(product, 'node_modules'), { recursive: true, verbatimSymlinks: true });
  cpSync(join(ROOT, 'test/kernels/guest'), join(tree, 'guest'), { recursive: true });
  copyFileSync(join(tree, 'guest/init'), join(tree, 'init'));
  chmodSync(join(tree, 'init'), 0o755);

  const root = join(CACHE, `${arch}.ext4`);
  rmSync(root, { force: true });
  writeFileSync(root, '');
  truncateSync(root, IMAGE_BYTES);
  run('/sbin/mke2fs', ['-q', '-t', 'ext4', '-d', tree, root]);
  rmSync(tree, { recursive: true });
  return { root, busybox };
}
