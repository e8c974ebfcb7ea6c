import { behaviorPath, behaviorsOf } from '../../../src/schema/behaviors.ts';
import type { FieldSource, FieldValue } from '../../../src/schema/event.ts';
import { FIELD_NAMES, type FieldName } from '../../../src/schema/fields.ts';

export type Fields = { readonly [name in FieldName]?: FieldValue };

/** The fields and what follows from them about what happened. */
export function withBehaviors(fields: Fields): Fields {
  const event = eventOf(fields);
  return {
    ...fields,
    'event.behaviors': behaviorsOf(event),
    'file.placed_path': behaviorPath(event, 'file_placed'),
    'file.removed_path': behaviorPath(event, 'file_removed'),
  };
}

/** An event that has just these fields. */
export function eventOf(fields: Fields): FieldSource {
  const values = FIELD_NAMES.map((name) => fields[name]);
  return { kind: String(fields['event.type'] ?? ''), value: (id) => values[id] };
}
