import { type AlertContext, buildAlert, draftsOf } from '../../../src/alerts/alert.ts';
import { newAlertId } from '../../../src/alerts/identity.ts';
import type { Alert } from '../../../src/alerts/types.ts';
import { createLogger, type Logger } from '../../../src/log.ts';
import type { Labels, Metrics } from '../../../src/metrics/types.ts';
import type { Finding, RuleInfo, RuleMatch } from '../../../src/rules/types.ts';
import type { EventRecord } from '../../../src/schema/event.ts';
import { recordFromJson } from '../../../src/schema/record.ts';

export const RULE: RuleInfo = {
  name: 'suspicious_temp_execution',
  id: 'suspicious_temp_execution',
  source: 'rules/base.json:3',
  language: 'cel',
  label: 'Execution from a temporary directory',
  description: 'A program below /tmp was started',
  severity: 'warning',
  riskScore: 0.7,
  confidence: 0.8,
  action: 'alert',
  recommendation: 'monitor_process',
  mode: 'enforce',
  heuristic: false,
  tags: ['execution'],
  mitre: ['T1059.004'],
  throttleSeconds: undefined,
  runbook: undefined,
};

export function execEvent(
  options: { path?: string; args?: string[]; pid?: number; id?: string; extra?: object } = {},
): EventRecord {
  const { path = '/tmp/x', args = [path, 'one', 'two words'], pid = 1234, id = 'e1' } = options;
  return recordFromJson(
    {
      timestamp: 1_800_000_000.25,
      event: { type: 'process_exec', id, error: '' },
      process: {
        pid,
        name: path.slice(path.lastIndexOf('/') + 1),
        path,
        args,
        command_line: args.join(' '),
        uid: 1000,
        start_time: 1_800_000_000,
        entity_id: `boot-${pid}`,
        parent: { pid: 1, name: 'bash', path: '/bin/bash' },
      },
      user: { name: 'alice' },
      ...options.extra,
    },
    id,
  );
}

export function findingOf(event: EventRecord, rule: Partial<RuleInfo> = {}): Finding {
  const match: RuleMatch = {
    rule: { ...RULE, ...rule },
    matched: [{ field: 'process.path', operator: 'contains', expected: '/tmp/', actual: event.kind }],
  };
  return { event, matches: [match], riskScore: 0.7 };
}

/** The alerts of a finding, without ledger, redaction and response. */
export function alertsOf(finding: Finding, context: AlertContext & { readonly newId?: () => string }): Alert[] {
  const alertId = context.newId ?? newAlertId;
  return draftsOf(finding, context).map((draft) => buildAlert(draft, { alertId: alertId() }));
}

/** Metrics that remember: value("name", labels). */
export function recordingMetrics() {
  const values = new Map<string, number>();
  const key = (name: string, labels: Labels = {}) => `${name}${JSON.stringify(Object.entries(labels).sort())}`;
  const metrics: Metrics = {
    counter: (name) => ({
      inc: (labels, value = 1) => values.set(key(name, labels), (values.get(key(name, labels)) ?? 0) + value),
    }),
    gauge: (name) => ({ set: (value, labels) => values.set(key(name, labels), value) }),
    histogram: (name) => ({
      observe: (_value, labels) => values.set(key(name, labels), (values.get(key(name, labels)) ?? 0) + 1),
    }),
    advance: (name, total, labels) => values.set(key(name, labels), total),
    onCollect: () => () => undefined,
  };
  return { metrics, value: (name: string, labels?: Labels) => values.get(key(name, labels)) ?? 0 };
}

export const SILENT: Logger = createLogger('fatal');
