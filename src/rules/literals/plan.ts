/** What the index looks for in events of one kind. */
import type { ProcessSummary } from '../../schema/event.ts';
import type { Predicate } from '../predicate/compile.ts';
import type { ActorScope } from '../predicate/turn.ts';
import type { Reading } from './anchors.ts';
import type { Automaton, Pattern } from './automaton.ts';
import type { KnownHits } from './known-hits.ts';
import type { Matcher } from './matcher.ts';
import type { Known, Specialised } from './specialise.ts';

/** What looks for the texts of a kind's anchors alone, in bytes where they can be had: made when the first come. */
interface OfKind {
  patterns: Pattern[];
  count: number;
  /** null where there are too many. */
  automaton: Automaton | null | undefined;
  /** What it found in texts that come again and again. */
  known: KnownHits | undefined;
}

/** A matcher, and by rule: 1 where what it finds is an anchor of the rule for this kind. */
export interface Search {
  readonly matcher: Matcher;
  readonly wanted: Uint8Array;
  /** Of paths. */
  readonly ofKind: OfKind | undefined;
}

/** Rules for which it is enough that something is there. */
export interface Presence {
  readonly reading: Reading;
  readonly rules: readonly number[];
}

/** What has to be looked at for one kind of event. */
export interface Plan {
  /** Of all plans. */
  readonly number: number;
  /** In what differs from event to event. */
  readonly matchers: readonly Search[];
  /** In what the actor is. */
  readonly actor: Readonly<Record<ActorScope, readonly Search[]>>;
  /** There is something to look for in what the actor is. */
  readonly asksOfActor: boolean;
  readonly ofAncestors: Map<ProcessSummary, readonly number[]>;
  readonly present: readonly Presence[];
  /** The same of what the actor is. */
  readonly presentInActor: readonly Presence[];
  /** Rules without an anchor. */
  readonly always: readonly number[];
  /** Of live events: by rule, what is left of its condition for the kind, compiled when the rule is first found. */
  readonly predicates: (Predicate | undefined)[];
  /** Of them what asks of the actor alone. */
  readonly ofActor: (Predicate | undefined)[];
  readonly kind: LiveKind | undefined;
}

/** What is known of live events of a kind, and what conditions became by it. */
export interface LiveKind {
  readonly known: Known;
  readonly before: Specialised;
}
