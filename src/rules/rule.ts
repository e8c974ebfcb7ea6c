import type { Predicate } from './predicate/compile.ts';
import type { Condition, Subject } from './tree.ts';
import type { RuleInfo, RuleMatch } from './types.ts';

/**
 * What has to come together within `seconds` (first to last, inclusive, on
 * event time) for one key:
 * - count: `count` events
 * - distinct: `count` different values of `distinct`
 * - sequence: one event for each of `steps`, in this order
 */
export interface WindowSpec {
  readonly type: 'count' | 'distinct' | 'sequence';
  readonly seconds: number;
  /** What makes the key, with the names that alerts show. An event that lacks one has no key and does not count. */
  readonly by: readonly { readonly name: string; readonly subject: Subject }[];
  readonly count: number;
  readonly distinct?: Subject;
  readonly steps: readonly Condition[];
}

/** A checked rule of any language, before it is compiled. With a window, `condition` holds for every event of any step. */
export interface RuleDefinition {
  readonly info: RuleInfo;
  readonly condition: Condition;
  readonly window?: WindowSpec;
  /** A Sigma correlation uses it, and it raises no alert of its own. */
  readonly silent?: boolean;
  /** `examples` of a rule file, for the test command. */
  readonly examples?: readonly RuleExample[];
}

export interface RuleExample {
  readonly name: string | undefined;
  /** Event JSON, nested or simple; several for a window. */
  readonly events: readonly unknown[];
  readonly match: boolean;
  /** File and line, which need not be those of the rule. */
  readonly source: string;
}

interface PredicateCounts {
  /** Times the predicate ran: the index found the rule. */
  evaluations: number;
  /** Times the predicate held. */
  matches: number;
}

export interface CompiledRule {
  readonly info: RuleInfo;
  readonly definition: RuleDefinition;
  readonly condition: Condition;
  readonly matches: Predicate;
  /** The same within the index's turn, where there is one: see predicateCompiler. */
  readonly matchesInTurn?: Predicate;
  /** What it asks of the actor alone, in the same way. */
  readonly ofActor?: Predicate | undefined;
  /** Position in its rule set. */
  readonly index: number;
  readonly counts: PredicateCounts;
}

/** What the rules see in one event, before json-rules-engine has decided on it. */
export interface Observation {
  readonly rules: readonly CompiledRule[];
  /** What came together in the windows of those that have one, which the event completed. */
  readonly windows?: ReadonlyMap<CompiledRule, RuleMatch['window']> | undefined;
  /** Correlations that the event completed. They are about many events, and no engine decides on them. */
  readonly correlations: readonly RuleMatch[];
}
