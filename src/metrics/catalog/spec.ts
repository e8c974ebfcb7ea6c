/** What a row of the metric catalog says, and the labels that several rows share. */
import { ACTIONS, SEVERITIES } from '../../rules/types.ts';
import { EVENT_KINDS } from '../kinds.ts';
import { closed, declared, type LabelValues } from '../labels.ts';

/**
 * `cap` is the most label sets a metric may have, those with `__other__`
 * included: one in which every label is, and one for each combination of the
 * closed labels beside a declared one, so that sums by severity or reason stay
 * right. Caps times samples per label set add up to less than SERIES_LIMIT, so
 * that no configuration and no attacker can make a host expose more.
 */
export interface MetricSpec {
  readonly type: 'counter' | 'gauge' | 'histogram';
  readonly help: string;
  /** The unit the name ends with (before `_total`), where it has one. */
  readonly unit?: 'seconds' | 'bytes' | 'ratio';
  readonly labels: Readonly<Record<string, LabelValues>>;
  readonly cap: number;
  /** Upper bounds of a histogram, without +Inf. */
  readonly buckets?: readonly number[];
  /** All label sets of the closed sets exist at 0 from the start; label sets of a declared name exist once it is declared. */
  readonly zero?: 'all' | 'declared';
}

export const PREFIX = 'bpfwarden_';
/** Most series of one host. */
export const SERIES_LIMIT = 2560;

export const NONE = {} as const;
export const event = { event: closed(...EVENT_KINDS) } as const;
export const rule = declared('rules', 'name of a loaded rule');
export const sink = declared('sinks', 'name of a configured sink');
export const program = declared('programs', 'name of a BPF program');
export const severity = closed(...SEVERITIES);
export const action = closed(...ACTIONS);
export const release = /^(?:v?\d[0-9A-Za-z.+_~-]{0,62}|unknown)$/;
/** Rules, sinks and programs that have series of their own; the rest is in __other__. */
export const RULES = 245;
export const SINKS = 12;
export const PROGRAMS = 50;
export const PLUGINS = 8;
export const KINDS = EVENT_KINDS.length;
