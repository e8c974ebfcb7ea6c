/** Reading subjects of leaves from an event. Shared by the predicate, the engine's facts and the explanation. */
import type { FieldSource, FieldValue, ProcessSummary } from '../../schema/event.ts';
import { FIELD_NAMES, FIELDS, type FieldId } from '../../schema/fields.ts';
import type { Subject, Transform } from '../tree.ts';
import { lowerAscii, upperAscii } from './fold.ts';

export type Value = FieldValue | ProcessSummary;

/** Elements of the enclosing quantifiers, outermost first. */
export type Elements = (string | ProcessSummary | undefined)[];

export type Reader = (event: FieldSource, elements: Elements) => Value;

/** Fields that hold text somewhere, for `any_string`. The names that bpfwarden itself gives an event are not what was observed. */
export const TEXT_FIELDS: readonly FieldId[] = FIELD_NAMES.flatMap((name, id) =>
  ['string', 'list<string>', 'map<string>'].includes(FIELDS[name].type) && !name.startsWith('event.') ? [id] : [],
);

/** CEL counts code points. */
function sizeOf(value: Value): number | undefined {
  if (typeof value === 'string') {
    let size = value.length;
    for (let at = 0; at < value.length; at++) {
      const pair = value.codePointAt(at);
      if (pair !== undefined && pair > 0xffff) {
        size--;
        at++;
      }
    }
    return size;
  }
  if (Array.isArray(value)) return value.length;
  return typeof value === 'object' ? Object.keys(value).length : undefined;
}

function transformed(value: Value, transform: Transform): Value {
  if (transform === 'size') return sizeOf(value);
  if (typeof value !== 'string') return undefined;
  return transform === 'lower' ? lowerAscii(value) : upperAscii(value);
}

function entry(value: Value, key: string): Value {
  if (typeof value !== 'object' || Array.isArray(value) || !Object.hasOwn(value, key)) return undefined;
  const found = (value as Readonly<Record<string, unknown>>)[key];
  return typeof found === 'string' ? found : undefined;
}

/** The function that reads a subject. `any_string` has no single value and is not read this way. */
export function reader(subject: Subject): Reader {
  if (subject.from === 'any_string') return () => undefined;
  if (subject.from === 'derived') return subject.derived.read;
  let read: Reader;
  if (subject.from === 'field') {
    const { field, key } = subject;
    read = key === undefined ? (event) => event.value(field) : (event) => entry(event.value(field), key);
  } else {
    const { level, member } = subject;
    read =
      member === undefined
        ? (_event, elements) => elements[level]
        : (_event, elements) => {
            const element = elements[level];
            return typeof element === 'object' ? element[member] : undefined;
          };
  }
  const { index, transform } = subject;
  const whole = read;
  if (index !== undefined) {
    read = (event, elements) => {
      const list = whole(event, elements);
      return Array.isArray(list) ? list[index] : undefined;
    };
  }
  if (transform === undefined) return read;
  const inner = read;
  return (event, elements) => transformed(inner(event, elements), transform);
}

/** Calls back with each string of the event until one call returns true; whether one did. */
export function someString(event: FieldSource, test: (text: string) => boolean): boolean {
  for (const id of TEXT_FIELDS) {
    const value = event.value(id);
    if (value === undefined) continue;
    if (typeof value === 'string') {
      if (test(value)) return true;
    } else if (Array.isArray(value)) {
      for (const element of value) if (typeof element === 'string' && test(element)) return true;
    } else if (typeof value === 'object') {
      for (const text of Object.values(value)) if (typeof text === 'string' && test(text)) return true;
    }
  }
  return false;
}
