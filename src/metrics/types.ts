import type { CounterName, GaugeName, HistogramName } from './catalog.ts';

/** What every stage may know of metrics: names come from the catalog, so a typo does not compile. */
export type Labels = Readonly<Record<string, string>>;

export interface Counter {
  inc(labels?: Labels, value?: number): void;
}
export interface Gauge {
  set(value: number, labels?: Labels): void;
}
export interface Histogram {
  observe(value: number, labels?: Labels, exemplar?: Labels): void;
}

/** The metrics by catalog name, without the `bpfwarden_` prefix. A label value outside its set counts under `__other__`. */
export interface Metrics {
  counter(name: CounterName): Counter;
  gauge(name: GaugeName): Gauge;
  histogram(name: HistogramName): Histogram;
  /** Called at every scrape, before the values are read; returns a function that ends it. */
  onCollect(update: () => void): () => void;
}
