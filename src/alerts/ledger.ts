import type { FieldSource } from '../schema/event.ts';
import { TokenBucket } from '../token-bucket.ts';
import type { AlertDraft } from './alert.ts';
import { Held } from './held.ts';
import type { Repeats } from './types.ts';

/** Why a match raised no alert; the values of alerts_suppressed_total{reason}. */
type SuppressionReason =
  | 'disabled'
  | 'low_confidence'
  | 'silenced'
  /** A repeat within `ledger.dedupe_seconds`. */
  | 'duplicate'
  /** A repeat within the rule's own `throttle`. */
  | 'throttled'
  /** The rule raised more than `ledger.alerts_per_minute`. */
  | 'rate_limited';
type LedgerVerdict = 'accepted' | SuppressionReason;

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

/** It ends by the wall clock or by the other one, whichever comes first: nobody revives it by setting a clock back. */
interface RunningSilence {
  readonly silence: Silence;
  readonly ends: number;
}

interface Entry {
  readonly windowMs: number;
  /** Of the alert that the window holds repeats of. */
  readonly alertId: string;
  opened: number;
  /** What was held back since `opened`. */
  held: Held | undefined;
}

/** A burst's summary, due or to be handed over. */
export interface Summary {
  readonly draft: AlertDraft;
  /** The alert that it updates. */
  readonly alertId: string;
  readonly repeats: Repeats;
}

/** Rules are few; a bound all the same, in case rule names ever come from elsewhere. */
const MAX_BUCKETS = 65_536;
/** What goes on is told less and less often: the time between updates doubles up to this, unless the rule asks for more. */
const MAX_BETWEEN_UPDATES_MS = 600_000;

/**
 * Decides which matches become alerts. One entry per fingerprint: the first
 * match opens a window and passes, repeats within it are held back and counted,
 * and when it ends with repeats one summary is due that updates the alert and
 * opens the next window, twice as long. So an incident is one alert.
 */
export class Ledger {
  #options: LedgerOptions;
  #silences: readonly RunningSilence[];
  readonly #clock: LedgerClock;
  /** In the order in which windows opened, per window length; so what is due is always at the front. */
  readonly #windows = new Map<number, Map<string, Entry>>();
  readonly #lengths = new Map<string, number>();
  readonly #buckets = new Map<string, TokenBucket>();
  /** Bounded by the entries: each was evicted with its one summary, which the next call of due() hands over. */
  readonly #evicted: Summary[] = [];
  #evictions = 0;

  constructor(options: LedgerOptions, clock: LedgerClock) {
    this.#options = options;
    this.#clock = clock;
    this.#silences = this.#begin(options.silences);
  }

