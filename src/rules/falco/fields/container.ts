/** Falco's container.* and k8s.* fields, which its container plugin gives. */
import type { FieldValue } from '../../../schema/event.ts';
import { compileRegexp } from '../../predicate/regexp.ts';
import { all, exists, field, leaf, not } from '../../tree.ts';
import { ABSENT, constant, derived, first, flag, type Meaning } from '../meaning.ts';
import { globPattern } from '../patterns.ts';
import { durationOf, nanoseconds } from '../process-values.ts';
import { type FalcoFields, missing, number, text, truth } from './spec.ts';

const ENGINE = 'not read from the files of container engines';
const FROM_SOME = 'from the files of Docker and CRI-O';
const OF_PROCESS = 'by the namespaces of the process itself';
const FROM_KUBELET = 'those that kubernetes.pod_labels names, from the kubelet or the container engine';
const FROM_FILES = "from the files of Docker, containerd's CRI, CRI-O and podman; absent where they do not tell";

/** Falco's word for what is in none. Where it is in one is asked first, so that rules about containers cost a host nothing. */
const inContainer = (chosen: Meaning): Meaning => ({
  is: 'cases',
  when: exists(field('container.id')),
  chosen,
  otherwise: constant('host'),
});

function labelOf(labels: FieldValue, name: string): string | undefined {
  if (typeof labels !== 'object' || Array.isArray(labels) || !Object.hasOwn(labels, name)) return undefined;
  return String((labels as Readonly<Record<string, unknown>>)[name]);
}

/** As Falco writes them: `app:web, tier:front`. */
function labelsText(labels: FieldValue): string | undefined {
  if (typeof labels !== 'object' || Array.isArray(labels)) return undefined;
  return Object.entries(labels)
    .map(([name, value]) => `${name}:${String(value)}`)
    .join(', ');
}

function mountsText(mounts: FieldValue): string | undefined {
  return Array.isArray(mounts) ? mounts.map(String).join(',') : undefined;
}

const MOUNT_PARTS = ['source', 'dest', 'mode', 'rdwr', 'propagation'] as const;

/** `source:dest:mode:rdwr:propagation`, of which the paths may have colons, too. */
function partsOfMount(mount: string): Readonly<Record<(typeof MOUNT_PARTS)[number], string>> | undefined {
  const [, source, dest, mode, rdwr, propagation] = /^(.*?):(\/.*):([^:]*):([^:]*):([^:]*)$/.exec(mount) ?? [];
  if (source === undefined || dest === undefined) return undefined;
  return { source, dest, mode: mode ?? '', rdwr: rdwr ?? '', propagation: propagation ?? '' };
}

/** By number, or by a glob over its source; `source` by one over its destination. */
function mountFields(): FalcoFields {
  const row = (part: (typeof MOUNT_PARTS)[number] | undefined) => {
    const name = part === undefined ? 'container.mount' : `container.mount.${part}`;
    return text(
      (_kind, argument = '') => {
        const wanted = /^\d+$/.test(argument) ? undefined : compileRegexp(globPattern(argument), 's');
        return derived(`${name}[${argument}]`, ['container.mounts'], (mounts) => {
          if (!Array.isArray(mounts)) return undefined;
          const texts = mounts.map(String);
          const found =
            wanted === undefined
              ? texts[Number(argument)]
              : texts.find((one) => wanted.test(partsOfMount(one)?.[part === 'source' ? 'dest' : 'source'] ?? ''));
          return found === undefined || part === undefined ? found : partsOfMount(found)?.[part];
        });
      },
      { argument: 'key', differs: FROM_FILES },
    );
  };
  return Object.fromEntries([
    ['container.mount', row(undefined)],
    ...MOUNT_PARTS.map((part) => [`container.mount.${part}`, row(part)] as const),
  ]);
}

/** Whether a container's process is in the host's namespace. */
const shares = (namespace: string): Meaning => ({
  is: 'cases',
  when: all([exists(field('container.id')), exists(field('process.host_namespaces'))]),
  chosen: flag(
    not({
      type: 'quantifier',
      how: 'any',
      over: field('process.own_namespaces'),
      where: leaf({ from: 'element', level: 0 }, { op: 'equal', values: [namespace] }),
    }),
  ),
  otherwise: ABSENT,
});

