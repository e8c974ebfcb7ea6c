/** The .deb, by debhelper: packaging/debian says what differs from its defaults. */
import { copyFileSync, cpSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { ARCHITECTURES, emptyDirectory, ROOT, run, type Target, write } from './context.ts';
import { layOut } from './layout.ts';

const MAINTAINER = 'The bpfwarden authors <bpfwarden@users.noreply.github.com>';

export function buildDeb(target: Target): string {
  const { arch, epoch, output, revision, version, work } = target;
  const { debian } = ARCHITECTURES[arch];
  const place = emptyDirectory(join(work, 'deb', 'bpfwarden'));
  cpSync(join(ROOT, 'packaging', 'debian'), join(place, 'debian'), { recursive: true });
  layOut(target, join(place, 'root'));
  // debhelper installs the unit, and writes what enables, starts, restarts and removes it.
  const unit = 'usr/lib/systemd';
  copyFileSync(join(place, 'root', unit, 'system/bpfwarden.service'), join(place, 'debian', 'bpfwarden.service'));
  rmSync(join(place, 'root', unit), { recursive: true });
  const date = run(epoch, 'date', ['-R', '-u', `--date=@${epoch}`]).trim();
  const change = `  * Release ${version}, revision ${revision}; CHANGELOG.md has what changed.`;
  write(
    join(place, 'debian', 'changelog'),
    `bpfwarden (${version}-1) unstable; urgency=medium\n\n${change}\n\n -- ${MAINTAINER}  ${date}\n`,
  );
  // One line for each folder: debhelper keeps modes, links and what is below.
  const folders = readdirSync(join(place, 'root')).map((name) => `root/${name} /\n`);
  write(join(place, 'debian', 'bpfwarden.install'), folders.join(''));
  const build = ['-b', '-uc', '-us', '-d', '-nc', `-a${debian}`, '--admindir=/var/lib/dpkg'];
  run(epoch, 'dpkg-buildpackage', build, { cwd: place, env: { DEB_BUILD_OPTIONS: 'nocheck noautodbgsym' } });
  const name = `bpfwarden_${version}-1_${debian}.deb`;
  copyFileSync(join(work, 'deb', name), join(output, name));
  return join(output, name);
}
