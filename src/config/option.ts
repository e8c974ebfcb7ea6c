/** What an option is, and the rows that options are written with. */

export type OptionType =
  | { readonly is: 'bool' }
  | { readonly is: 'string'; readonly choices?: readonly string[] }
  | { readonly is: 'path' }
  | { readonly is: 'url' }
  | { readonly is: 'int'; readonly min: number; readonly max: number }
  | { readonly is: 'number'; readonly min: number; readonly max: number }
  | { readonly is: 'list'; readonly of: 'string' | 'path' | 'url'; readonly choices?: readonly string[] };

/** What an option has no effect without. */
export interface Need {
  /** As it is written after "only with": `format = "template"`. */
  readonly what: string;
  isMet(values: Readonly<Record<string, unknown>>): boolean;
}

export interface Option<T> {
  readonly type: OptionType;
  readonly default: T;
  readonly doc: string;
  readonly needs?: readonly Need[];
}

/** By key. `required` keys have no default. */
export type Options = Readonly<Record<string, Option<unknown> & { readonly required?: true }>>;

type Widen<T> = T extends boolean ? boolean : T;
/** The values of a table with these options. */
export type ValuesOf<T extends Options> = { readonly [K in keyof T]: Widen<T[K]['default']> };

export const bool = (value: boolean, doc: string) =>
  ({ type: { is: 'bool' }, default: value as boolean, doc }) as const;
export const string = (value: string, doc: string) =>
  ({ type: { is: 'string' }, default: value as string, doc }) as const;
export const path = (value: string, doc: string) => ({ type: { is: 'path' }, default: value as string, doc }) as const;
export const url = (doc: string) => ({ type: { is: 'url' }, default: '' as string, doc }) as const;
export const int = (value: number, min: number, max: number, doc: string) =>
  ({ type: { is: 'int', min, max }, default: value as number, doc }) as const;
export const float = (value: number, min: number, max: number, doc: string) =>
  ({ type: { is: 'number', min, max }, default: value as number, doc }) as const;
export const list = (of: 'string' | 'path' | 'url', value: readonly string[], doc: string) =>
  ({ type: { is: 'list', of }, default: value as readonly string[], doc }) as const;
export const someOf = (choices: readonly string[], value: readonly string[], doc: string) =>
  ({ type: { is: 'list', of: 'string', choices }, default: value as readonly string[], doc }) as const;
export const choice = <const C extends readonly string[]>(choices: C, value: C[number], doc: string) =>
  ({ type: { is: 'string', choices }, default: value as C[number], doc }) as const;

/** Another key of the table has this value. */
export const needsValue = (key: string, value: string): Need => ({
  what: `${key} = ${JSON.stringify(value)}`,
  isMet: (values) => values[key] === value,
});
/** Another key of the table is given. */
export const needsKey = (key: string): Need => ({
  what: `a ${key}`,
  isMet: (values) => values[key] !== '' && values[key] !== undefined,
});

/** Every option at its default. */
export function defaultsOf<T extends Options>(options: T): ValuesOf<T> {
  return Object.fromEntries(Object.entries(options).map(([key, option]) => [key, option.default])) as ValuesOf<T>;
}
