/** Flat forms of an event. Simple events are read by `recordFromJson`. */
import type { FieldSource, FieldValue } from './event.ts';
import type { FieldName } from './fields.ts';
import { kindSpec } from './kinds.ts';
import { id } from './record.ts';

/**
 * The simple event, in the order that readers of it rely on. Kinds without a network peer have
 * the path they act upon under its dotted field name.
 */
const SIMPLE = [
  ['event_type', 'event.type'],
  ['pid', 'process.pid'],
  ['process', 'process.name'],
  ['target_ip', 'network.destination.ip'],
  ['target_port', 'network.destination.port'],
  ['file.path', 'file.path'],
  ['file.new_path', 'file.new_path'],
  ['timestamp', 'event.timestamp'],
] as const satisfies readonly (readonly [string, FieldName])[];
const SIMPLE_EXEC = [...SIMPLE.slice(0, 3), ['process.path', 'process.path'], ...SIMPLE.slice(3)] as const;

export function simpleEvent(event: FieldSource): { readonly [key: string]: FieldValue } {
  const simple: Record<string, FieldValue> = {};
  for (const [key, name] of kindSpec(event.kind)?.keeps === 'exec' ? SIMPLE_EXEC : SIMPLE) {
    const value = event.value(id(name));
    if (value !== undefined) simple[key] = value;
  }
  return simple;
}
