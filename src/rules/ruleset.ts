/** A loaded rule set: finds the rules that match synchronously, lets the engine decide, keeps windows. */
import type { EventRecord, FieldSource } from '../schema/event.ts';
import { FIELD_NAMES, type FieldName } from '../schema/fields.ts';
import { type EngineCounts, EngineQueue } from './engine/engine.ts';
import { Interning } from './interning.ts';
import type { Placement } from './literals/placements.ts';
import { RuleIndex } from './literals/rule-index.ts';
import { predicateCompiler, type SharedPredicate } from './predicate/compile.ts';
import { Turn } from './predicate/turn.ts';
import { TEXT_FIELDS } from './predicate/values.ts';
import type { CompiledRule, Observation, RuleDefinition } from './rule.ts';
import { type SigmaCorrelation, SigmaCorrelator } from './sigma/correlation/correlator.ts';
import type { Condition, Leaf, Quantifier, Subject } from './tree.ts';
import { walk } from './tree.ts';
import type { Finding, RuleInfo, RuleMatch } from './types.ts';
import { Windows } from './window.ts';
import { type WindowStats, WindowStore } from './window-store.ts';

interface RuleSetParts {
  readonly definitions: readonly RuleDefinition[];
  /** By what those that are no heuristics are found, where that was found out before: equal conditions are one object then. */
  readonly placements?: readonly Placement[];
  readonly correlations?: readonly SigmaCorrelation[];
  /** What windows remember; given on from one rule set to the next. */
  readonly windows?: WindowStore;
  /** The rule set that this one replaces: correlations that did not change go on with what they remember. */
  readonly previous?: RuleSet;
  /** Events that may wait for json-rules-engine. */
  readonly queueLimit?: number;
}

interface RuleStatistics {
  readonly rule: string;
  /** Times the rule's predicate ran. */
  readonly evaluations: number;
  /** Times it held. */
  readonly matches: number;
}

const NONE: readonly RuleMatch[] = Object.freeze([]);
const TIMESTAMP = FIELD_NAMES.indexOf('event.timestamp');

export class RuleSet {
  /** All rules that can match or raise an alert: correlations and heuristics too, silent base rules not. */
  readonly infos: readonly RuleInfo[];
  readonly rules: readonly CompiledRule[];
  readonly windows: WindowStore;
  readonly #index: RuleIndex;
  readonly #heuristics: readonly CompiledRule[];
  readonly #engine: EngineQueue;
  readonly #watch: Windows;
  readonly #correlator: SigmaCorrelator;
  readonly #correlations: readonly SigmaCorrelation[];
  /** There are windows or correlations. */
  readonly #stateful: boolean;