/** Falco has these fields for old rules and gives them no value. */
function oldKubernetesFields(): FalcoFields {
  return Object.fromEntries(
    ['rc', 'svc', 'ns', 'rs', 'deployment'].flatMap((object) => [
      ...(object === 'ns' ? [] : [[`k8s.${object}.name`, text(ABSENT)] as const]),
      [`k8s.${object}.id`, text(ABSENT)] as const,
      [`k8s.${object}.label`, text(ABSENT, { argument: 'name' })] as const,
      [`k8s.${object}.labels`, text(ABSENT)] as const,
    ]),
  );
}

export const CONTAINER_PLUGIN_FIELDS: FalcoFields = {
  'container.id': text(
    inContainer(
      derived('short container.id', ['container.id'], (id) => (typeof id === 'string' ? id.slice(0, 12) : id)),
    ),
  ),
  'container.full_id': text(first('container.id')),
  'container.type': text(
    inContainer(first('container.runtime')),
    'docker, containerd, cri-o, podman, systemd-nspawn or lxc',
  ),
  'container.name': text(inContainer(first('container.name')), FROM_FILES),
  'container.image': text(
    derived('container.image', ['container.image.name', 'container.image.tag'], (name, tag) =>
      name === undefined || tag === undefined ? name : `${String(name)}:${String(tag)}`,
    ),
    FROM_FILES,
  ),
  'container.image.id': text(
    derived('container.image.id', ['container.image.id'], (id) => (typeof id === 'string' ? id.slice(0, 12) : id)),
    FROM_FILES,
  ),
  'container.image.repository': text(first('container.image.name'), FROM_FILES),
  'container.image.tag': text(first('container.image.tag'), FROM_FILES),
  'container.image.digest': text(
    first('container.image.digest'),
    'the digest by which the image was asked for; absent where it was asked for by a tag',
  ),
  'container.privileged': truth(flag(leaf(field('container.privileged'), { op: 'equal', values: [true] })), FROM_FILES),
  'container.mounts': text(derived('container.mounts', ['container.mounts'], mountsText), FROM_FILES),
  ...mountFields(),
  'container.healthcheck': text(ABSENT),
  'container.liveness_probe': text(ABSENT),
  'container.readiness_probe': text(ABSENT),
  'container.start_ts': number(
    derived('container.start_ts', ['process.namespace_start_time'], nanoseconds),
    'to about a microsecond',
  ),
  'container.duration': number(
    derived('container.duration', ['process.namespace_start_time', 'event.timestamp'], durationOf),
  ),
  'container.ip': text(first('container.ip'), FROM_SOME),
  'container.cni.json': missing(ENGINE),
  'container.host_pid': truth(shares('pid'), OF_PROCESS),
  'container.host_network': truth(shares('network'), OF_PROCESS),
  'container.host_ipc': truth(shares('ipc'), OF_PROCESS),
  'container.label': text(
    (_kind, name = '') => derived(`container.label[${name}]`, ['container.labels'], (labels) => labelOf(labels, name)),
    { argument: 'name', differs: FROM_SOME },
  ),
  'container.labels': text(
    derived('container.labels', ['container.labels'], (labels) => labelsText(labels)),
    FROM_SOME,
  ),
  'container.info': missing('of old rules: left out of outputs, as in Falco'),

  'k8s.ns.name': text(first('container.pod_namespace'), FROM_FILES),
  'k8s.pod.name': text(first('container.pod_name'), FROM_FILES),
  'k8s.pod.id': text(first('container.pod_uid')),
  'k8s.pod.uid': text(first('container.pod_uid')),
  'k8s.pod.sandbox_id': text(
    derived('k8s.pod.sandbox_id', ['container.sandbox_id'], (id) => (typeof id === 'string' ? id.slice(0, 12) : id)),
    FROM_FILES,
  ),
  'k8s.pod.full_sandbox_id': text(first('container.sandbox_id'), FROM_FILES),
  'k8s.pod.label': text(
    (_kind, name = '') =>
      derived(`k8s.pod.label[${name}]`, ['container.pod_labels'], (labels) => labelOf(labels, name)),
    { argument: 'name', differs: FROM_KUBELET },
  ),
  'k8s.pod.labels': text(
    derived('k8s.pod.labels', ['container.pod_labels'], (labels) => labelsText(labels)),
    FROM_KUBELET,
  ),
  'k8s.pod.ip': text(first('container.ip'), FROM_SOME),
  'k8s.pod.cni.json': missing(ENGINE),
  ...oldKubernetesFields(),
};
