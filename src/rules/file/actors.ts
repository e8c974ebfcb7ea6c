/** What events of converted examples have in common, said once under `actors`. */
import { fieldId, fieldName } from '../../schema/fields.ts';

type Fields = Record<string, unknown>;

/** Who acts; what it was told to do, and by which number, is of the event. */
const OF_ACTOR = /^(?:process|user|container)\.(?!args$|command_line$|pid$|start_time$)/;
const MANY = 2;

interface Actor {
  readonly fields: Fields;
  readonly events: Fields[];
}

/**
 * The examples with `actor: NAME` in place of fields that at least two events have
 * alike, and the actors. Names begin with the file's, since they hold in all files
 * that are loaded together. Events that name an actor already stay as they are.
 */
export function withActors(data: Fields, file: string): Fields {
  const found = new Map<string, Actor>();
  for (const event of eventsOf(data)) {
    const fields = sharedPart(event);
    if (fields === undefined) continue;
    const key = JSON.stringify(Object.entries(fields).sort(([a], [b]) => (a < b ? -1 : 1)));
    const actor = found.get(key) ?? { fields, events: [] };
    actor.events.push(event);
    found.set(key, actor);
  }
  const actors: Fields = { ...(isFields(data.actors) ? data.actors : {}) };
  const short = new Map<Fields, Fields>();
  for (const { fields, events } of found.values()) {
    if (events.length < MANY) continue;
    const name = nameOf(fields, file, actors);
    actors[name] = fields;
    for (const event of events) {
      const own = Object.entries(event).filter(([field]) => !Object.hasOwn(fields, field));
      short.set(event, { actor: name, ...Object.fromEntries(own) });
    }
  }
  if (short.size === 0) return data;
  const { rules, examples, ...before } = data;
  return {
    ...before,
    actors,
    ...(examples === undefined ? {} : { examples: replaced(examples, short) }),
    ...(rules === undefined ? {} : { rules: replaced(rules, short) }),
  };
}

/** Events of examples in their short form: `match: EVENT` or `no_match: [EVENT, EVENT]`. */
function eventsOf(data: Fields): Fields[] {
  const rules = Array.isArray(data.rules) ? data.rules : [];
  const lists = [
    ...rules.map((rule: unknown) => (isFields(rule) ? rule.examples : undefined)),
    ...(isFields(data.examples) ? Object.values(data.examples) : []),
  ];
  const examples: unknown[] = lists.flatMap((list) => (Array.isArray(list) ? list : []));
  return examples
    .flatMap((example) => (isFields(example) ? [example.match, example.no_match] : []))
    .flatMap((events): unknown[] => (Array.isArray(events) ? events : [events]))
    .filter(isFields);
}

/** Undefined where a name is not the field's own: two names of one field must stay in their order. */
function sharedPart(event: Fields): Fields | undefined {
  const names = Object.keys(event);
  const plain = names.every((name) => {
    const id = fieldId(name);
    return id !== undefined && fieldName(id) === name;
  });
  const shared = names.filter((name) => OF_ACTOR.test(name));
  if (!plain || shared.length < 2) return undefined;
  return Object.fromEntries(shared.map((name) => [name, event[name]]));
}

function nameOf(fields: Fields, file: string, taken: Fields): string {
  const word = (text: unknown) =>
    (/[^/]*$/.exec(String(text ?? ''))?.[0] ?? '').replace(/\.\w+$/, '').replaceAll(/\W+/g, '_');
  const program = word(fields['process.path'] ?? fields['process.name']);
  const name = [word(file), fields['process.uid'] === 0 ? 'root' : '', program]
    .filter((part) => part !== '')
    .join('_')
    .replace(/^(?=\d|$)/, 'actor_');
  for (let number = 1; ; number++) {
    const full = number === 1 ? name : `${name}_${number}`;
    if (!Object.hasOwn(taken, full)) return full;
  }
}

function replaced(value: unknown, by: ReadonlyMap<Fields, Fields>): unknown {
  if (Array.isArray(value)) return value.map((item) => replaced(item, by));
  if (!isFields(value)) return value;
  return by.get(value) ?? Object.fromEntries(Object.entries(value).map(([key, item]) => [key, replaced(item, by)]));
}

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