  constructor(parts: RuleSetParts) {
    const interning = new Interning();
    const definitions =
      parts.placements === undefined
        ? parts.definitions.map((definition) => interned(definition, interning))
        : parts.definitions;
    const turn = new Turn();
    const compile = predicateCompiler(
      definitions.map(({ condition }) => condition),
      turn,
    );
    this.rules = definitions.map((definition, index) => compileRule(definition, index, compile));
    this.#heuristics = this.rules.filter((rule) => rule.info.heuristic);
    this.#index = new RuleIndex(
      this.rules.filter((rule) => !rule.info.heuristic),
      turn,
      compile,
      parts.placements,
    );
    this.windows = parts.windows ?? parts.previous?.windows ?? new WindowStore();
    this.#watch = new Windows(this.windows, this.rules);
    this.#engine = new EngineQueue(parts.queueLimit);
    this.#correlations = parts.correlations ?? [];
    this.#correlator = new SigmaCorrelator(this.#correlations);
    this.#stateful =
      this.#correlations.length > 0 ||
      parts.definitions.some(({ window, silent }) => window !== undefined || silent === true);
    if (parts.previous !== undefined) this.#correlator.adopt(parts.previous.#correlator);
    this.infos = [
      ...this.rules.filter((rule) => rule.definition.silent !== true).map((rule) => rule.info),
      ...this.#correlations.filter((correlation) => !correlation.silent).map((correlation) => correlation.info),
    ];
  }

  /**
   * What the rules see in the event: those whose compiled predicates hold,
   * with the heuristics that hold beside them, and the correlations that it
   * completes; undefined when there is nothing. Synchronous, valid for live
   * events, allocates nothing when no rule holds. Windows and correlations
   * take note of the event here, by the predicate alone, and are in the
   * result only when it completes them: a window over a frequent event costs
   * neither a snapshot nor a run of the engine. So call it once for an event,
   * or with `only` for rules that have not seen it.
   */
  observe(event: FieldSource, only?: (rule: CompiledRule) => boolean): Observation | undefined {
    let matching = this.#index.matching(event);
    if (matching.length > 0 && only !== undefined) matching = matching.filter(only);
    if (matching.length === 0) return undefined;
    const seen = this.#stateful
      ? this.#completed(matching, event)
      : { rules: matching, windows: undefined, correlations: NONE };
    if (seen === undefined) return undefined;
    const { rules, windows, correlations } = seen;
    const heuristics = this.#heuristicsOf(event);
    return { rules: heuristics.length === 0 ? rules : [...rules, ...heuristics], windows, correlations };
  }

  /** Those that hold, still in the turn of the event. Apart from `observe`, which would make room for the closure at each event. */
  #heuristicsOf(event: FieldSource): readonly CompiledRule[] {
    const heuristics = this.#heuristics.filter((rule) => {
      rule.counts.evaluations++;
      return (rule.matchesInTurn ?? rule.matches)(event);
    });
    for (const rule of heuristics) rule.counts.matches++;
    return heuristics;
  }

  /** Feeds windows and correlations, and keeps what the event completes; undefined when that is nothing, as it mostly is. */
  #completed(matching: readonly CompiledRule[], event: FieldSource): Observation | undefined {
    const timestamp = event.value(TIMESTAMP);
    const time = typeof timestamp === 'number' ? timestamp : undefined;
    let sigma: string[] | undefined;
    let rules: CompiledRule[] | undefined;
    let windows: Map<CompiledRule, RuleMatch['window']> | undefined;
    for (const rule of matching) {
      const window = this.#watch.observe(rule, event, time);
      if (window === false) continue;
      if (rule.info.language === 'sigma') {
        sigma ??= [];
        sigma.push(rule.info.id);
      }
      if (rule.definition.silent === true) continue;
      if (rules === undefined) rules = [rule];
      else rules.push(rule);
      if (window === undefined) continue;
      windows ??= new Map();
      windows.set(rule, window);
    }
    const correlations = sigma === undefined ? NONE : this.#correlator.observe(event, time, sigma);
    return rules === undefined && correlations.length === 0 ? undefined : { rules: rules ?? [], windows, correlations };
  }

  /**
   * Lets json-rules-engine decide on the rules that match, one event after
   * another. undefined when nothing came of it. The promise never rejects.
   */
  async decide(event: EventRecord, { rules, windows, correlations }: Observation): Promise<Finding | undefined> {
    const decided = rules.length === 0 ? [] : await this.#engine.decide(event, rules);
    const ordered = [...decided].sort((a, b) => a.rule.index - b.rule.index);
    const own: RuleMatch[] = ordered.map(({ rule, matched }) => {
      const window = windows?.get(rule);
      return { rule: rule.info, matched, ...(window === undefined ? {} : { window }) };
    });
    const matches = [...own, ...correlations];
    if (matches.every((match) => match.rule.heuristic)) return undefined;
    return { event, matches, riskScore: riskOf(matches) };
  }

  /** Evaluates one recorded event from end to end. */
  async evaluate(event: EventRecord): Promise<Finding | undefined> {
    const observation = this.observe(event);
    return observation === undefined ? undefined : this.decide(event, observation);
  }

  get placements(): readonly Placement[] {
    return this.#index.placements;
  }

  rule(name: string): CompiledRule | undefined {
    return this.rules.find((rule) => rule.info.name === name || rule.info.id === name);
  }

  /** Fields that some rule looks at: what nobody asks for, such as hashes, need not be computed. */
  neededFields(): ReadonlySet<FieldName> {
    const needed = new Set<FieldName>();
    const add = (subject: Subject | undefined) => {
      if (subject?.from === 'field') needed.add(FIELD_NAMES[subject.field] as FieldName);
      else if (subject?.from === 'derived')
        for (const id of subject.derived.fields) needed.add(FIELD_NAMES[id] as FieldName);
      else if (subject?.from === 'any_string') for (const id of TEXT_FIELDS) needed.add(FIELD_NAMES[id] as FieldName);
    };
    const seen = new Set<Condition>();
    for (const { condition, definition } of this.rules) {
      subjectsOf(condition, add, seen);
      definition.window?.by.forEach(({ subject }) => {
        add(subject);
      });
      add(definition.window?.distinct);
    }
    for (const { rules } of this.#correlations) {
      for (const { groupBy, fields } of rules) {
        for (const reader of [...groupBy, ...fields]) for (const subjects of reader.values()) subjects.forEach(add);
      }
    }
    return needed;
  }

  get engineCounts(): Readonly<EngineCounts> {
    return this.#engine.counts;
  }

  /** Events that wait for the engine. */
  get pending(): number {
    return this.#engine.pending;
  }

  windowStats(): WindowStats {
    const { keys, remembered, evictions } = this.windows.stats();
    const sigma = this.#correlator.stats();
    return {
      keys: keys + sigma.groups,
      remembered: remembered + sigma.remembered,
      evictions: evictions + sigma.evictions,
    };
  }

  statistics(): readonly RuleStatistics[] {
    return this.rules.map(({ info, counts }) => ({ rule: info.name, ...counts }));
  }
}

function interned(definition: RuleDefinition, interning: Interning): RuleDefinition {
  const { condition, window } = definition;
  return {
    ...definition,
    ...(window === undefined ? {} : { window: { ...window, steps: window.steps.map((step) => interning.of(step)) } }),
    condition: interning.of(condition),
  };
}

function compileRule(
  definition: RuleDefinition,
  index: number,
  compile: (condition: Condition) => SharedPredicate,
): CompiledRule {
  const { info, condition } = definition;
  let whole: SharedPredicate | undefined;
  // When it is first asked: of live events what is left of it for their kind is compiled, and mostly that alone.
  const compiled = () => {
    whole ??= compile(condition);
    return whole;
  };
  return {
    info,
    definition,
    condition,
    get matches() {
      return compiled().matches;
    },
    get matchesInTurn() {
      return compiled().matchesInTurn;
    },
    get ofActor() {
      return compiled().ofActor;
    },
    index,
    counts: { evaluations: 0, matches: 0 },
  };
}

function subjectsOf(condition: Condition, add: (subject: Subject) => void, seen: Set<Condition>): void {
  const visit = (node: Leaf | Quantifier) => {
    if (node.type === 'quantifier') return add(node.over);
    add(node.subject);
    if (node.test.op === 'compare') add(node.test.other);
  };
  walk(condition, visit, seen);
}

/** Sum of the scores of all matches and heuristics, capped at 1. Shadow rules have no effect. */
function riskOf(matches: readonly RuleMatch[]): number {
  let sum = 0;
  for (const { rule } of matches) if (rule.mode === 'enforce') sum += rule.riskScore;
  // Sums of decimal scores stay decimal: 0.3 + 0.4 is 0.7.
  return Math.min(1, Math.round(sum * 1e9) / 1e9);
}
