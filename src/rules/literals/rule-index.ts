/**
 * Which rules match an event. Rules are found by the kind of event and
 * by their anchors; anchors of one field are looked for together. What is
 * found is confirmed by the rule's predicate.
 */
import type { EventView, FieldSource, ProcessSummary } from '../../schema/event.ts';
import { type FieldId, fieldId, fieldName, kindHasField } from '../../schema/fields.ts';
import { KINDS } from '../../schema/kinds.ts';
import { expandBehaviors } from '../behaviors.ts';
import { scopeOfField } from '../predicate/actor.ts';
import type { Predicate, SharedPredicate } from '../predicate/compile.ts';
import { foldCase } from '../predicate/fold.ts';
import { type ActorScope, Turn } from '../predicate/turn.ts';
import type { CompiledRule } from '../rule.ts';
import type { Condition } from '../tree.ts';
import {
  type Anchor,
  anchorsOf,
  isInRoot,
  isPresent,
  type KnownAnchors,
  onPath,
  type Reading,
  readElement,
  readParts,
} from './anchors.ts';
import { Alphabet, type Hits } from './automaton.ts';
import { factor } from './factor.ts';
import { Matcher, type Target } from './matcher.ts';
import { type Known, kindsNamed, knowsKind, knowsLiveKind, type Specialised, specialise } from './specialise.ts';

type Compile = (condition: Condition) => SharedPredicate;

const NO_TARGETS: readonly number[] = Object.freeze([]);
const NONE: readonly CompiledRule[] = Object.freeze([]);

/** Kinds that get a plan of their own; recordings can have any name. */
const MAX_KINDS = 256;
/** Predicates for kinds, for each rule of the set. */
const MAX_COMPILED = 8;
/** Of each kind: ancestors of which is remembered what was found in them. */
const MAX_KNOWN_ANCESTORS = 512;
/** A matcher, and by rule: 1 where what it finds is an anchor of the rule for this kind. */
interface Search {
  readonly matcher: Matcher;
  readonly wanted: Uint8Array;
}

/** What has to be looked at for one kind of event. */
interface Plan {
  /** Of all plans. */
  readonly number: number;
  /** In what differs from event to event. */
  readonly matchers: readonly Search[];
  /** In what the actor is. */
  readonly actor: Readonly<Record<ActorScope, readonly Search[]>>;
  readonly ofAncestors: Map<ProcessSummary, readonly number[]>;
  readonly present: readonly { readonly reading: Reading; readonly rules: readonly number[] }[];
  /** Rules without an anchor. */
  readonly always: readonly number[];
  /** Of live events: by rule, what is left of its condition for the kind, compiled when the rule is first found. */
  readonly predicates: (Predicate | undefined)[];
  readonly kind: LiveKind | undefined;
}

/** Lists that are made of one member of each ancestor. */
const MEMBER_OF: ReadonlyMap<FieldId | undefined, keyof ProcessSummary> = new Map([
  [fieldId('process.ancestor_names'), 'name'],
  [fieldId('process.ancestor_paths'), 'path'],
  [fieldId('process.ancestor_programs'), 'program'],
  [fieldId('process.ancestor_effective_paths'), 'effective_path'],
]);
const ANCESTORS = fieldId('process.ancestors') ?? -1;

function collectOf({ matcher, wanted }: Search, one: ProcessSummary, found: Set<number>): void {
  const member = matcher.reading.member ?? MEMBER_OF.get(matcher.reading.field);
  if (member === undefined) return;
  readElement(one, { ...matcher.reading, member }, (value) => {
    const { targets, count } = matcher.find(value);
    for (let at = 0; at < count; at++) if (wanted[targets[at] ?? 0] === 1) found.add(targets[at] ?? 0);
  });
}

/** What a rule needs to be found by, for each kind that it names and for any other. */
interface Placement {
  readonly byKind: ReadonlyMap<string, readonly Anchor[] | undefined>;
  readonly otherwise: readonly Anchor[] | undefined;
}

/** No kind has this name; what is left of a condition for it is left for every kind that the condition does not name. */
const ANY_OTHER = '\0';

