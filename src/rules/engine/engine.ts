/**
 * json-rules-engine as the decider. It runs only for rules that the compiled
 * predicate has already found, because a run costs tens of microseconds, and
 * one run at a time: overlapping runs of one engine lose rules in 7.3.1, whose
 * `run` keeps its state in the engine.
 */
import { Engine, type NestedCondition, type RuleResult } from 'json-rules-engine';
import type { EventRecord, FieldSource } from '../../schema/event.ts';
import {
  holds,
  matchedConditions,
  matchedIfHolds,
  matchedLeaf,
  matchedQuantifier,
  strings,
} from '../predicate/explain.ts';
import { reader } from '../predicate/values.ts';
import type { CompiledRule, RuleDefinition } from '../rule.ts';
import type { Condition, Subject } from '../tree.ts';
import type { MatchedCondition } from '../types.ts';
import { type EngineConditions, engineConditions } from './conditions.ts';
import { addOperators } from './operators.ts';

export interface EngineCounts {
  /** Runs of the engine. */
  runs: number;
  /** Decisions taken by the condition tree because the queue was full. */
  bypassed: number;
  /** Runs that failed; the condition tree decided instead. */
  failed: number;
  /** Matches of the predicate that the engine denied. Always 0 unless there is a defect. */
  disagreed: number;
}

/**
 * Nodes of a part of a condition that the engine takes itself. It copies and walks a
 * rule's whole condition at every run, 4 to 10 microseconds a node: 2 ms for the 560
 * nodes of a rule with many exemptions, for every match. Of a larger part the engine
 * gets the truth as a fact, which the condition tree has (as of what is asked of lists).
 * With parts of up to 24 nodes, deciding took half of the time from an event to its finding.
 */
const LARGEST_PART = 6;

/** Runs one condition in an engine of its own. */
export class ConditionEngine {
  readonly #engine: Engine;
  readonly #conditions: EngineConditions;
  #event: FieldSource | undefined;
  /** Of the parts that hold for the event: what made them so. */
  readonly #held = new Map<Condition, readonly MatchedCondition[]>();

  /** @param largest Nodes of a part that the engine takes itself; without a limit it gets all of the condition. */
  constructor(condition: Condition, largest = LARGEST_PART) {
    const conditions = engineConditions(condition, largest);
    this.#conditions = conditions;
    const engine = new Engine([], { allowUndefinedFacts: true, pathResolver: ownProperty });
    addOperators(engine);
    for (const how of ['any', 'every'] as const) {
      engine.addOperator(`${how}Element`, (_list: unknown, number: number) => this.#quantifier(number));
    }
    // Functions, not values that each run is given: of a value the engine computes a hash, and none is asked for twice.
    const fact = (name: string, value: () => unknown) => engine.addFact(name, value, { cache: false });
    for (const [name, values] of conditions.constants) fact(name, () => values);
    for (const [name, part] of conditions.parts) fact(name, () => this.#partHolds(part));
    for (const [name, subject] of conditions.facts) {
      const read = subject.from === 'any_string' ? textsOf : readerOf(subject);
      fact(name, () => (this.#event === undefined ? undefined : read(this.#event)));
    }
    engine.addRule({ conditions: conditions.root, event: { type: 'match' } });
    this.#engine = engine;
  }

  #partHolds(part: Condition): boolean {
    const matched = this.#event === undefined ? undefined : matchedIfHolds(part, this.#event);
    if (matched !== undefined) this.#held.set(part, matched);
    return matched !== undefined;
  }

  #quantifier(number: number): boolean {
    const node = this.#conditions.nodes[number];
    return node?.type === 'quantifier' && this.#event !== undefined && holds(node, this.#event);
  }

  /**
   * The leaves that made the condition true, undefined when it is false. Not
   * reentrant: the next call must wait for the promise.
   */
  async run(event: FieldSource): Promise<MatchedCondition[] | undefined> {
    this.#event = event;
    this.#held.clear();
    const { results } = await this.#engine.run();
    const [result] = results;
    return result === undefined ? undefined : this.#matched(result, event);
  }

  #matched(result: RuleResult, event: FieldSource): MatchedCondition[] {
    const matched: MatchedCondition[] = [];
    const visit = (condition: NestedCondition & { result?: boolean }) => {
      if (condition.result !== true) return;
      if ('all' in condition) for (const child of condition.all) visit(child);
      else if ('any' in condition) for (const child of condition.any) visit(child);
      else if ('fact' in condition) {
        const node = this.#conditions.nodes[Number(condition.name)];
        if (node?.type === 'leaf') matched.push(matchedLeaf(node, event));
        else if (node?.type === 'quantifier') matched.push(matchedQuantifier(node, event));
        else if (node !== undefined) matched.push(...(this.#held.get(node) ?? []));
      }
    };
    // The engine gives no result to the root itself, which is always an `all` here.
    if ('all' in result.conditions) for (const child of result.conditions.all) visit(child);
    return matched;
  }
}

const textsOf = (event: FieldSource): unknown => [...strings(event)].map(({ text }) => text);

function readerOf(subject: Exclude<Subject, { from: 'any_string' }>): (event: FieldSource) => unknown {
  const read = reader(subject);
  return (event) => read(event, []);
}

/** Facts are flat; this is for completeness and looks at own properties only, never at a prototype. */
function ownProperty(value: object, path: string): unknown {
  let at: unknown = value;
  for (const part of path.replace(/^\$\.?/, '').split('.')) {
    if (typeof at !== 'object' || at === null || !Object.hasOwn(at, part)) return undefined;
    at = (at as Record<string, unknown>)[part];
  }
  return at;
}

interface EngineMatch {
  readonly rule: CompiledRule;
  readonly matched: readonly MatchedCondition[];
}

/** Decides one event after another. */
export class EngineQueue {
  readonly counts: EngineCounts = { runs: 0, bypassed: 0, failed: 0, disagreed: 0 };
  readonly #limit: number;
  readonly #engines = new WeakMap<RuleDefinition, ConditionEngine>();
  #pending = 0;
  #tail: Promise<unknown> = Promise.resolve();

  /** At most `limit` events wait; further ones are decided by the condition tree at once, which gives the same result. */
  constructor(limit = 1024) {
    this.#limit = limit;
  }

  get pending(): number {
    return this.#pending;
  }

  /** Which of the rules match. The promise never rejects. */
  decide(event: EventRecord, rules: readonly CompiledRule[]): Promise<readonly EngineMatch[]> {
    if (this.#pending >= this.#limit) {
      this.counts.bypassed++;
      return Promise.resolve(rules.flatMap((rule) => this.#direct(event, rule)));
    }
    this.#pending++;
    const run = this.#tail.then(() => this.#run(event, rules));
    this.#tail = run;
    return run;
  }

  async #run(event: EventRecord, rules: readonly CompiledRule[]): Promise<readonly EngineMatch[]> {
    const matches: EngineMatch[] = [];
    for (const rule of rules) {
      try {
        let engine = this.#engines.get(rule.definition);
        if (engine === undefined) {
          engine = new ConditionEngine(rule.condition);
          this.#engines.set(rule.definition, engine);
        }
        this.counts.runs++;
        const matched = await engine.run(event);
        if (matched === undefined) this.counts.disagreed++;
        else matches.push({ rule, matched });
      } catch {
        this.counts.failed++;
        matches.push(...this.#direct(event, rule));
      }
    }
    this.#pending--;
    return matches;
  }

  #direct(event: EventRecord, rule: CompiledRule): EngineMatch[] {
    return rule.matches(event) ? [{ rule, matched: matchedConditions(rule.condition, event) }] : [];
  }
}
