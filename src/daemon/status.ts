import type { Enricher } from '../enrich/enricher.ts';
import type { Pods } from '../enrich/pods/pods.ts';
import { formatProblem } from '../errors.ts';
import type { AttachReport, KindFilter } from '../kernel/types.ts';
import type { AlertPipeline } from '../pipeline/alert-pipeline.ts';
import type { Capabilities } from './capabilities.ts';
import type { EventsFile } from './events-file.ts';
import type { InForce } from './in-force.ts';

interface StatusOptions {
  readonly version: string;
  readonly inForce: InForce;
  readonly pipeline: AlertPipeline;
  readonly enricher: Enricher;
  readonly pods: Pods;
  readonly events: EventsFile;
  readonly capabilities: Capabilities;
  readonly reports: readonly AttachReport[];
}

/** What /api/v1/status tells, read anew at each request. */
export function statusOf(options: StatusOptions): () => object {
  const { version, inForce, pipeline, enricher, pods, events, capabilities, reports } = options;
  const started = Date.now() / 1000;
  return () => ({
    version,
    started,
    ready: true,
    rules: inForce.ruleset.infos.length,
    problems: inForce.problems.map(formatProblem),
    programs: reports,
    filter: Object.fromEntries([...inForce.filter.kinds].map(([kind, decision]) => [kind, filterView(decision)])),
    engine: { ...inForce.ruleset.engineCounts, waiting: inForce.ruleset.pending },
    windows: inForce.ruleset.windowStats(),
    hashes: enricher.hashing.counts,
    identity: enricher.files.status(),
    streams: streamsOf(enricher),
    ...pods.counts,
    events_file: { failed: events.failed },
    capabilities: capabilities.status(),
    ...pipeline.stats(),
  });
}

/** Pipes that programs are joined by, and starts that wait for their other end. */
function streamsOf({ feeds, feedUpdates: { counts } }: Enricher): object {
  return {
    pipes: feeds.size,
    pipes_evicted: feeds.counts.evictions,
    starts_updated: counts.updated,
    starts_evicted: counts.evictions,
  };
}

/** Tokens are counted, not listed: there are thousands, and `bpfwarden check` names what they come from. */
function filterView(decision: KindFilter): object {
  return decision.pass === 'tokens' ? { pass: 'tokens', tokens: decision.tokens.length } : decision;
}
