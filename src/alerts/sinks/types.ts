import type { Options, ValuesOf } from '../../config/option.ts';
import type { SINK_OPTIONS, SinkConfig, SinkSpec } from '../../config/options.ts';
import type { Logger } from '../../log.ts';
import type { Severity } from '../../rules/types.ts';
import type { SpooledAlert } from '../spool/types.ts';
import type { Alert } from '../types.ts';

export interface DeliveryResult {
  /** How many of the alerts the receiver refused for good; the receiver did not say which. */
  readonly rejected: number;
}
export const DELIVERED: DeliveryResult = { rejected: 0 };

/** Somewhere alerts go. One delivery runs at a time. */
export interface Sink {
  readonly name: string;
  /** Most alerts of one delivery. */
  readonly batch: number;
  /** Beyond the time limit of a delivery, for a sink that keeps the limit itself and says so better. */
  readonly graceMs?: number;
  /** An alert that is not for this sink is skipped. */
  accepts(alert: Alert): boolean;
  /** Throws DeliveryError, or anything, when it did not work. Should end when the signal aborts; it is left behind if not. */
  deliver(alerts: readonly SpooledAlert[], signal: AbortSignal): Promise<DeliveryResult>;
  /** After a log rotation (SIGHUP). */
  reopen?(): Promise<void>;
  close(): Promise<void>;
}

export interface SinkContext {
  readonly hostName: string;
  /** Where people reach this daemon, without a slash at the end. */
  readonly externalUrl: string;
  readonly version: string;
  readonly log: Logger;
  /** Text that survives a restart; undefined the first time. */
  readonly state: { load(): string | undefined; save(text: string): void };
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly stdout: NodeJS.WritableStream;
  /** The sink that a plugin brings. */
  readonly plugin: (config: SinkConfig) => Sink;
}

/** What a sink of a type is configured with: the options of every sink and those of the type. */
export type SettingsOf<O extends Options> = ValuesOf<typeof SINK_OPTIONS> & ValuesOf<O>;

/** One type of sink: all that there is to know of it, in one file. Validation and documentation follow. */
export interface SinkType extends SinkSpec {
  /** For docs/alerts.md: where alerts go, and when one counts as delivered. */
  readonly to: string;
  readonly delivered: string;
  /** Makes a sink. Throws CONFIG_INVALID for what only the sink can see is wrong. */
  open(config: SinkConfig, context: SinkContext): Sink;
  /** Files that the daemon must be able to write and rotate. */
  files?(config: SinkConfig): readonly string[];
}

/** The options of the type are inferred, so that `open` knows them. */
export function sinkType<const O extends Options>(
  type: Omit<SinkType, 'open' | 'files'> & {
    readonly options: O;
    readonly required: readonly (readonly (keyof O & string)[])[];
    open(config: SettingsOf<O>, context: SinkContext): Sink;
    files?(config: SettingsOf<O>): readonly string[];
  },
): SinkType {
  // What `open` receives was checked against the same options when the configuration was read.
  return type as unknown as SinkType;
}

/** A delivery that failed, and what to do about it. */
export class DeliveryError extends Error {
  override readonly name = 'DeliveryError';
  /** The receiver will never take this: retrying is of no use. */
  readonly permanent: boolean;
  /** The receiver asked for this pause. */
  readonly retryAfterMs: number | undefined;

  constructor(message: string, options: { permanent?: boolean; retryAfterMs?: number; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.permanent = options.permanent ?? false;
    this.retryAfterMs = options.retryAfterMs;
  }
}

const RANK: Readonly<Record<Severity, number>> = { info: 0, warning: 1, critical: 2 };

/** Rules with the action "log" are for files only: nobody is called. */
export function notifies(lowest: Severity): (alert: Alert) => boolean {
  return (alert) => alert.response.action !== 'log' && RANK[alert.severity] >= RANK[lowest];
}

export function atLeast(lowest: Severity): (alert: Alert) => boolean {
  return (alert) => RANK[alert.severity] >= RANK[lowest];
}
