import type { RuleInfo } from '../rules/types.ts';
import type { FieldSource } from '../schema/event.ts';
import type { Candidate, Repeats } from './alert.ts';

/** Why a match raised no alert; the values of alerts_suppressed_total{reason}. */
export type SuppressionReason =
  | 'disabled'
  | 'low_confidence'
  | 'silenced'
  /** A repeat within `ledger.dedupe_seconds`. */
  | 'duplicate'
  /** A repeat within the rule's own `throttle`. */
  | 'throttled'
  /** The rule raised more than `ledger.alerts_per_minute`. */
  | 'rate_limited';
export type Verdict = 'accepted' | SuppressionReason;

/** A silence of the configuration, ready to be asked. */
export interface Silence {
  readonly matchesRule: (name: string) => boolean;
  /** Undefined for every event. */
  readonly condition: ((event: FieldSource) => boolean) | undefined;
  /** Unix milliseconds; Infinity for never. */
  readonly until: number;
  readonly why: string;
}

export interface LedgerOptions {
  readonly enabled: boolean;
  readonly confidenceThreshold: number;
  readonly dedupeSeconds: number;
  readonly maxEntries: number;
  readonly alertsPerMinute: number;
  readonly silences: readonly Silence[];
}

export interface LedgerClock {
  /** Milliseconds that never go back; windows are measured with it. */
  monotonic(): number;
  /** Unix milliseconds; silences end by it. */
  wall(): number;
}

interface Entry {
  readonly windowMs: number;
  opened: number;
  /** What was held back since `opened`, by event time. */
  held: { candidate: Candidate; count: number; first: number; last: number } | undefined;
}

interface Bucket {
  tokens: number;
  filled: number;
}

/** Rules are few; a bound all the same, in case rule names ever come from elsewhere. */
const MAX_BUCKETS = 65_536;

/**
 * Decides which matches become alerts. One entry per fingerprint: the first
 * match opens a window and passes, repeats within it are held back and counted,
 * and when it ends with repeats one summary is due, which opens the next
 * window. So a burst gives one alert, then one summary per window.
 */
export interface Ledger {
  accept(candidate: Candidate): Verdict;
  /** Hands over the summaries that are due; with `all`, those of open windows too (shutdown). */
  due(emit: (candidate: Candidate, repeats: Repeats) => void, all?: boolean): void;
  /** New options; what is remembered stays. */
  configure(options: LedgerOptions): void;
  readonly size: number;
  readonly evictions: number;
}

