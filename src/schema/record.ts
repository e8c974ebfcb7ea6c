import { behaviorPath, behaviorsOf } from './behaviors.ts';
import { coerce, isObject } from './coerce.ts';
import type { EventJson, EventRecord, FieldValue, ProcessSummary } from './event.ts';
import { FIELD_ALIASES, FIELD_NAMES, FIELDS, type FieldId, type FieldName, fieldId } from './fields.ts';
import { deriveIdentity } from './identity/recorded.ts';
import { eventJson } from './json.ts';
import { baseName, directoryName, extensionOf } from './paths.ts';

/** Id of a name in the table; a typo does not compile. */
export const id = (name: FieldName): FieldId => FIELD_NAMES.indexOf(name);

const TYPE = id('event.type');
const ID = id('event.id');
const TIMESTAMP = id('event.timestamp');
const BEHAVIORS = id('event.behaviors');
const PLACED = id('file.placed_path');
const REMOVED = id('file.removed_path');

/** Sets of fields of which the places are remembered; an event of a further set has places of its own. */
const MAX_KNOWN_PLACES = 512;
/** By field id: where in its values an event has the field. At 0 is what none has. */
type Places = Uint16Array;
const knownPlaces = new Map<string, Places>();

function placesOf(fields: string): Places {
  const known = knownPlaces.get(fields);
  if (known !== undefined) return known;
  const places = new Uint16Array(FIELD_NAMES.length);
  for (let at = 0; at < fields.length; at++) places[fields.charCodeAt(at)] = at + 1;
  if (knownPlaces.size < MAX_KNOWN_PLACES) knownPlaces.set(fields, places);
  return places;
}

/** An event that owns its values: index is the field's id, or its place. */
class StoredEvent implements EventRecord {
  readonly live = false;
  readonly kind: string;
  readonly id: string;
  readonly timestamp: number | undefined;
  readonly ktime: number | undefined;
  readonly #values: readonly FieldValue[];
  readonly #places: Places | undefined;
  /** A numeric id of a recording stays a number in the JSON, for whoever joins the two. */
  readonly #givenId: unknown;
  /** What only follows from the rest is not written: what was read comes out as it was. */
  readonly #derived: ReadonlySet<FieldId> | undefined;

  constructor(
    values: readonly FieldValue[],
    ktime: number | undefined,
    {
      places,
      givenId,
      derived,
    }: { readonly places?: Places; readonly givenId?: unknown; readonly derived?: ReadonlySet<FieldId> } = {},
  ) {
    this.#values = values;
    this.#places = places;
    this.#givenId = givenId;
    this.#derived = derived;
    this.kind = String(this.value(TYPE) ?? '');
    this.id = String(this.value(ID) ?? '');
    const timestamp = this.value(TIMESTAMP);
    this.timestamp = typeof timestamp === 'number' ? timestamp : undefined;
    this.ktime = ktime;
  }

  value(field: FieldId): FieldValue {
    return this.#values[this.#places === undefined ? field : (this.#places[field] ?? 0)];
  }

