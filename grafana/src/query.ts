import {
  type CounterName,
  type GaugeName,
  type HistogramName,
  type MetricName,
  PREFIX,
} from '../../src/metrics/catalog.ts';
import type { PROCESS_METRICS } from '../../src/metrics/process-metrics.ts';

/**
 * Selectors of the catalog's series: a metric that the catalog does not have
 * does not compile. All are limited to the cluster, job and instance chosen on the board.
 */
export type CounterSeries = CounterName | `${HistogramName}_${'bucket' | 'sum' | 'count'}`;
export type Series = GaugeName | CounterSeries;

/** Those of a Prometheus of one cluster have no label `cluster`: `.*` fits them, too. */
export const CLUSTER = 'cluster=~"$cluster"';
export const HOST = [CLUSTER, 'job=~"$job"', 'instance=~"$instance"'] as const;
/** Rules that are on trial raise no alert; boards count those in force. */
export const ENFORCED = 'mode="enforce"';
/** For the boards that have the variables `rule` and `severity`. */
export const CHOSEN = ['rule=~"$rule"', 'severity=~"$severity"'] as const;

export function select(name: Series, ...matchers: readonly string[]): string {
  return `${PREFIX}${name}{${[...HOST, ...matchers].join(', ')}}`;
}

/** What prom-client measures of the daemon's process, and what Prometheus knows of the scrape. */
export function selectProcess(
  name: keyof typeof PROCESS_METRICS | 'up' | 'scrape_duration_seconds' | 'scrape_samples_scraped',
  ...matchers: readonly string[]
): string {
  return `${name}{${[...HOST, ...matchers].join(', ')}}`;
}

/** Per second, over an interval that fits the board's resolution and holds at least four scrapes. */
export function rate(name: CounterSeries, ...matchers: readonly string[]): string {
  return `rate(${select(name, ...matchers)}[$__rate_interval])`;
}

/** Over the whole time that the board shows. */
export function inRange(name: CounterSeries, ...matchers: readonly string[]): string {
  return `increase(${select(name, ...matchers)}[$__range])`;
}

/** CPU seconds a second of the daemons; another program of the same job has no build_info. */
export function processRate(name: 'process_cpu_user_seconds_total' | 'process_cpu_system_seconds_total'): string {
  return `rate(${selectProcess(name)}[$__rate_interval])`;
}

/** For queries of variables, which cannot use `instance`. */
export function labelValues(name: MetricName, label: string, ...matchers: readonly string[]): string {
  return `label_values(${PREFIX}${name}${matchers.length > 0 ? `{${matchers.join(', ')}}` : ''}, ${label})`;
}

/**
 * Rules that raise alerts: heuristics only add to the score of others, and
 * would lead every list. `expr` has the label rule.
 */
export function ofAlertingRules(expr: string): string {
  return `${expr} and on (rule) count by (rule) (${inRange('alerts_total')})`;
}

/** Of the lines by `label`, those that are most over the whole time shown: the same ones at every moment. */
export function busiest(
  count: number,
  by: string,
  expr: string,
  name: CounterSeries,
  ...matchers: readonly string[]
): string {
  return `${expr} and on (${by}) topk(${count}, sum by (${by}) (increase(${select(name, ...matchers)}[$__range] @ end())) > 0)`;
}

export function quantile(q: number, name: HistogramName, by: readonly string[] = []): string {
  return `histogram_quantile(${q}, sum by (${['le', ...by].join(', ')}) (${rate(`${name}_bucket`)}))`;
}
