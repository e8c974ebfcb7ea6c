import { collectDefaultMetrics, type OpenMetricsContentType, Registry } from 'prom-client';
import type { RuleInfo } from '../rules/types.ts';
import {
  type CounterName,
  type GaugeName,
  type HistogramName,
  type LabelsOf,
  type MetricName,
  PREFIX,
  SPECS,
} from './catalog.ts';
import { closedLabelSets, declareRuleSeries } from './declare.ts';
import {
  type CounterInstrument,
  type GaugeInstrument,
  type HistogramInstrument,
  type Instrument,
  makeCounter,
  makeGauge,
  makeHistogram,
} from './instruments.ts';
import { DECLARED_SETS, type DeclaredSet, OTHER } from './labels.ts';
import { PROCESS_METRICS } from './process-metrics.ts';
import { tacticsOf } from './tactics.ts';
import type { Counter, Gauge, Histogram, Metrics } from './types.ts';

/** One metric as prom-client hands it out. */
export interface Sample {
  readonly labels: Readonly<Record<string, string | number>>;
  readonly value: number;
  /** Name with suffix, for the samples of a histogram. */
  readonly metricName?: string;
  readonly exemplar?: {
    readonly labelSet: Readonly<Record<string, string>>;
    readonly value: number;
    readonly timestamp: number;
  } | null;
}
export interface Collected {
  readonly name: string;
  readonly help: string;
  readonly type: string;
  readonly values: readonly Sample[];
}

export interface MetricsOptions {
  readonly version: string;
  readonly revision?: string;
  /** Release of the running kernel. */
  readonly kernel?: string;
  /** Told of a reading for a scrape that failed. */
  readonly onError?: (error: unknown) => void;
  /** False leaves out what prom-client measures of the process itself. */
  readonly processMetrics?: boolean;
}

/** The metrics of the catalog on a prom-client registry, with what only the daemon itself does. */
export interface MetricsRegistry extends Metrics {
  /** Sets a counter whose total is kept elsewhere (kernel, cache). It never goes backwards. */
  advance<N extends CounterName>(name: N, total: number, labels?: LabelsOf<N>): void;
  /** The rules now in force: series of others end, theirs start at 0. `kinds` are the event kinds that rules look at. */
  declareRules(rules: readonly RuleInfo[], kinds?: Iterable<string>): void;
  declareSinks(names: Iterable<string>): void;
  declarePrograms(names: Iterable<string>): void;
  declarePlugins(names: Iterable<string>): void;
  /** Names that syscalls_total may show. */
  declareSyscalls(names: Iterable<string>): void;
  /** Replaces the one series of an info metric. */
  setInfo<N extends 'build_info' | 'config_hash_info' | 'rules_hash_info'>(name: N, labels: LabelsOf<N>): void;
  /** Runs the readings of onCollect and gives all metrics at one moment, in catalog order. */
  collect(): Promise<readonly Collected[]>;
}

