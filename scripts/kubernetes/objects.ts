/**
 * Every object once. The kustomize base and the Helm chart are two ways to write
 * them: where an installation chooses, `choose('a.b')` stands for the default or
 * for the template's expression.
 */

import type { IPodMonitor } from '@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1/PodMonitor';
import type { IPrometheusRule } from '@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1/PrometheusRule';
import type { IServiceMonitor } from '@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1/ServiceMonitor';
import type { IDaemonSet } from 'kubernetes-models/apps/v1/DaemonSet';
import type { IClusterRole } from 'kubernetes-models/rbac.authorization.k8s.io/v1/ClusterRole';
import type { IClusterRoleBinding } from 'kubernetes-models/rbac.authorization.k8s.io/v1/ClusterRoleBinding';
import type { IConfigMap } from 'kubernetes-models/v1/ConfigMap';
import type { IService } from 'kubernetes-models/v1/Service';
import type { IServiceAccount } from 'kubernetes-models/v1/ServiceAccount';

/** How one of the two ways writes what is chosen, what the release is called, and what lies in files. */
export interface Writer {
  /** A value by its path; in a template an expression, whatever type it has. */
  choose(path: string): never;
  /** The same as text. */
  chooseText(path: string): never;
  /** Items of a list value, each turned into others by its index and itself. */
  each(path: string, item: (value: never, name: never) => unknown): never;
  readonly namespace: never;
  readonly image: never;
  /** Changes with the configuration, so that the pods are started anew. */
  readonly configDigest: never;
  /** The text of a file. */
  text(file: string): never;
  /** The YAML of a file. */
  yaml(file: string): never;
}

export interface Entry {
  readonly file: string;
  readonly object: object;
  /** Only where this value is true. */
  readonly when?: string;
}

const NAME = 'bpfwarden';
const LABELS = { 'app.kubernetes.io/name': NAME, 'app.kubernetes.io/component': 'sensor' };
/** As in packaging/systemd/bpfwarden.service. */
const CAPABILITIES = ['BPF', 'PERFMON', 'SYS_PTRACE', 'DAC_READ_SEARCH', 'KILL', 'NET_ADMIN', 'SYS_ADMIN', 'SETPCAP'];

const meta = (w: Writer, name = NAME) => ({ name, namespace: w.namespace, labels: LABELS });

function daemonSet(w: Writer): IDaemonSet {
  const probe = (path: string) => ({
    httpGet: {
      path,
      port: 'metrics',
      scheme: w.choose('probes.scheme'),
      httpHeaders: w.choose('probes.httpHeaders'),
    },
    timeoutSeconds: 4,
  });
  return {
    apiVersion: 'apps/v1',
    kind: 'DaemonSet',
    metadata: meta(w),
    spec: {
      selector: { matchLabels: LABELS },
      updateStrategy: w.choose('updateStrategy'),
      template: {
        metadata: {
          labels: LABELS,
          annotations: { 'kubectl.kubernetes.io/default-container': NAME, 'bpfwarden/config': w.configDigest },
        },
        spec: {
          serviceAccountName: NAME,
          // It asks the API server nothing, and the kubelet only where that is wanted.
          automountServiceAccountToken: w.choose('kubelet.enabled'),
          // The node's processes are what is watched, its interfaces what they speak through.
          hostPID: true,
          hostNetwork: true,
          dnsPolicy: 'ClusterFirstWithHostNet',
          terminationGracePeriodSeconds: 20,
          priorityClassName: w.choose('priorityClassName'),
          tolerations: w.choose('tolerations'),
          nodeSelector: w.choose('nodeSelector'),
          affinity: w.choose('affinity'),
          imagePullSecrets: w.choose('imagePullSecrets'),
          containers: [
            {
              name: NAME,
              image: w.image,
              imagePullPolicy: w.choose('imagePullPolicy'),
              args: [
                '--config.file=/etc/bpfwarden/bpfwarden.toml',
                // In brackets because it may be an IPv6 address.
                '--web.listen-address=[$(NODE_ADDRESS)]:$(PORT)',
                w.each('args', (arg) => arg),
              ],
              env: [
                { name: 'NODE_ADDRESS', valueFrom: { fieldRef: { fieldPath: 'status.hostIP' } } },
                { name: 'PORT', value: w.chooseText('port') },
                w.each('env', (variable) => variable),
              ],
              ports: [{ name: 'metrics', containerPort: w.choose('port'), protocol: 'TCP' }],
              startupProbe: { ...probe('/-/ready'), periodSeconds: 2, failureThreshold: 90 },
              readinessProbe: { ...probe('/-/ready'), periodSeconds: 10 },
              livenessProbe: { ...probe('/-/healthy'), periodSeconds: 20, failureThreshold: 3 },
              resources: w.choose('resources'),
              securityContext: {
                runAsUser: 0,
                privileged: false,
                allowPrivilegeEscalation: false,
                readOnlyRootFilesystem: true,
                capabilities: { drop: ['ALL'], add: CAPABILITIES },
                appArmorProfile: w.choose('appArmorProfile'),
                seccompProfile: w.choose('seccompProfile'),
              },
              volumeMounts: [
                {
                  name: 'config',
                  mountPath: '/etc/bpfwarden/bpfwarden.toml',
                  subPath: 'bpfwarden.toml',
                  readOnly: true,
                },
                { name: 'rules', mountPath: '/etc/bpfwarden/rules', readOnly: true },
                { name: 'state', mountPath: '/var/lib/bpfwarden' },
                { name: 'cgroup', mountPath: '/sys/fs/cgroup', readOnly: true },
                { name: 'passwd', mountPath: '/etc/passwd', readOnly: true },
                { name: 'group', mountPath: '/etc/group', readOnly: true },
                w.each('engineState', (mountPath, name) => ({ name, mountPath, readOnly: true })),
                w.each('criFolders', (mountPath, name) => ({ name, mountPath, readOnly: true })),
                w.each('volumeMounts', (mount) => mount),
              ],
            },
          ],
          volumes: [
            { name: 'config', configMap: { name: NAME } },
            { name: 'rules', configMap: { name: `${NAME}-rules` } },
            { name: 'state', hostPath: { path: w.choose('stateDirectory'), type: 'DirectoryOrCreate' } },
            { name: 'cgroup', hostPath: { path: '/sys/fs/cgroup', type: 'Directory' } },
            { name: 'passwd', hostPath: { path: '/etc/passwd', type: 'File' } },
            { name: 'group', hostPath: { path: '/etc/group', type: 'File' } },
            w.each('engineState', (path, name) => ({ name, hostPath: { path } })),
            w.each('criFolders', (path, name) => ({ name, hostPath: { path } })),
            w.each('volumes', (volume) => volume),
          ],
        },
      },
    },
  };
}

