/**
 * In which of a few ways an event of a kind happened: whether it failed, how a
 * file was opened. Most rules ask for one of them, so which rules an event can
 * concern is known before anything else of it is looked at.
 */
import type { FieldValue } from './event.ts';
import { type FieldId, fieldId } from './fields.ts';
import type { FieldReaders, Members } from './members.ts';
import { isError } from './names/errno.ts';
import type { LiveView } from './view.ts';

export interface Variants {
  /** A small number, for each kind another one. */
  of(view: LiveView): number;
  /** What all events of a variant have; undefined is a field that they do not have. */
  values(variant: number): ReadonlyMap<FieldId, FieldValue>;
}

const ACCESSES: readonly FieldValue[] = [undefined, 'read', 'write', 'read_write'];
/** Any other protocol is told from these, and not from the others. */
const TRANSPORTS: readonly FieldValue[] = [undefined, 'tcp', 'udp', undefined];
const SUCCEEDED = 1;
const CREATED = 2;
/** Of accesses, or of transports: no kind has both. */
const WAY_SHIFT = 2;
const KIND_SHIFT = 4;

/** The place of a value in a list of a few: faster than a search. */
function placeOf(values: readonly FieldValue[], value: FieldValue): number {
  return value === values[1] ? 1 : value === values[2] ? 2 : value === values[3] ? 3 : 0;
}

export function variantsOf(members: Members, readers: FieldReaders): Variants {
  const result = members.number('header.result');
  const { 'file.access': access, 'file.created': created } = readers;
  const transport = members.layout.struct === 'net_event' ? readers['network.transport'] : undefined;
  const kind = members.layout.number << KIND_SHIFT;
  const [way, ways] = access === undefined ? [transport, TRANSPORTS] : [access, ACCESSES];
  return {
    of: (view) =>
      kind |
      (isError(result(view)) ? 0 : SUCCEEDED) |
      (created?.(view) === true ? CREATED : 0) |
      (way === undefined ? 0 : placeOf(ways, way(view)) << WAY_SHIFT),
    values: (variant) => {
      const values = new Map<FieldId, FieldValue>();
      const set = (name: string, value: FieldValue) => values.set(fieldId(name) ?? -1, value);
      if ((variant & SUCCEEDED) !== 0) set('event.error', '');
      if (created !== undefined) set('file.created', (variant & CREATED) !== 0);
      const value = ways[(variant >> WAY_SHIFT) & 3];
      if (access !== undefined) set('file.access', value);
      else if (value !== undefined) set('network.transport', value);
      return values;
    },
  };
}
