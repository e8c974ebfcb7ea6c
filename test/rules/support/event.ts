import type { FieldSource, FieldValue } from '../../../src/schema/event.ts';
import { FIELD_NAMES, type FieldName } from '../../../src/schema/fields.ts';

export type Fields = { readonly [name in FieldName]?: FieldValue };

/** An event that has just these fields. */
export function eventOf(fields: Fields): FieldSource {
  const values = FIELD_NAMES.map((name) => fields[name]);
  return { kind: String(fields['event.type'] ?? ''), value: (id) => values[id] };
}
