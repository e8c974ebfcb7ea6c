import type { EventRecord, FieldSource } from '../schema/event.ts';
import type { FieldId } from '../schema/fields.ts';

export const SEVERITIES = ['info', 'warning', 'critical'] as const;
export type Severity = (typeof SEVERITIES)[number];

/** The source of rules that no file holds. */
export const BUILT_IN = 'built-in';

export const ACTIONS = ['alert', 'log', 'block', 'kill'] as const;
export type RuleAction = (typeof ACTIONS)[number];

export type RuleMode = 'enforce' | 'shadow';

/** A rule's own text for one event, with the values that are in it. */
export interface AlertText {
  readonly text: string;
  readonly fields: Readonly<Record<string, string | number | boolean | null>>;
}

/** How a rule words its alerts (Falco). */
export interface RuleOutput {
  /** In Falco's spelling. */
  readonly priority: string;
  readonly template: string;
  /** The fields of ours that it may print. */
  readonly fields: ReadonlySet<FieldId>;
  render(event: FieldSource): AlertText;
}

/** What is known of a loaded rule, whatever language it was written in. */
export interface RuleInfo {
  /** Name in the rule file, or the Sigma title. Unique in a rule set. */
  readonly name: string;
  /** Sigma id, or the name where there is none. */
  readonly id: string;
  /** File it came from, with the line where it starts. */
  readonly source: string;
  readonly language: 'json' | 'cel' | 'sigma' | 'falco';
  readonly label: string;
  readonly description: string;
  readonly severity: Severity;
  /** 0..1 */
  readonly riskScore: number;
  /** 0..1 */
  readonly confidence: number;
  readonly action: RuleAction;
  readonly recommendation: string;
  readonly mode: RuleMode;
  /** Adds to an event's score and raises no alert by itself. */
  readonly heuristic: boolean;
  readonly tags: readonly string[];
  /** ATT&CK technique ids, such as T1059.004. */
  readonly mitre: readonly string[];
  /** Fields whose values make two matches the same alert; undefined for the default of alerts/identity.ts. */
  readonly by?: readonly string[];
  /** At most one alert per entity within this many seconds; undefined for the ledger's default. */
  readonly throttleSeconds: number | undefined;
  readonly runbook: string | undefined;
  /** Places in later files that changed the rule, in the order in which they took effect. */
  readonly changedBy?: readonly string[];
  readonly output?: RuleOutput | undefined;
}

/** One leaf condition that was true, with the value that made it so. */
export interface MatchedCondition {
  readonly field: string;
  readonly operator: string;
  readonly expected: unknown;
  readonly actual: unknown;
}

export interface RuleMatch {
  readonly rule: RuleInfo;
  readonly matched: readonly MatchedCondition[];
  /** For windows and correlations: what was counted. */
  readonly window?: {
    readonly count: number;
    readonly seconds: number;
    readonly key: Readonly<Record<string, string>>;
  };
}

/** What the rules made of one event. The score is of all matches and heuristics together, capped at 1. */
export interface Finding {
  readonly event: EventRecord;
  readonly matches: readonly RuleMatch[];
  readonly riskScore: number;
}
