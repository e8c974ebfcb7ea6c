import type { Enricher } from '../enrich/enricher.ts';
import { formatProblem } from '../errors.ts';
import type { AttachReport } from '../kernel/types.ts';
import type { AlertPipeline } from '../pipeline/alert-pipeline.ts';
import type { Capabilities } from './capabilities.ts';
import type { EventsFile } from './events-file.ts';
import type { InForce } from './in-force.ts';

export interface StatusOptions {
  readonly version: string;
  readonly inForce: InForce;
  readonly pipeline: AlertPipeline;
  readonly enricher: Enricher;
  readonly events: EventsFile;
  readonly capabilities: Capabilities;
  readonly reports: readonly AttachReport[];
}

/** What /api/v1/status tells, read anew at each request. */
export function statusOf({ version, inForce, pipeline, capabilities, reports }: StatusOptions): () => object {
  const started = Date.now() / 1000;
  return () => ({
    version,
    started,
    ready: true,
    rules: inForce.rules().length,
    problems: inForce.problems.map(formatProblem),
    programs: reports,
    capabilities: capabilities.status(),
    ...pipeline.stats(),
  });
}
