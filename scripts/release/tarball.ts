/** bpfwarden-VERSION-linux-ARCH.tar.gz: unpack anywhere, run bin/bpfwarden. */
import { join } from 'node:path';
import { run, type Target } from './context.ts';

/** Options by which GNU tar writes the same bytes for the same files. */
export const SAME_BYTES = ['--sort=name', '--owner=0', '--group=0', '--numeric-owner', '--format=ustar'];

export function buildTarball({ arch, epoch, output, tree, version }: Target): string {
  const folder = `bpfwarden-${version}-linux-${arch}`;
  const file = join(output, `${folder}.tar.gz`);
  run(epoch, 'tar', [
    ...[...SAME_BYTES, `--mtime=@${epoch}`, '--use-compress-program=gzip -9n', `--transform=s,^\\./,${folder}/,`],
    ...['-cf', file, '-C', tree, '.'],
  ]);
  return file;
}
