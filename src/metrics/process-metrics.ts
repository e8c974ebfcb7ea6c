/**
 * What prom-client measures of the daemon's own process, by the names that
 * every Node.js dashboard knows. Not by its collectDefaultMetrics, which also
 * measures what is left out (gauges named `_total`, series per heap space and
 * collector): each collection of garbage would be told to JavaScript, and the
 * delay of the event loop looked at a hundred times a second (loop-delay.ts).
 */
import { Gauge, type OpenMetricsContentType, type Registry } from 'prom-client';
import addHeap from 'prom-client/lib/metrics/heapSizeAndUsed.js';
import addMemory from 'prom-client/lib/metrics/osMemoryHeap.js';
import addCpu from 'prom-client/lib/metrics/processCpuTotal.js';
import addMostFiles from 'prom-client/lib/metrics/processMaxFileDescriptors.js';
import addOpenFiles from 'prom-client/lib/metrics/processOpenFileDescriptors.js';
import addStart from 'prom-client/lib/metrics/processStartTime.js';
import { LoopDelay } from './loop-delay.ts';

export const PROCESS_METRICS = {
  process_cpu_user_seconds_total: { type: 'counter', help: 'User CPU time of the daemon.' },
  process_cpu_system_seconds_total: { type: 'counter', help: 'System CPU time of the daemon.' },
  process_cpu_seconds_total: { type: 'counter', help: 'CPU time of the daemon.' },
  process_start_time_seconds: { type: 'gauge', help: 'Unix time when the daemon started.' },
  process_resident_memory_bytes: { type: 'gauge', help: 'Resident memory of the daemon.' },
  process_virtual_memory_bytes: { type: 'gauge', help: 'Virtual memory of the daemon.' },
  process_open_fds: { type: 'gauge', help: 'Open file descriptors of the daemon.' },
  process_max_fds: { type: 'gauge', help: 'Limit of open file descriptors.' },
  nodejs_eventloop_lag_seconds: { type: 'gauge', help: 'Event loop delay at this scrape.' },
  nodejs_eventloop_lag_max_seconds: { type: 'gauge', help: 'Largest event loop delay since the last scrape.' },
  nodejs_eventloop_lag_mean_seconds: { type: 'gauge', help: 'Mean event loop delay since the last scrape.' },
  nodejs_eventloop_lag_p50_seconds: { type: 'gauge', help: 'Median event loop delay since the last scrape.' },
  nodejs_eventloop_lag_p99_seconds: { type: 'gauge', help: '99th percentile of the event loop delay.' },
  nodejs_heap_size_total_bytes: { type: 'gauge', help: 'Size of the JavaScript heap.' },
  nodejs_heap_size_used_bytes: { type: 'gauge', help: 'Used part of the JavaScript heap.' },
  nodejs_external_memory_bytes: { type: 'gauge', help: 'Memory outside the JavaScript heap.' },
} as const satisfies Record<string, { readonly type: 'counter' | 'gauge'; readonly help: string }>;

export function addProcessMetrics(registry: Registry<OpenMetricsContentType>): void {
  const before = new Set(registry.getMetricsAsArray().map((metric) => metric.name));
  for (const add of [addCpu, addStart, addMemory, addOpenFiles, addMostFiles]) add(registry);
  addLoopDelay(registry);
  addHeap(registry);
  for (const { name } of registry.getMetricsAsArray()) {
    if (!before.has(name) && !Object.hasOwn(PROCESS_METRICS, name)) registry.removeSingleMetric(name);
  }
}

/** Of one moment, so that they belong together. */
function addLoopDelay(registry: Registry<OpenMetricsContentType>): void {
  const delay = new LoopDelay();
  const gauge = (name: keyof typeof PROCESS_METRICS, collect?: () => void) =>
    new Gauge({
      name,
      help: PROCESS_METRICS[name].help,
      registers: [registry],
      ...(collect === undefined ? {} : { collect }),
    });
  const now = gauge('nodejs_eventloop_lag_seconds', () => {
    const begin = performance.now();
    setImmediate(() => now.set((performance.now() - begin) / 1000));
    const { max: most, mean: middle, p50: half, p99: tail } = delay.take();
    max.set(most);
    mean.set(middle);
    p50.set(half);
    p99.set(tail);
  });
  const max = gauge('nodejs_eventloop_lag_max_seconds');
  const mean = gauge('nodejs_eventloop_lag_mean_seconds');
  const p50 = gauge('nodejs_eventloop_lag_p50_seconds');
  const p99 = gauge('nodejs_eventloop_lag_p99_seconds');
}
