import type { DeliveryState } from '../alerts/delivery.ts';
import type { AlertDetail, AlertQuery, EventQuery } from '../alerts/history.ts';
import type { IncidentDetail, IncidentSummary } from '../alerts/incidents.ts';
import type { DeadLetter, SpoolStats } from '../alerts/spool/types.ts';
import type { Alert } from '../alerts/types.ts';
import type { Config } from '../config/options.ts';
import type { Logger } from '../log.ts';
import type { Metrics } from '../metrics/types.ts';
import type { StartWorker } from '../plugins/host.ts';
import type { BlockTable, Signaller } from '../response/types.ts';
import type { Finding, Severity } from '../rules/types.ts';
import type { EventJson, EventRecord, FieldSource } from '../schema/event.ts';

export interface PipelineOptions {
  readonly config: Config;
  readonly hostName: string;
  readonly version: string;
  readonly metrics: Metrics;
  readonly log: Logger;
  /** Compiles the CEL condition of a silence. Throws when it is wrong. */
  readonly compileCondition: (source: string) => (event: FieldSource) => boolean;
  /** Told of the names that occur in metrics, before they do. */
  readonly declare?: (names: { readonly sinks: readonly string[]; readonly plugins: readonly string[] }) => void;
  /** For "kill": by pidfd (response/signaller.ts). Default: by process id, with a small race. */
  readonly signaller?: Signaller | undefined;
  /** For "block". Undefined where the kernel side cannot refuse connections. */
  readonly blockTable?: BlockTable | undefined;
  /** Unix seconds of the boot, by the clock of event times. */
  readonly bootTime?: (() => number) | undefined;
  readonly startWorker?: StartWorker | undefined;
  readonly env?: Readonly<Record<string, string | undefined>>;
}

export interface AlertFilter {
  readonly severity?: Severity;
  readonly rule?: string;
  readonly event?: string;
}
export interface EventFilter {
  readonly event?: string;
  readonly pid?: number;
}

export interface PipelineStats {
  readonly spool: SpoolStats;
  readonly ledger: { readonly entries: number; readonly evictions: number };
  readonly deliveries: Readonly<Record<string, DeliveryState>>;
}

/** From finding to delivered alert. Made by createAlertPipeline, one per daemon. */
export interface AlertPipeline {
  /** Takes what the rules found. Never throws, never waits. Gives the id of the first alert that was accepted. */
  offer(finding: Finding): string | undefined;
  /** Every event that outlives its batch: for history, streams and enrichers. */
  observe(event: EventRecord): void;
  /** Whether somebody looks at events of this kind beyond the rules, so that a snapshot is worth its cost. */
  wants(kind: string): boolean;
  /** The event without secrets, for other outputs. */
  redactEvent(event: EventJson): EventJson;
  /** Event kinds that must bypass the kernel filter. */
  readonly observes: ReadonlySet<string>;
  /** Sends the summaries of open bursts and waits until every sink has everything, at most `ms`. Tells whether it has. */
  flush(ms: number): Promise<boolean>;
  /** New configuration; what waits keeps waiting. Also reopens files. Throws and changes nothing when it is wrong. */
  reload(config: Config): Promise<void>;
  close(): Promise<void>;
  stats(): PipelineStats;

  /** Newest first. */
  queryAlerts(query: AlertQuery): readonly Alert[];
  alertById(id: string): AlertDetail | undefined;
  queryEvents(query: EventQuery): readonly EventJson[];
  /** Newest first. */
  incidents(limit: number): readonly IncidentSummary[];
  incidentById(id: string): IncidentDetail | undefined;
  deadLetters(limit: number): readonly DeadLetter[];
  /** `write` must not block. Returns the function that ends it. */
  subscribeAlerts(filter: AlertFilter, write: (alert: Alert) => void): () => void;
  subscribeEvents(filter: EventFilter, write: (event: EventJson) => void): () => void;
}
