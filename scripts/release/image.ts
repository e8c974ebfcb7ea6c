/**
 * The container image: the program, the C and C++ libraries of Debian, nothing
 * else: no shell, no package manager. Built from nothing by buildah; no command
 * runs inside, so either processor's is built on a machine of either.
 */
import { chmodSync, copyFileSync, cpSync, existsSync, mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { LEAN_FLAGS, LEAN_MALLOC } from '../../src/cli/lean.ts';
import { ARCHITECTURES, emptyDirectory, filesBelow, ROOT, run, setTimes, type Target, write } from './context.ts';
import { layOut, PROGRAM } from './layout.ts';

const LIBRARIES = ['libc6', 'libgcc-s1', 'libstdc++6', 'gcc-12-base', 'base-files'];
/** Of the C library only what a running program loads. */
const KEPT = /\.so(\.|$)|^usr\/share\/doc\/[^/]+\/copyright$|^etc\/(os-release|debian_version)$|^usr\/lib\/os-release$/;
const LEFT_OUT = /gconv\/|\/audit\/|libmemusage|libpcprofile/;
const NODE = `${PROGRAM}/bin/node`;
const HEALTH = `${PROGRAM}/health.mjs`;

function rootFiles(target: Target, root: string): void {
  const { arch, epoch } = target;
  const packages = join(ROOT, '.cache', 'image', arch);
  run(epoch, 'bash', ['scripts/debian-packages.sh', ARCHITECTURES[arch].debian, packages, ...LIBRARIES]);
  layOut(target, root);
  for (const file of filesBelow(packages)) {
    if (!KEPT.test(file) || LEFT_OUT.test(file)) continue;
    mkdirSync(join(root, file, '..'), { recursive: true });
    cpSync(join(packages, file), join(root, file), { verbatimSymlinks: true });
  }
  // What nobody reads in an image; the packages' own texts and licences stay.
  for (const path of [
    'usr/lib/systemd',
    'usr/share/man',
    'usr/share/zsh',
    'usr/share/fish',
    'usr/share/bash-completion',
  ])
    rmSync(join(root, path), { recursive: true });
  rmSync(join(root, 'usr/bin/bpfwarden'));
  rmSync(join(root, PROGRAM, 'bin/bpfwarden'));
  copyFileSync(join(ROOT, 'packaging/health.mjs'), join(root, HEALTH));
  copyFileSync(join(ROOT, 'packaging/container.toml'), join(root, 'etc/bpfwarden/bpfwarden.toml'));
  write(join(root, 'etc/passwd'), 'root:x:0:0:root:/:/sbin/nologin\nnobody:x:65534:65534:nobody:/:/sbin/nologin\n');
  write(join(root, 'etc/group'), 'root:x:0:\nnogroup:x:65534:\n');
  for (const path of ['var/lib/bpfwarden', 'var/log/bpfwarden', 'tmp'])
    mkdirSync(join(root, path), { recursive: true });
  chmodSync(join(root, 'tmp'), 0o1777);
  setTimes(root, epoch);
}

export function buildImage(target: Target): string {
  const { arch, epoch, output, revision, version, work } = target;
  const place = emptyDirectory(join(work, 'image'));
  const root = join(place, 'root');
  rootFiles(target, root);
  const storage = ['--root', join(place, 'storage'), '--runroot', join(place, 'run'), '--storage-driver', 'vfs'];
  const buildah = (...args: string[]) => run(epoch, 'buildah', [...storage, ...args]).trim();
  const { oci } = ARCHITECTURES[arch];
  const container = buildah('from', '--arch', oci, 'scratch');
  buildah('copy', '--quiet', container, root, '/');
  buildah(
    ...['config', '--os', 'linux', '--arch', oci, '--user', '0:0', '--workingdir', '/'],
    ...['--entrypoint', JSON.stringify([NODE, '--disable-sigusr1', ...LEAN_FLAGS, `${PROGRAM}/dist/main.js`])],
    ...Object.entries(LEAN_MALLOC).flatMap(([name, value]) => ['--env', `${name}=${value}`]),
    ...['--cmd', '--config.file=/etc/bpfwarden/bpfwarden.toml', '--port', '9477'],
    ...['--volume', '/var/lib/bpfwarden', '--stop-signal', 'SIGTERM'],
    ...['--healthcheck', `CMD ${NODE} ${HEALTH}`, '--healthcheck-start-period', '120s'],
    ...['--label', `org.opencontainers.image.version=${version}`],
    ...['--label', `org.opencontainers.image.revision=${revision}`],
    ...['--label', 'org.opencontainers.image.licenses=Apache-2.0', container],
  );
  const name = `bpfwarden-${version}-image-${oci}.tar`;
  const archive = join(place, name);
  // Docker's format: the health check is no part of OCI's.
  const tag = `docker-archive:${archive}:bpfwarden:${version}`;
  buildah('commit', '--quiet', '--rm', '--format', 'docker', '--timestamp', String(epoch), container, tag);
  if (!existsSync(archive)) throw new Error(`buildah has written no ${archive}`);
  run(epoch, 'gzip', ['-9nf', archive]);
  copyFileSync(`${archive}.gz`, join(output, `${name}.gz`));
  rmSync(join(place, 'storage'), { recursive: true, force: true });
  return join(output, `${name}.gz`);
}
