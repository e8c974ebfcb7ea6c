/** The Helm chart and the kustomize folders, each as an archive. */
import { join } from 'node:path';
import { writeKubernetes } from '../kubernetes.ts';
import { emptyDirectory, ROOT, run, setTimes, type Target } from './context.ts';
import { SAME_BYTES } from './tarball.ts';

export function buildKubernetes([target]: readonly Target[]): readonly string[] {
  if (target === undefined) throw new Error('no processor to build for');
  const { epoch, output, version } = target;
  const place = emptyDirectory(join(ROOT, 'build', 'kubernetes'));
  writeKubernetes(version, place);
  setTimes(place, epoch);
  const pack = (name: string, folder: string, ...what: readonly string[]) => {
    const options = [...SAME_BYTES, `--mtime=@${epoch}`, '--use-compress-program=gzip -9n'];
    run(epoch, 'tar', [...options, '-cf', join(output, name), '-C', join(place, folder), ...what]);
    return join(output, name);
  };
  return [
    pack(`bpfwarden-chart-${version}.tgz`, 'chart', 'bpfwarden'),
    pack(`bpfwarden-kustomize-${version}.tar.gz`, '.', 'base', 'monitoring'),
  ];
}