  toJSON(): EventJson {
    const json = eventJson(this, this.#derived);
    return typeof this.#givenId === 'number'
      ? { ...json, event: { ...(json.event as object), id: this.#givenId } }
      : json;
  }
}

/**
 * A record of values by field id. It keeps what is there: a third of the fields in most events, of which
 * thousands are remembered; where they are is the same for all events that have the same ones.
 */
export function recordFromValues(values: readonly FieldValue[], ktime?: number): EventRecord {
  const kept: FieldValue[] = [undefined];
  let fields = '';
  for (let field = 0; field < values.length; field++) {
    if (values[field] === undefined) continue;
    kept.push(values[field]);
    fields += String.fromCharCode(field);
  }
  return new StoredEvent(kept, ktime, { places: placesOf(fields) });
}

/** How deep nested objects of recorded JSON are looked into. */
const MAX_DEPTH = 6;

function store(values: FieldValue[], name: string, value: unknown, problems: string[] | undefined): boolean {
  const field = fieldId(name);
  if (field === undefined) return false;
  const known = FIELD_NAMES[field] as FieldName;
  // `process` is an alias and the name of a group.
  if (isObject(value) && FIELDS[known].type !== 'map<string>') return false;
  if (value === null) return true;
  const fitting = known === 'event.timestamp' ? toTimestamp(value) : coerce(value, FIELDS[known].type);
  if (fitting === undefined) problems?.push(`${name} is not a ${FIELDS[known].type}`);
  // The field's own name wins over an alias, whichever comes first.
  else if (values[field] === undefined || !(name in FIELD_ALIASES)) values[field] = fitting;
  return true;
}

/** Unix seconds; RFC 3339 text is accepted too. */
function toTimestamp(value: unknown): FieldValue {
  const number = coerce(value, 'double');
  if (number !== undefined || typeof value !== 'string') return number;
  const milliseconds = /^\d{4}-\d\d-\d\d[T ]/.test(value) ? Date.parse(value) : Number.NaN;
  return Number.isNaN(milliseconds) ? undefined : milliseconds / 1000;
}

function walk(values: FieldValue[], json: object, prefix: string, depth: number, problems?: string[]): void {
  for (const [key, value] of Object.entries(json)) {
    const name = prefix === '' ? key : `${prefix}.${key}`;
    if (store(values, name, value, problems)) continue;
    if (isObject(value) && depth < MAX_DEPTH) walk(values, value, name, depth + 1, problems);
  }
}

const PATH_PARTS = [
  ['process.name', 'process.path', baseName],
  ['process.parent.name', 'process.parent.path', baseName],
  ['target.name', 'target.path', baseName],
  ['file.name', 'file.path', baseName],
  ['file.directory', 'file.path', directoryName],
  ['file.extension', 'file.path', extensionOf],
] as const;
const JOINED = [
  ['process.command_line', 'process.args'],
  ['process.parent.command_line', 'process.parent.args'],
] as const;
const SAME = [
  ['process.ppid', 'process.parent.pid'],
  ['process.parent.pid', 'process.ppid'],
] as const;

/**
 * Fills in what follows from the rest without guessing: the parts of a path,
 * a program's name from its path, the command line from the arguments (never
 * the arguments from a command line), ppid and parent.pid from each other, the
 * names and paths of the ancestors, and what the programs are.
 */
function derive(values: FieldValue[]): ReadonlySet<FieldId> {
  const name = values[id('process.name')];
  // Simple events give the executable's whole path as `process` at times.
  if (typeof name === 'string' && name.startsWith('/')) values[id('process.path')] ??= name;
  for (const [part, from, cut] of PATH_PARTS) {
    const path = values[id(from)];
    if (typeof path === 'string') values[id(part)] ??= cut(path);
  }
  for (const [line, from] of JOINED) {
    const args = values[id(from)];
    if (Array.isArray(args)) values[id(line)] ??= args.join(' ');
  }
  for (const [to, from] of SAME) values[id(to)] ??= values[id(from)];
  const ancestors = values[id('process.ancestors')] as readonly ProcessSummary[] | undefined;
  if (ancestors !== undefined) {
    const known = (text: string | undefined) => text !== undefined;
    values[id('process.ancestor_names')] ??= ancestors.map((one) => one.name).filter(known) as string[];
    values[id('process.ancestor_paths')] ??= ancestors.map((one) => one.path).filter(known) as string[];
  }
  return deriveIdentity(values);
}

/**
 * The event that a line of a recording describes: the nested form of docs/events.md,
 * whole or partial, flattened dotted keys, aliases and simple events, also
 * mixed. What is absent, null or of an unfitting type stays absent (the latter
 * is named in `problems`); unknown keys are ignored.
 *
 * `fallbackId` is the id of an event that brings none (`event.id`, or `id` or
 * `event_id` at the top). Throws a TypeError when the value is not an object.
 */
export function recordFromJson(json: unknown, fallbackId: string, problems?: string[]): EventRecord {
  if (!isObject(json)) throw new TypeError('an event is a JSON object');
  const values: FieldValue[] = new Array(FIELD_NAMES.length).fill(undefined);
  walk(values, json, '', 0, problems);
  const given = (isObject(json.event) ? json.event.id : undefined) ?? json['event.id'] ?? json.event_id ?? json.id;
  values[ID] = coerce(given, 'string') ?? fallbackId;
  if (typeof json.event === 'string') values[TYPE] ??= json.event;
  const derived = derive(values);
  const event = new StoredEvent(values, undefined, { givenId: given, derived });
  values[BEHAVIORS] = behaviorsOf(event);
  values[PLACED] = behaviorPath(event, 'file_placed');
  values[REMOVED] = behaviorPath(event, 'file_removed');
  return event;
}