/** Makes the registry with every series that is known before anything is loaded at 0. */
export function createMetrics(options: MetricsOptions): MetricsRegistry {
  // OpenMetrics, because prom-client keeps exemplars in no other; its own metrics(), which would rename counters for
  // good, is never called.
  const registry = new Registry<OpenMetricsContentType>();
  registry.setContentType(Registry.OPENMETRICS_CONTENT_TYPE);
  const declared = new Map<DeclaredSet, ReadonlySet<string>>(DECLARED_SETS.map((set) => [set, new Set<string>()]));
  const counters = new Map<MetricName, CounterInstrument>();
  const gauges = new Map<MetricName, GaugeInstrument>();
  const histograms = new Map<MetricName, HistogramInstrument>();
  const overflow = (name: MetricName) =>
    name === 'series_overflow_total'
      ? undefined
      : counters.get('series_overflow_total')?.inc({ metric: PREFIX + name });

  for (const [name, spec] of SPECS) {
    const parts = { name, spec, registry, declared, folded: () => overflow(name) };
    if (spec.type === 'counter') counters.set(name, makeCounter(parts));
    else if (spec.type === 'gauge') gauges.set(name, makeGauge(parts));
    else histograms.set(name, makeHistogram(parts));
  }
  const instrument = (name: MetricName): Instrument =>
    counters.get(name) ?? gauges.get(name) ?? need(histograms.get(name), name);

  for (const [name, spec] of SPECS) {
    if (spec.zero === 'all') for (const labels of closedLabelSets(spec)) instrument(name).zero(labels);
    const hasLabels = Object.keys(spec.labels).length > 0;
    if (hasLabels && name !== 'series_overflow_total')
      counters.get('series_overflow_total')?.zero({ metric: PREFIX + name });
    // prom-client starts label-less counters and gauges at 0 itself.
  }

  const declareNames = (set: DeclaredSet, names: Iterable<string>) => {
    declared.set(set, new Set(names));
    for (const [name, spec] of SPECS) {
      const label = Object.entries(spec.labels).find(
        ([, values]) => values.of === 'declared' && values.set === set,
      )?.[0];
      if (label === undefined) continue;
      instrument(name).drop(
        (labels) => labels[label] !== OTHER && declared.get(set)?.has(labels[label] ?? '') !== true,
      );
      if (spec.zero !== 'declared' || set === 'rules') continue;
      for (const labels of closedLabelSets(spec, { [label]: [...(declared.get(set) ?? [])] }))
        instrument(name).zero(labels);
    }
  };

  const tacticsByRule = new Map<string, readonly string[]>();
  const matches = need(counters.get('rule_matches_total'), 'rule_matches_total');
  const tactics = need(counters.get('tactic_matches_total'), 'tactic_matches_total');
  const matchesWithTactics: Counter<LabelsOf<'rule_matches_total'>> = {
    inc(labels, value) {
      matches.inc(labels, value);
      for (const tactic of tacticsByRule.get(labels?.rule ?? '') ?? ['none'])
        tactics.inc({ tactic, severity: labels?.severity ?? '' }, value);
    },
  };

  const updates = new Set<() => void>();
  const failures = need(counters.get('collect_failures_total'), 'collect_failures_total');

  const metrics: MetricsRegistry = {
    counter: (name): Counter => (name === 'rule_matches_total' ? matchesWithTactics : need(counters.get(name), name)),
    gauge: (name: GaugeName): Gauge => need(gauges.get(name), name),
    histogram: (name: HistogramName): Histogram => need(histograms.get(name), name),
    onCollect(update) {
      updates.add(update);
      return () => updates.delete(update);
    },
    advance: (name, total, labels) => need(counters.get(name), name).advanceTo(total, labels),
    declareRules(rules, kinds = []) {
      declareNames(
        'rules',
        rules.map((rule) => rule.name),
      );
      tacticsByRule.clear();
      for (const rule of rules) tacticsByRule.set(rule.name, tacticsOf(rule));
      declareRuleSeries(rules, { counters, gauges });
      for (const event of kinds) need(histograms.get('risk_score'), 'risk_score').zero({ event });
      need(gauges.get('rules_loaded'), 'rules_loaded').set(rules.length);
    },
    declareSinks: (names) => declareNames('sinks', names),
    declarePrograms: (names) => declareNames('programs', names),
    declarePlugins: (names) => declareNames('plugins', names),
    declareSyscalls: (names) => declareNames('syscalls', names),
    setInfo(name, labels) {
      const gauge = need(gauges.get(name), name);
      gauge.drop(() => true);
      gauge.set(1, labels);
    },
    async collect() {
      for (const update of updates) {
        try {
          update();
        } catch (error) {
          failures.inc();
          options.onError?.(error);
        }
      }
      for (const counter of counters.values()) counter.flush();
      return Promise.all(registry.getMetricsAsArray().map((metric) => valuesOf(metric)));
    },
  };
  metrics.setInfo('build_info', {
    version: options.version,
    revision: options.revision ?? 'unknown',
    nodeversion: process.version,
    kernel: options.kernel ?? 'unknown',
  });
  if (options.processMetrics !== false) addProcessMetrics(registry);
  return metrics;
}

/** prom-client's types leave out that every registered metric has get(). */
function valuesOf(metric: object): Promise<Collected> {
  const readable = metric as { get(): Promise<Collected> };
  return readable.get();
}

function addProcessMetrics(registry: Registry<OpenMetricsContentType>): void {
  const before = new Set(registry.getMetricsAsArray().map((metric) => metric.name));
  collectDefaultMetrics({ register: registry });
  for (const { name } of registry.getMetricsAsArray()) {
    if (!before.has(name) && !Object.hasOwn(PROCESS_METRICS, name)) registry.removeSingleMetric(name);
  }
}

function need<T>(found: T | undefined, name: string): T {
  if (found === undefined) throw new TypeError(`${name} is not a metric of the catalog with this type`);
  return found;
}
