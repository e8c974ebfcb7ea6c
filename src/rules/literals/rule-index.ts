/**
 * Which rules match an event. Rules are found by the kind of event and
 * by their anchors; anchors of one field are looked for together. What is
 * found is confirmed by the rule's predicate.
 */
import type { EventView, FieldSource, FieldValue, ProcessSummary } from '../../schema/event.ts';
import { type FieldId, fieldId } from '../../schema/fields.ts';
import { KINDS } from '../../schema/kinds.ts';
import { knownPlace } from '../../schema/known-texts.ts';
import { expandBehaviors } from '../behaviors.ts';
import { scopeOfField } from '../predicate/actor.ts';
import { type Predicate, type SharedPredicate, sharedParts } from '../predicate/compile.ts';
import { type ActorScope, Turn } from '../predicate/turn.ts';
import type { CompiledRule } from '../rule.ts';
import type { Condition } from '../tree.ts';
import { collectOf } from './ancestors.ts';
import { isInRoot, isPresent, onPath, type Reading, readParts } from './anchors.ts';
import { Hits } from './automaton.ts';
import { factor } from './factor.ts';
import { KnownHits } from './known-hits.ts';
import { type Matcher, matchersOf } from './matcher.ts';
import { anchorsLeft, anchorsOfLive, type Placement, placements } from './placements.ts';
import type { LiveKind, Plan, Presence, Search } from './plan.ts';
import { knowsLiveKind, knowsValues, type Specialised, specialise } from './specialise.ts';

type Compile = (condition: Condition) => SharedPredicate;

const NO_TARGETS: readonly number[] = Object.freeze([]);
const NONE: readonly CompiledRule[] = Object.freeze([]);
const NO_VALUES: ReadonlyMap<FieldId, FieldValue> = new Map();

/** Kinds that get a plan of their own; recordings can have any name. */
const MAX_KINDS = 256;
/** Predicates for kinds, for each rule of the set. */
const MAX_COMPILED = 8;
/** Of each kind: ancestors of which is remembered what was found in them. */
const MAX_KNOWN_ANCESTORS = 512;
const ANCESTORS = fieldId('process.ancestors') ?? -1;
/** Live events may give these as bytes. */
const IN_BYTES: ReadonlySet<FieldId | undefined> = new Set([fieldId('file.path'), fieldId('file.new_path')]);

/** A variant with less than this share of its kind's texts gets an automaton of its own; the others share that of the kind. */
const SHARE_OF_KIND = 1 / 2;

export class RuleIndex {
  readonly #rules: readonly CompiledRule[];
  readonly #turn: Turn;
  /** By what the rules are found, in their order. */
  readonly placements: readonly Placement[];
  readonly #matchers: ReadonlyMap<string, Matcher>;
  readonly #plans = new Map<string, Plan>();
  /** Of live events, by kind; there are only so many. */
  readonly #livePlans = new Map<string, Plan>();
  /** The same for each way in which they happen, by its number. */
  readonly #variants: (Plan | undefined)[] = [];
  /** By rule: the number of the event it was last tried for. */
  readonly #tried: Float64Array;
  /** Parts of which the answer is remembered for an event. */
  readonly #shared: ReadonlySet<Condition>;
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
  readonly #hits = new Hits();

