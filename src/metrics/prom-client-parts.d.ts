/** The parts of prom-client's default metrics, each by itself: together they cost (process-metrics.ts). */
declare module 'prom-client/lib/metrics/*' {
  import type { OpenMetricsContentType, Registry } from 'prom-client';

  const add: (registry: Registry<OpenMetricsContentType>) => void;
  export default add;
}
