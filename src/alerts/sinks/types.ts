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
  readonly version: string;
  readonly log: Logger;
  /** Text that survives a restart; undefined the first time. */
  readonly state: { load(): string | undefined; save(text: string): void };
  readonly env: Readonly<Record<string, string | undefined>>;
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
