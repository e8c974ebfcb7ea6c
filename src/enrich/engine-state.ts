/**
 * What a container engine wrote about a container: its name, image and pod.
 * Read from the engine's own files when somebody first asks, so that no
 * engine's socket, client or answer is needed.
 */
import { closeSync, constants, fstatSync, openSync, readdirSync, readSync } from 'node:fs';
import { join } from 'node:path';
import type { ContainerDetails } from '../schema/context.ts';
import type { Container } from './containers.ts';

const MAX_BYTES = 4 << 20;
const HEX = /^[0-9a-f]{64}$/;
const NOTHING: ContainerDetails = {};

const DOCKER = 'var/lib/docker/containers';
const CONTAINERD = 'run/containerd/io.containerd.runtime.v2.task';
const STORAGE = ['run/containers/storage', 'var/lib/containers/storage'];
/** Only a privileged container has all of these and none of its paths masked. */
const PRIVILEGED = ['CAP_SYS_ADMIN', 'CAP_SYS_MODULE', 'CAP_SYS_RAWIO', 'CAP_SYS_BOOT'];

type Json = { readonly [key: string]: unknown };

const objectOf = (value: unknown): Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Json) : {};
const textOf = (value: unknown): string | undefined => (typeof value === 'string' && value !== '' ? value : undefined);

/** What the files below `root` say; nothing where there are none, as for a container that is gone. */
export function readEngineState({ id, runtime }: Pick<Container, 'id' | 'runtime'>, root = '/'): ContainerDetails {
  if (!HEX.test(id)) return runtime === 'lxc' || runtime === 'systemd-nspawn' ? { name: id } : NOTHING;
  switch (runtime) {
    case 'docker':
      return fromDocker(join(root, DOCKER, id));
    case 'containerd':
      return fromContainerd(join(root, CONTAINERD), id);
    case 'cri-o':
    case 'podman':
      return fromStorage(root, id);
    default:
      return NOTHING;
  }
}

function fromDocker(folder: string): ContainerDetails {
  const state = readJson(join(folder, 'config.v2.json'));
  if (state === undefined) return NOTHING;
  const config = objectOf(objectOf(state).Config);
  const labels = objectOf(config.Labels);
  const privileged = objectOf(readJson(join(folder, 'hostconfig.json'))).Privileged;
  return known({
    name: textOf(objectOf(state).Name)?.replace(/^\//, ''),
    ...imageOf(textOf(config.Image), textOf(objectOf(state).Image)),
    privileged: typeof privileged === 'boolean' ? privileged : undefined,
    podName: textOf(labels['io.kubernetes.pod.name']),
    podNamespace: textOf(labels['io.kubernetes.pod.namespace']),
  });
}

/** The task directory of each of containerd's namespaces has the container's OCI configuration. */
function fromContainerd(folder: string, id: string): ContainerDetails {
  for (const namespace of listed(folder)) {
    const details = fromSpec(join(folder, namespace, id, 'config.json'));
    if (details !== undefined) return details;
  }
  return NOTHING;
}

function fromStorage(root: string, id: string): ContainerDetails {
  const spec = STORAGE.map((storage) =>
    fromSpec(join(root, storage, 'overlay-containers', id, 'userdata/config.json')),
  );
  const details = spec.find((one) => one !== undefined);
  const entry = STORAGE.flatMap((storage) =>
    ['containers.json', 'volatile-containers.json'].flatMap((file) => {
      const list = readJson(join(root, storage, 'overlay-containers', file));
      return Array.isArray(list) ? list.map(objectOf).filter((one) => one.id === id) : [];
    }),
  )[0];
  if (entry === undefined) return details ?? NOTHING;
  const metadata = objectOf(parsed(textOf(entry.metadata) ?? '{}'));
  return known({
    name: textOf(metadata.name) ?? textOf(Array.isArray(entry.names) ? entry.names[0] : undefined),
    ...imageOf(textOf(metadata['image-name']), textOf(metadata['image-id']) ?? textOf(entry.image)),
    ...details,
  });
}

/** An OCI runtime configuration with the annotations of the CRI implementations, podman and nerdctl. */
function fromSpec(path: string): ContainerDetails | undefined {
  const read = readJson(path);
  if (read === undefined) return undefined;
  const spec = objectOf(read);
  const annotations = objectOf(spec.annotations);
  const first = (...names: string[]) =>
    names.map((name) => textOf(annotations[name])).find((text) => text !== undefined);
  return known({
    name: first('io.kubernetes.cri.container-name', 'io.kubernetes.container.name', 'nerdctl/name'),
    ...imageOf(
      first('io.kubernetes.cri.image-name', 'io.kubernetes.cri-o.ImageName', 'nerdctl/image-name'),
      first('io.kubernetes.cri-o.ImageRef'),
    ),
    privileged: isPrivileged(spec),
    podName: first('io.kubernetes.cri.sandbox-name', 'io.kubernetes.pod.name'),
    podNamespace: first('io.kubernetes.cri.sandbox-namespace', 'io.kubernetes.pod.namespace'),
  });
}

function isPrivileged(spec: Json): boolean | undefined {
  const bounding = objectOf(objectOf(spec.process).capabilities).bounding;
  if (!Array.isArray(bounding)) return undefined;
  const masked = objectOf(spec.linux).maskedPaths;
  return PRIVILEGED.every((name) => bounding.includes(name)) && !(Array.isArray(masked) && masked.length > 0);
}

/** `registry:5000/team/app:1.2@sha256:…` -> registry:5000/team/app and 1.2. */
export function imageOf(reference: string | undefined, id: string | undefined): ContainerDetails {
  const imageId = id?.replace(/^sha256:/, '');
  const [, image, tag] = /^([^@]+?)(?::([\w][\w.-]*))?(?:@.*)?$/.exec(reference ?? '') ?? [];
  // What is an id alone is no name.
  if (image === undefined || HEX.test(image) || image === 'sha256') return known({ imageId });
  return known({ image, imageTag: tag, imageId });
}

function known(details: { readonly [name in keyof ContainerDetails]: ContainerDetails[name] | undefined }) {
  return Object.fromEntries(Object.entries(details).filter(([, value]) => value !== undefined)) as ContainerDetails;
}

function listed(folder: string): string[] {
  try {
    return readdirSync(folder).slice(0, 64);
  } catch {
    return []; // Another engine, or none.
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // Half written, or of a form of its own: not known.
  }
}

/** undefined for a file that is not there, cannot be read, is too large or is no JSON. */
function readJson(path: string): unknown {
  let descriptor: number;
  try {
    descriptor = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOFOLLOW);
  } catch {
    return undefined; // The engine keeps its files elsewhere, or the container is gone.
  }
  try {
    const stats = fstatSync(descriptor);
    if (!stats.isFile() || stats.size > MAX_BYTES) return undefined;
    const buffer = Buffer.alloc(stats.size);
    const length = readSync(descriptor, buffer, 0, buffer.length, 0);
    return parsed(buffer.toString('utf8', 0, length));
  } finally {
    closeSync(descriptor);
  }
}
