import type { ResponseReport } from '../alerts/types.ts';
import type { RuleInfo } from '../rules/types.ts';
import type { EventRecord } from '../schema/event.ts';

export type ResponseOutcome = ResponseReport['outcome'];

/** What a response is told: the match, and whether it may act. */
export interface ResponseRequest {
  readonly rule: RuleInfo;
  readonly event: EventRecord;
  /** True when the configuration names the rule or one of its tags. Otherwise nothing may be changed. */
  readonly enforce: boolean;
}

export interface ResponseResult {
  readonly outcome: ResponseOutcome;
  readonly detail?: string;
}

/** Sends a signal to exactly one process. */
export interface Signaller {
  /**
   * Signals the process with this id if it started at `ticks` (field 22 of
   * /proc/PID/stat). 'gone' when there is none or another one. Throws when the
   * kernel refuses.
   */
  signal(pid: number, signal: number, ticks: number): 'sent' | 'gone';
}

/** The kernel's table of destinations that connect() refuses. */
export interface BlockTable {
  /** `port` 0 for every port. Throws when the table is full. */
  add(address: string, port: number): void;
  remove(address: string, port: number): void;
}

/** A call that the kernel refused because of a rule. */
export interface Refused {
  readonly rule: string;
  /** The kind of event that it would have been. */
  readonly kind: string;
  readonly pid: number;
  /** Unix seconds. */
  readonly startTime: number;
}

/** What the kernel refuses before it happens, for rules that it can decide. */
export interface Prevention {
  /** Whether it does for the rule. */
  prevents(rule: string): boolean;
  /** What was refused since this was last asked, and how many more there were. */
  refusals(): { readonly refused: readonly Refused[]; readonly lost: number };
}
