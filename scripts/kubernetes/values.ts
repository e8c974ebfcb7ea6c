/** What an installation chooses: the chart's values.yaml, with which the kustomize base is rendered as well. */

export interface Value {
  readonly default: unknown;
  readonly doc: string;
}

export const VALUES = {
  image: { default: 'bpfwarden', doc: 'Image without its tag; a registry of your own before it' },
  tag: { default: '', doc: 'Tag; empty for the version of the chart' },
  imagePullPolicy: { default: 'IfNotPresent', doc: 'As Kubernetes has it' },
  imagePullSecrets: { default: [], doc: 'List of {name: SECRET}' },
  port: { default: 9477, doc: "Port of /metrics on each node's address" },
  config: {
    default: [
      '[threat_detection]',
      'provider = "rule_engine"',
      'confidence_threshold = 0.6',
      '',
      '[output]',
      'alerts_file = "-"',
      '',
    ].join('\n'),
    doc: 'The configuration, as in docs/config.md; alerts to standard output by default',
  },
  rules: { default: {}, doc: 'Rules of this site: file name to its text; mounted at /etc/bpfwarden/rules' },
  args: { default: [], doc: 'Further flags' },
  resources: {
    default: { requests: { cpu: '100m', memory: '256Mi' }, limits: { memory: '512Mi' } },
    doc: 'No limit of CPU: a throttled reader loses events',
  },
  tolerations: { default: [{ operator: 'Exists' }], doc: 'By default every node, control plane included' },
  nodeSelector: { default: { 'kubernetes.io/os': 'linux' }, doc: 'Nodes to watch' },
  affinity: { default: {}, doc: 'As Kubernetes has it' },
  priorityClassName: { default: 'system-node-critical', doc: 'Empty for none' },
  appArmorProfile: {
    default: { type: 'Unconfined' },
    doc: "The runtimes' default profile forbids reading /proc of other containers; Kubernetes 1.30 or newer",
  },
  seccompProfile: {
    default: { type: 'RuntimeDefault' },
    doc: 'The runtimes allow bpf and perf_event_open to a container with these capabilities; Unconfined where they do not',
  },
  stateDirectory: { default: '/var/lib/bpfwarden', doc: 'Folder of the node that holds the spool' },
  engineState: {
    default: ['/run/containerd/io.containerd.runtime.v2.task'],
    doc: 'Folders of the node in which its container engine writes what it runs: names, images and pods come from there. CRI-O: /run/containers/storage and /var/lib/containers/storage; Docker: /var/lib/docker/containers',
  },
  criFolders: {
    default: [],
    doc: "Folders of the node with its container engine's socket, for `[kubernetes] cri_socket`: /run/containerd or /var/run/crio. The folder, because the socket is another one after the engine's restart. Who may speak to it is root on the node",
  },
  kubelet: {
    default: { enabled: false },
    doc: 'A token and the right to read the list of pods from the kubelet, for `[kubernetes] pod_labels`; Kubernetes 1.33 or newer',
  },
  serviceMonitor: {
    default: { enabled: true, interval: '30s', labels: {} },
    doc: 'For the Prometheus Operator, by way of the Service',
  },
  podMonitor: {
    default: { enabled: false, interval: '30s', labels: {} },
    doc: 'The same without the Service: one of both',
  },
  prometheusRule: {
    default: { enabled: true, labels: {} },
    doc: 'Alert and recording rules for the Prometheus Operator',
  },
  dashboards: {
    default: { enabled: true, labels: { grafana_dashboard: '1' }, annotations: {} },
    doc: "ConfigMaps with the labels that Grafana's sidecar looks for",
  },
} as const satisfies Record<string, Value>;

/** values.yaml of the defaults, with what each means before it. */
export function valuesText(dump: (value: unknown) => string): string {
  const blocks = Object.entries(VALUES).map(
    ([name, { default: value, doc }]) => `# ${doc}.\n${dump({ [name]: value })}`,
  );
  return `# Every value that the chart has.\n\n${blocks.join('\n')}`;
}
