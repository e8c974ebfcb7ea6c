/**
 * By what rules are found, as text and back. Many rules and kinds look for the same:
 * readings, anchors and lists of anchors are tables, in which each stands once.
 */
import type { Anchor, Reading } from '../literals/anchors.ts';
import type { Placement } from '../literals/placements.ts';

type TextAnchor = Extract<Anchor, { readonly type: 'text' }>;

/** With the place of its reading: that something is there, a value, a text. */
type EncodedAnchor =
  | readonly [number]
  | readonly [number, number | boolean]
  | readonly [number, TextAnchor['how'], string, boolean];

/** The place of a list, -1 where a rule has to be tried always. */
type ListPlace = number;

interface EncodedPlacement {
  readonly kinds: readonly (readonly [string, ListPlace])[];
  readonly otherwise: ListPlace;
}

export interface EncodedPlacements {
  readonly readings: readonly Reading[];
  readonly anchors: readonly EncodedAnchor[];
  readonly lists: readonly (readonly number[])[];
  readonly rules: readonly EncodedPlacement[];
}

/** A table in which what has the same text stands once. */
class Table<T> {
  readonly rows: T[] = [];
  readonly #places = new Map<string, number>();

  place(row: T): number {
    const text = JSON.stringify(row);
    const known = this.#places.get(text);
    if (known !== undefined) return known;
    const place = this.rows.push(row) - 1;
    this.#places.set(text, place);
    return place;
  }
}

export function encodePlacements(placements: readonly Placement[]): EncodedPlacements {
  const readings = new Table<Reading>();
  const anchors = new Table<EncodedAnchor>();
  const lists = new Table<readonly number[]>();
  const anchorOf = (anchor: Anchor): EncodedAnchor => {
    const reading = readings.place(anchor.reading);
    if (anchor.type === 'present') return [reading];
    return anchor.type === 'value' ? [reading, anchor.value] : [reading, anchor.how, anchor.text, anchor.loose];
  };
  const listOf = (list: readonly Anchor[] | undefined): ListPlace =>
    list === undefined ? -1 : lists.place(list.map((anchor) => anchors.place(anchorOf(anchor))));
  const rules = placements.map(({ byKind, otherwise }) => ({
    kinds: [...byKind].map(([kind, list]) => [kind, listOf(list)] as const),
    otherwise: listOf(otherwise),
  }));
  return { readings: readings.rows, anchors: anchors.rows, lists: lists.rows, rules };
}

export function decodePlacements({ readings, anchors, lists, rules }: EncodedPlacements): readonly Placement[] {
  const own = anchors.map((anchor): Anchor => {
    const reading = at(readings, anchor[0]);
    if (anchor.length === 1) return { type: 'present', reading };
    if (anchor.length === 2) return { type: 'value', reading, value: anchor[1] };
    return { type: 'text', reading, how: anchor[1], text: anchor[2], loose: anchor[3] };
  });
  const known = lists.map((list) => list.map((place) => at(own, place)));
  const listOf = (place: ListPlace) => (place === -1 ? undefined : at(known, place));
  return rules.map(({ kinds, otherwise }) => ({
    byKind: new Map(kinds.map(([kind, list]) => [kind, listOf(list)] as const)),
    otherwise: listOf(otherwise),
  }));
}

function at<T>(table: readonly T[], place: number): T {
  const row = table[place];
  if (row === undefined) throw new Error(`a part of an anchor that is not there: ${place}`);
  return row;
}
