import type { Predicate } from './compile.ts';
import type { Condition, Subject } from './tree.ts';
import type { RuleInfo } from './types.ts';

export type ThresholdOperator = 'gt' | 'gte' | 'lt' | 'lte' | 'eq' | 'neq';

export interface Threshold {
  readonly op: ThresholdOperator;
  readonly value: number;
}

/** One kind of event that a window looks for. */
export interface WindowStep {
  readonly condition: Condition;
  /** Subjects that make the key, in the order of the names in WindowSpec.by. Absent ones form a group of their own. */
  readonly by: readonly Subject[];
}

/**
 * What has to come together within `seconds` (first to last, inclusive, on
 * event time) for one key:
 * - count: events of any step, as many as the thresholds say
 * - distinct: values of `distinct` (one subject per step) among them
 * - sequence: one event of each step, in this order
 * - all: one event of each step, in any order
 */
export interface WindowSpec {
  readonly type: 'count' | 'distinct' | 'sequence' | 'all';
  readonly seconds: number;
  /** Names of the key's parts, as alerts show them. */
  readonly by: readonly string[];
  readonly steps: readonly WindowStep[];
  readonly distinct?: readonly Subject[];
  /** All must hold. Used by count and distinct. */
  readonly thresholds: readonly Threshold[];
}

/** A checked rule of any language, before it is compiled. With a window, `condition` holds for every event of any step. */
export interface RuleDefinition {
  readonly info: RuleInfo;
  readonly condition: Condition;
  readonly window?: WindowSpec;
  /** `examples` of a rule file, for the test command. */
  readonly examples?: readonly RuleExample[];
}

export interface RuleExample {
  readonly name: string | undefined;
  /** Event JSON in either of the contract's forms; several for a window. */
  readonly events: readonly unknown[];
  readonly match: boolean;
  readonly line: number | undefined;
}

export interface RuleStatistics {
  /** Times the predicate ran: the index took the rule for a candidate. */
  evaluations: number;
  /** Times the predicate held. */
  matches: number;
}

export interface CompiledRule {
  readonly info: RuleInfo;
  readonly definition: RuleDefinition;
  readonly condition: Condition;
  readonly matches: Predicate;
  /** Position in its rule set. */
  readonly index: number;
  readonly statistics: RuleStatistics;
}
