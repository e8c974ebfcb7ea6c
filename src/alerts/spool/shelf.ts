import { messageOf } from '../../errors.ts';
import type { Logger } from '../../log.ts';
import type { Alert } from '../types.ts';
import { storedBytes } from './pieces.ts';
import type { SpooledAlert } from './types.ts';

/** Alerts just accepted are delivered from memory; the disk is for those that wait. */
const HOT = 256;
const HOT_BYTES = 8_388_608;

interface Kept {
  readonly acceptedAt: number;
  readonly bytes: number;
}

/**
 * The alerts of the spool by their position: which there are, how large, which
 * of them are not on disk yet, and the newest ones as objects.
 */
export class Shelf {
  readonly #read: (seq: number) => string | undefined;
  readonly #log: Logger;
  readonly #kept = new Map<number, Kept>();
  readonly #pending = new Map<number, string>();
  readonly #removed = new Set<number>();
  readonly #hot = new Map<number, SpooledAlert>();
  #hotBytes = 0;
  /** What the alerts take on disk. */
  bytes = 0;
  /** Size of those that are only in memory. */
  pendingBytes = 0;

  /** `read` gives the value on disk. */
  constructor(read: (seq: number) => string | undefined, log: Logger) {
    this.#read = read;
    this.#log = log;
  }

  /** Takes note of what is on disk already. */
  load(entries: Iterable<readonly [seq: number, value: string]>): void {
    for (const [seq, value] of entries) this.#keep(seq, Number.parseInt(value, 10) || 0, Buffer.byteLength(value));
  }

  add(alert: SpooledAlert): void {
    const { seq, acceptedAt, json, only } = alert;
    const value = `${acceptedAt}${only === undefined ? '' : ` ${only}`}\n${json}`;
    this.#keep(seq, acceptedAt, Buffer.byteLength(value));
    this.#pending.set(seq, value);
    this.pendingBytes += value.length;
    this.#hot.set(seq, alert);
    this.#hotBytes += json.length;
    for (const old of this.#hot.keys()) {
      if (this.#hot.size <= HOT && this.#hotBytes <= HOT_BYTES) break;
      this.#cool(old);
    }
  }

  /** Undefined for one that was forgotten, or cannot be read any more. */
  get(seq: number): SpooledAlert | undefined {
    const hot = this.#hot.get(seq);
    if (hot !== undefined) return hot;
    if (!this.#kept.has(seq)) return undefined;
    const value = this.#pending.get(seq) ?? this.#read(seq);
    if (value === undefined) return undefined;
    const end = value.indexOf('\n');
    const json = value.slice(end + 1);
    const [accepted = '', only] = value.slice(0, end).split(/ (.*)/s);
    try {
      const alert = JSON.parse(json) as Alert;
      return { seq, acceptedAt: Number(accepted) || 0, json, alert, ...(only === undefined ? {} : { only }) };
    } catch (error) {
      this.#log.error({ seq, error: messageOf(error) }, 'an alert in the spool is damaged');
      return undefined;
    }
  }

  forget(seq: number): void {
    this.bytes -= this.#kept.get(seq)?.bytes ?? 0;
    this.#kept.delete(seq);
    this.#cool(seq);
    const pending = this.#pending.get(seq);
    if (pending === undefined) {
      this.#removed.add(seq);
      return;
    }
    this.#pending.delete(seq);
    this.pendingBytes -= pending.length;
  }

  get size(): number {
    return this.#kept.size;
  }
  /** Unix milliseconds, undefined when there is none. */
  get oldest(): number | undefined {
    const [first] = this.#kept.values();
    return first?.acceptedAt;
  }
  /** Positions, oldest first. One may be forgotten on the way. */
  positions(): Iterable<number> {
    return this.#kept.keys();
  }
  /** The same, of those that are only in memory. */
  pendingPositions(): Iterable<number> {
    return this.#pending.keys();
  }

  /** What is not on disk yet. */
  get changes(): { readonly put: ReadonlyMap<number, string>; readonly remove: ReadonlySet<number> } {
    return { put: this.#pending, remove: this.#removed };
  }
  get changed(): boolean {
    return this.#pending.size > 0 || this.#removed.size > 0;
  }
  committed(): void {
    this.#pending.clear();
    this.pendingBytes = 0;
    this.#removed.clear();
  }

  #keep(seq: number, acceptedAt: number, length: number): void {
    const bytes = storedBytes(length);
    this.#kept.set(seq, { acceptedAt, bytes });
    this.bytes += bytes;
  }

  #cool(seq: number): void {
    this.#hotBytes -= this.#hot.get(seq)?.json.length ?? 0;
    this.#hot.delete(seq);
  }
}
