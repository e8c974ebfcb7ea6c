/** The two ways to write the objects: as they are for kustomize, as templates for Helm. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse, stringify } from 'yaml';
import { ROOT } from '../release/context.ts';
import { type Entry, objects, type Writer } from './objects.ts';
import { VALUES, valuesSchema, valuesText } from './values.ts';

/** Path in the chart or the base → text. */
export type Files = Readonly<Record<string, string>>;

export interface Sources {
  readonly version: string;
  /** Files of the repository: prometheus/rules and grafana/dashboards. */
  readonly rules: readonly string[];
  readonly dashboards: readonly string[];
}

const dump = (value: unknown): string => stringify(value, { lineWidth: 0, aliasDuplicateObjects: false });
const read = (file: string): string => readFileSync(join(ROOT, file), 'utf8');
const defaults = Object.fromEntries(Object.entries(VALUES).map(([name, value]) => [name, value.default]));

/** Kubernetes has no capitals in names. */
const nameOf = (path: string): string => path.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);

const at = (path: string): unknown =>
  path.split('.').reduce<unknown>((value, key) => (value as Record<string, unknown>)[key], defaults);

/** Go's toJson escapes what could end a script; JSON.stringify does not. */
const goJson = (value: unknown): string =>
  JSON.stringify(value).replaceAll(/[<>&]/g, (found) => `\\u00${found.charCodeAt(0).toString(16)}`);
const digest = (value: unknown): string => createHash('sha256').update(goJson(value)).digest('hex');

/** Lists that `each` has put into a list become part of it. */
function flat(value: unknown): unknown {
  if (Array.isArray(value)) return value.flatMap((item) => (item instanceof Many ? item.items : [item])).map(flat);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, flat(item)]));
}
class Many {
  readonly items: readonly unknown[];
  constructor(items: readonly unknown[]) {
    this.items = items;
  }
}

/**
 * Two folders: `base` has the defaults, in the namespace bpfwarden, and needs nothing
 * but Kubernetes; `monitoring` is the base with what the Prometheus Operator reads.
 */
export function kustomize({ version, ...sources }: Sources): Files {
  const writer = {
    choose: at,
    chooseText: (path: string) => String(at(path)),
    each: (path: string, item: (value: never, name: never) => unknown) =>
      new Many((at(path) as never[]).map((value, index) => item(value, `${nameOf(path)}-${index}` as never))),
    namespace: NAMESPACE,
    image: `${VALUES.image.default}:${version}`,
    configDigest: digest([VALUES.config.default, VALUES.rules.default]),
    text: read,
    yaml: (file: string) => parse(read(file)) as unknown,
  } as Writer;
  const entries = objects(writer, sources);
  const filesOf = (shown: readonly Entry[]): Files =>
    Object.fromEntries(shown.map(({ file, object }) => [`${file}.yaml`, dump(flat(object))]));
  const base = filesOf(entries.filter(({ when }) => when === undefined || at(when) === true));
  const monitoring = filesOf(entries.filter(({ when }) => MONITORING.has(when ?? '')));
  const namespace = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: NAMESPACE, labels: PRIVILEGED } };
  const kustomization = {
    apiVersion: 'kustomize.config.k8s.io/v1beta1',
    kind: 'Kustomization',
    namespace: NAMESPACE,
  };
  const within = (folder: string, files: Files) =>
    Object.fromEntries(Object.entries(files).map(([file, text]) => [`${folder}/${file}`, text]));
  return {
    ...within('base', {
      'kustomization.yaml': dump({
        ...kustomization,
        resources: ['namespace.yaml', ...Object.keys(base)],
        images: [{ name: VALUES.image.default, newTag: version }],
      }),
      'namespace.yaml': dump(namespace),
      ...base,
    }),
    ...within('monitoring', {
      'kustomization.yaml': dump({ ...kustomization, resources: ['../base', ...Object.keys(monitoring)] }),
      ...monitoring,
    }),
  };
}

const NAMESPACE = 'bpfwarden';
/** Kinds that the Prometheus Operator brings; a cluster without it refuses them. One of both monitors. */
const MONITORING = new Set(['serviceMonitor.enabled', 'prometheusRule.enabled']);
/** Pod security: hostPID, hostNetwork and hostPath are allowed in such a namespace only. */
const PRIVILEGED = {
  'pod-security.kubernetes.io/enforce': 'privileged',
  'pod-security.kubernetes.io/warn': 'privileged',
  'pod-security.kubernetes.io/audit': 'privileged',
};

