/**
 * Where container engines keep what they know of their containers: where their
 * packages put it, where the distributions of Kubernetes do, and where the
 * configuration says.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Docker's data directory. */
const DOCKER = ['var/lib/docker', 'var/snap/docker/common/var-lib-docker'];
/** containerd's state directory; k3s and RKE2 share one. */
const CONTAINERD = [
  'run/containerd',
  'run/k3s/containerd',
  'run/k0s/containerd',
  'var/snap/microk8s/common/run/containerd',
];
/** The storage of podman, CRI-O and buildah. */
const STORAGE = ['run/containers/storage', 'var/lib/containers/storage'];
const TASKS = 'io.containerd.runtime.v2.task';

export interface EnginePlaces {
  /** Directories of which each has one for a container. */
  readonly docker: readonly string[];
  /** Directories of which each has one for a namespace of containerd, with one for a task. */
  readonly containerd: readonly string[];
  readonly storage: readonly string[];
  /** Where a user without root has the storage. */
  storageOf(uid: number): readonly string[];
}

/** `more` are directories of any of the engines, which are looked into first. */
export function enginePlaces(more: readonly string[] = [], root = '/'): EnginePlaces {
  const all = (known: readonly string[], below = '') =>
    [...more, ...known.map((place) => join(root, place))].map((place) => join(place, below));
  return {
    docker: all(DOCKER, 'containers'),
    containerd: all(CONTAINERD, TASKS),
    storage: all(STORAGE),
    storageOf: (uid) => {
      const home = homeOf(uid, root);
      const run = join(root, 'run/user', String(uid), 'containers');
      return home === undefined ? [run] : [run, join(root, home, '.local/share/containers/storage')];
    },
  };
}

function homeOf(uid: number, root: string): string | undefined {
  try {
    const passwd = readFileSync(join(root, 'etc/passwd'), 'utf8');
    return new RegExp(`^[^:\n]*:[^:\n]*:${uid}:[^:\n]*:[^:\n]*:(/[^:\n]*):`, 'm').exec(passwd)?.[1];
  } catch {
    return undefined; // An image without accounts; its storage is not found.
  }
}
