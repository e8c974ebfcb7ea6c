/** Flat forms of an event. Simple events are read by `recordFromJson`. */
import type { FieldSource, FieldValue } from './event.ts';
import type { FieldName } from './fields.ts';
import { id } from './record.ts';

/**
 * The contract's simple event, in its order. Kinds without a network peer have
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
  for (const [key, name] of event.kind === 'process_exec' ? SIMPLE_EXEC : SIMPLE) {
    const value = event.value(id(name));
    if (value !== undefined) simple[key] = value;
  }
  return simple;
}

/** The classic record of an IPv4 connection. */
export interface ClassicConnection {
  /** Unix seconds. */
  readonly timestamp: number;
  readonly pid: number;
  readonly uid: number;
  /** Up to 15 bytes, as the kernel's comm[16]. */
  readonly comm: string;
  readonly saddr: string;
  readonly daddr: string;
  readonly sport: number;
  readonly dport: number;
}

const IPV4 = /^\d{1,3}(?:\.\d{1,3}){3}$/;

/** The classic record; undefined for an event that is not an IPv4 connection or lacks one of the members. */
export function classicConnection(event: FieldSource): ClassicConnection | undefined {
  const comm = event.value(id('process.comm')) ?? event.value(id('process.name'));
  const record = {
    timestamp: event.value(id('event.timestamp')),
    pid: event.value(id('process.pid')),
    uid: event.value(id('process.uid')),
    comm: typeof comm === 'string' ? comm.slice(0, 15) : undefined,
    saddr: event.value(id('network.source.ip')),
    daddr: event.value(id('network.destination.ip')),
    sport: event.value(id('network.source.port')),
    dport: event.value(id('network.destination.port')),
  };
  if (Object.values(record).includes(undefined)) return undefined;
  const { saddr, daddr } = record;
  if (typeof saddr !== 'string' || typeof daddr !== 'string') return undefined;
  return IPV4.test(saddr) && IPV4.test(daddr) ? (record as ClassicConnection) : undefined;
}
