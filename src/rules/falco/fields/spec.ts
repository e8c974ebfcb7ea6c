/** A row of the table of Falco's fields. */
import { FalcoFault } from '../fault.ts';
import { ABSENT, type FalcoType, type Meaning } from '../meaning.ts';

export interface FalcoField {
  readonly type: FalcoType;
  /** What may or must follow the name: `[n]` or `[NAME]` in brackets, `.name` after a dot. */
  readonly argument?: 'index' | 'optional index' | 'key' | 'optional key' | 'name' | 'name or index';
  /** In which way the value differs from Falco's; without it, it is the same. */
  readonly differs?: string;
  /** Why it is not there. Such a field can be printed, as <NA>, and not compared. */
  readonly missing?: string;
  readonly of: (kind: string, argument: string | undefined) => Meaning;
}

export type FalcoFields = Readonly<Record<string, FalcoField>>;

const make =
  (type: FalcoType) =>
  (of: FalcoField['of'] | Meaning, more: Partial<FalcoField> | string = {}): FalcoField => ({
    type,
    of: typeof of === 'function' ? of : () => of,
    ...(typeof more === 'string' ? { differs: more } : more),
  });

export const text = make('text');
export const number = make('number');
export const truth = make('flag');
export const port = make('port');
export const address = make('address');
export const network = make('network');

/** A field that Falco has and our events do not. */
export function missing(why: string, argument?: FalcoField['argument']): FalcoField {
  return { type: 'text', missing: why, of: () => ABSENT, ...(argument === undefined ? {} : { argument }) };
}

/** An index in brackets. */
export function indexOf(name: string, argument: string | undefined): number {
  if (argument === undefined || !/^\d{1,4}$/.test(argument)) throw new FalcoFault(`${name} wants a number in brackets`);
  return Number(argument);
}
