import type { KernelCounts } from '../kernel/types.ts';
import type { MetricsRegistry } from './registry.ts';

/** A reading is repeated this often while it does not add up: it is not one moment for all CPUs. */
const READINGS = 5;

/**
 * Publishes the kernel's exact counts at every scrape and, in
 * `events_unaccounted`, what of `seen` no other count explains.
 * `leaked` adds events that the kernel submitted and that are neither
 * processed, nor a decode error, nor on their way.
 * Returns a function that ends it.
 */
export function publishKernelCounts(
  metrics: MetricsRegistry,
  read: () => KernelCounts,
  leaked: () => number = () => 0,
): () => void {
  const unaccounted = metrics.gauge('events_unaccounted');
  return metrics.onCollect(() => {
    let counts = read();
    let gap = unexplained(counts);
    for (let reading = 1; reading < READINGS && gap !== 0; reading++) {
      const again = read();
      const gapAgain = unexplained(again);
      if (Math.abs(gapAgain) <= Math.abs(gap)) [counts, gap] = [again, gapAgain];
    }
    for (const [event, count] of counts) {
      metrics.advance('events_total', count.seen, { event });
      metrics.advance('events_filtered_total', count.filtered, { event });
      metrics.advance('events_throttled_total', count.throttled, { event });
      metrics.advance('events_lost_total', count.lost_ring_full, { event, reason: 'ring_full' });
      metrics.advance('events_lost_total', count.lost_scratch, { event, reason: 'scratch' });
    }
    unaccounted.set(gap + leaked());
  });
}

function unexplained(counts: KernelCounts): number {
  let gap = 0;
  for (const { seen, filtered, throttled, submitted, lost_ring_full, lost_scratch } of counts.values())
    gap += seen - filtered - throttled - submitted - lost_ring_full - lost_scratch;
  return gap;
}