export function createLedger(initial: LedgerOptions, clock: LedgerClock): Ledger {
  let options = initial;
  /** In the order in which windows opened, per window length; so what is due is always at the front. */
  const windows = new Map<number, Map<string, Entry>>();
  const lengths = new Map<string, number>();
  const buckets = new Map<string, Bucket>();
  const evicted: { candidate: Candidate; repeats: Repeats }[] = [];
  let evictions = 0;

  const windowOf = (rule: RuleInfo) => (rule.throttleSeconds ?? options.dedupeSeconds) * 1000;

  const find = (fingerprint: string): Entry | undefined => {
    const length = lengths.get(fingerprint);
    return length === undefined ? undefined : windows.get(length)?.get(fingerprint);
  };

  const forget = (fingerprint: string): void => {
    const length = lengths.get(fingerprint);
    if (length === undefined) return;
    lengths.delete(fingerprint);
    const group = windows.get(length);
    group?.delete(fingerprint);
    if (group?.size === 0) windows.delete(length);
  };

  const open = (fingerprint: string, windowMs: number, now: number): void => {
    forget(fingerprint);
    if (windowMs <= 0) return;
    while (lengths.size >= options.maxEntries) evictOldest();
    const group = windows.get(windowMs) ?? new Map<string, Entry>();
    windows.set(windowMs, group);
    group.set(fingerprint, { windowMs, opened: now, held: undefined });
    lengths.set(fingerprint, windowMs);
  };

  const evictOldest = (): void => {
    let oldest: { fingerprint: string; entry: Entry } | undefined;
    for (const group of windows.values()) {
      for (const [fingerprint, entry] of group) {
        if (oldest === undefined || entry.opened < oldest.entry.opened) oldest = { fingerprint, entry };
        break;
      }
    }
    if (oldest === undefined) return;
    evictions += 1;
    forget(oldest.fingerprint);
    const { held } = oldest.entry;
    // Bounded by the entries: each was evicted with its one summary, which the next call of due() hands over.
    if (held !== undefined) evicted.push({ candidate: held.candidate, repeats: repeatsOf(held) });
  };

  const overRate = (rule: string, now: number): boolean => {
    const limit = options.alertsPerMinute;
    if (limit === 0) return false;
    const bucket = buckets.get(rule) ?? { tokens: limit, filled: now };
    bucket.tokens = Math.min(limit, bucket.tokens + ((now - bucket.filled) * limit) / 60_000);
    bucket.filled = now;
    if (!buckets.has(rule) && buckets.size < MAX_BUCKETS) buckets.set(rule, bucket);
    if (bucket.tokens < 1) return true;
    bucket.tokens -= 1;
    return false;
  };

  const silenced = (candidate: Candidate): boolean => {
    const wall = clock.wall();
    return options.silences.some(
      ({ matchesRule, condition, until }) =>
        until > wall && matchesRule(candidate.rule.name) && (condition === undefined || condition(candidate.event)),
    );
  };

  return {
    accept(candidate) {
      const { rule, fingerprint, timestamp } = candidate;
      if (!options.enabled) return 'disabled';
      if (rule.confidence < options.confidenceThreshold) return 'low_confidence';
      if (silenced(candidate)) return 'silenced';
      const now = clock.monotonic();
      const windowMs = windowOf(rule);
      const entry = find(fingerprint);
      // A window that has ended with repeats still owes its summary: this match joins it.
      if (entry !== undefined && (now - entry.opened < entry.windowMs || entry.held !== undefined)) {
        const { held } = entry;
        entry.held = {
          candidate,
          count: (held?.count ?? 0) + 1,
          first: Math.min(held?.first ?? timestamp, timestamp),
          last: Math.max(held?.last ?? timestamp, timestamp),
        };
        return rule.throttleSeconds === undefined ? 'duplicate' : 'throttled';
      }
      if (overRate(rule.name, now)) return 'rate_limited';
      open(fingerprint, windowMs, now);
      return 'accepted';
    },

    due(emit, all = false) {
      const now = clock.monotonic();
      for (const { candidate, repeats } of evicted.splice(0)) emit(candidate, repeats);
      for (const [windowMs, group] of [...windows]) {
        for (const [fingerprint, entry] of group) {
          if (!all && now - entry.opened < windowMs) break;
          const { held } = entry;
          if (held === undefined || all) forget(fingerprint);
          else open(fingerprint, windowMs, now);
          if (held !== undefined) emit(held.candidate, repeatsOf(held));
        }
      }
    },

    configure(next) {
      options = next;
      while (lengths.size > options.maxEntries) evictOldest();
    },
    get size() {
      return lengths.size;
    },
    get evictions() {
      return evictions;
    },
  };
}

function repeatsOf(held: { count: number; first: number; last: number }): Repeats {
  return { count: held.count, first: held.first, last: held.last };
}

/** `*` matches any text; empty matches every name. */
export function ruleMatcher(pattern: string): (name: string) => boolean {
  if (pattern === '' || pattern === '*') return () => true;
  const parts = pattern.split('*');
  if (parts.length === 1) return (name) => name === pattern;
  const [first = '', ...rest] = parts;
  const last = rest.pop() ?? '';
  return (name) => {
    if (!name.startsWith(first) || !name.endsWith(last) || name.length < first.length + last.length) return false;
    let from = first.length;
    const end = name.length - last.length;
    for (const part of rest) {
      const at = name.indexOf(part, from);
      if (at < 0 || at + part.length > end) return false;
      from = at + part.length;
    }
    return true;
  };
}
