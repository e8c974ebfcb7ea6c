import { Worker } from 'node:worker_threads';
import { SINK_TYPES } from '../../../src/alerts/sinks/registry.ts';
import { parseConfig } from '../../../src/config/load.ts';
import type { Config } from '../../../src/config/options.ts';
import type { Metrics } from '../../../src/metrics/types.ts';
import { AlertPipeline } from '../../../src/pipeline/alert-pipeline.ts';
import type { PipelineOptions } from '../../../src/pipeline/types.ts';
import type { StartWorker } from '../../../src/plugins/host.ts';
import { MEANS } from '../../response/support/means.ts';
import { recordingMetrics, SILENT } from './findings.ts';

/** The tests run from source; the loader that makes this possible has to be registered in each thread. */
export const startWorker: StartWorker = (entry, options) =>
  new Worker(
    `import('tsx/esm/api').then((tsx) => { tsx.register(); return import(${JSON.stringify(entry.href)}); });`,
    { ...options, eval: true },
  );

export function configOf(toml: string): Config {
  return parseConfig(toml, 'test.toml', SINK_TYPES);
}

export async function startPipeline(
  toml: string,
  options: Partial<PipelineOptions> & { metrics?: Metrics } = {},
): Promise<AlertPipeline> {
  return AlertPipeline.open({
    config: configOf(toml),
    hostName: 'web-1',
    version: '0.0.0',
    metrics: recordingMetrics().metrics,
    log: SILENT,
    compileCondition: () => () => true,
    startWorker,
    ...MEANS,
    ...options,
  });
}
