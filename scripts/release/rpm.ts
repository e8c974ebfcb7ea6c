/** The .rpm, by rpmbuild, from the same layout as the .deb. */
import { copyFileSync, mkdirSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { ARCHITECTURES, emptyDirectory, ROOT, run, type Target } from './context.ts';
import { layOut } from './layout.ts';

export function buildRpm(target: Target): string {
  const { arch, epoch, output, version, work } = target;
  const place = emptyDirectory(join(work, 'rpm'));
  const root = join(place, 'tree');
  layOut(target, root);
  // Where distributions that use rpm look for zsh's completions.
  mkdirSync(join(root, 'usr/share/zsh/site-functions'));
  renameSync(
    join(root, 'usr/share/zsh/vendor-completions/_bpfwarden'),
    join(root, 'usr/share/zsh/site-functions/_bpfwarden'),
  );
  const { rpm } = ARCHITECTURES[arch];
  const defined = { _topdir: place, warden_version: version, warden_root: root, _rpmdir: place };
  const defines = Object.entries(defined).flatMap(([name, value]) => ['--define', `${name} ${value}`]);
  run(epoch, 'rpmbuild', ['-bb', `--target=${rpm}-linux`, ...defines, join(ROOT, 'packaging', 'bpfwarden.spec')]);
  const name = `bpfwarden-${version}-1.${rpm}.rpm`;
  copyFileSync(join(place, rpm, name), join(output, name));
  return join(output, name);
}
