/** What a row of the metric catalog says, and the labels that several rows share. */
import { ACTIONS, SEVERITIES } from '../../rules/types.ts';
import { EVENT_KINDS } from '../kinds.ts';
import { closed, declared, type LabelValues } from '../labels.ts';

/**
 * `cap` is the most label sets a metric may have, those with `__other__`
 * included: one in which every label is, and one for each combination of the
 * closed labels beside a declared one, so that sums by severity or reason stay
 * right. `perRule` label sets are added for each loaded rule, up to MAX_RULES of
 * them. So the most series of a host follow from the number of its rules
 * (`seriesLimit` in catalog.ts), and no attacker can make it expose more.
 */
export interface MetricSpec {
  readonly type: 'counter' | 'gauge' | 'histogram';
  readonly help: string;
  /** The unit the name ends with (before `_total`), where it has one. */
  readonly unit?: 'seconds' | 'bytes' | 'ratio';
  readonly labels: Readonly<Record<string, LabelValues>>;
  readonly cap: number;
  readonly perRule?: number;
  /** Upper bounds of a histogram, without +Inf. */
  readonly buckets?: readonly number[];
  /** All label sets of the closed sets exist at 0 from the start; label sets of a declared name exist once it is declared. */
  readonly zero?: 'all' | 'declared';
}

export const PREFIX = 'bpfwarden_';
/** Rules that have series of their own, the most severe first; those of further ones are in __other__. */
export const MAX_RULES = 1000;

export const NONE = {} as const;
export const event = { event: closed(...EVENT_KINDS) } as const;
export const rule = declared('rules', 'name of a loaded rule');
export const sink = declared('sinks', 'name of a configured sink');
export const program = declared('programs', 'name of a BPF program');
export const severity = closed(...SEVERITIES);
export const action = closed(...ACTIONS);
export const release = /^(?:v?\d[0-9A-Za-z.+_~-]{0,62}|unknown)$/;
/** Sinks, programs and plugins that have series of their own; the rest is in __other__. */
export const SINKS = 12;
export const PROGRAMS = 85;
export const PLUGINS = 8;
export const KIND_COUNT = EVENT_KINDS.length;