  /** `alertId`: what the alert will be called when it is accepted. */
  accept(draft: AlertDraft, alertId: string): LedgerVerdict {
    const { rule, fingerprint } = draft;
    if (!this.#options.enabled) return 'disabled';
    if (rule.confidence < this.#options.confidenceThreshold) return 'low_confidence';
    if (this.#silenced(draft)) return 'silenced';
    const now = this.#clock.monotonic();
    const entry = this.#find(fingerprint);
    // A window that has ended with repeats still owes its summary: this match joins it.
    if (entry !== undefined && (now - entry.opened < entry.windowMs || entry.held !== undefined)) {
      entry.held ??= new Held(draft);
      entry.held.add(draft);
      return rule.throttleSeconds === undefined ? 'duplicate' : 'throttled';
    }
    if (this.#overRate(rule.name, now)) return 'rate_limited';
    this.#open(fingerprint, this.#windowOf(draft), alertId, now);
    return 'accepted';
  }

  /** Hands over the summaries that are due; with `all`, those of open windows too (shutdown). */
  due(emit: (summary: Summary) => void, all = false): void {
    const now = this.#clock.monotonic();
    for (const summary of this.#evicted.splice(0)) emit(summary);
    for (const [windowMs, group] of [...this.#windows]) {
      for (const [fingerprint, entry] of group) {
        if (!all && now - entry.opened < windowMs) break;
        const { held, alertId } = entry;
        if (held === undefined || all) this.#forget(fingerprint);
        else this.#open(fingerprint, longer(windowMs), alertId, now);
        if (held !== undefined) emit({ draft: held.draft, alertId, repeats: held.repeats() });
      }
    }
  }

  /** New options; what is remembered stays. */
  configure(options: LedgerOptions): void {
    this.#options = options;
    this.#silences = this.#begin(options.silences);
    while (this.#lengths.size > options.maxEntries) this.#evictOldest();
  }

  get size(): number {
    return this.#lengths.size;
  }

  get evictions(): number {
    return this.#evictions;
  }

  /** A window that needs five minutes to fill goes on completing for five minutes. */
  #windowOf({ rule, match }: AlertDraft): number {
    if (rule.throttleSeconds !== undefined) return rule.throttleSeconds * 1000;
    const { dedupeSeconds } = this.#options;
    return (dedupeSeconds === 0 ? 0 : Math.max(dedupeSeconds, match.window?.seconds ?? 0)) * 1000;
  }

  #find(fingerprint: string): Entry | undefined {
    const length = this.#lengths.get(fingerprint);
    return length === undefined ? undefined : this.#windows.get(length)?.get(fingerprint);
  }

  #forget(fingerprint: string): void {
    const length = this.#lengths.get(fingerprint);
    if (length === undefined) return;
    this.#lengths.delete(fingerprint);
    const group = this.#windows.get(length);
    group?.delete(fingerprint);
    if (group?.size === 0) this.#windows.delete(length);
  }

  #open(fingerprint: string, windowMs: number, alertId: string, now: number): void {
    this.#forget(fingerprint);
    if (windowMs <= 0) return;
    while (this.#lengths.size >= this.#options.maxEntries) this.#evictOldest();
    const group = this.#windows.get(windowMs) ?? new Map<string, Entry>();
    this.#windows.set(windowMs, group);
    group.set(fingerprint, { windowMs, alertId, opened: now, held: undefined });
    this.#lengths.set(fingerprint, windowMs);
  }

  #evictOldest(): void {
    let oldest: { fingerprint: string; entry: Entry } | undefined;
    for (const group of this.#windows.values()) {
      for (const [fingerprint, entry] of group) {
        if (oldest === undefined || entry.opened < oldest.entry.opened) oldest = { fingerprint, entry };
        break;
      }
    }
    if (oldest === undefined) return;
    this.#evictions += 1;
    this.#forget(oldest.fingerprint);
    const { held, alertId } = oldest.entry;
    if (held !== undefined) this.#evicted.push({ draft: held.draft, alertId, repeats: held.repeats() });
  }

  #overRate(rule: string, now: number): boolean {
    const limit = this.#options.alertsPerMinute;
    if (limit === 0) return false;
    const bucket = this.#buckets.get(rule) ?? new TokenBucket();
    if (!this.#buckets.has(rule) && this.#buckets.size < MAX_BUCKETS) this.#buckets.set(rule, bucket);
    return !bucket.take({ burst: limit, everyMs: 60_000 / limit }, now);
  }

  #begin(silences: readonly Silence[]): RunningSilence[] {
    const left = this.#clock.monotonic() - this.#clock.wall();
    return silences.map((silence) => ({ silence, ends: left + silence.until }));
  }

  #silenced(draft: AlertDraft): boolean {
    const wall = this.#clock.wall();
    const now = this.#clock.monotonic();
    return this.#silences.some(
      ({ silence: { matchesRule, condition, until }, ends }) =>
        until > wall &&
        ends > now &&
        matchesRule(draft.rule.name) &&
        (condition === undefined || condition(draft.event)),
    );
  }
}

function longer(windowMs: number): number {
  return Math.max(windowMs, Math.min(2 * windowMs, MAX_BETWEEN_UPDATES_MS));
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