  /**
   * @param compile Of the rules' predicates: with it, what is left of a condition for a kind is asked of its live events.
   * @param known By what the rules are found, where that was found out before.
   */
  constructor(
    rules: readonly CompiledRule[],
    turn: Turn = new Turn(),
    compile?: Compile,
    known?: readonly Placement[],
  ) {
    this.#rules = rules;
    this.#turn = turn;
    this.#compile = compile;
    this.#tried = new Float64Array(rules.length);
    this.#shared = sharedParts(rules.map(({ condition }) => condition));
    this.placements = known ?? placements(rules, this.#expanded);
    this.#matchers = matchersOf(this.placements);
  }

  /**
   * @param possible Whether a rule can hold at all for the events that the plan is for.
   * @param values What they all have.
   */
  #makePlan(
    kind: string,
    live: boolean,
    possible: (rule: CompiledRule) => boolean = () => true,
    values: ReadonlyMap<FieldId, FieldValue> = NO_VALUES,
  ): Plan {
    const searches = new Map<Matcher, Search>();
    const present = new Map<string, { reading: Reading; rules: number[] }>();
    const always: number[] = [];
    const scopeOfReading = ({ field }: Reading) => scopeOfField(field);
    this.placements.forEach(({ byKind, otherwise }, target) => {
      const whole = byKind.has(kind) ? byKind.get(kind) : otherwise;
      const ofKind = live ? anchorsOfLive(kind, whole) : whole;
      const anchors = ofKind === undefined ? undefined : anchorsLeft(ofKind, values);
      const rule = this.#rules[target];
      if (anchors?.length === 0 || rule === undefined || !possible(rule)) return;
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
          const search = searches.get(matcher) ?? {
            matcher,
            wanted: new Uint8Array(this.#rules.length),
            ofKind:
              live && IN_BYTES.has(reading.field)
                ? { patterns: [], count: 0, automaton: undefined, known: undefined }
                : undefined,
          };
          search.wanted[target] = 1;
          if (anchor.type === 'text' && search.ofKind !== undefined)
            search.ofKind.count = search.ofKind.patterns.push({ how: anchor.how, text: anchor.text, target });
          searches.set(matcher, search);
        }
      }
    });
    const all = [...searches.values()];
    const of = (scope: ActorScope | undefined) =>
      all.filter(({ matcher }) => scopeOfReading(matcher.reading) === scope);
    const isOwn = ({ reading }: Presence) => scopeOfReading(reading) === 'own';
    const asked = [...present.values()];
    const actor = { own: of('own'), lineage: of('lineage') };
    return {
      number: this.#plansMade++,
      matchers: of(undefined),
      actor,
      asksOfActor: actor.own.length + actor.lineage.length > 0 || asked.some(isOwn),
      ofAncestors: new Map(),
      present: asked.filter((one) => !isOwn(one)),
      presentInActor: asked.filter(isOwn),
      always,
      predicates: [],
      ofActor: [],
      kind: live && kind in KINDS ? { known: knowsLiveKind(kind), before: new Map() } : undefined,
    };
  }

  #livePlan(event: EventView): Plan {
    const variant = event.variant();
    const before = this.#variants[variant];
    if (before !== undefined) return before;
    const plan = this.#planFor(event.kind, true);
    const made = plan.kind === undefined ? plan : this.#variantOf(plan, plan.kind, event);
    // Without holes: a list that is mostly holes is a hash table, which every event would look into.
    while (this.#variants.length < variant) this.#variants.push(undefined);
    this.#variants[variant] = made;
    return made;
  }

  #variantOf(plan: Plan, { known: knownOfKind }: LiveKind, event: EventView): Plan {
    const values = event.variantValues();
    const known = knowsValues(knownOfKind, values);
    const specialised: Specialised = new Map();
    const possible = ({ condition }: CompiledRule) => {
      const left = specialise(expandBehaviors(condition, this.#expanded), known, specialised);
      return left.type !== 'const' || left.value;
    };
    const narrow = this.#makePlan(event.kind, true, possible, values);
    // What is compiled for the kind serves all of its variants.
    const { predicates, ofActor, kind } = plan;
    const ofKind = new Map(plan.matchers.map((search) => [search.matcher, search.ofKind]));
    const matchers = narrow.matchers.map((search) => {
      const shared = ofKind.get(search.matcher);
      const isFew = (search.ofKind?.count ?? 0) < (shared?.count ?? 0) * SHARE_OF_KIND;
      return isFew ? search : { ...search, ofKind: shared };
    });
    return { ...narrow, matchers, predicates, ofActor, kind };
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
    this.#turn.next();
    this.#found = undefined;
    this.#source = event;
    const live = event as EventView;
    const plan = live.live === true ? this.#livePlan(live) : this.#planFor(event.kind, false);
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
    if (!plan.asksOfActor) return;
    const row = this.#turn.actorOf(event);
    if (row === undefined) {
      for (const { reading, rules } of plan.presentInActor) {
        if (isPresent(event, reading)) for (const target of rules) this.#try(target);
      }
      for (const search of plan.actor.own) this.#look(search, event, this.#visit);
      for (const search of plan.actor.lineage) this.#look(search, event, this.#visit);
      return;
    }
    this.#tryFound(plan, 'own', row.found, event);
    if (plan.actor.lineage.length > 0) this.#tryFound(plan, 'lineage', this.#turn.foundInLineage, event);
  }

  #tryFound(plan: Plan, scope: ActorScope, known: (readonly number[] | undefined)[], event: FieldSource): void {
    const before = known[plan.number];
    const found = before ?? this.#findInActor(plan, scope, event);
    if (before === undefined) known[plan.number] = found;
    for (let at = 0; at < found.length; at++) this.#try(found[at] ?? 0);
  }

  /** Apart from what every event calls: a function with a closure in it takes memory at each call, whether or not it makes one. */
  #findInActor(plan: Plan, scope: ActorScope, event: FieldSource): readonly number[] {
    this.#collected.clear();
    if (scope === 'lineage') this.#collectOfAncestors(plan, event);
    else {
      for (const { reading, rules } of plan.presentInActor) {
        if (isPresent(event, reading)) for (const target of rules) this.#collected.add(target);
      }
      for (const search of plan.actor.own) this.#look(search, event, this.#collect);
    }
    const found = [...this.#collected].filter((target) => this.#mayHold(plan, target, event));
    return found.length === 0 ? NO_TARGETS : found;
  }

  /** Whether it may hold for any event of the actor, as far as that is known of the actor alone. */
  #mayHold(plan: Plan, target: number, event: FieldSource): boolean {
    const rule = this.#rules[target];
    if (rule !== undefined && plan.predicates[target] === undefined) this.#predicateFor(target, rule);
    return plan.ofActor[target]?.(event) !== false;
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
  #lookAtBytes(search: Search, event: FieldSource): boolean {
    const { matcher, wanted, ofKind } = search;
    const { rootOf, field } = matcher.reading;
    const live = event as EventView;
    if (live.live !== true) return false;
    if (rootOf !== undefined) {
      const span = live.span(rootOf);
      return span !== undefined && !isInRoot(span);
    }
    if (ofKind === undefined) {
      const address = live.address(field);
      const hits = address === undefined ? undefined : matcher.findAddress(address);
      if (hits !== undefined) this.#tryWanted(hits, wanted);
      return hits !== undefined;
    }
    const automaton = ofKind.automaton === undefined ? matcher.newAutomaton(ofKind.patterns) : ofKind.automaton;
    if (automaton !== ofKind.automaton) {
      ofKind.automaton = automaton;
      ofKind.patterns = [];
    }
    if (automaton === null) return false;
    const span = live.span(field);
    const place = span === undefined ? -1 : knownPlace(span.bytes, span.at, span.length);
    const before = place < 0 ? undefined : ofKind.known?.get(place);
    if (before !== undefined) {
      for (let at = 0; at < before.length; at++) if (wanted[before[at] ?? 0] === 1) this.#try(before[at] ?? 0);
      return true;
    }
    const found = this.#hits;
    found.count = 0;
    if (span === undefined || !automaton.scanBytes(span, found)) {
      const text = live.value(field);
      if (typeof text === 'string') automaton.scan(text, found);
    }
    if (place >= 0) {
      ofKind.known ??= new KnownHits();
      ofKind.known.set(place, found);
    }
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
    this.#turn.actorOf(this.#source);
    rule.counts.evaluations++;
    const predicate = this.#plan?.predicates[target] ?? this.#predicateFor(target, rule);
    if (!predicate(this.#source)) return;
    rule.counts.matches++;
    // Mostly one: a list that is made empty and grows takes room for 17.
    if (this.#found === undefined) this.#found = [rule];
    else this.#found.push(rule);
  }

  /** The predicate for the kind of event at hand. */
  #predicateFor(target: number, rule: CompiledRule): Predicate {
    const { condition } = rule;
    const plan = this.#plan;
    if (plan?.kind === undefined || this.#compile === undefined) return rule.matchesInTurn ?? rule.matches;
    const { known, before } = plan.kind;
    const rest = specialise(expandBehaviors(condition, this.#expanded), known, before);
    const left = rest === condition ? condition : factor(rest, this.#shared);
    const own = left !== condition && this.#compiled < MAX_COMPILED * this.#rules.length;
    if (own) this.#compiled++;
    const compiled = own ? this.#compile(left) : rule;
    const predicate = compiled.matchesInTurn ?? compiled.matches;
    plan.predicates[target] = predicate;
    plan.ofActor[target] = compiled.ofActor;
    return predicate;
  }
}
