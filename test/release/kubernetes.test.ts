import { Ajv } from 'ajv';
import { expect } from 'chai';
import { parse } from 'yaml';
import { helmChart, kustomize } from '../../scripts/kubernetes/render.ts';
import { VALUES } from '../../scripts/kubernetes/values.ts';
import { kubernetesSources } from '../../scripts/kubernetes.ts';
import { parseConfig } from '../../src/config/load.ts';
import { parseAddress } from '../../src/http/address.ts';
import { render } from './support/go-template.ts';

interface Any {
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string; readonly labels?: Record<string, string> };
  readonly spec: Record<string, unknown>;
  readonly data: Record<string, string>;
}

type Model = new (data: never) => { validate(): void };

/** Validators made of the schemas that Kubernetes and the Prometheus Operator publish; packages of ES modules alone. */
async function loadModels(): Promise<Readonly<Record<string, Model>>> {
  const [core, apps, rbac, monitoring] = await Promise.all([
    import('kubernetes-models/v1'),
    import('kubernetes-models/apps/v1'),
    import('kubernetes-models/rbac.authorization.k8s.io/v1'),
    import('@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1'),
  ]);
  const { ConfigMap, Namespace, Service, ServiceAccount } = core;
  const { PodMonitor, PrometheusRule, ServiceMonitor } = monitoring;
  const models = { ConfigMap, Namespace, Service, ServiceAccount, DaemonSet: apps.DaemonSet };
  const { ClusterRole, ClusterRoleBinding } = rbac;
  return {
    ...models,
    ClusterRole,
    ClusterRoleBinding,
    PodMonitor,
    PrometheusRule,
    ServiceMonitor,
  } as unknown as Record<string, Model>;
}

const sources = kubernetesSources('1.2.3');
const chart = helmChart(sources);
const folders = kustomize(sources);
const defaults = parse(chart['values.yaml'] ?? '') as Record<string, unknown>;
const MONITORED = {
  serviceMonitor: { enabled: true, interval: '30s', scheme: 'http', tlsConfig: {}, labels: {} },
  prometheusRule: { enabled: true, labels: {} },
};

const scopeOf = (values: Record<string, unknown>) => ({
  Values: { ...defaults, ...values },
  Release: { Namespace: 'bpfwarden' },
  Chart: { AppVersion: (parse(chart['Chart.yaml'] ?? '') as { appVersion: string }).appVersion },
  files: chart,
});

function installed(values: Record<string, unknown> = {}): Map<string, Any> {
  const scope = scopeOf(values);
  const texts = Object.entries(chart).filter(([path]) => /^templates\/.*\.yaml$/.test(path));
  return new Map(
    texts.flatMap(([path, text]) => {
      const object = parse(render(text, scope)) as Any | null;
      return object === null ? [] : [[path.replace('templates/', ''), object] as const];
    }),
  );
}

interface Template {
  readonly metadata: { readonly annotations: Readonly<Record<string, string>> };
  readonly spec: {
    readonly automountServiceAccountToken: boolean;
    readonly containers: readonly [
      {
        readonly image: string;
        readonly args: readonly string[];
        readonly volumeMounts: readonly { name: string }[];
        readonly env: readonly { name: string; value?: string }[];
        readonly livenessProbe: { readonly httpGet: object };
      },
    ];
    readonly volumes: readonly { readonly name: string }[];
  };
}
function templateOf(found: Map<string, Any>): Template {
  const object = found.get('daemonset.yaml');
  if (object === undefined) throw new Error('there is no DaemonSet');
  return object.spec.template as Template;
}

