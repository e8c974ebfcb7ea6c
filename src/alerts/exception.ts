/** From an alert to the exception that would have held it back: who did what, in fields that the next time are the same. */
import { exceptionOf } from '../rules/file/exceptions.ts';
import { holds } from '../rules/predicate/explain.ts';
import type { EventRecord, FieldValue } from '../schema/event.ts';
import { FIELDS, type FieldName, fieldId } from '../schema/fields.ts';
import type { KindSpec } from '../schema/kinds/spec.ts';
import { kindSpec } from '../schema/kinds.ts';
import { recordFromJson } from '../schema/record.ts';
import { REDACTED } from './redact.ts';
import type { Alert } from './types.ts';

/** As exceptions take them: a value, or an operator with one. */
type ExceptionFields = Readonly<Record<string, string | number | boolean | { readonly startsWith: string }>>;

export interface Proposal {
  readonly fields: ExceptionFields;
  /** How many of the alerts that were given it would have held back. */
  readonly holdsBack: number;
}

export interface Proposals {
  /** Holds this alert back, and as little else as its fields allow. */
  readonly narrowest: Proposal;
  /** Each holds back more than the one before it. */
  readonly wider: readonly Proposal[];
  /** Alerts that were looked at: of the same rule, this one among them. */
  readonly alerts: number;
}

/** Who acts, by what the kernel says: names and arguments are a program's own to choose. */
const ACTOR: readonly FieldName[] = ['process.path', 'process.effective_path', 'process.uid'];
const PARENTS: readonly FieldName[] = ['process.parent.effective_path', 'process.parent.path'];
/** Upon what. */
const OBJECTS: Readonly<Record<KindSpec['object'], readonly FieldName[]>> = {
  program: ['process.command_line'],
  file: ['file.path', 'file.new_path'],
  listener: ['network.source.ip', 'network.source.port'],
  peer: ['network.source.ip', 'network.destination.port'],
  destination: ['network.destination.ip', 'network.destination.port'],
  target: ['target.effective_path', 'target.path', 'target.name', 'file.path', 'module.name'],
};
/** What is another value the next time: ids, times, terminals; and what a program says of itself. */
const VOLATILE =
  /^event\.|^host\.|(?:^|[._])(?:pid|ppid|tid|inode|device|id|time|age|tty|comm|cgroup)$|entity_id|session|\.(?:stdin|stdout|stderr)\.|^network\.source\.port$/;

/** The proposals for an alert; undefined when it says nothing of who acted on what. `others` are alerts of the same rule. */
export function proposeExceptions(alert: Alert, others: readonly Alert[]): Proposals | undefined {
  const event = recordOf(alert);
  // A script is its file; where that is the executable itself, the shorter name will do.
  const actor = present(event, ACTOR);
  if (actor['process.effective_path'] === actor['process.path']) delete actor['process.effective_path'];
  const parents = present(event, PARENTS);
  if (parents['process.parent.effective_path'] === parents['process.parent.path']) {
    delete parents['process.parent.effective_path'];
  }
  const parent = Object.fromEntries(Object.entries(parents).slice(0, 1));
  const object = {
    ...present(event, OBJECTS[kindSpec(event.kind)?.object ?? 'target']),
    ...asked(alert, event),
  };
  for (const name of Object.keys(object)) if (name in actor || name in parent) delete object[name];
  const whole = { ...actor, ...parent, ...object };
  if (Object.keys(whole).length === 0) return undefined;

  const ids = new Set([alert.alert_id]);
  const events = [event];
  for (const other of others) {
    if (ids.has(other.alert_id)) continue;
    ids.add(other.alert_id);
    events.push(recordOf(other));
  }
  const proposal = (fields: ExceptionFields): Proposal => {
    const condition = exceptionOf(fields);
    return { fields, holdsBack: events.filter((one) => holds(condition, one)).length };
  };
  const narrowest = proposal(whole);
  const wider: Proposal[] = [];
  for (const fields of widened(actor, parent, object)) {
    const next = proposal(fields);
    if (next.holdsBack > (wider.at(-1) ?? narrowest).holdsBack) wider.push(next);
  }
  return { narrowest, wider, alerts: events.length };
}

/** Step by step: any file of the directory, anything, any parent, any user. */
function* widened(
  actor: ExceptionFields,
  parent: ExceptionFields,
  object: ExceptionFields,
): Generator<ExceptionFields> {
  const directories = Object.entries(object).flatMap(([name, value]) => {
    const slash = typeof value === 'string' && name.startsWith('file.') ? value.lastIndexOf('/') : -1;
    return slash > 0 ? [[name, { startsWith: String(value).slice(0, slash + 1) }] as const] : [];
  });
  if (directories.length > 0) yield { ...actor, ...parent, ...object, ...Object.fromEntries(directories) };
  if (Object.keys({ ...actor, ...parent }).length === 0) return;
  yield { ...actor, ...parent };
  if (Object.keys(actor).length === 0) return;
  yield actor;
  const { 'process.uid': _, ...program } = actor;
  if (Object.keys(program).length > 0) yield program;
}

function recordOf(alert: Alert): EventRecord {
  return recordFromJson(alert, '');
}

/** What the rule itself asked for, as far as it is a single value and lasts. */
function asked({ matched }: Alert, event: EventRecord): Record<string, string | number | boolean> {
  const names = matched.map(({ field }) => field).filter((name) => fieldId(name) !== undefined && !VOLATILE.test(name));
  return present(event, names as FieldName[]);
}

function present(event: EventRecord, names: readonly FieldName[]): Record<string, string | number | boolean> {
  const found: Record<string, string | number | boolean> = {};
  for (const name of names) {
    const id = fieldId(name);
    const value: FieldValue = id === undefined ? undefined : event.value(id);
    if (!/^(?:string|int|bool)$/.test(FIELDS[name].type) || typeof value === 'object' || value === undefined) continue;
    // What was redacted or cut is not what the rules see.
    if (typeof value === 'string' && (value.includes(REDACTED) || value.endsWith('…'))) continue;
    found[name] = value;
  }
  return found;
}
