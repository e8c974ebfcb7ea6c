import type { CounterName, GaugeName, HistogramName, LabelsOf } from './catalog.ts';

/** What every stage may know of metrics: names and labels come from the catalog, so a typo does not compile. */
export type Labels = Readonly<Record<string, string>>;

export interface Counter<L extends Labels = Labels> {
  /** `value` is 1 unless given, and never negative. */
  inc(labels?: L, value?: number): void;
}
export interface Gauge<L extends Labels = Labels> {
  set(value: number, labels?: L): void;
}
export interface Histogram<L extends Labels = Labels> {
  /** `exemplar` is `{ alert_id }`; anything else is left out. */
  observe(value: number, labels?: L, exemplar?: Labels): void;
}

/** The metrics by catalog name, without the `bpfwarden_` prefix. A label value outside its set counts under `__other__`. */
export interface Metrics {
  counter<N extends CounterName>(name: N): Counter<LabelsOf<N>>;
  gauge<N extends GaugeName>(name: N): Gauge<LabelsOf<N>>;
  histogram<N extends HistogramName>(name: N): Histogram<LabelsOf<N>>;
  /** Sets a counter whose total is kept elsewhere (kernel, cache). It never goes backwards. */
  advance<N extends CounterName>(name: N, total: number, labels?: LabelsOf<N>): void;
  /** Called at every scrape, before the values are read; returns a function that ends it. */
  onCollect(update: () => void): () => void;
}
