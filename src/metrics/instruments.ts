import { Counter, Gauge, Histogram, type OpenMetricsContentType, type Registry } from 'prom-client';
import { type MetricName, type MetricSpec, PREFIX } from './catalog.ts';
import { type DeclaredNames, Family } from './family.ts';
import type { Labels } from './types.ts';

/** Counters whose source is read as a whole (kernel, caches) keep at most this many last values. */
const MAX_SOURCES = 4096;
/** An alert id is a UUID; nothing else may enter an exemplar. */
const EXEMPLAR_ID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** One metric of the catalog behind its label check. Only the operation of its type has an effect on it. */
export interface Instrument {
  readonly family: Family;
  /** Makes the label set exist at 0 while there is room; what is there keeps its value. */
  zero(labels: Labels): void;
  /** Removes the label sets that `gone` says yes to. */
  drop(gone: (set: Labels) => boolean): void;
}
export interface CounterInstrument extends Instrument {
  inc(labels?: Labels, value?: number): void;
  /** Tells prom-client what was counted; before its values are read. */
  flush(): void;
  /** Raises the counter by what its source grew since the last call; a source that restarted counts from 0. */
  advanceTo(total: number, labels?: Labels): void;
}
export interface GaugeInstrument extends Instrument {
  set(value: number, labels?: Labels): void;
}
export interface HistogramInstrument extends Instrument {
  observe(value: number, labels?: Labels, exemplar?: Labels): void;
}

interface Parts {
  readonly name: MetricName;
  readonly spec: MetricSpec;
  readonly registry: Registry<OpenMetricsContentType>;
  readonly declared: DeclaredNames;
  readonly folded: () => void;
}

const describe = ({ name, spec, registry }: Parts) => ({
  name: PREFIX + name,
  help: spec.help,
  labelNames: Object.keys(spec.labels),
  registers: [registry],
});
const familyOf = ({ spec, declared, folded }: Parts) => new Family(spec, declared, folded);

export function makeCounter(parts: Parts): CounterInstrument {
  const counter = new Counter(describe(parts));
  const family = familyOf(parts);
  const lastOf = new Map<string, number>();
  // prom-client hashes the labels at each call, some 100 to 400 ns; an event must not pay that, so it is told at scrapes.
  const inc = (labels?: Labels, value = 1) => {
    if (!(value >= 0 && value < Number.POSITIVE_INFINITY)) throw new RangeError(`${parts.name}: cannot add ${value}`);
    family.admit(labels).pending += value;
  };
  return {
    family,
    inc,
    flush() {
      for (const admitted of family) {
        if (admitted.pending === 0 && !admitted.fresh) continue;
        counter.inc(admitted.set, admitted.pending);
        admitted.pending = 0;
        admitted.fresh = false;
      }
    },
    advanceTo(total, labels) {
      const key = family.keyOf(labels);
      const last = lastOf.get(key) ?? 0;
      if (!lastOf.has(key) && lastOf.size >= MAX_SOURCES) throw new RangeError(`${parts.name}: too many sources`);
      lastOf.set(key, total);
      const grown = total >= last ? total - last : total;
      if (grown > 0) inc(labels, grown);
    },
    zero(labels) {
      if (family.hasRoom) family.admit(labels);
    },
    drop(gone) {
      for (const set of family.drop(gone)) {
        counter.remove(set);
        lastOf.delete(Object.values(set).join('\0'));
      }
    },
  };
}

export function makeGauge(parts: Parts): GaugeInstrument {
  const gauge = new Gauge(describe(parts));
  const family = familyOf(parts);
  const set = (value: number, labels?: Labels) => {
    const admitted = family.admit(labels);
    admitted.fresh = false;
    gauge.set(admitted.set, value);
  };
  return {
    family,
    set,
    zero(labels) {
      if (family.hasRoom && family.admit(labels).fresh) set(0, labels);
    },
    drop(gone) {
      for (const set of family.drop(gone)) gauge.remove(set);
    },
  };
}

export function makeHistogram(parts: Parts): HistogramInstrument {
  const buckets = [...(parts.spec.buckets ?? [])];
  const histogram = new Histogram({ ...describe(parts), buckets, enableExemplars: true });
  const family = familyOf(parts);
  return {
    family,
    observe(value, labels, exemplar) {
      const id = exemplar?.alert_id;
      const exemplarLabels = id !== undefined && EXEMPLAR_ID.test(id) ? { alert_id: id } : {};
      const admitted = family.admit(labels);
      admitted.fresh = false;
      histogram.observe({ labels: admitted.set, value, exemplarLabels });
    },
    zero(labels) {
      if (!family.hasRoom) return;
      const admitted = family.admit(labels);
      if (admitted.fresh) histogram.zero(admitted.set);
      admitted.fresh = false;
    },
    drop(gone) {
      for (const set of family.drop(gone)) histogram.remove(set);
    },
  };
}
