/**
 * What a container engine wrote about a container: its name, image and pod.
 * Read from the engine's own files when somebody first asks, so that no
 * engine's socket, client or answer is needed.
 */
import { closeSync, constants, existsSync, fstatSync, openSync, readdirSync, readSync } from 'node:fs';
import { join } from 'node:path';
import type { ContainerDetails } from '../schema/context.ts';
import type { Container } from './containers.ts';
import { dockerMounts, mountFacts, specMounts } from './engine-mounts.ts';
import type { EnginePlaces } from './engine-places.ts';

const MAX_BYTES = 4 << 20;
const MAX_LABELS = 64;
const HEX = /^[0-9a-f]{64}$/;
/** How containerd writes names of namespaces and tasks; what two levels of a cgroup path may be. */
const TASK = /^\/([\w.-]{1,76})\/([\w.-]{1,76})$/;
const NOTHING: ContainerDetails = {};
/** Only a privileged container has all of these and none of its paths masked. */
const PRIVILEGED = ['CAP_SYS_ADMIN', 'CAP_SYS_MODULE', 'CAP_SYS_RAWIO', 'CAP_SYS_BOOT'];

type Json = { readonly [key: string]: unknown };

const objectOf = (value: unknown): Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Json) : {};
const textOf = (value: unknown): string | undefined => (typeof value === 'string' && value !== '' ? value : undefined);

/** What the engine's files say; nothing where there are none, as for a container that is gone. */
export function readEngineState(container: Container, places: EnginePlaces): ContainerDetails {
  const { id, runtime, uid } = container;
  const storage = uid === undefined ? places.storage : [...places.storageOf(uid), ...places.storage];
  switch (runtime) {
    case 'docker':
      return HEX.test(id) ? fromDocker(places.docker, id) : NOTHING;
    case 'containerd':
      return fromContainerd(places.containerd, id);
    case 'cri-o':
    case 'podman':
      return HEX.test(id) ? fromStorage(storage, id) : NOTHING;
    case 'lxc':
    case 'systemd-nspawn':
      return { name: id };
    default:
      return NOTHING;
  }
}

/**
 * A container whose cgroup path tells no engine, by what the engines have: a task
 * of containerd that ctr or nerdctl made with the cgroupfs driver (namespace and
 * name), a container below a group that somebody chose (--cgroup-parent).
 */
export function containerByState(
  cgroup: string,
  unknown: Container | undefined,
  places: EnginePlaces,
): Container | undefined {
  const found = (id: string, runtime: string): Container => ({
    podUid: undefined,
    uid: undefined,
    ...unknown,
    id,
    runtime,
  });
  const [, namespace, task] = TASK.exec(cgroup) ?? [];
  if (namespace !== undefined && task !== undefined)
    if (places.containerd.some((place) => existsSync(join(place, namespace, task, 'config.json'))))
      return found(task, 'containerd');
  if (unknown === undefined || !HEX.test(unknown.id)) return unknown;
  const { id } = unknown;
  if (places.docker.some((place) => existsSync(join(place, id, 'config.v2.json')))) return found(id, 'docker');
  if (fromStorage(places.storage, id) !== NOTHING) return found(id, 'podman');
  return fromContainerd(places.containerd, id) === NOTHING ? unknown : found(id, 'containerd');
}

function fromDocker(places: readonly string[], id: string): ContainerDetails {
  for (const place of places) {
    const state = readJson(join(place, id, 'config.v2.json'));
    if (state === undefined) continue;
    const config = objectOf(objectOf(state).Config);
    const labels = objectOf(config.Labels);
    const privileged = objectOf(readJson(join(place, id, 'hostconfig.json'))).Privileged;
    return known({
      name: textOf(objectOf(state).Name)?.replace(/^\//, ''),
      ...imageOf(textOf(config.Image), textOf(objectOf(state).Image)),
      privileged: typeof privileged === 'boolean' ? privileged : undefined,
      ...mountFacts(dockerMounts(objectOf(state).MountPoints)),
      labels: textsOf(labels),
      ip: Object.values(objectOf(objectOf(objectOf(state).NetworkSettings).Networks))
        .map((network) => textOf(objectOf(network).IPAddress))
        .find((ip) => ip !== undefined),
      sandboxId: textOf(labels['io.kubernetes.sandbox.id']),
      podName: textOf(labels['io.kubernetes.pod.name']),
      podNamespace: textOf(labels['io.kubernetes.pod.namespace']),
    });
  }
  return NOTHING;
}

/** The task directory of each of containerd's namespaces has the container's OCI configuration. */
function fromContainerd(places: readonly string[], id: string): ContainerDetails {
  for (const place of places) {
    for (const namespace of listed(place)) {
      const details = fromSpec(join(place, namespace, id, 'config.json'));
      // A name that is no number was given by somebody.
      if (details !== undefined) return HEX.test(id) ? details : { name: id, ...details };
    }
  }
  return NOTHING;
}

/** One directory of the storage for each driver: overlay-containers, vfs-containers, ... */
function fromStorage(places: readonly string[], id: string): ContainerDetails {
  const folders = places.flatMap((place) =>
    listed(place)
      .filter((name) => name.endsWith('-containers'))
      .map((name) => join(place, name)),
  );
  const details = folders
    .map((folder) => fromSpec(join(folder, id, 'userdata/config.json')))
    .find((one) => one !== undefined);
  const entry = folders.flatMap((folder) =>
    ['containers.json', 'volatile-containers.json'].flatMap((file) => {
      const list = readJson(join(folder, file));
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
    ...mountFacts(specMounts(spec.mounts)),
    labels: textsOf(parsed(textOf(annotations['io.kubernetes.cri-o.Labels']) ?? '{}')),
    ip: first('io.kubernetes.cri-o.IP.0'),
    sandboxId: first('io.kubernetes.cri.sandbox-id', 'io.kubernetes.cri-o.SandboxID'),
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

/** Texts of a map; undefined when it has none. */
function textsOf(value: unknown): Readonly<Record<string, string>> | undefined {
  const texts = Object.entries(objectOf(value)).flatMap(([name, text]) =>
    typeof text === 'string' ? [[name, text] as const] : [],
  );
  return texts.length === 0 ? undefined : Object.fromEntries(texts.slice(0, MAX_LABELS));
}

/** `registry:5000/team/app:1.2@sha256:…` -> registry:5000/team/app and 1.2. */
export function imageOf(reference: string | undefined, id: string | undefined): ContainerDetails {
  const imageId = id?.replace(/^sha256:/, '');
  const [, image, tag, imageDigest] = /^([^@]+?)(?::([\w][\w.-]*))?(?:@(.*))?$/.exec(reference ?? '') ?? [];
  // What is an id alone is no name.
  if (image === undefined || HEX.test(image) || image === 'sha256') return known({ imageId });
  return known({ image, imageTag: tag, imageId, imageDigest });
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
