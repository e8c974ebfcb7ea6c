import { createHash, randomBytes } from 'node:crypto';
import type { FieldSource } from '../schema/event.ts';
import { type FieldName, fieldId } from '../schema/fields.ts';

/**
 * What makes two findings of one rule "the same": who (container, executable,
 * user) did what to what. Process ids are left out, so a program that is
 * started again and again is one entity; arguments are left out because an
 * attacker can vary them at no cost.
 */
const ENTITY_FIELDS: readonly FieldName[] = [
  'container.id',
  'event.type',
  'process.path',
  'process.uid',
  'file.path',
  'file.new_path',
  'network.destination.ip',
  'network.destination.port',
  'target.path',
  'module.name',
];

const ENTITY_IDS = ENTITY_FIELDS.map((name) => {
  const id = fieldId(name);
  if (id === undefined) throw new RangeError(`no field ${name}`);
  return id;
});

/** 32 hexadecimal digits: the same for repeats of one rule on one host by one entity. */
export function fingerprintOf(rule: string, host: string, event: FieldSource): string {
  const parts = ENTITY_IDS.map((id) => event.value(id) ?? null);
  return createHash('sha256')
    .update(JSON.stringify([rule, host, ...parts]))
    .digest('hex')
    .slice(0, 32);
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
