import type { Enricher } from '../enrich/enricher.ts';
import type { Host } from '../enrich/host.ts';
import type { Sensor } from '../kernel/sensor.ts';
import type { MetricsRegistry } from '../metrics/registry.ts';
import type { Detector } from '../pipeline/stages.ts';
import type { RuleSet } from '../rules/ruleset.ts';
import { SYSCALLS } from '../schema/names/syscalls.ts';
import type { EventsFile } from './events-file.ts';
import type { InForce } from './in-force.ts';
import { publishSensor } from './publish-sensor.ts';

/** Reads the stages at each scrape. Returns the function that ends it. */
export function publishDaemon(
  metrics: MetricsRegistry,
  stages: {
    readonly sensor: Sensor;
    readonly host: Host;
    readonly enricher: Enricher;
    readonly events: EventsFile;
    readonly detector: Detector;
    readonly inForce: InForce;
  },
): () => void {
  const { sensor, host, enricher, events, detector, inForce } = stages;
  const names = SYSCALLS[process.arch === 'arm64' ? 'arm64' : 'x64'];
  metrics.declareSyscalls([...names.filter((name) => name !== undefined), 'other']);
  const endSensor = publishSensor(metrics, sensor);
  const endStages = metrics.onCollect(() => {
    for (const [event, count] of detector.processed) metrics.advance('events_processed_total', count, { event });
    metrics.gauge('process_table_entries').set(enricher.processes);
    metrics.advance('process_table_evictions_total', enricher.counts.evictions);
    metrics.advance('process_table_misses_total', enricher.counts.misses);
    publishRules(metrics, inForce.ruleset);
    const { computed, tooLarge, failed, refused, evictions } = enricher.hashing.counts;
    metrics.advance('executable_hashes_total', computed, { outcome: 'computed' });
    metrics.advance('executable_hashes_total', tooLarge, { outcome: 'too_large' });
    metrics.advance('executable_hashes_total', failed, { outcome: 'failed' });
    metrics.advance('executable_hashes_total', refused, { outcome: 'refused' });
    metrics.advance('hash_evictions_total', evictions);
    metrics.advance('dns_evictions_total', host.dns.evictions);
    metrics.advance('event_writes_failed_total', events.failed);
  });
  return () => {
    endSensor();
    endStages();
  };
}

function publishRules(metrics: MetricsRegistry, ruleset: RuleSet): void {
  const { runs, bypassed, failed, disagreed } = ruleset.engineCounts;
  metrics.advance('rule_engine_runs_total', runs);
  metrics.advance('rule_engine_disagreements_total', disagreed);
  metrics.advance('rule_engine_fallbacks_total', bypassed, { reason: 'queue_full' });
  metrics.advance('rule_engine_fallbacks_total', failed, { reason: 'failed' });
  metrics.gauge('rule_engine_queue_events').set(ruleset.pending);
  metrics.advance('window_evictions_total', ruleset.windowStats().evictions);
}