function placements(rules: readonly CompiledRule[], expanded: Map<Condition, Condition>): readonly Placement[] {
  const anchors: KnownAnchors = new Map();
  const byKind = new Map<string, { readonly known: Known; readonly before: Specialised }>();
  const forKind = (condition: Condition, kind: string) => {
    const { known, before } = byKind.get(kind) ?? { known: knowsKind(kind), before: new Map() };
    byKind.set(kind, { known, before });
    return anchorsOf(specialise(condition, known, before), anchors);
  };
  return rules.map((rule) => {
    const condition = expandBehaviors(rule.condition, expanded);
    const kinds = kindsNamed(condition);
    const always = anchorsOf(condition, anchors);
    if (kinds?.size === 0) return { byKind: new Map(), otherwise: always };
    if (kinds === undefined) {
      // It asks for the kind in another way than by name: what is left of it is known for every kind there is.
      const known = Object.keys(KINDS);
      return { byKind: new Map(known.map((kind) => [kind, forKind(condition, kind)] as const)), otherwise: always };
    }
    return {
      // An event without a kind has none of the names, yet it is not known to have another one.
      byKind: new Map([...[...kinds].map((kind) => [kind, forKind(condition, kind)] as const), ['', always]]),
      otherwise: forKind(condition, ANY_OTHER),
    };
  });
}

/** What is known of live events of a kind, and what conditions became by it. */
interface LiveKind {
  readonly known: Known;
  readonly before: Specialised;
}

const EVENT_TYPE = fieldId('event.type');

/** What is left to look for in live events of a kind: it has only its own fields, and its name is known. */
function anchorsOfLive(kind: string, anchors: readonly Anchor[] | undefined): readonly Anchor[] | undefined {
  if (anchors === undefined) return undefined;
  const left: Anchor[] = [];
  for (const anchor of anchors) {
    const { field } = anchor.reading;
    if (!kindHasField(kind, fieldName(field))) continue;
    if (field !== EVENT_TYPE || anchor.type !== 'text' || anchor.how !== 'equal') left.push(anchor);
    else if (anchor.text === foldCase(kind)) return undefined;
  }
  return left;
}

export class RuleIndex {
  readonly #rules: readonly CompiledRule[];
  readonly #predicates: readonly Predicate[];
  readonly #turn: Turn;
  readonly #placements: readonly Placement[];
  readonly #matchers: ReadonlyMap<string, Matcher>;
  readonly #plans = new Map<string, Plan>();
  /** Of live events, by kind; there are only so many. */
  readonly #livePlans = new Map<string, Plan>();
  /** By rule: the number of the event it was last tried for. */
  readonly #tried: Float64Array;
  readonly #expanded = new Map<Condition, Condition>();
  readonly #compile: Compile | undefined;
  #compiled = 0;
  #event = 0;
  #plansMade = 0;
  #plan: Plan | undefined;
  #found: CompiledRule[] | undefined;
  #source: FieldSource | undefined;
  #search: Search | undefined;
  readonly #collected = new Set<number>();

