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
  /** A small number. */
  of(view: LiveView): number;
  /** What all events of a variant have; undefined is a field that they do not have. */
  values(variant: number): ReadonlyMap<FieldId, FieldValue>;
}

const ACCESSES: readonly FieldValue[] = [undefined, 'read', 'write', 'read_write'];
const SUCCEEDED = 1;
const CREATED = 2;
const ACCESS_SHIFT = 2;

export function variantsOf(members: Members, readers: FieldReaders): Variants {
  const result = members.number('header.result');
  const { 'file.access': access, 'file.created': created } = readers;
  return {
    of: (view) =>
      (isError(result(view)) ? 0 : SUCCEEDED) |
      (created?.(view) === true ? CREATED : 0) |
      (access === undefined ? 0 : ACCESSES.indexOf(access(view)) << ACCESS_SHIFT),
    values: (variant) => {
      const values = new Map<FieldId, FieldValue>();
      const set = (name: string, value: FieldValue) => values.set(fieldId(name) ?? -1, value);
      if ((variant & SUCCEEDED) !== 0) set('event.error', '');
      if (created !== undefined) set('file.created', (variant & CREATED) !== 0);
      if (access !== undefined) set('file.access', ACCESSES[variant >> ACCESS_SHIFT]);
      return values;
    },
  };
}
