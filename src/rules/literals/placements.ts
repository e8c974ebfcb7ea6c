/** By what rules are found: their anchors, for each kind of event. */
import type { FieldValue } from '../../schema/event.ts';
import { type FieldId, fieldId, fieldName, kindHasField } from '../../schema/fields.ts';
import { KINDS } from '../../schema/kinds.ts';
import { expandBehaviors } from '../behaviors.ts';
import { foldCase } from '../predicate/fold.ts';
import { TEXT } from '../predicate/test-value.ts';
import type { CompiledRule } from '../rule.ts';
import type { Condition } from '../tree.ts';
import { type Anchor, anchorsOf, type KnownAnchors } from './anchors.ts';
import { type Known, kindsNamed, knowsKind, type Specialised, specialise } from './specialise.ts';

/** What a rule needs to be found by, for each kind that it names and for any other. */
export interface Placement {
  readonly byKind: ReadonlyMap<string, readonly Anchor[] | undefined>;
  readonly otherwise: readonly Anchor[] | undefined;
}

/** No kind has this name; what is left of a condition for it is left for every kind that the condition does not name. */
const ANY_OTHER = '\0';

export function placements(rules: readonly CompiledRule[], expanded: Map<Condition, Condition>): readonly Placement[] {
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

/** What is left to look for where the values of some fields are known. */
export function anchorsLeft(
  anchors: readonly Anchor[],
  values: ReadonlyMap<FieldId, FieldValue>,
): readonly Anchor[] | undefined {
  if (values.size === 0) return anchors;
  const left: Anchor[] = [];
  for (const anchor of anchors) {
    const { field, key, member } = anchor.reading;
    if (key !== undefined || member !== undefined || !values.has(field)) left.push(anchor);
    else if (hasAnchor(values.get(field), anchor)) return undefined;
  }
  return left;
}

/** Lists and maps have none here: what is known of events beforehand is a single value. */
function hasAnchor(value: FieldValue, anchor: Anchor): boolean {
  if (anchor.type === 'present') return value !== undefined;
  if (anchor.type === 'value') return value === anchor.value;
  if (typeof value !== 'string' && (value === undefined || !anchor.loose)) return false;
  const text = foldCase(String(value));
  return anchor.how === 'equal' ? text === anchor.text : TEXT[anchor.how](text, anchor.text);
}

const EVENT_TYPE = fieldId('event.type');

/** What is left to look for in live events of a kind: it has only its own fields, and its name is known. */
export function anchorsOfLive(kind: string, anchors: readonly Anchor[] | undefined): readonly Anchor[] | undefined {
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
