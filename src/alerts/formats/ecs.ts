import type { Severity } from '../../rules/types.ts';
import { kindSpec } from '../../schema/kinds.ts';
import { formatAlertLine, valueAt } from '../line.ts';
import type { Alert } from '../types.ts';

/** Version of the Elastic Common Schema that the names below are taken from. */
const ECS_VERSION = '8.17.0';
/** Elastic's own scale: 21 low, 47 medium, 73 high, 99 critical. */
const SEVERITY: Readonly<Record<Severity, number>> = { info: 21, warning: 47, critical: 99 };

/** Where ECS names a value, and where the alert has it. Process fields have the same names in both. */
const FIELDS: Readonly<Record<string, string>> = {
  'process.pid': 'process.pid',
  'process.entity_id': 'process.entity_id',
  'process.name': 'process.name',
  'process.executable': 'process.path',
  'process.args': 'process.args',
  'process.command_line': 'process.command_line',
  'process.working_directory': 'process.cwd',
  'process.hash.sha256': 'process.sha256',
  'process.parent.pid': 'process.parent.pid',
  'process.parent.entity_id': 'process.parent.entity_id',
  'process.parent.name': 'process.parent.name',
  'process.parent.executable': 'process.parent.path',
  'process.parent.args': 'process.parent.args',
  'process.parent.command_line': 'process.parent.command_line',
  'user.name': 'user.name',
  'container.id': 'container.id',
  'container.runtime': 'container.runtime',
  'container.name': 'container.name',
  'container.image.name': 'container.image.name',
  'orchestrator.namespace': 'container.pod_namespace',
  'orchestrator.resource.name': 'container.pod_name',
  'file.path': 'file.path',
  'file.name': 'file.name',
  'file.directory': 'file.directory',
  'file.extension': 'file.extension',
  'file.mode': 'file.mode',
  'file.hash.sha256': 'file.sha256',
  'network.transport': 'network.transport',
  'network.direction': 'network.direction',
  'source.ip': 'network.source.ip',
  'source.port': 'network.source.port',
  'destination.ip': 'network.destination.ip',
  'destination.port': 'network.destination.port',
  'source.domain': 'network.source.hostname',
  'destination.domain': 'network.destination.hostname',
};

/** The same alert under the names of the Elastic Common Schema, nested. */
export function toEcs(alert: Alert): Record<string, unknown> {
  const kind = String(valueAt(alert, 'event.type') ?? '');
  const [category, type] = kindSpec(kind)?.ecs ?? ['host', 'info'];
  const error = valueAt(alert, 'event.error');
  const document: Record<string, unknown> = {
    '@timestamp': new Date(alert.timestamp * 1000).toISOString(),
    ecs: { version: ECS_VERSION },
    message: formatAlertLine(alert),
    event: {
      kind: 'alert',
      category: [category],
      type: [type],
      action: kind,
      id: alert.alert_id,
      module: 'bpfwarden',
      dataset: 'bpfwarden.alerts',
      provider: 'bpfwarden',
      severity: SEVERITY[alert.severity],
      risk_score: Math.round(alert.risk_score * 10_000) / 100,
      outcome: typeof error === 'string' && error !== '' ? 'failure' : 'success',
    },
    rule: { name: alert.rule.name, id: alert.rule.id, description: alert.rule.description, ruleset: 'bpfwarden' },
    host: { ...alert.host, hostname: alert.host.name },
    tags: alert.rule.tags,
    ...(alert.rule.mitre.length === 0
      ? {}
      : { threat: { framework: 'MITRE ATT&CK', technique: { id: alert.rule.mitre } } }),
    bpfwarden: {
      alert_id: alert.alert_id,
      fingerprint: alert.fingerprint,
      label: alert.label,
      severity: alert.severity,
      confidence: alert.confidence,
      recommendation: alert.recommendation,
      response: alert.response,
      // Values of any type: as text, so that one field keeps one type in an index.
      matched: alert.matched.map((match) => ({
        field: match.field,
        operator: match.operator,
        expected: JSON.stringify(match.expected) ?? '',
        actual: JSON.stringify(match.actual) ?? '',
      })),
      ...(alert.repeated === undefined ? {} : { repeated: alert.repeated }),
    },
  };
  for (const [name, path] of Object.entries(FIELDS)) {
    const value = valueAt(alert, path);
    if (value !== undefined) put(document, name.split('.'), value);
  }
  // ECS ids are keywords, therefore text.
  const uid = valueAt(alert, 'process.uid');
  if (uid !== undefined) put(document, ['user', 'id'], String(uid));
  return document;
}

function put(target: Record<string, unknown>, path: readonly string[], value: unknown): void {
  const [key = '', ...rest] = path;
  if (rest.length === 0) {
    target[key] = value;
    return;
  }
  const inner = target[key];
  const group = typeof inner === 'object' && inner !== null ? (inner as Record<string, unknown>) : {};
  target[key] = group;
  put(group, rest, value);
}