describe('Kubernetes objects', () => {
  const objects = installed();
  let models: Readonly<Record<string, Model>> = {};
  const validate = (object: Any) => {
    const Found = models[object.kind];
    if (Found === undefined) throw new Error(`no schema of ${object.kind}`);
    new Found(object as never).validate();
  };
  before(async () => {
    models = await loadModels();
  });

  it('are valid by the published schemas, whichever way they are written', () => {
    const all = [...installed(MONITORED).values(), ...Object.values(folders).map((text) => parse(text) as Any)];
    const kinds = new Set<string>();
    for (const object of all) {
      if (object.kind === 'Kustomization') continue;
      validate(object);
      kinds.add(object.kind);
    }
    expect([...kinds].sort()).to.deep.equal(
      Object.keys(models)
        .filter((kind) => !/^(PodMonitor|ClusterRole.*)$/.test(kind))
        .sort(),
    );
  });

  it('are the same by chart and by kustomize: the defaults in base, those of the Prometheus Operator in monitoring', () => {
    const listed = (folder: string) =>
      (parse(folders[`${folder}/kustomization.yaml`] ?? '') as { resources: string[] }).resources;
    const monitored = installed(MONITORED);
    const added = [...monitored.keys()].filter((name) => !objects.has(name));
    expect(listed('base')).to.have.members(['namespace.yaml', ...objects.keys()]);
    expect(listed('monitoring')).to.have.members(['../base', ...added]);
    for (const [name, object] of objects) expect(object, name).to.deep.equal(parse(folders[`base/${name}`] ?? ''));
    for (const name of added)
      expect(monitored.get(name), name).to.deep.equal(parse(folders[`monitoring/${name}`] ?? ''));
  });

  it('need no kind but those of Kubernetes itself unless that is chosen', () => {
    const versions = [...objects.values()].map((object) => (object as unknown as { apiVersion: string }).apiVersion);
    expect([...new Set(versions)].sort()).to.deep.equal(['apps/v1', 'v1']);
  });

  it('have the daemon listen on the address of its node, be it IPv4 or IPv6', () => {
    const [{ args, env }] = templateOf(objects).spec.containers;
    const port = env.find(({ name }) => name === 'PORT')?.value ?? '';
    for (const address of ['10.0.0.7', 'fd00::7']) {
      const expanded = args.map((arg) => arg.replace('$(NODE_ADDRESS)', address).replace('$(PORT)', port));
      const flag = expanded.find((arg) => arg.startsWith('--web.listen-address=')) ?? '';
      expect(parseAddress(flag.replace(/^.*=/, ''))).to.deep.equal({ host: address, port: 9477 });
    }
  });

  it('are refused by the schema of the values where one is misspelt or of another type', () => {
    const valid = new Ajv({ allErrors: true }).compile(JSON.parse(chart['values.schema.json'] ?? '') as object);
    expect(valid(defaults), JSON.stringify(valid.errors)).to.equal(true);
    expect(valid({ ...defaults, ...MONITORED, global: {} }), JSON.stringify(valid.errors)).to.equal(true);
    for (const wrong of [
      { tolerationz: [] },
      { port: '9477' },
      { rules: { 'a.yaml': { rules: [] } } },
      { config: { output: {} } },
      { serviceMonitor: { enable: true } },
      { engineState: ['run/containerd'] },
      { args: '--log.level=debug' },
    ])
      expect(valid({ ...defaults, ...wrong }), JSON.stringify(wrong)).to.equal(false);
  });

  it('come with what to do next', () => {
    const notes = (values: Record<string, unknown>) => render(chart['templates/NOTES.txt'] ?? '', scopeOf(values));
    expect(notes({})).to.include('kubectl --namespace bpfwarden rollout status daemonset/bpfwarden');
    expect(notes({})).to.include('label namespace bpfwarden pod-security.kubernetes.io/enforce=privileged');
    expect(notes({})).not.to.match(/serviceMonitor|\{\{/);
    expect(notes(MONITORED)).to.include('set serviceMonitor.labels and prometheusRule.labels');
  });

  it('mount every volume, and only volumes that there are', () => {
    const pod = templateOf(objects).spec;
    const [{ volumeMounts }] = pod.containers;
    expect(volumeMounts.map(({ name }) => name)).to.have.members(pod.volumes.map(({ name }) => name));
  });

  it('carry every alert rule and every dashboard', () => {
    const monitored = installed(MONITORED);
    const kinds = [...monitored.values()].map(
      ({ kind, metadata }) => `${kind} ${metadata.labels?.grafana_dashboard ?? ''}`,
    );
    expect(kinds.filter((kind) => kind === 'PrometheusRule ')).to.have.lengthOf(sources.rules.length);
    expect(kinds.filter((kind) => kind === 'ConfigMap 1')).to.have.lengthOf(sources.dashboards.length);
    const detections = monitored.get('prometheusrule-detections.yaml')?.spec as {
      groups: { rules: { expr: string }[] }[];
    };
    expect(detections.groups[0]?.rules[0]?.expr).to.include('bpfwarden_');
  });

  it('have a configuration that the daemon reads', () => {
    const text = objects.get('config.yaml')?.data['bpfwarden.toml'] ?? '';
    expect(parseConfig(text, 'bpfwarden.toml', []).output.alerts_file).to.equal('-');
  });

  it('follow the values', () => {
    const chosen = installed({
      image: 'registry.example:5000/security/bpfwarden',
      tag: '9.9',
      port: 9999,
      args: ['--rules.local-path=/etc/bpfwarden/rules/site.yaml', '--log.level="debug"'],
      rules: { 'site.yaml': 'rules: {{ not a template }}\n' },
      engineState: ['/run/containers/storage', '/var/lib/containers/storage'],
      criFolders: ['/var/run/crio'],
      kubelet: { enabled: true },
      podMonitor: {
        enabled: true,
        interval: '5s',
        scheme: 'https',
        tlsConfig: { insecureSkipVerify: true },
        labels: { release: 'prom' },
      },
      env: [{ name: 'SIGNING_KEY', valueFrom: { secretKeyRef: { name: 'sinks', key: 'hmac' } } }],
      volumes: [{ name: 'tokens', secret: { secretName: 'sinks' } }],
      volumeMounts: [{ name: 'tokens', mountPath: '/etc/bpfwarden/secrets', readOnly: true }],
      updateStrategy: { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: '10%' } },
      probes: { scheme: 'HTTPS', httpHeaders: [{ name: 'Authorization', value: 'Basic eDp5' }] },
      dashboards: { enabled: false, labels: {}, annotations: {} },
    });
    for (const object of chosen.values()) validate(object);
    const pod = templateOf(chosen).spec;
    expect(pod.automountServiceAccountToken).to.equal(true);
    expect(chosen.get('clusterrole.yaml')?.kind).to.equal('ClusterRole');
    expect(templateOf(objects).spec.automountServiceAccountToken).to.equal(false);
    expect(objects.has('clusterrole.yaml')).to.equal(false);
    expect(pod.containers[0].image).to.equal('registry.example:5000/security/bpfwarden:9.9');
    expect(pod.containers[0].args).to.include.members(['--log.level="debug"']);
    expect(pod.volumes.slice(-4)).to.deep.equal([
      { name: 'engine-state-0', hostPath: { path: '/run/containers/storage' } },
      { name: 'engine-state-1', hostPath: { path: '/var/lib/containers/storage' } },
      { name: 'cri-folders-0', hostPath: { path: '/var/run/crio' } },
      { name: 'tokens', secret: { secretName: 'sinks' } },
    ]);
    expect(pod.containers[0].volumeMounts.slice(-2)).to.deep.equal([
      { name: 'cri-folders-0', mountPath: '/var/run/crio', readOnly: true },
      { name: 'tokens', mountPath: '/etc/bpfwarden/secrets', readOnly: true },
    ]);
    expect(pod.containers[0].env.map(({ name }) => name)).to.deep.equal(['NODE_ADDRESS', 'PORT', 'SIGNING_KEY']);
    const [{ livenessProbe }] = pod.containers;
    expect(livenessProbe.httpGet).to.include({ scheme: 'HTTPS', path: '/-/healthy' });
    expect(chosen.get('daemonset.yaml')?.spec.updateStrategy).to.deep.include({
      rollingUpdate: { maxUnavailable: '10%' },
    });
    expect(chosen.get('rules.yaml')?.data).to.deep.equal({ 'site.yaml': 'rules: {{ not a template }}\n' });
    expect(chosen.get('podmonitor.yaml')?.metadata.labels).to.deep.equal({ release: 'prom' });
    expect([...chosen.keys()].filter((name) => /^(servicemonitor|dashboard)/.test(name))).to.deep.equal([]);
    expect(templateOf(chosen).metadata).not.to.deep.equal(templateOf(objects).metadata);
  });

  it('use every value that the chart has', () => {
    const templates = Object.entries(chart).filter(([path]) => path.startsWith('templates/'));
    for (const name of Object.keys(VALUES))
      expect(
        templates.some(([, text]) => text.includes(`.Values.${name}`)),
        name,
      ).to.equal(true);
  });
});
