/** Where the parts of the tree lie on a host: what .deb, .rpm and the image have in common. */
import { cpSync, mkdirSync, renameSync, rmSync, symlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { emptyDirectory, setTimes, type Target } from './context.ts';

export const PROGRAM = '/usr/lib/bpfwarden';
const SHARE = '/usr/share/bpfwarden';
const DOC = '/usr/share/doc/bpfwarden';

/** What is moved out of the program's folder, because the hierarchy standard has a place for it. */
const MOVED: readonly (readonly [string, string])[] = [
  ['rules', `${SHARE}/rules`],
  ['grafana/dashboards', `${SHARE}/dashboards`],
  ['grafana/provisioning', `${SHARE}/provisioning`],
  ['prometheus', `${SHARE}/prometheus`],
  ['docs', `${SHARE}/docs`],
  ['examples', `${DOC}/examples`],
  ['licenses', `${DOC}/licenses`],
  ['README.md', `${DOC}/README.md`],
  ['CHANGELOG.md', `${DOC}/CHANGELOG.md`],
  ['LICENSES', `${DOC}/LICENSES`],
  ['sbom.cdx.json', `${DOC}/sbom.cdx.json`],
  ['packaging/bpfwarden.toml', '/etc/bpfwarden/bpfwarden.toml'],
  ['packaging/systemd/bpfwarden.service', '/usr/lib/systemd/system/bpfwarden.service'],
  ['packaging/man/bpfwarden.8', '/usr/share/man/man8/bpfwarden.8'],
  ['packaging/completions/bpfwarden.bash', '/usr/share/bash-completion/completions/bpfwarden'],
  ['packaging/completions/_bpfwarden', '/usr/share/zsh/vendor-completions/_bpfwarden'],
  ['packaging/completions/bpfwarden.fish', '/usr/share/fish/vendor_completions.d/bpfwarden.fish'],
];

/** Path of a link → what it says. */
const LINKS: Readonly<Record<string, string>> = {
  '/usr/bin/bpfwarden': '../lib/bpfwarden/bin/bpfwarden',
  // The program finds its rules beside itself.
  [`${PROGRAM}/rules`]: '../../share/bpfwarden/rules',
  [`${DOC}/docs`]: '../../bpfwarden/docs',
};

/** Lays the tree out below `root`, which is emptied first. */
export function layOut({ tree, epoch }: Target, root: string): void {
  emptyDirectory(root);
  const program = join(root, PROGRAM);
  mkdirSync(dirname(program), { recursive: true });
  cpSync(tree, program, { recursive: true });
  for (const [from, to] of MOVED) {
    mkdirSync(dirname(join(root, to)), { recursive: true });
    renameSync(join(program, from), join(root, to));
  }
  for (const left of ['grafana', 'packaging', 'LICENSE']) rmSync(join(program, left), { recursive: true });
  for (const [path, says] of Object.entries(LINKS)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    symlinkSync(says, join(root, path));
  }
  // The last two systemd would make as well; without it the configuration names them all the same.
  for (const path of ['/etc/bpfwarden/rules', '/var/lib/bpfwarden', '/var/log/bpfwarden'])
    mkdirSync(join(root, path), { recursive: true });
  setTimes(root, epoch);
}
