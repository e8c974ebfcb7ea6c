/**
 * What prom-client measures of the daemon's own process, by the names that
 * every Node.js dashboard knows; the rest of its default metrics is left out
 * (gauges named `_total`, and series per heap space and collector).
 */
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
