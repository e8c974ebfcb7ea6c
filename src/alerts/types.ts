import type { MatchedCondition, RuleAction, Severity } from '../rules/types.ts';
import type { EventJson } from '../schema/event.ts';

/** What a response did, or would have done. */
export interface ResponseReport {
  readonly action: RuleAction;
  readonly outcome: 'none' | 'simulated' | 'done' | 'failed' | 'protected';
  readonly detail?: string;
}

/** The contract's alert, as every output writes it. `host`, `process`, `file` and `network` come from the event. */
export interface Alert {
  readonly label: string;
  readonly risk_score: number;
  readonly detection_method: 'rule_based';
  readonly recommendation: string;
  readonly confidence: number;
  readonly severity: Severity;
  readonly rule: {
    readonly name: string;
    readonly id: string;
    readonly source: string;
    readonly description: string;
    readonly mitre: readonly string[];
    readonly tags: readonly string[];
    readonly runbook?: string;
  };
  readonly matched: readonly MatchedCondition[];
  readonly alert_id: string;
  /** Identifies rule, host and entity: the same for repeats. */
  readonly fingerprint: string;
  /** Unix seconds with a fraction: of the event, where it has one. */
  readonly timestamp: number;
  readonly host: { readonly name: string };
  readonly event: EventJson;
  readonly process?: unknown;
  readonly user?: unknown;
  readonly container?: unknown;
  readonly file?: unknown;
  readonly network?: unknown;
  readonly response: ResponseReport;
  /** Set on the summary that ends a burst: how many were held back between first and last. */
  readonly repeated?: { readonly count: number; readonly first: number; readonly last: number };
  /** Any further group that the event had, such as `target` or `credentials`. */
  readonly [group: string]: unknown;
}
