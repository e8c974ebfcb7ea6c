import { createHash, randomBytes } from 'node:crypto';
import type { RuleMatch } from '../rules/types.ts';
import type { FieldSource, FieldValue } from '../schema/event.ts';
import { type FieldId, type FieldName, fieldId } from '../schema/fields.ts';
import { kindSpec } from '../schema/kinds.ts';
import type { Alert } from './types.ts';

const idOf = (name: FieldName): FieldId => {
  const id = fieldId(name);
  if (id === undefined) throw new RangeError(`no field ${name}`);
  return id;
};

/**
 * Who: the program, its user, and the session or service that its cgroup is.
 * Process ids are left out, so a program that is started again and again is
 * one; arguments are left out because an attacker can vary them at no cost.
 */
const ACTOR = (['container.id', 'process.cgroup', 'process.path', 'process.name', 'process.uid'] as const).map(idOf);
const FILE_PATH = idOf('file.path');
const FILE_NEW_PATH = idOf('file.new_path');
const ADDRESS = (['network.destination.ip', 'network.destination.port'] as const).map(idOf);
const LISTENING = (['network.source.ip', 'network.source.port'] as const).map(idOf);
const PEER = idOf('network.source.ip');
const TARGET = (['target.path', 'target.name', 'module.name', 'file.path'] as const).map(idOf);

/**
 * To what, by kind of event: the directory of a file (a tree that is unpacked,
 * removed or encrypted is one), the address, else the target. Several ways of
 * doing one thing to a file are the same, so the kind is not part of it there.
 */
function objectOf(event: FieldSource): readonly FieldValue[] {
  const { kind } = event;
  const spec = kindSpec(kind);
  switch (spec?.object) {
    case 'file': {
      // A symbolic link's new path is what it points to.
      const made = spec.file?.includes('target') === true ? undefined : event.value(FILE_NEW_PATH);
      return [directoryOf(made ?? event.value(FILE_PATH))];
    }
    case 'listener':
      return LISTENING.map((id) => event.value(id));
    case 'peer':
      return [event.value(PEER)];
    case 'destination':
      return ADDRESS.map((id) => event.value(id));
    default:
      return [kind, ...TARGET.map((id) => event.value(id))];
  }
}

function directoryOf(path: FieldValue): FieldValue {
  if (typeof path !== 'string') return path;
  const slash = path.lastIndexOf('/');
  return slash <= 0 ? path : path.slice(0, slash);
}

/**
 * What makes two matches of one rule the same alert: the rule's `by`, else the
 * key of its window or correlation (the event that happens to complete it says
 * nothing), else who did it to what.
 */
function identityOf({ rule, window }: RuleMatch, event: FieldSource): readonly unknown[] {
  if (rule.by !== undefined) {
    return rule.by.map((name) => {
      const id = fieldId(name);
      return (id === undefined ? undefined : event.value(id)) ?? null;
    });
  }
  if (window !== undefined) return Object.entries(window.key).flat();
  return [...ACTOR.map((id) => event.value(id)), ...objectOf(event)].map((value) => value ?? null);
}

/** 32 hexadecimal digits: the same for repeats of one rule on one host with one identity. */
export function fingerprintOf(match: RuleMatch, host: string, event: FieldSource): string {
  return createHash('sha256')
    .update(JSON.stringify([match.rule.name, host, ...identityOf(match, event)]))
    .digest('hex')
    .slice(0, 32);
}

/** The same for each delivery of one alert, another one for each of its updates. */
export function deliveryKey({ alert_id, repeated }: Pick<Alert, 'alert_id' | 'repeated'>): string {
  return repeated === undefined ? alert_id : `${alert_id}.${repeated.last}`;
}

/** A UUID version 7: unique, and its text order is the order in time. */
export function newAlertId(now: number = Date.now()): string {
  const bytes = randomBytes(16);
  bytes.writeUIntBE(now, 0, 6);
  bytes.writeUInt8((bytes.readUInt8(6) & 0x0f) | 0x70, 6);
  bytes.writeUInt8((bytes.readUInt8(8) & 0x3f) | 0x80, 8);
  const hex = bytes.toString('hex');
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}
