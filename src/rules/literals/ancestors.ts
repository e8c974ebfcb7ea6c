/** What is looked for in one ancestor of an actor. */
import type { ProcessSummary } from '../../schema/event.ts';
import { type FieldId, fieldId } from '../../schema/fields.ts';
import { readElement } from './anchors.ts';
import type { Search } from './plan.ts';

/** Lists that are made of one member of each ancestor. */
const MEMBER_OF: ReadonlyMap<FieldId | undefined, keyof ProcessSummary> = new Map([
  [fieldId('process.ancestor_names'), 'name'],
  [fieldId('process.ancestor_paths'), 'path'],
  [fieldId('process.ancestor_programs'), 'program'],
  [fieldId('process.ancestor_effective_paths'), 'effective_path'],
]);

/** Adds to `found` the rules that have an anchor in it. */
export function collectOf({ matcher, wanted }: Search, one: ProcessSummary, found: Set<number>): void {
  const member = matcher.reading.member ?? MEMBER_OF.get(matcher.reading.field);
  if (member === undefined) return;
  readElement(one, { ...matcher.reading, member }, (value) => {
    const { targets, count } = matcher.find(value);
    for (let at = 0; at < count; at++) if (wanted[targets[at] ?? 0] === 1) found.add(targets[at] ?? 0);
  });
}