/** A text that stands for an expression until the YAML is written. */
const MARK = /"?@@(\d+)@@"?/g;

function template({ object, when }: Entry, expressions: readonly string[]): string {
  const expand = (text: string): string =>
    text.replaceAll(MARK, (_, index: string) => expand(expressions[Number(index)] ?? ''));
  const text = dump(object)
    .split('\n')
    // An item that is repeated: a line of its own, not an expression within one.
    .map((line) =>
      line.replace(/^( *)- "?@@(\d+)@@"?$/, (all, indent: string, index: string) => {
        const expression = expressions[Number(index)] ?? '';
        return expression.startsWith('{{- range')
          ? expand(expression).replaceAll('\n- ', `\n${indent}- `)
          : expand(all);
      }),
    )
    .map(expand)
    .join('\n');
  return when === undefined ? text : `{{- if .Values.${when} }}\n${text}{{- end }}\n`;
}

/** The chart. Every value is written as JSON, which is YAML: quoting and indentation are nobody's care. */
export function helmChart({ version, ...sources }: Sources): Files {
  const expressions: string[] = [];
  const mark = (expression: string) => `@@${expressions.push(expression) - 1}@@`;
  const json = (what: string) => mark(`{{ toJson ${what} }}`);
  const copied = new Map<string, string>();
  const file = (path: string) => {
    const inside = `files/${path.split('/').slice(1).join('/')}`;
    copied.set(inside, read(path));
    return `(.Files.Get "${inside}")`;
  };
  const writer = {
    choose: (path: string) => json(`.Values.${path}`),
    chooseText: (path: string) => json(`(toString .Values.${path})`),
    each: (path: string, item: (value: never, name: never) => unknown) => {
      const body = JSON.stringify(item(json('$item') as never, json(`(printf "${nameOf(path)}-%d" $index)`) as never));
      return mark(`{{- range $index, $item := .Values.${path} }}\n- ${body}\n{{- end }}`);
    },
    namespace: json('.Release.Namespace'),
    image: json('(printf "%s:%s" .Values.image (.Values.tag | default .Chart.AppVersion))'),
    configDigest: json('(toJson (list .Values.config .Values.rules) | sha256sum)'),
    text: (path: string) => json(file(path)),
    yaml: (path: string) => json(`(${file(path)} | fromYaml)`),
  } as Writer;
  const entries = objects(writer, sources);
  const chart = {
    apiVersion: 'v2',
    name: 'bpfwarden',
    description: 'Host security exporter: eBPF events, rules, Prometheus metrics and alerts',
    type: 'application',
    version,
    appVersion: version,
    // The first with appArmorProfile; an older one would drop it without a word.
    kubeVersion: '>=1.30.0-0',
    annotations: { licenses: 'Apache-2.0' },
  };
  return {
    'Chart.yaml': dump(chart),
    'values.yaml': valuesText(dump),
    'values.schema.json': `${JSON.stringify(valuesSchema(), undefined, 2)}\n`,
    'templates/NOTES.txt': NOTES,
    ...Object.fromEntries(entries.map((entry) => [`templates/${entry.file}.yaml`, template(entry, expressions)])),
    ...Object.fromEntries(copied),
  };
}

/** What Helm says after an installation. */
const NOTES = `bpfwarden {{ .Chart.AppVersion }} watches each node that tolerations and nodeSelector let it on.

  kubectl --namespace {{ .Release.Namespace }} rollout status daemonset/bpfwarden
  kubectl --namespace {{ .Release.Namespace }} logs --selector app.kubernetes.io/name=bpfwarden --prefix --follow

A pod is ready once its BPF programs are attached. Alerts go to standard output unless the configuration has a sink.

No pods, and "violates PodSecurity" in \`kubectl --namespace {{ .Release.Namespace }} describe daemonset bpfwarden\`? The namespace must allow what sees a whole node:

  kubectl label namespace {{ .Release.Namespace }} pod-security.kubernetes.io/enforce=privileged
{{- if .Values.serviceMonitor.enabled }}

No target in Prometheus? It selects monitors by label (kube-prometheus-stack: release=NAME OF ITS RELEASE); set serviceMonitor.labels and prometheusRule.labels.
{{- end }}
`;