  /** @param compile Of the rules' predicates: with it, what is left of a condition for a kind is asked of its live events. */
  constructor(rules: readonly CompiledRule[], turn: Turn = new Turn(), compile?: Compile) {
    this.#rules = rules;
    this.#turn = turn;
    this.#compile = compile;
    this.#predicates = rules.map(({ matches, matchesInTurn }) => matchesInTurn ?? matches);
    this.#tried = new Float64Array(rules.length);
    this.#placements = placements(rules, this.#expanded);
    const byReading = new Map<string, { reading: Reading; anchors: Target[] }>();
    const alphabet = new Alphabet();
    this.#placements.forEach(({ byKind, otherwise }, target) => {
      const seen = new Set<string>();
      const own = [...byKind.values(), otherwise].flatMap((anchors) => anchors ?? []);
      for (const anchor of [...own, ...own.flatMap((one) => onPath(one) ?? [])]) {
        if (anchor.type === 'present') continue;
        const { reading, type } = anchor;
        const key = type === 'text' ? `${reading.id} ${anchor.how} ${anchor.text}` : `${reading.id} ${anchor.value}`;
        if (seen.has(key)) continue;
        seen.add(key);
        const entry = byReading.get(reading.id) ?? { reading, anchors: [] };
        entry.anchors.push({ anchor, target });
        byReading.set(reading.id, entry);
        if (type === 'text') alphabet.add(anchor.text);
      }
    });
    alphabet.close();
    this.#matchers = new Map(
      [...byReading].map(([id, { reading, anchors }]) => [id, new Matcher(reading, anchors, alphabet)]),
    );
  }

  #makePlan(kind: string, live: boolean): Plan {
    const searches = new Map<Matcher, Uint8Array>();
    const present = new Map<string, { reading: Reading; rules: number[] }>();
    const always: number[] = [];
    this.#placements.forEach(({ byKind, otherwise }, target) => {
      const whole = byKind.has(kind) ? byKind.get(kind) : otherwise;
      const anchors = live ? anchorsOfLive(kind, whole) : whole;
      if (anchors === undefined) always.push(target);
      for (const own of anchors ?? []) {
        const anchor = (live ? onPath(own) : undefined) ?? own;
        const { reading } = anchor;
        if (anchor.type === 'present') {
          const entry = present.get(reading.id) ?? { reading, rules: [] };
          if (entry.rules.at(-1) !== target) entry.rules.push(target);
          present.set(reading.id, entry);
        } else {
          const matcher = this.#matchers.get(reading.id);
          if (matcher === undefined) continue;
          const wanted = searches.get(matcher) ?? new Uint8Array(this.#rules.length);
          wanted[target] = 1;
          searches.set(matcher, wanted);
        }
      }
    });
    const all = [...searches].map(([matcher, wanted]) => ({ matcher, wanted }));
    const of = (scope: ActorScope | undefined) =>
      all.filter(({ matcher }) => scopeOfField(matcher.reading.field) === scope);
    return {
      number: this.#plansMade++,
      matchers: of(undefined),
      actor: { own: of('own'), lineage: of('lineage') },
      ofAncestors: new Map(),
      present: [...present.values()],
      always,
      predicates: [],
      kind: live && kind in KINDS ? { known: knowsLiveKind(kind), before: new Map() } : undefined,
    };
  }

  #planFor(kind: string, live: boolean): Plan {
    const plans = live ? this.#livePlans : this.#plans;
    let plan = plans.get(kind);
    if (plan === undefined) {
      // Recordings can have any name: beyond the limit all rules are looked for by their whole condition.
      plan = this.#makePlan(plans.size < MAX_KINDS ? kind : '', live);
      if (plans.size < MAX_KINDS) plans.set(kind, plan);
    }
    return plan;
  }

  /** The rules whose predicates hold for the event, in no particular order. Allocates nothing when there are none. */
  matching(event: FieldSource): readonly CompiledRule[] {
    this.#event++;
    this.#turn.begin(event);
    this.#found = undefined;
    this.#source = event;
    const plan = this.#planFor(event.kind, (event as Partial<EventView>).live === true);
    this.#plan = plan;
    for (const target of plan.always) this.#try(target);
    for (const { reading, rules } of plan.present) {
      if (isPresent(event, reading)) for (const target of rules) this.#try(target);
    }
    for (const search of plan.matchers) if (!this.#lookAtBytes(search, event)) this.#look(search, event, this.#visit);
    this.#tryOfActor(plan, event);
    this.#source = undefined;
    return this.#found ?? NONE;
  }

  /** Rules with an anchor in what the actor is: looked for once while it stays the same. */
  #tryOfActor(plan: Plan, event: FieldSource): void {
    const { row } = this.#turn;
    if (row === undefined) {
      for (const search of plan.actor.own) this.#look(search, event, this.#visit);
      for (const search of plan.actor.lineage) this.#look(search, event, this.#visit);
      return;
    }
    this.#tryFound(plan, 'own', row.found, event);
    if (plan.actor.lineage.length > 0) this.#tryFound(plan, 'lineage', this.#turn.foundInLineage, event);
  }

  #tryFound(plan: Plan, scope: ActorScope, known: (readonly number[] | undefined)[], event: FieldSource): void {
    let found = known[plan.number];
    if (found === undefined) {
      this.#collected.clear();
      if (scope === 'own') for (const search of plan.actor.own) this.#look(search, event, this.#collect);
      else this.#collectOfAncestors(plan, event);
      found = this.#collected.size === 0 ? NO_TARGETS : [...this.#collected];
      known[plan.number] = found;
    }
    for (let at = 0; at < found.length; at++) this.#try(found[at] ?? 0);
  }

  /** What is looked for in the ancestors is looked for once in each of them, however many processes it is an ancestor of. */
  #collectOfAncestors(plan: Plan, event: FieldSource): void {
    const ancestors = event.value(ANCESTORS);
    if (!Array.isArray(ancestors)) return;
    for (const one of ancestors as readonly ProcessSummary[]) {
      let found = plan.ofAncestors.get(one);
      if (found === undefined) {
        const own = new Set<number>();
        for (const search of plan.actor.lineage) collectOf(search, one, own);
        found = own.size === 0 ? NO_TARGETS : [...own];
        if (plan.ofAncestors.size >= MAX_KNOWN_ANCESTORS) plan.ofAncestors.clear();
        plan.ofAncestors.set(one, found);
      }
      for (const target of found) this.#collected.add(target);
    }
  }

  #look(search: Search, event: FieldSource, visit: (value: string | number | boolean) => void): void {
    const { reading } = search.matcher;
    const value = event.value(reading.field);
    if (value === undefined) return;
    this.#search = search;
    if (typeof value === 'object') readParts(value, reading, visit);
    else visit(value);
  }

  /** Looks for literals in the record as it is, where the event lets it. */
  #lookAtBytes({ matcher, wanted }: Search, event: FieldSource): boolean {
    const { rootOf, field } = matcher.reading;
    const span = (event as Partial<EventView>).span?.(rootOf ?? field);
    if (span === undefined) return false;
    if (rootOf !== undefined) return !isInRoot(span);
    const found = matcher.findBytes(span);
    if (found === undefined) return false;
    this.#tryWanted(found, wanted);
    return true;
  }

  #tryWanted({ targets, count }: Hits, wanted: Uint8Array): void {
    for (let at = 0; at < count; at++) {
      const target = targets[at] ?? 0;
      if (wanted[target] === 1) this.#try(target);
    }
  }

  readonly #collect = (value: string | number | boolean): void => {
    if (this.#search === undefined) return;
    const { matcher, wanted } = this.#search;
    const { targets, count } = matcher.find(value);
    for (let at = 0; at < count; at++) {
      const target = targets[at] ?? 0;
      if (wanted[target] === 1) this.#collected.add(target);
    }
  };

  readonly #visit = (value: string | number | boolean): void => {
    if (this.#search === undefined) return;
    const { matcher, wanted } = this.#search;
    this.#tryWanted(matcher.find(value), wanted);
  };

  #try(target: number): void {
    const rule = this.#rules[target];
    if (rule === undefined || this.#source === undefined) return;
    if (this.#tried[target] === this.#event) return;
    this.#tried[target] = this.#event;
    rule.counts.evaluations++;
    const predicate = this.#plan?.predicates[target] ?? this.#predicateFor(target, rule.condition);
    if (predicate?.(this.#source) !== true) return;
    rule.counts.matches++;
    this.#found ??= [];
    this.#found.push(rule);
  }

  /** The predicate for the kind of event at hand. */
  #predicateFor(target: number, condition: Condition): Predicate | undefined {
    const plan = this.#plan;
    const whole = this.#predicates[target];
    if (plan?.kind === undefined || this.#compile === undefined || whole === undefined) return whole;
    const { known, before } = plan.kind;
    const rest = specialise(expandBehaviors(condition, this.#expanded), known, before);
    const left = rest === condition ? condition : factor(rest);
    const own = left !== condition && this.#compiled < MAX_COMPILED * this.#rules.length;
    if (own) this.#compiled++;
    const predicate = own ? this.#compile(left).matchesInTurn : whole;
    plan.predicates[target] = predicate;
    return predicate;
  }
}
