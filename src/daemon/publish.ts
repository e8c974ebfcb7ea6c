import type { Enricher } from '../enrich/enricher.ts';
import type { Sensor } from '../kernel/sensor.ts';
import type { MetricsRegistry } from '../metrics/registry.ts';
import { publishSensor } from '../metrics/sensor.ts';
import type { Detector } from '../pipeline/stages.ts';
import { SYSCALLS } from '../schema/names/syscalls.ts';
import type { InForce } from './in-force.ts';

/** Reads the stages at each scrape. Returns the function that ends it. */
export function publishDaemon(
  metrics: MetricsRegistry,
  stages: {
    readonly sensor: Sensor;
    readonly enricher: Enricher;
    readonly detector: Detector;
    readonly inForce: InForce;
  },
): () => void {
  const { sensor, enricher, detector, inForce } = stages;
  const names = SYSCALLS[process.arch === 'arm64' ? 'arm64' : 'x64'];
  metrics.declareSyscalls([...names.filter((name) => name !== undefined), 'other']);
  const endSensor = publishSensor(metrics, sensor);
  const endStages = metrics.onCollect(() => {
    for (const [event, count] of detector.processed) metrics.advance('events_processed_total', count, { event });
    metrics.gauge('process_table_entries').set(enricher.processes);
    metrics.advance('process_table_evictions_total', enricher.counts.evictions);
    metrics.advance('process_table_misses_total', enricher.counts.misses);
    metrics.advance('window_evictions_total', inForce.ruleset.windowStats().evictions);
  });
  return () => {
    endSensor();
    endStages();
  };
}
