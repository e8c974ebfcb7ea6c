import type { EventJson, FieldSource } from './event.ts';
import { FIELD_NAMES, type FieldId, type FieldName } from './fields.ts';

/** Follow from the kind, the path or process.ancestors and would only repeat them. */
const LEFT_OUT: ReadonlySet<FieldName> = new Set([
  'event.behaviors',
  'file.placed_path',
  'file.removed_path',
  'process.ancestor_names',
  'process.ancestor_paths',
  'process.ancestor_programs',
  'process.ancestor_effective_paths',
]);

/** Where each field lies in the JSON: the time is at the top. */
const PLACES = FIELD_NAMES.flatMap((name, field) => {
  if (LEFT_OUT.has(name)) return [];
  const path = name === 'event.timestamp' ? ['timestamp'] : name.split('.');
  return [{ field, groups: path.slice(0, -1), key: path.at(-1) ?? name }];
}).sort((a, b) => a.groups.length - b.groups.length);

type Group = { [key: string]: unknown };

/** The event as every output writes it: the field names of the rules, nested; an absent field has no key, nor has one of `without`. */
export function eventJson(event: FieldSource, without?: ReadonlySet<FieldId>): EventJson {
  const top: Group = {};
  for (const { field, groups, key } of PLACES) {
    const value = without?.has(field) === true ? undefined : event.value(field);
    if (value === undefined) continue;
    let group = top;
    for (const name of groups) {
      group[name] ??= {};
      group = group[name] as Group;
    }
    group[key] = value;
  }
  return top;
}
