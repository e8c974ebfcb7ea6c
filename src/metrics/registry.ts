import { type OpenMetricsContentType, Registry } from 'prom-client';
import { BUILT_IN, type RuleInfo } from '../rules/types.ts';
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
import { addProcessMetrics } from './process-metrics.ts';
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

interface MetricsOptions {
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
export class MetricsRegistry implements Metrics {
  readonly #registry = new Registry<OpenMetricsContentType>();
  readonly #onError: ((error: unknown) => void) | undefined;
  readonly #declared = new Map<DeclaredSet, ReadonlySet<string>>(DECLARED_SETS.map((set) => [set, new Set<string>()]));
  readonly #counters = new Map<MetricName, CounterInstrument>();
  readonly #gauges = new Map<MetricName, GaugeInstrument>();
  readonly #histograms = new Map<MetricName, HistogramInstrument>();
  readonly #tacticsByRule = new Map<string, readonly string[]>();
  readonly #alertsWithTactics: Counter<LabelsOf<'alerts_total'>>;
  readonly #updates = new Set<() => void>();

  /** Makes every series that is known before anything is loaded, at 0. */
  constructor(options: MetricsOptions) {
    this.#onError = options.onError;
    // OpenMetrics, because prom-client keeps exemplars in no other; its own metrics(), which would rename counters for
    // good, is never called.
    this.#registry.setContentType(Registry.OPENMETRICS_CONTENT_TYPE);
    this.#makeInstruments();
    this.#alertsWithTactics = this.#countTactics();
    this.setInfo('build_info', {
      version: options.version,
      revision: options.revision ?? 'unknown',
      nodeversion: process.version,
      kernel: options.kernel ?? 'unknown',
    });
    if (options.processMetrics !== false) addProcessMetrics(this.#registry);
  }

  #makeInstruments(): void {
    for (const [name, spec] of SPECS) {
      const parts = {
        name,
        spec,
        registry: this.#registry,
        declared: this.#declared,
        folded: () => this.#overflow(name),
      };
      if (spec.type === 'counter') this.#counters.set(name, makeCounter(parts));
      else if (spec.type === 'gauge') this.#gauges.set(name, makeGauge(parts));
      else this.#histograms.set(name, makeHistogram(parts));
    }
    for (const [name, spec] of SPECS) {
      if (spec.zero === 'all') for (const labels of closedLabelSets(spec)) this.#instrument(name).zero(labels);
      const hasLabels = Object.keys(spec.labels).length > 0;
      if (hasLabels && name !== 'series_overflow_total')
        this.#counters.get('series_overflow_total')?.zero({ metric: PREFIX + name });
      // prom-client starts label-less counters and gauges at 0 itself.
    }
  }

  #overflow(name: MetricName): void {
    if (name !== 'series_overflow_total') this.#counters.get('series_overflow_total')?.inc({ metric: PREFIX + name });
  }

