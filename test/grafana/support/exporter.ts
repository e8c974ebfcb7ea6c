import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type MetricName, type MetricSpec, SPECS } from '../../../src/metrics/catalog.ts';
import { closedLabelSets } from '../../../src/metrics/declare.ts';
import { Exposition } from '../../../src/metrics/exposition.ts';
import { negotiate } from '../../../src/metrics/negotiate.ts';
import { MetricsRegistry } from '../../../src/metrics/registry.ts';
import type { RuleInfo } from '../../../src/rules/types.ts';

/** Names that a daemon would declare. */
const DECLARED: Readonly<Record<string, readonly string[]>> = {
  rules: ['suspicious_temp_execution', 'credential_file_read', 'port_scan'],
  sinks: ['webhook'],
  programs: ['handle_exec', 'handle_sys_exit'],
  plugins: ['first-seen'],
  syscalls: ['openat', 'read'],
};
/** Values of gauges whose meaning does not allow 1. */
const GAUGES: Partial<Record<MetricName, number>> = { events_unaccounted: 0, rule_problems: 0 };

const RULES: readonly RuleInfo[] = (DECLARED.rules ?? []).map((name, index) => ({
  name,
  id: name,
  source: 'test.json:1',
  language: 'json',
  label: name,
  description: name,
  severity: (['critical', 'warning', 'info'] as const)[index] ?? 'info',
  riskScore: 0.5,
  confidence: 0.8,
  action: 'alert',
  recommendation: 'investigate',
  mode: 'enforce',
  heuristic: false,
  tags: [],
  mitre: [['T1059'], ['T1003.008'], ['T1046']][index] ?? [],
  throttleSeconds: undefined,
  runbook: undefined,
}));

/** Every label set that the metric may have with these names; rules keep the severity they were declared with. */
function labelSets(spec: MetricSpec) {
  const given = Object.fromEntries(
    Object.entries(spec.labels).flatMap(([label, values]) =>
      values.of === 'declared' ? [[label, DECLARED[values.set] ?? []]] : [],
    ),
  );
  return closedLabelSets(spec, given).filter(({ rule, severity, mode, action }) => {
    if (rule === undefined) return true;
    const info = RULES.find(({ name }) => name === rule);
    return (
      (severity ?? info?.severity) === info?.severity &&
      (mode ?? info?.mode) === info?.mode &&
      (action ?? info?.action) === info?.action
    );
  });
}

export interface SimulatedExporter {
  readonly address: string;
  close(): Promise<void>;
}

/**
 * An exporter with the catalog's metrics and the real exposition, in which
 * everything moves at every scrape: a board that is empty over it is empty over
 * every daemon.
 */
export async function startExporter(): Promise<SimulatedExporter> {
  const metrics = new MetricsRegistry({ version: '0.0.0', kernel: '6.1.0' });
  metrics.declareSinks(DECLARED.sinks ?? []);
  metrics.declarePrograms(DECLARED.programs ?? []);
  metrics.declarePlugins(DECLARED.plugins ?? []);
  metrics.declareSyscalls(DECLARED.syscalls ?? []);
  metrics.declareRules(RULES, ['process_exec', 'file_open']);
  metrics.setInfo('host_info', { hostname: 'web-1' });
  metrics.setInfo('config_hash_info', { sha256: '0123456789abcdef' });
  metrics.setInfo('rules_hash_info', { sha256: '0123456789abcdef' });
  const started = Date.now() / 1000;
  metrics.onCollect(() => {
    for (const [name, spec] of SPECS) move(name, spec);
    metrics.gauge('config_last_reload_success_timestamp_seconds').set(started);
    metrics.gauge('rules_loaded').set(RULES.length);
  });
  let turn = 0;
  function move(name: MetricName, spec: MetricSpec): void {
    const fixed = Object.values(spec.labels).some(({ of }) => of === 'pattern');
    if (fixed) return;
    turn += 1;
    for (const labels of labelSets(spec)) {
      if (spec.type === 'counter') metrics.counter(name as never).inc(labels as never, 1 + (turn % 5));
      else if (spec.type === 'gauge') metrics.gauge(name as never).set(GAUGES[name] ?? 1, labels as never);
      else
        metrics
          .histogram(name as never)
          .observe((spec.buckets?.[turn % spec.buckets.length] ?? 1) * 0.9, labels as never, { alert_id: `a${turn}` });
    }
  }

  const exposition = new Exposition(metrics);
  const server = createServer((request, response) => {
    const { format, contentType } = negotiate(request.headers.accept);
    exposition.scrape(format).then(
      (pieces) => response.writeHead(200, { 'content-type': contentType }).end(pieces.join('')),
      (error: unknown) => response.writeHead(500).end(String(error)),
    );
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
}
