/** Runs Sigma correlations over the matches of single rules. */
import { createHash } from 'node:crypto';
import type { FieldSource } from '../../../schema/event.ts';
import { reader } from '../../predicate/values.ts';
import type { Subject } from '../../tree.ts';
import type { RuleInfo, RuleMatch } from '../../types.ts';
import type { ConditionNode } from '../condition.ts';
import type { CorrelationType, Limit } from './correlation.ts';
import { CountState, TemporalState, ValueState } from './window-state.ts';

/** Fields by event kind: the first present subject is the value. */
export type FieldReader = ReadonlyMap<string, readonly Subject[]>;

export interface CorrelatedRule {
  /** Id of the rule or correlation. */
  readonly id: string;
  /** As the correlation's condition names it. */
  readonly reference: string;
  readonly groupBy: readonly FieldReader[];
  /** Of value_count. */
  readonly fields: readonly FieldReader[];
}

export interface SigmaCorrelation {
  readonly info: RuleInfo;
  readonly kinds: readonly string[];
  readonly type: CorrelationType;
  readonly rules: readonly CorrelatedRule[];
  readonly groupBy: readonly string[];
  readonly seconds: number;
  readonly limits: readonly Limit[];
  readonly expression: ConditionNode | undefined;
  /** Another correlation uses it, and it raises no alert of its own. */
  readonly silent: boolean;
}

const MAX_GROUPS = 10_000;
/** Below this many groups nothing is forgotten by age, so that a recording may be in any order. */
const GROUPS_KEPT = 1024;
const MAX_REMEMBERED = 500_000;
const MIN_LIMIT = 1024;

type State = CountState | ValueState | TemporalState;

interface Group {
  readonly state: State;
  readonly key: Readonly<Record<string, string>>;
}

/** One correlation with its groups, least recently used first. */
class Running {
  readonly correlation: SigmaCorrelation;
  readonly digest: string;
  readonly groups = new Map<string, Group>();
  remembered = 0;
  newest = Number.NEGATIVE_INFINITY;
  evictions = 0;
  readonly #limit: number;
  readonly #readers: readonly { readonly groupBy: readonly TextReader[]; readonly fields: readonly TextReader[] }[];

  constructor(correlation: SigmaCorrelation) {
    this.correlation = correlation;
    this.#readers = correlation.rules.map((rule) => ({
      groupBy: rule.groupBy.map(textReader),
      fields: rule.fields.map(textReader),
    }));
    const { info: _info, kinds: _kinds, silent: _silent, rules, ...definition } = correlation;
    const sources = rules.map(({ id, groupBy, fields }) => [id, [...groupBy, ...fields].map((field) => [...field])]);
    this.digest = createHash('sha256')
      .update(JSON.stringify([definition, sources]))
      .digest('hex');
    this.#limit = Math.max(MIN_LIMIT, ...correlation.limits.map((limit) => 2 * limit.value));
  }

  /** The match that the event completes, undefined when it completes none. */
  observe(event: FieldSource, time: number, matched: ReadonlySet<string>): RuleMatch | undefined {
    const byGroup = new Map<string, { values: string[]; rules: number[] }>();
    this.correlation.rules.forEach((rule, index) => {
      if (!matched.has(rule.id)) return;
      const values = this.#readers[index]?.groupBy.map((read) => read(event)) ?? [];
      // An event without a group's field belongs to no group.
      if (!values.every((value) => value !== undefined)) return;
      const key = JSON.stringify(values);
      const entry = byGroup.get(key);
      if (entry === undefined) byGroup.set(key, { values, rules: [index] });
      else entry.rules.push(index);
    });
    let result: RuleMatch | undefined;
    for (const [key, { values, rules }] of byGroup) {
      const group = this.#group(key, values);
      const before = group.state.size;
      const count = this.#add(group.state, event, time, rules);
      this.remembered += group.state.size - before;
      this.newest = Math.max(this.newest, time);
      if (count !== undefined) result ??= this.#match(count, group.key);
    }
    this.#evict();
    return result;
  }

  #add(state: State, event: FieldSource, time: number, rules: readonly number[]): number | undefined {
    const { limits, expression, type } = this.correlation;
    const fulfilled = (count: number) => limits.every((limit) => compare(count, limit));
    if (state instanceof CountState) return state.add(time, fulfilled);
    if (state instanceof ValueState) {
      for (const index of rules) {
        const values = this.#readers[index]?.fields.map((read) => read(event)) ?? [];
        if (values.every((value) => value !== undefined)) return state.add(time, JSON.stringify(values), fulfilled);
      }
      return undefined;
    }
    if (type === 'temporal_ordered') return state.addOrdered(time, rules, fulfilled);
    return state.addAny(time, rules, (present) =>
      expression === undefined ? fulfilled(present.size) : this.#holds(expression, present),
    );
  }

  #holds(node: ConditionNode, present: ReadonlySet<number>): boolean {
    switch (node.op) {
      case 'and':
        return node.of.every((child) => this.#holds(child, present));
      case 'or':
        return node.of.some((child) => this.#holds(child, present));
      case 'not':
        return !this.#holds(node.of, present);
      case 'name':
        return present.has(this.correlation.rules.findIndex((rule) => rule.reference === node.name));
      case 'some':
        return false;
    }
  }

  #group(key: string, values: readonly string[]): Group {
    let group = this.groups.get(key);
    if (group === undefined) {
      const names = this.correlation.groupBy.map((name, index) => [name, values[index] ?? ''] as const);
      group = { state: this.#state(), key: Object.fromEntries(names) };
    } else {
      this.groups.delete(key);
    }
    this.groups.set(key, group);
    return group;
  }

  #state(): State {
    const { type, seconds } = this.correlation;
    if (type === 'event_count') return new CountState(seconds, this.#limit);
    if (type === 'value_count') return new ValueState(seconds, this.#limit);
    return new TemporalState(seconds);
  }

  #evict(): void {
    for (const [key, { state }] of this.groups) {
      const expired = state.newest < this.newest - 2 * this.correlation.seconds;
      const full = this.groups.size > MAX_GROUPS || this.remembered > MAX_REMEMBERED;
      if (!full && !(expired && this.groups.size > GROUPS_KEPT)) return;
      this.groups.delete(key);
      this.remembered -= state.size;
      if (!expired) this.evictions++;
    }
  }

  #match(count: number, key: Readonly<Record<string, string>>): RuleMatch {
    const { info, type, seconds, limits, rules } = this.correlation;
    const expected =
      limits.length > 0
        ? Object.fromEntries(limits.map((limit) => [limit.how, limit.value]))
        : rules.map((rule) => rule.reference);
    return {
      rule: info,
      matched: [{ field: rules.map((rule) => rule.reference).join(', '), operator: type, expected, actual: count }],
      window: { count, seconds, key },
    };
  }
}

