/** What conditions ask of addresses, of IPv4 ones by their number: live events need no text for it. */
import { ipv4Number } from '../../schema/address.ts';
import type { EventView, FieldSource } from '../../schema/event.ts';
import { type FieldId, fieldId } from '../../schema/fields.ts';
import type { Test } from '../tree.ts';
import { compileIpv4Networks } from './cidr.ts';

/** Fields of which a live event may give the number: see EventView.address. */
export const ADDRESS_FIELDS: ReadonlySet<FieldId | undefined> = new Set([
  fieldId('network.source.ip'),
  fieldId('network.destination.ip'),
]);

/** The number, where the field of a live event is an IPv4 address. */
export function ipv4Of(event: FieldSource & Partial<EventView>, field: FieldId): number | undefined {
  return event.live === true ? event.address?.(field) : undefined;
}

/** What a test says of an IPv4 address: the same as of its text. undefined where the text is needed for it. */
export function addressTest(test: Exclude<Test, { op: 'compare' }>): ((address: number) => boolean) | undefined {
  if (test.op === 'exists') return () => true;
  if (test.op === 'cidr') return compileIpv4Networks(test.values);
  if (test.op !== 'equal') return undefined;
  const wanted = new Set(test.values.map((value) => (typeof value === 'string' ? ipv4Number(value) : undefined)));
  const [only] = wanted;
  return wanted.size === 1 ? (address) => address === only : (address) => wanted.has(address);
}
