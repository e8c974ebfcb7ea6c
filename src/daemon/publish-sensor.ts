import type { ProgramStatistics } from '../kernel/counters.ts';
import type { IoTotals, SyscallCounts } from '../kernel/counts.ts';
import type { RingStats } from '../kernel/native.ts';
import type { KernelCounts } from '../kernel/types.ts';
import type { MetricsRegistry } from '../metrics/registry.ts';
import { ERRNO_CLASSES } from '../metrics/vocabulary.ts';

/** A reading is repeated this often while it does not add up: it is not one moment for all CPUs. */
const READINGS = 5;

/** What of the sensor is read at each scrape. */
export interface SensorReadings {
  readonly counters: {
    events(): KernelCounts;
    io(): IoTotals;
    syscalls(): ReadonlyMap<string, SyscallCounts>;
    failures(): ReadonlyMap<string, number>;
    programs(): ReadonlyMap<string, ProgramStatistics>;
  };
  readonly drain: {
    stats(): RingStats;
    readonly errors: Readonly<Record<'truncated' | 'corrupt' | 'unknown_kind', number>>;
  };
}

/**
 * Publishes the kernel's exact counts at every scrape and, in
 * `events_unaccounted`, what of `seen` no other count explains or the ring
 * buffers swallowed. `events_processed_total` is the daemon's own.
 * Returns a function that ends it.
 */
export function publishSensor(metrics: MetricsRegistry, sensor: SensorReadings): () => void {
  const ends = [
    metrics.onCollect(() => publishCounts(metrics, sensor)),
    metrics.onCollect(() => publishTotals(metrics, sensor)),
    metrics.onCollect(() => publishPrograms(metrics, sensor)),
  ];
  return () => {
    for (const end of ends) end();
  };
}

function publishCounts(metrics: MetricsRegistry, sensor: SensorReadings): void {
  let reading = readCounts(sensor);
  for (let count = 1; count < READINGS && reading.gap !== 0; count++) {
    const again = readCounts(sensor);
    if (Math.abs(again.gap) <= Math.abs(reading.gap)) reading = again;
  }
  for (const [event, count] of reading.counts) {
    metrics.advance('events_total', count.seen, { event });
    metrics.advance('events_filtered_total', count.filtered, { event });
    metrics.advance('events_throttled_total', count.throttled, { event });
    metrics.advance('events_lost_total', count.lost_ring_full, { event, reason: 'ring_full' });
    metrics.advance('events_lost_total', count.lost_scratch, { event, reason: 'scratch' });
  }
  metrics.gauge('events_unaccounted').set(reading.gap);
  const { rings } = reading;
  metrics.gauge('ring_used_bytes').set(rings.bulkPending, { ring: 'bulk' });
  metrics.gauge('ring_used_bytes').set(rings.priorityPending, { ring: 'priority' });
  metrics.gauge('ring_size_bytes').set(rings.bulkSize, { ring: 'bulk' });
  metrics.gauge('ring_size_bytes').set(rings.prioritySize, { ring: 'priority' });
  metrics.advance('events_decode_errors_total', rings.malformed, { reason: 'malformed' });
  for (const [reason, total] of Object.entries(sensor.drain.errors))
    metrics.advance('events_decode_errors_total', total, { reason });
}

function publishTotals(metrics: MetricsRegistry, sensor: SensorReadings): void {
  const { fileRead, fileWrite, networkSend, networkReceive } = sensor.counters.io();
  metrics.advance('file_bytes_total', fileRead.bytes, { direction: 'read' });
  metrics.advance('file_bytes_total', fileWrite.bytes, { direction: 'write' });
  metrics.advance('file_calls_total', fileRead.calls, { direction: 'read' });
  metrics.advance('file_calls_total', fileWrite.calls, { direction: 'write' });
  metrics.advance('network_bytes_total', networkSend.bytes, { direction: 'sent' });
  metrics.advance('network_bytes_total', networkReceive.bytes, { direction: 'received' });
  for (const [reason, total] of sensor.counters.failures()) {
    if (reason !== 'none' && reason !== 'max') metrics.advance('kernel_failures_total', total, { reason });
  }
  const errors = { denied: 0, missing: 0, again: 0, failed: 0 };
  // The most frequent first: they get the series that there are.
  for (const [syscall, count] of [...sensor.counters.syscalls()].sort(([, a], [, b]) => b.calls - a.calls)) {
    metrics.advance('syscalls_total', count.calls, { syscall });
    for (const errno_class of ERRNO_CLASSES) errors[errno_class] += count.errors[errno_class];
  }
  for (const errno_class of ERRNO_CLASSES)
    metrics.advance('syscall_errors_total', errors[errno_class], { errno_class });
}

function publishPrograms(metrics: MetricsRegistry, sensor: SensorReadings): void {
  for (const [program, { runs, seconds, skipped, verified }] of sensor.counters.programs()) {
    metrics.gauge('program_verified_instructions').set(verified, { program });
    metrics.advance('program_skipped_runs_total', skipped, { program });
    metrics.advance('program_runs_total', runs, { program });
    metrics.advance('program_run_seconds_total', seconds, { program });
  }
}

/** Counts, then rings: what was submitted before is taken or pending after. */
function readCounts(sensor: SensorReadings): { counts: KernelCounts; rings: RingStats; gap: number } {
  const counts = sensor.counters.events();
  const rings = sensor.drain.stats();
  let gap = 0;
  let sent = 0;
  for (const { seen, filtered, throttled, submitted, lost_ring_full, lost_scratch } of counts.values()) {
    gap += seen - filtered - throttled - submitted - lost_ring_full - lost_scratch;
    sent += submitted;
  }
  const pending = rings.bulkPending + rings.priorityPending > 0;
  if (!pending) gap += Math.max(0, sent - rings.records - rings.malformed);
  return { counts, rings, gap };
}