type TextReader = (event: FieldSource) => string | undefined;

function textReader(field: FieldReader): TextReader {
  const byKind = new Map([...field].map(([kind, subjects]) => [kind, subjects.map(reader)]));
  return (event) => {
    for (const read of byKind.get(event.kind) ?? []) {
      const value = read(event, []);
      if (value !== undefined) return String(value);
    }
    return undefined;
  };
}

function compare(count: number, { how, value }: Limit): boolean {
  switch (how) {
    case 'gt':
      return count > value;
    case 'gte':
      return count >= value;
    case 'lt':
      return count < value;
    case 'lte':
      return count <= value;
    case 'eq':
      return count === value;
    case 'neq':
      return count !== value;
  }
}

export class SigmaCorrelator {
  readonly #running: Running[];
  #latest = 0;

  /** @param correlations Those that others use stand before them, as loadSigma gives them. */
  constructor(correlations: readonly SigmaCorrelation[]) {
    this.#running = correlations.map((correlation) => new Running(correlation));
  }

  /** Ids of the rules whose matches are needed, silent ones among them. */
  get ruleIds(): ReadonlySet<string> {
    return new Set(this.#running.flatMap(({ correlation }) => correlation.rules.map((rule) => rule.id)));
  }

  /**
   * Takes note of the rules that an event matched.
   *
   * @param time Event time in seconds; an event without one happens now, that is at the latest time seen.
   * @param matched Ids of all rules that matched, silent ones too.
   * @returns The correlations that the event completes and that raise an alert.
   */
  observe(event: FieldSource, time: number | undefined, matched: Iterable<string>): RuleMatch[] {
    const ids = new Set(matched);
    if (ids.size === 0 || this.#running.length === 0) return [];
    const at = time ?? this.#latest;
    this.#latest = Math.max(this.#latest, at);
    const result: RuleMatch[] = [];
    for (const running of this.#running) {
      const { correlation } = running;
      if (!correlation.rules.some((rule) => ids.has(rule.id))) continue;
      const match = running.observe(event, at, ids);
      if (match === undefined) continue;
      ids.add(correlation.info.id);
      if (!correlation.silent) result.push(match);
    }
    return result;
  }

  /** Takes over what the correlator of the former rule set remembers, for correlations that have not changed. */
  adopt(former: SigmaCorrelator): void {
    const known = new Map(former.#running.map((running) => [running.digest, running]));
    this.#latest = Math.max(this.#latest, former.#latest);
    for (const running of this.#running) {
      const before = known.get(running.digest);
      if (before === undefined) continue;
      for (const [key, group] of before.groups) running.groups.set(key, group);
      running.remembered = before.remembered;
      running.newest = before.newest;
      running.evictions = before.evictions;
    }
  }

  /** Groups and times remembered, and groups forgotten for want of memory. */
  stats(): { readonly groups: number; readonly remembered: number; readonly evictions: number } {
    let groups = 0;
    let remembered = 0;
    let evictions = 0;
    for (const running of this.#running) {
      groups += running.groups.size;
      remembered += running.remembered;
      evictions += running.evictions;
    }
    return { groups, remembered, evictions };
  }
}
