import { type MetricSpec, PREFIX, SPECS } from '../../../src/metrics/catalog.ts';
import { PROCESS_METRICS } from '../../../src/metrics/process-metrics.ts';
import { namesIn } from './promql.ts';

/** Which labels each series that Prometheus may have of a daemon can carry. */
export type KnownSeries = ReadonlyMap<string, ReadonlySet<string>>;

/** Labels that Prometheus, and a store of several clusters, adds to everything it scrapes. */
const TARGET = ['cluster', 'job', 'instance'];
const LABELS_OF_ALERTS = ['alertname', 'severity', 'origin', 'rule', 'event', 'program', 'sink', ...TARGET];
/** What Prometheus itself makes of a scrape, and of the alert rules. */
const MADE_BY_PROMETHEUS: Record<string, readonly string[]> = {
  up: TARGET,
  scrape_duration_seconds: TARGET,
  scrape_samples_scraped: TARGET,
  ALERTS: [...LABELS_OF_ALERTS, 'alertstate'],
  ALERTS_FOR_STATE: LABELS_OF_ALERTS,
};

/** All series that the catalog allows, by name. `specs` may be another than the real one, for the tests of the checks. */
export function catalogSeries(specs: ReadonlyMap<string, MetricSpec> = SPECS): Map<string, Set<string>> {
  const known = new Map<string, Set<string>>();
  for (const [name, spec] of specs) {
    const labels = [...Object.keys(spec.labels), ...TARGET];
    if (spec.type !== 'histogram') known.set(PREFIX + name, new Set(labels));
    else {
      known.set(`${PREFIX}${name}_bucket`, new Set([...labels, 'le']));
      known.set(`${PREFIX}${name}_sum`, new Set(labels));
      known.set(`${PREFIX}${name}_count`, new Set(labels));
    }
  }
  for (const name of Object.keys(PROCESS_METRICS)) known.set(name, new Set(TARGET));
  for (const [name, labels] of Object.entries(MADE_BY_PROMETHEUS)) known.set(name, new Set(labels));
  return known;
}

/** `instance_rule:metric:operation` has the labels job, instance and rule: the level names what is left. */
export function recordedLabels(record: string): Set<string> {
  const level = record.split(':')[0] ?? '';
  return new Set(['job', ...level.split('_')]);
}

/** What is wrong with the names in an expression; empty if nothing is. */
export function unknownNames(expression: string, known: KnownSeries): string[] {
  const { selectors, grouping } = namesIn(expression);
  const problems: string[] = [];
  const available = new Set<string>();
  for (const { metric, labels } of selectors) {
    const allowed = known.get(metric);
    if (allowed === undefined) {
      problems.push(`unknown metric ${metric}`);
      continue;
    }
    for (const label of allowed) available.add(label);
    for (const label of labels) if (!allowed.has(label)) problems.push(`${metric} has no label ${label}`);
  }
  for (const label of grouping)
    if (!available.has(label)) problems.push(`no metric of the expression has the label ${label}`);
  return problems;
}
