/**
 * Where a label's values may come from. There is no kind "any text": nothing
 * that a watched program chooses (path, argument, command name, host name)
 * can become a label value, because a value outside its set is counted under
 * `__other__`.
 */
export type LabelValues =
  /** The values known when this was written. */
  | { readonly of: 'closed'; readonly values: readonly string[] }
  /** Names that the administrator or the build chose; the registry is told of them. */
  | { readonly of: 'declared'; readonly set: DeclaredSet; readonly doc: string }
  /** Values of the daemon itself, of a fixed form. */
  | { readonly of: 'pattern'; readonly pattern: RegExp; readonly doc: string };

export const DECLARED_SETS = ['rules', 'sinks', 'programs', 'plugins', 'syscalls'] as const;
export type DeclaredSet = (typeof DECLARED_SETS)[number];

/** Where the values are counted that have no series of their own. */
export const OTHER = '__other__';

export const closed = (...values: readonly string[]): LabelValues => ({ of: 'closed', values });
export const declared = (set: DeclaredSet, doc: string): LabelValues => ({ of: 'declared', set, doc });
export const pattern = (expression: RegExp, doc: string): LabelValues => ({ of: 'pattern', pattern: expression, doc });
