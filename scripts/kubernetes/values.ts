/** What an installation chooses: the chart's values.yaml, with which the kustomize base is rendered as well. */

export interface Value {
  readonly default: unknown;
  readonly doc: string;
  /** What values.schema.json says of it, where the default alone does not tell. */
  readonly schema?: Schema;
}
type Schema = Readonly<Record<string, unknown>>;

/** Whatever Kubernetes allows there; the API server checks it. */
const ANY_OBJECT = { type: 'object' } as const;
const TEXTS = { type: 'object', additionalProperties: { type: 'string' } } as const;
const list = (items: Schema) => ({ type: 'array', items });
/** An object with these keys and no other. */
const closed = (properties: Schema) => ({ type: 'object', properties, additionalProperties: false });
const MONITOR = closed({
  enabled: { type: 'boolean' },
  interval: { type: 'string', pattern: '^([0-9]+(ms|s|m|h))*$' },
  scheme: { enum: ['http', 'https'] },
  tlsConfig: ANY_OBJECT,
  labels: TEXTS,
});
const FOLDERS = list({ type: 'string', pattern: '^/' });

export const VALUES = {
  image: { default: 'bpfwarden', doc: 'Image without its tag; a registry of your own before it' },
  tag: { default: '', doc: 'Tag; empty for the version of the chart' },
  imagePullPolicy: {
    default: 'IfNotPresent',
    doc: 'As Kubernetes has it',
    schema: { enum: ['Always', 'IfNotPresent', 'Never'] },
  },
  imagePullSecrets: { default: [], doc: 'List of {name: SECRET}', schema: list(ANY_OBJECT) },
  port: {
    default: 9477,
    doc: "Port of /metrics on each node's address",
    schema: { type: 'integer', minimum: 1, maximum: 65535 },
  },
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
  rules: {
    default: {},
    doc: 'Rules of this site: file name to its text; mounted at /etc/bpfwarden/rules',
    schema: TEXTS,
  },
  args: { default: [], doc: 'Further flags', schema: list({ type: 'string' }) },
  env: { default: [], doc: 'Further environment of the container, as Kubernetes has it', schema: list(ANY_OBJECT) },
  volumes: {
    default: [],
    doc: 'Further volumes of the pod, such as Secrets with the tokens and certificates of sinks',
    schema: list(ANY_OBJECT),
  },
  volumeMounts: {
    default: [],
    doc: 'Where the container has them; the root is read-only, /etc/bpfwarden/secrets is a good place',
    schema: list(ANY_OBJECT),
  },
  updateStrategy: {
    default: { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: 1 } },
    doc: 'How nodes get a new version or configuration: one after the other by default; in a large cluster rather "10%"',
    schema: ANY_OBJECT,
  },
  probes: {
    default: { scheme: 'HTTP', httpHeaders: [] },
    doc: 'HTTPS, and an Authorization header, where `[web] config_file` asks for them',
    schema: closed({ scheme: { enum: ['HTTP', 'HTTPS'] }, httpHeaders: list(ANY_OBJECT) }),
  },
  resources: {
    default: { requests: { cpu: '100m', memory: '256Mi' }, limits: { memory: '512Mi' } },
    doc: 'No limit of CPU: a throttled reader loses events',
    schema: ANY_OBJECT,
  },
  tolerations: {
    default: [{ operator: 'Exists' }],
    doc: 'By default every node, control plane included',
    schema: list(ANY_OBJECT),
  },
  nodeSelector: { default: { 'kubernetes.io/os': 'linux' }, doc: 'Nodes to watch', schema: TEXTS },
  affinity: { default: {}, doc: 'As Kubernetes has it', schema: ANY_OBJECT },
  priorityClassName: {
    default: 'system-node-critical',
    doc: 'Empty for none. Where a ResourceQuota keeps the system classes for kube-system (GKE), the namespace needs a quota of its own for this one, or choose another class',
  },
  appArmorProfile: {
    default: { type: 'Unconfined' },
    doc: "The runtimes' default profile forbids reading /proc of other containers",
    schema: ANY_OBJECT,
  },
  seccompProfile: {
    default: { type: 'RuntimeDefault' },
    doc: 'The runtimes allow bpf and perf_event_open to a container with these capabilities; Unconfined where they do not',
    schema: ANY_OBJECT,
  },
  stateDirectory: {
    default: '/var/lib/bpfwarden',
    doc: 'Folder of the node that holds the spool',
    schema: { type: 'string', pattern: '^/' },
  },
  engineState: {
    default: ['/run/containerd/io.containerd.runtime.v2.task'],
    doc: 'Folders of the node in which its container engine writes what it runs: names, images and pods come from there. CRI-O: /run/containers/storage and /var/lib/containers/storage; Docker: /var/lib/docker/containers',
    schema: FOLDERS,
  },
  criFolders: {
    default: [],
    doc: "Folders of the node with its container engine's socket, for `[kubernetes] cri_socket`: /run/containerd or /var/run/crio. The folder, because the socket is another one after the engine's restart. Who may speak to it is root on the node",
    schema: FOLDERS,
  },
  kubelet: {
    default: { enabled: false },
    doc: 'A token and the right to read the list of pods from the kubelet, for `[kubernetes] pod_labels`; Kubernetes 1.33 or newer',
    schema: closed({ enabled: { type: 'boolean' } }),
  },
  serviceMonitor: {
    default: { enabled: false, interval: '30s', scheme: 'http', tlsConfig: {}, labels: {} },
    doc: "For the Prometheus Operator, which brings the kind with it: without it the API server refuses. Labels that its Prometheus selects by: kube-prometheus-stack's asks for {release: NAME OF ITS RELEASE}",
    schema: MONITOR,
  },
  podMonitor: {
    default: { enabled: false, interval: '30s', scheme: 'http', tlsConfig: {}, labels: {} },
    doc: 'The same without the Service: one of both',
    schema: MONITOR,
  },
  prometheusRule: {
    default: { enabled: false, labels: {} },
    doc: 'Alert and recording rules, for the Prometheus Operator too; labels as above',
    schema: closed({ enabled: { type: 'boolean' }, labels: TEXTS }),
  },
  dashboards: {
    default: { enabled: true, labels: { grafana_dashboard: '1' }, annotations: {} },
    doc: "ConfigMaps with the labels that Grafana's sidecar looks for",
    schema: closed({ enabled: { type: 'boolean' }, labels: TEXTS, annotations: TEXTS }),
  },
} as const satisfies Record<string, Value>;

/** values.yaml of the defaults, with what each means before it. */
export function valuesText(dump: (value: unknown) => string): string {
  const blocks = Object.entries(VALUES).map(
    ([name, { default: value, doc }]) => `# ${doc}.\n${dump({ [name]: value })}`,
  );
  return `# Every value that the chart has.\n\n${blocks.join('\n')}`;
}

/** values.schema.json, by which Helm refuses a misspelt or ill-typed value before anything is installed. */
export function valuesSchema(): Schema {
  const properties = Object.entries<Value>(VALUES).map(([name, { default: value, doc, schema }]) => [
    name,
    { description: doc, ...(schema ?? { type: typeof value }) },
  ]);
  return {
    $schema: 'http://json-schema.org/draft-07/schema#',
    ...closed({
      ...(Object.fromEntries(properties) as Schema),
      global: { description: 'Where the chart is part of another: not read', ...ANY_OBJECT },
    }),
  };
}
