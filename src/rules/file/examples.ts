/** The examples of a rule: events, what they have in common with a named actor, and the result that the rule must have. */
import { nearest } from '../../nearest.ts';
import { FIELD_ALIASES, FIELD_NAMES, FIELDS, fieldId, fieldName } from '../../schema/fields.ts';
import type { RuleExample } from '../rule.ts';
import type { Placed, RuleBook } from './book.ts';
import type { RuleDocument } from './document.ts';
import { EXAMPLE_KEYS } from './keys.ts';
import { type FileNode, type ObjectNode, plain } from './node.ts';

type Fields = Record<string, unknown>;

/** How deep actors may stand on other actors. */
const MAX_ACTORS = 16;
const NOT_FIELDS = ['actor'];

/** Reads a list of examples. Throws RuleError with the place of the first mistake. */
export function readExamples({ document, node }: Placed, book: RuleBook): RuleExample[] {
  return document.array(node, '"examples"').flatMap((item): RuleExample[] => {
    const object = document.object(item, 'an example');
    document.checkKeys(object, EXAMPLE_KEYS);
    const name = object.entries.get('name')?.node;
    const { match, events } = outcomeOf(document, object, book);
    const times = object.entries.get('times')?.node;
    const { file, line } = document.place(object);
    const often = (given: readonly unknown[]) =>
      times === undefined ? [...given] : repeated(given, document.value(times, 'times', EXAMPLE_KEYS.times.type));
    const example: RuleExample = {
      name: name === undefined ? undefined : document.string(name, '"name"'),
      events: often(events),
      match,
      source: `${file}:${line}`,
    };
    const more = variationsOf(document, object, events);
    return [example, ...more.map((event) => ({ ...example, events: often([event]) }))];
  });
}

/** `each: {FIELD: [VALUE…]}`: the event again with each of the values. */
function variationsOf(document: RuleDocument, example: ObjectNode, events: readonly unknown[]): Fields[] {
  const node = example.entries.get('each')?.node;
  if (node === undefined) return [];
  const [event, ...more] = events as readonly Fields[];
  if (event === undefined || more.length > 0 || example.entries.has('event') || example.entries.has('events'))
    throw document.error(node, '"each" stands beside a "match" or "no_match" of one event');
  return [...document.object(node, '"each"').entries].flatMap(([key, { at, node: values }]) => {
    const field = fieldId(key);
    if (field === undefined) throw unknownField(document, at, key);
    return document.array(values, `"${key}"`).map((value) => ({ ...event, [fieldName(field)]: plain(value) }));
  });
}

/** `match: EVENT`, `no_match: EVENT`, or `event: EVENT` with `match: true`; in place of one event a list. */
function outcomeOf(
  document: RuleDocument,
  object: ObjectNode,
  book: RuleBook,
): { readonly match: boolean; readonly events: unknown[] } {
  const get = (key: keyof typeof EXAMPLE_KEYS) => object.entries.get(key)?.node;
  const outcomes = [get('match'), get('no_match')];
  const [match, noMatch] = outcomes;
  const named = [get('event'), get('events')];
  const [event, events] = named;
  if (noMatch !== undefined || match?.kind === 'object' || match?.kind === 'array') {
    const [given, ...more] = [...outcomes, ...named].filter((one) => one !== undefined);
    if (given === undefined || more.length > 0) {
      throw document.error(object, 'an example has one of "match" and "no_match" with what happens');
    }
    return { match: noMatch === undefined, events: eventsOf(document, given, book, true) };
  }
  if ((event === undefined) === (events === undefined)) {
    throw document.error(object, 'an example has "match" or "no_match" with an event, or "event" or "events"');
  }
  if (match === undefined) throw document.error(object, 'an example needs "match"');
  const given = event ?? document.array(events ?? object, '"events"');
  return {
    match: document.value(match, 'match', { is: 'bool' }) === true,
    events: eventsOf(document, 'kind' in given ? given : { kind: 'array', at: object.at, items: given }, book, false),
  };
}

