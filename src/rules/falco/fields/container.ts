/** Falco's container.* and k8s.* fields, which its container plugin gives. */
import type { FieldValue } from '../../../schema/event.ts';
import { field, leaf } from '../../tree.ts';
import { derived, first, flag } from '../meaning.ts';
import { type FalcoFields, missing, text, truth } from './spec.ts';

const ENGINE = 'not read from the files of container engines';
const KUBERNETES = 'Kubernetes is not asked';
const FROM_KUBELET = 'those that kubernetes.pod_labels names, from the kubelet or the container engine';
const FROM_FILES = "from the files of Docker, containerd's CRI, CRI-O and podman; absent where they do not tell";

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

export const CONTAINER_FIELDS: FalcoFields = {
  'container.id': text(
    derived('container.id', ['container.id'], (id) => (typeof id === 'string' ? id.slice(0, 12) : 'host')),
  ),
  'container.full_id': text(first('container.id')),
  'container.type': text(
    derived('container.type', ['container.id', 'container.runtime'], (id, runtime) =>
      id === undefined ? 'host' : runtime,
    ),
    'docker, containerd, cri-o, podman, systemd-nspawn or lxc',
  ),
  'container.name': text(
    derived('container.name', ['container.id', 'container.name'], (id, name) => (id === undefined ? 'host' : name)),
    FROM_FILES,
  ),
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
  'container.image.digest': missing(ENGINE),
  'container.privileged': truth(flag(leaf(field('container.privileged'), { op: 'equal', values: [true] })), FROM_FILES),
  'container.mounts': missing(ENGINE),
  'container.mount': missing(ENGINE, 'key'),
  'container.mount.source': missing(ENGINE, 'key'),
  'container.mount.dest': missing(ENGINE, 'key'),
  'container.mount.mode': missing(ENGINE, 'key'),
  'container.mount.rdwr': missing(ENGINE, 'key'),
  'container.mount.propagation': missing(ENGINE, 'key'),
  'container.healthcheck': missing(ENGINE),
  'container.liveness_probe': missing(ENGINE),
  'container.readiness_probe': missing(ENGINE),
  'container.start_ts': missing(ENGINE),
  'container.duration': missing(ENGINE),
  'container.ip': missing(ENGINE),
  'container.cni.json': missing(ENGINE),
  'container.host_pid': missing(ENGINE),
  'container.host_network': missing(ENGINE),
  'container.host_ipc': missing(ENGINE),
  'container.label': missing(ENGINE, 'name'),
  'container.labels': missing(ENGINE),
  'container.info': missing('of old rules: left out of outputs, as in Falco'),

  'k8s.ns.name': text(first('container.pod_namespace'), FROM_FILES),
  'k8s.pod.name': text(first('container.pod_name'), FROM_FILES),
  'k8s.pod.id': text(first('container.pod_uid')),
  'k8s.pod.uid': text(first('container.pod_uid')),
  'k8s.pod.sandbox_id': missing(KUBERNETES),
  'k8s.pod.full_sandbox_id': missing(KUBERNETES),
  'k8s.pod.label': text(
    (_kind, name = '') =>
      derived(`k8s.pod.label[${name}]`, ['container.pod_labels'], (labels) => labelOf(labels, name)),
    { argument: 'key', differs: FROM_KUBELET },
  ),
  'k8s.pod.labels': text(
    derived('k8s.pod.labels', ['container.pod_labels'], (labels) => labelsText(labels)),
    FROM_KUBELET,
  ),
  'k8s.pod.ip': missing(KUBERNETES),
  'k8s.pod.cni.json': missing(KUBERNETES),
  'k8s.rc.name': missing(KUBERNETES),
  'k8s.rc.id': missing(KUBERNETES),
  'k8s.svc.name': missing(KUBERNETES),
  'k8s.svc.id': missing(KUBERNETES),
  'k8s.ns.id': missing(KUBERNETES),
  'k8s.rs.name': missing(KUBERNETES),
  'k8s.deployment.name': missing(KUBERNETES),
};