export function objects(
  w: Writer,
  files: { rules: readonly string[]; dashboards: readonly string[] },
): readonly Entry[] {
  const account: IServiceAccount = {
    apiVersion: 'v1',
    kind: 'ServiceAccount',
    metadata: meta(w),
    automountServiceAccountToken: false,
  };
  const config: IConfigMap = {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: meta(w),
    data: { 'bpfwarden.toml': w.choose('config') },
  };
  const rules: IConfigMap = {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: meta(w, `${NAME}-rules`),
    data: w.choose('rules'),
  };
  const service: IService = {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: meta(w),
    // Without an address of its own: each node is asked for itself.
    spec: {
      clusterIP: 'None',
      selector: LABELS,
      ports: [{ name: 'metrics', port: w.choose('port'), targetPort: 'metrics' }],
    },
  };
  const node = [{ sourceLabels: ['__meta_kubernetes_pod_node_name'], targetLabel: 'instance' }];
  const endpoint = (kind: string) => ({
    port: 'metrics',
    interval: w.choose(`${kind}.interval`),
    scheme: w.choose(`${kind}.scheme`),
    tlsConfig: w.choose(`${kind}.tlsConfig`),
    relabelings: node,
  });
  const monitorMeta = (kind: string) => ({ name: NAME, namespace: w.namespace, labels: w.choose(`${kind}.labels`) });
  const serviceMonitor: IServiceMonitor = {
    apiVersion: 'monitoring.coreos.com/v1',
    kind: 'ServiceMonitor',
    metadata: monitorMeta('serviceMonitor'),
    spec: { selector: { matchLabels: LABELS }, endpoints: [endpoint('serviceMonitor')] },
  };
  const podMonitor: IPodMonitor = {
    apiVersion: 'monitoring.coreos.com/v1',
    kind: 'PodMonitor',
    metadata: monitorMeta('podMonitor'),
    spec: { selector: { matchLabels: LABELS }, podMetricsEndpoints: [endpoint('podMonitor')] },
  };
  const ruleOf = (file: string): IPrometheusRule => ({
    apiVersion: 'monitoring.coreos.com/v1',
    kind: 'PrometheusRule',
    metadata: { name: `${NAME}-${stem(file)}`, namespace: w.namespace, labels: w.choose('prometheusRule.labels') },
    spec: w.yaml(file),
  });
  const dashboard = (file: string): IConfigMap => ({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: {
      name: `${NAME}-dashboard-${stem(file).replace(/^bpfwarden-/, '')}`,
      namespace: w.namespace,
      labels: w.choose('dashboards.labels'),
      annotations: w.choose('dashboards.annotations'),
    },
    data: { [`${stem(file)}.json`]: w.text(file) },
  });
  // The list alone: nodes/proxy would also let it run commands in every pod.
  const role: IClusterRole = {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'ClusterRole',
    metadata: { name: NAME, labels: LABELS },
    rules: [{ apiGroups: [''], resources: ['nodes/pods'], verbs: ['get'] }],
  };
  const binding: IClusterRoleBinding = {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'ClusterRoleBinding',
    metadata: { name: NAME, labels: LABELS },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: NAME },
    subjects: [{ kind: 'ServiceAccount', name: NAME, namespace: w.namespace }],
  };
  return [
    { file: 'serviceaccount', object: account },
    { file: 'clusterrole', object: role, when: 'kubelet.enabled' },
    { file: 'clusterrolebinding', object: binding, when: 'kubelet.enabled' },
    { file: 'config', object: config },
    { file: 'rules', object: rules },
    { file: 'daemonset', object: daemonSet(w) },
    { file: 'service', object: service },
    { file: 'servicemonitor', object: serviceMonitor, when: 'serviceMonitor.enabled' },
    { file: 'podmonitor', object: podMonitor, when: 'podMonitor.enabled' },
    ...files.rules.map((file) => ({
      file: `prometheusrule-${stem(file)}`,
      object: ruleOf(file),
      when: 'prometheusRule.enabled',
    })),
    ...files.dashboards.map((file) => ({
      file: `dashboard-${stem(file)}`,
      object: dashboard(file),
      when: 'dashboards.enabled',
    })),
  ];
}

const stem = (file: string): string => file.replace(/^.*\//, '').replace(/\.\w+$/, '');
