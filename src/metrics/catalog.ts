/**
 * Every metric once: name (without `bpfwarden_`), type, help, unit, labels
 * with their allowed values, buckets and cap. The registry, docs/metrics.md,
 * the zero-initialised series and the checks of dashboards and alert rules
 * follow from this table; its rows are in catalog/.
 */
import { IDENTITY, UPKEEP } from './catalog/daemon.ts';
import { DELIVERY } from './catalog/delivery.ts';
import { DETECTION } from './catalog/detection.ts';
import { KERNEL_METRICS } from './catalog/kernel.ts';
import { MAX_RULES, type MetricSpec } from './catalog/spec.ts';
import { PROCESS_METRICS } from './process-metrics.ts';

export { MAX_RULES, type MetricSpec, PREFIX } from './catalog/spec.ts';
export { PROCESS_METRICS };

export const CATALOG = {
  ...IDENTITY,
  ...KERNEL_METRICS,
  ...DETECTION,
  ...DELIVERY,
  ...UPKEEP,
} as const satisfies Record<string, MetricSpec>;

export type MetricName = keyof typeof CATALOG;
/** The labels that the metric has, as the argument of inc, set and observe. */
export type LabelsOf<N extends MetricName> = { readonly [L in keyof (typeof CATALOG)[N]['labels']]: string };
type OfType<T extends MetricSpec['type']> = {
  [N in MetricName]: (typeof CATALOG)[N]['type'] extends T ? N : never;
}[MetricName];
export type CounterName = OfType<'counter'>;
export type GaugeName = OfType<'gauge'>;
export type HistogramName = OfType<'histogram'>;

/** The table with its entries widened, for code that walks over it. */
export const SPECS: ReadonlyMap<MetricName, MetricSpec> = new Map(
  Object.entries(CATALOG) as [MetricName, MetricSpec][],
);

/** Most label sets of the metric with so many rules. */
export function capOf(spec: MetricSpec, rules: number): number {
  return spec.cap + (spec.perRule ?? 0) * Math.min(rules, MAX_RULES);
}

/** Most series of a host with so many rules, whatever else is configured and whatever happens. */
export function seriesLimit(rules: number): number {
  let most = Object.keys(PROCESS_METRICS).length;
  for (const spec of SPECS.values()) most += capOf(spec, rules) * samplesPerLabelSet(spec);
  return most;
}

/** Samples that one label set of the metric exposes. */
function samplesPerLabelSet(spec: MetricSpec): number {
  return spec.buckets === undefined ? 1 : spec.buckets.length + 3;
}