  #instrument(name: MetricName): Instrument {
    return this.#counters.get(name) ?? this.#gauges.get(name) ?? need(this.#histograms.get(name), name);
  }

  /** An alert of a rule counts for its tactics too. */
  #countTactics(): Counter<LabelsOf<'alerts_total'>> {
    const alerts = need(this.#counters.get('alerts_total'), 'alerts_total');
    const tactics = need(this.#counters.get('tactic_alerts_total'), 'tactic_alerts_total');
    return {
      inc: (labels, value) => {
        alerts.inc(labels, value);
        for (const tactic of this.#tacticsByRule.get(labels?.rule ?? '') ?? ['none'])
          tactics.inc({ tactic, severity: labels?.severity ?? '' }, value);
      },
    };
  }

  counter<N extends CounterName>(name: N): Counter<LabelsOf<N>> {
    const counter: Counter = name === 'alerts_total' ? this.#alertsWithTactics : need(this.#counters.get(name), name);
    return counter;
  }

  gauge<N extends GaugeName>(name: N): Gauge<LabelsOf<N>> {
    const gauge: Gauge = need(this.#gauges.get(name), name);
    return gauge;
  }

  histogram<N extends HistogramName>(name: N): Histogram<LabelsOf<N>> {
    const histogram: Histogram = need(this.#histograms.get(name), name);
    return histogram;
  }

  advance<N extends CounterName>(name: N, total: number, labels?: LabelsOf<N>): void {
    need(this.#counters.get(name), name).advanceTo(total, labels);
  }

  onCollect(update: () => void): () => void {
    this.#updates.add(update);
    return () => this.#updates.delete(update);
  }

  /** The rules now in force: series of others end, theirs start at 0. `kinds` are the event kinds that rules look at. */
  declareRules(rules: readonly RuleInfo[], kinds: Iterable<string> = []): void {
    this.#declareNames(
      'rules',
      rules.map((rule) => rule.name),
    );
    for (const [name, spec] of SPECS)
      if (spec.perRule !== undefined) this.#instrument(name).family.makeRoom(rules.length);
    this.#tacticsByRule.clear();
    for (const rule of rules) this.#tacticsByRule.set(rule.name, tacticsOf(rule));
    declareRuleSeries(rules, { counters: this.#counters, gauges: this.#gauges });
    for (const event of kinds) need(this.#histograms.get('risk_score'), 'risk_score').zero({ event });
    const written = rules.filter(({ source }) => source !== BUILT_IN).length;
    need(this.#gauges.get('rules_loaded'), 'rules_loaded').set(written);
  }

  declareSinks(names: Iterable<string>): void {
    this.#declareNames('sinks', names);
  }
  declarePrograms(names: Iterable<string>): void {
    this.#declareNames('programs', names);
  }
  declarePlugins(names: Iterable<string>): void {
    this.#declareNames('plugins', names);
  }
  /** Names that syscalls_total may show. */
  declareSyscalls(names: Iterable<string>): void {
    this.#declareNames('syscalls', names);
  }

  #declareNames(set: DeclaredSet, names: Iterable<string>): void {
    const known = new Set(names);
    this.#declared.set(set, known);
    for (const [name, spec] of SPECS) {
      const label = Object.entries(spec.labels).find(
        ([, values]) => values.of === 'declared' && values.set === set,
      )?.[0];
      if (label === undefined) continue;
      this.#instrument(name).drop((labels) => labels[label] !== OTHER && !known.has(labels[label] ?? ''));
      if (spec.zero !== 'declared' || set === 'rules') continue;
      for (const labels of closedLabelSets(spec, { [label]: [...known] })) this.#instrument(name).zero(labels);
    }
  }

  /** Replaces the one series of an info metric. */
  setInfo<N extends 'build_info' | 'host_info' | 'config_hash_info' | 'rules_hash_info'>(
    name: N,
    labels: LabelsOf<N>,
  ): void {
    const gauge = need(this.#gauges.get(name), name);
    gauge.drop(() => true);
    gauge.set(1, labels);
  }

  /** Runs the readings of onCollect and gives all metrics at one moment, in catalog order. */
  async collect(): Promise<readonly Collected[]> {
    for (const update of this.#updates) {
      try {
        update();
      } catch (error) {
        this.#counters.get('collect_failures_total')?.inc();
        this.#onError?.(error);
      }
    }
    for (const counter of this.#counters.values()) counter.flush();
    return Promise.all(this.#registry.getMetricsAsArray().map((metric) => valuesOf(metric)));
  }
}

/** prom-client's types leave out that every registered metric has get(). */
function valuesOf(metric: object): Promise<Collected> {
  const readable = metric as { get(): Promise<Collected> };
  return readable.get();
}

function need<T>(found: T | undefined, name: string): T {
  if (found === undefined) throw new TypeError(`${name} is not a metric of the catalog with this type`);
  return found;
}
