import type { MatchedCondition, RuleAction, Severity } from '../rules/types.ts';
import type { EventJson } from '../schema/event.ts';

/** What a response did, or would have done. */
export interface ResponseReport {
  readonly action: RuleAction;
  readonly outcome: 'none' | 'simulated' | 'done' | 'failed' | 'protected';
  readonly detail?: string;
}

/** Repeats of an alert that were held back since it was raised or last updated. */
export interface Repeats {
  readonly count: number;
  /** Unix seconds: event time of the first and the last. */
  readonly first: number;
  readonly last: number;
  /** Fields that differed, with up to eight values each. */
  readonly distinct?: Readonly<Record<string, readonly (string | number | boolean)[]>>;
  /** Fields of `distinct` that had more values than are listed. */
  readonly more?: readonly string[];
  /** Ids of the first few events. */
  readonly events: readonly string[];
}

/** The alert, as every output writes it. `host`, `process`, `file` and `network` come from the event. */
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
  /** The process tree's incident, and how many alerts had joined it before this one. */
  readonly incident_id?: string;
  readonly incident_alerts?: number;
  /** Of a Falco rule: its priority, its output text filled in, and the values in it. */
  readonly priority?: string;
  readonly output?: string;
  readonly output_fields?: Readonly<Record<string, string | number | boolean | null>>;
  /** Set on an update of the alert with this alert_id: what was held back since. */
  readonly repeated?: Repeats;
  /** Any further group that the event had, such as `target` or `credentials`. */
  readonly [group: string]: unknown;
}
