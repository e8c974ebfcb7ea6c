/** Fields about the container that a process is in. */
import type { FieldSpec } from '../fields.ts';

export const CONTAINER_FIELDS = {
  'container.id': { type: 'string', kinds: 'all', doc: 'Container id from the cgroup path; absent on the host' },
  'container.runtime': {
    type: 'string',
    kinds: 'all',
    doc: 'docker, containerd, cri-o, podman, systemd-nspawn or lxc',
  },
  'container.pod_uid': { type: 'string', kinds: 'all', doc: 'Kubernetes pod uid from the cgroup path' },
  'container.name': {
    type: 'string',
    kinds: 'all',
    doc: "Name of the container; like the other facts about it from the files of Docker, containerd's CRI, CRI-O or podman, absent where they do not tell",
  },
  'container.image.name': { type: 'string', kinds: 'all', doc: 'Image of the container, without tag and digest' },
  'container.image.tag': { type: 'string', kinds: 'all', doc: 'Tag of the image' },
  'container.image.id': { type: 'string', kinds: 'all', doc: 'Id of the image' },
  'container.privileged': { type: 'bool', kinds: 'all', doc: 'The container is a privileged one' },
  'container.host_paths': {
    type: 'list<string>',
    kinds: 'all',
    doc: 'Files and directories of the host that are mounted into the container, without what every container gets',
  },
  'container.mounts': {
    type: 'list<string>',
    kinds: 'all',
    doc: 'Its mounts that have a source, each `source:destination:mode:writable:propagation`, those that every container gets included',
  },
  'container.image.digest': {
    type: 'string',
    kinds: 'all',
    doc: 'Digest by which the image was asked for (sha256:…); absent where it was asked for by a tag',
  },
  'container.labels': { type: 'map<string>', kinds: 'all', doc: 'Labels of the container, from Docker and CRI-O' },
  'container.ip': { type: 'string', kinds: 'all', doc: 'Its first address, from Docker and CRI-O' },
  'container.sandbox_id': { type: 'string', kinds: 'all', doc: "Id of the Kubernetes pod's sandbox" },
  'container.pod_name': { type: 'string', kinds: 'all', doc: 'Name of the Kubernetes pod' },
  'container.pod_namespace': { type: 'string', kinds: 'all', doc: 'Namespace of the Kubernetes pod' },
  'container.pod_labels': {
    type: 'map<string>',
    kinds: 'all',
    doc: 'Labels of the Kubernetes pod that `kubernetes.pod_labels` names, from the kubelet or the container engine',
  },
} as const satisfies Record<string, FieldSpec>;