function eventsOf(document: RuleDocument, node: FileNode, book: RuleBook, strict: boolean): unknown[] {
  const nodes = node.kind === 'array' ? node.items : [node];
  if (nodes.length === 0) throw document.error(node, 'an example needs an event');
  return nodes.map((one) => {
    const object = document.object(one, 'an event');
    if (strict) checkFields(document, object, '');
    return strict || object.entries.has('actor') ? fieldsOf(document, object, book, []) : plain(object);
  });
}

/** The events as often as `times` says, with the number of the round, from 1, in place of {n}. */
function repeated(events: readonly unknown[], times: unknown): unknown[] {
  return Array.from({ length: Number(times) }, (_, round) =>
    events.map((event) => numbered(event, String(round + 1))),
  ).flat();
}

function numbered(value: unknown, round: string): unknown {
  if (typeof value === 'string') return value.replaceAll('{n}', round);
  if (Array.isArray(value)) return value.map((item) => numbered(item, round));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, numbered(item, round)]));
}

/** A misspelt field would be absent, and the example would show something else than it says. */
function checkFields(document: RuleDocument, object: ObjectNode, prefix: string): void {
  for (const [key, { at, node }] of object.entries) {
    const name = prefix === '' ? key : `${prefix}.${key}`;
    const field = fieldId(name);
    if (field !== undefined && !(node.kind === 'object' && FIELDS[fieldName(field)].type !== 'map<string>')) continue;
    if (prefix === '' && NOT_FIELDS.includes(key)) continue;
    const isGroup = FIELD_NAMES.some((known) => known.startsWith(`${name}.`));
    if (!isGroup || node.kind !== 'object') throw unknownField(document, at, name);
    checkFields(document, node, name);
  }
}

function unknownField(document: RuleDocument, at: ObjectNode['at'], name: string): Error {
  const near = nearest(name, [...FIELD_NAMES, ...Object.keys(FIELD_ALIASES)]);
  return document.error({ at }, `unknown field "${name}"`, near === undefined ? undefined : `did you mean "${near}"?`);
}

/** The fields of an event or actor under their dotted names, on top of those of the actors that it names. */
function fieldsOf(document: RuleDocument, object: ObjectNode, book: RuleBook, open: readonly string[]): Fields {
  const fields: Fields = {};
  const actors = object.entries.get('actor')?.node;
  const named = actors === undefined ? [] : actors.kind === 'array' ? actors.items : [actors];
  for (const node of named) {
    const name = document.string(node, '"actor"');
    const actor = book.actors.get(name);
    if (actor === undefined) {
      const near = nearest(name, book.actors.keys());
      throw document.error(node, `no actor "${name}"`, near === undefined ? undefined : `did you mean "${near}"?`);
    }
    if (open.includes(name)) throw document.error(node, `actor "${name}" uses itself: ${[...open, name].join(' -> ')}`);
    if (open.length >= MAX_ACTORS) throw document.error(node, `actors nested deeper than ${MAX_ACTORS}`);
    Object.assign(fields, fieldsOf(actor.document, actor.node, book, [...open, name]));
  }
  flatten(object, '', fields);
  return fields;
}

function flatten(object: ObjectNode, prefix: string, into: Fields): void {
  for (const [key, { node }] of object.entries) {
    if (prefix === '' && NOT_FIELDS.includes(key)) continue;
    const name = prefix === '' ? key : `${prefix}.${key}`;
    const field = fieldId(name);
    const isMap = field !== undefined && FIELDS[fieldName(field)].type === 'map<string>';
    if (node.kind === 'object' && !isMap) flatten(node, name, into);
    else into[field === undefined ? name : fieldName(field)] = plain(node);
  }
}

/** Checks an actor by itself, so that a mistake shows also where no example uses it. */
export function checkActor(document: RuleDocument, node: FileNode): ObjectNode {
  const object = document.object(node, 'an actor');
  checkFields(document, object, '');
  return object;
}
