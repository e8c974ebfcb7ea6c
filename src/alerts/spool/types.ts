import type { Alert } from '../types.ts';

/** An accepted alert on its way to a sink. */
export interface SpooledAlert {
  /** Position in the spool; every accepted alert gets the next number. */
  readonly seq: number;
  /** Unix milliseconds. */
  readonly acceptedAt: number;
  /** The alert as it will be sent: redacted, one line. */
  readonly json: string;
  readonly alert: Alert;
  /** Sent again to this sink alone: the others pass it over. */
  readonly only?: string;
}

/**
 * What became of an alert at a sink. The position of a sink in the spool is
 * the sum of these counts, so none can be lost without a count:
 * accepted since the sink joined = delivered + skipped + rejected + expired + dropped + waiting.
 */
export const SETTLEMENTS = [
  'delivered',
  /** Not meant for the sink (its lowest severity). */
  'skipped',
  /** The receiver refused it for good. */
  'rejected',
  /** Not delivered within dead_letter_seconds. */
  'expired',
  /** Given up for space, with a removed sink, or unreadable on disk. */
  'dropped',
] as const;
export type Settlement = (typeof SETTLEMENTS)[number];

export interface SinkCounts extends Readonly<Record<Settlement, number>> {
  readonly waiting: number;
  /** Alerts accepted since the sink is known. */
  readonly offered: number;
}

export interface SpoolStats {
  /** Matches offered to the ledger since the store exists. */
  readonly offered: number;
  /** Dead letters that were sent again: each takes another place in the order. */
  readonly resent: number;
  /** offered + resent = accepted + suppressed. */
  readonly accepted: number;
  readonly suppressed: Readonly<Record<string, number>>;
  readonly sinks: Readonly<Record<string, SinkCounts>>;
  readonly alerts: number;
  readonly bytes: number;
  /** What they may take. */
  readonly limit: number;
  /** Unix milliseconds, undefined when nothing waits. */
  readonly oldest: number | undefined;
  readonly deadLetters: number;
  readonly deadLettersEvicted: number;
  /** Whether alerts survive the end of the process now. */
  readonly durable: boolean;
  /** Damaged stores that were moved aside. */
  readonly movedAside: number;
}

export interface DeadLetter {
  readonly id: number;
  readonly sink: string;
  readonly reason: Settlement;
  /** Unix milliseconds. */
  readonly at: number;
  readonly alert: Alert;
}

/** What a person asked to be done with a dead letter. */
export type DeadLetterRequest =
  | { readonly do: 'resend'; readonly id: number; readonly sink: string }
  | { readonly do: 'drop'; readonly id: number };
