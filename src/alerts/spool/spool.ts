import { messageOf } from '../../errors.ts';
import type { Logger } from '../../log.ts';
import type { Alert } from '../types.ts';
import { DeadLetters, requestFromText } from './dead-letters.ts';
import { countsOf, newQueue, type Queue, queueFromText, queueToText, whole } from './queue.ts';
import { Shelf } from './shelf.ts';
import type { Store } from './store.ts';
import type { DeadLetter, Settlement, SinkCounts, SpooledAlert, SpoolStats } from './types.ts';

export interface SpoolOptions {
  /** Undefined when no disk can be had: everything works, but nothing survives the process. */
  readonly store: Store | undefined;
  readonly maxBytes: number;
  readonly log: Logger;
  /** Called for each alert and sink when it is settled. */
  readonly onSettled?: (sink: string, settlement: Settlement) => void;
  readonly now?: () => number;
  readonly movedAside?: number;
}

/** What memory holds at most of alerts that are not on disk, because there is none or it refuses. */
const MAX_PENDING_BYTES = 16_777_216;
const RETRY_MS = 1000;
const COUNTS_MS = 250;
const MAX_DEAD = 10_000;
/**
 * Shares of the file: what waits, dead letters, and what one transaction writes
 * at most. LMDB gives a page that a transaction freed to the one after the next,
 * so a few times the last one is free at any moment; the rest is the tree's own.
 */
const waitingBytes = (max: number): number => Math.max(max * 0.35, max * 0.7 - 262_144);
const DEAD = 0.1;
const TRANSACTION = 1 / 32;
/**
 * Accepted alerts in order, and for each sink how far it is. Memory holds the
 * truth of positions and counts; one transaction per turn of the event loop
 * writes what changed, alerts and counts together, so that they always agree
 * on disk. Sinks see an alert only once it is there.
 */
export class Spool {
  readonly #options: SpoolOptions;
  readonly #queues = new Map<string, Queue>();
  readonly #shelf: Shelf;
  readonly #dead: DeadLetters;
  readonly #suppressed = new Map<string, number>();
  readonly #dirty = new Map<string, string | undefined>();
  readonly #listeners = new Set<() => void>();
  readonly #state = new Map<string, string>();
  readonly #done = new Set<string>();
  #offered = 0;
  #resent = 0;
  #tail = 0;
  #committed = 0;
  #scheduled: NodeJS.Immediate | undefined;
  #timer: NodeJS.Timeout | undefined;
  #failing = false;
  /** Bytes that the next transaction writes. */
  #unwritten = 0;

  /** Throws when what the store holds makes no sense; the caller then moves it aside. */
  constructor(options: SpoolOptions) {
    this.#options = options;
    this.#shelf = new Shelf((seq) => options.store?.alert(seq), options.log);
    this.#dead = new DeadLetters({ maxEntries: MAX_DEAD, maxBytes: options.maxBytes * DEAD });
    if (options.store !== undefined) this.#load(options.store);
  }

  #load(store: Store): void {
    for (const [key, text] of store.state()) {
      if (key === 'totals') {
        const totals = JSON.parse(text) as Record<string, unknown>;
        this.#offered = whole(totals.offered);
        this.#tail = whole(totals.accepted);
        this.#resent = whole(totals.resent ?? 0);
        for (const [reason, count] of Object.entries(totals.suppressed ?? {}))
          this.#suppressed.set(reason, whole(count));
        this.#dead.evicted = whole(totals.deadLettersEvicted);
      } else if (key.startsWith('sink:')) this.#queues.set(key.slice(5), queueFromText(text));
      else this.#state.set(key, text);
    }
    this.#shelf.load(store.alerts());
    this.#dead.load(store.dead());
    this.#committed = this.#tail;
  }

  /** Names the sinks that exist now. A new one gets alerts from here on; what a removed one still had to get becomes dead letters. */
  join(sinks: readonly string[]): void {
    for (const name of sinks) {
      if (this.#queues.has(name)) continue;
      this.#queues.set(name, newQueue(this.#tail));
      this.#touch(name);
    }
    for (const [name, queue] of this.#queues) {
      if (sinks.includes(name)) continue;
      while (queue.cursor < this.#tail) this.settle(name, queue.cursor + 1, 'dropped');
      this.#queues.delete(name);
      this.#dirty.set(`sink:${name}`, undefined);
      if (this.#state.delete(`state:${name}`)) this.#dirty.set(`state:${name}`, undefined);
    }
    this.#trim();
    this.#changed();
  }

  /** A match was offered to the ledger, which did not let it pass. */
  suppressed(reason: string): void {
    this.#offered += 1;
    this.#suppressed.set(reason, (this.#suppressed.get(reason) ?? 0) + 1);
    // In a burst nearly all are repeats: their counts go to disk with the next alert, or a little later.
    if (this.#scheduled === undefined) this.#timer ??= this.#commitLater(COUNTS_MS);
  }

  /** Takes an accepted alert. It reaches the sinks once it is on disk, within this turn of the event loop. */
  append(alert: Alert, json: string): void {
    this.#offered += 1;
    this.#add({ acceptedAt: this.#now(), json, alert });
  }

  #add(alert: Omit<SpooledAlert, 'seq'>): void {
    this.#tail += 1;
    this.#shelf.add({ seq: this.#tail, ...alert });
    this.#unwritten += alert.json.length;
    this.#trim();
    this.#makeRoom();
    if (this.#unwritten > this.#options.maxBytes * TRANSACTION && this.#durable) this.#write();
    this.#changed();
  }

  /**
   * Sends a dead letter again: it gets the next place in the order, for this
   * sink alone, and is no dead letter any more. False when there is no such
   * letter or no such sink.
   */
  resend(id: number, sink: string): boolean {
    const letter = this.#dead.get(id, (key) => this.#options.store?.deadLetter(key));
    if (letter === undefined || !this.#queues.has(sink)) return false;
    this.#dead.remove(id);
    this.#resent += 1;
    this.#add({ acceptedAt: this.#now(), json: JSON.stringify(letter.alert), alert: letter.alert, only: sink });
    return true;
  }

  /** Forgets a dead letter. False when there is none of this id. */
  drop(id: number): boolean {
    const removed = this.#dead.remove(id);
    if (removed) this.#changed();
    return removed;
  }

  /** Does what `bpfwarden spool` asked for through the store. A request goes with the change that it made, in one transaction. */
  serveRequests(): void {
    for (const [key, text] of this.#options.store?.requests() ?? []) {
      if (this.#done.has(key)) continue;
      this.#done.add(key);
      const request = requestFromText(text);
      const worked =
        request !== undefined &&
        (request.do === 'resend' ? this.resend(request.id, request.sink) : this.drop(request.id));
      const { log } = this.#options;
      if (worked) log.info({ request }, 'a dead letter was asked for');
      else
        log.warn({ request: text.slice(0, 200) }, 'a dead letter that was asked for is not there, or its sink is not');
      this.#changed();
    }
  }

  /** The next alerts of a sink, at most `max`. Those that cannot be read any more are settled as dropped, those for another sink alone as skipped. */
  read(sink: string, max: number): SpooledAlert[] {
    const queue = this.#queues.get(sink);
    if (queue === undefined) return [];
    const end = this.#durable ? this.#committed : this.#tail;
    const alerts: SpooledAlert[] = [];
    for (let seq = queue.cursor + 1; seq <= end && alerts.length < max; seq += 1) {
      const alert = this.#shelf.get(seq);
      const settlement = alert === undefined ? 'dropped' : isForAnother(alert, sink) ? 'skipped' : undefined;
      if (alert !== undefined && settlement === undefined) alerts.push(alert);
      else if (settlement !== undefined && alerts.length === 0) this.settle(sink, seq, settlement);
      else break;
    }
    return alerts;
  }

  /** Moves a sink past an alert. False when it was past it already (given up for space meanwhile). */
  settle(sink: string, seq: number, how: Settlement): boolean {
    const queue = this.#queues.get(sink);
    if (queue === undefined || seq <= queue.cursor) return false;
    if (seq !== queue.cursor + 1) throw new RangeError(`${sink}: ${seq} settled while it is at ${queue.cursor}`);
    let settlement = how;
    if (how === 'rejected' || how === 'expired' || how === 'dropped') {
      const alert = this.#shelf.get(seq);
      if (alert !== undefined && isForAnother(alert, sink)) settlement = 'skipped';
      else if (alert !== undefined) {
        this.#dead.add(sink, how, this.#now(), alert.json);
        this.#unwritten += alert.json.length;
      }
    }
    queue.cursor = seq;
    queue.counts[settlement] += 1;
    this.#options.onSettled?.(sink, settlement);
    this.#touch(sink);
    this.#trim();
    this.#changed();
    return true;
  }

  /** Text that a sink wants back after a restart. */
  loadState(sink: string): string | undefined {
    return this.#state.get(`state:${sink}`);
  }

  saveState(sink: string, text: string): void {
    this.#state.set(`state:${sink}`, text);
    this.#dirty.set(`state:${sink}`, text);
    this.#changed();
  }

  /** Called whenever sinks may have something new to read. Returns the function that ends it. */
  onReady(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  waiting(sink: string): number {
    const queue = this.#queues.get(sink);
    return queue === undefined ? 0 : this.#tail - queue.cursor;
  }

  deadLetters(limit: number): DeadLetter[] {
    return this.#dead.list(this.#options.store?.dead() ?? [], limit);
  }

  stats(): SpoolStats {
    const sinks: Record<string, SinkCounts> = {};
    for (const [name, queue] of this.#queues) sinks[name] = countsOf(queue, this.#tail);
    return {
      offered: this.#offered,
      resent: this.#resent,
      accepted: this.#tail,
      suppressed: Object.fromEntries(this.#suppressed),
      sinks,
      alerts: this.#shelf.size,
      bytes: this.#shelf.bytes,
      limit: waitingBytes(this.#options.maxBytes),
      oldest: this.#shelf.oldest,
      deadLetters: this.#dead.size,
      deadLettersEvicted: this.#dead.evicted,
      durable: this.#durable,
      movedAside: this.#options.movedAside ?? 0,
    };
  }

  /** Writes what changed, now. False when the disk refused; it is tried again. */
  commit(): boolean {
    clearImmediate(this.#scheduled);
    this.#scheduled = undefined;
    if (!this.#write()) return false;
    for (const listener of this.#listeners) listener();
    return true;
  }

  #write(): boolean {
    const { store } = this.#options;
    if (store === undefined || !this.#hasChanges) return true;
    try {
      store.commit(this.#changes());
    } catch (error) {
      this.#refused(error);
      return false;
    }
    if (this.#failing) this.#options.log.info('the spool writes to disk again');
    this.#failing = false;
    this.#committed = this.#tail;
    this.#clearPending();
    return true;
  }

  async close(): Promise<void> {
    this.commit();
    clearTimeout(this.#timer);
    this.#listeners.clear();
    await this.#options.store?.close();
  }

  get #durable(): boolean {
    return this.#options.store !== undefined && !this.#failing;
  }

  #now(): number {
    return (this.#options.now ?? Date.now)();
  }

  /** Over the limit, the oldest alert goes: for each sink that has not got it, counted. */
  #makeRoom(): void {
    for (const seq of this.#shelf.positions()) {
      if (this.#shelf.bytes <= waitingBytes(this.#options.maxBytes)) break;
      for (const [name, queue] of this.#queues)
        while (queue.cursor < seq) this.settle(name, queue.cursor + 1, 'dropped');
    }
    if (this.#durable) return;
    // The sink's own reading finds the hole and counts it.
    for (const seq of this.#shelf.pendingPositions()) {
      if (this.#shelf.pendingBytes <= MAX_PENDING_BYTES) break;
      this.#shelf.forget(seq);
    }
  }

  /** Alerts that every sink is past need no place any more. */
  #trim(): void {
    let lowest = this.#tail;
    for (const { cursor } of this.#queues.values()) lowest = Math.min(lowest, cursor);
    for (const seq of this.#shelf.positions()) {
      if (seq > lowest) break;
      this.#shelf.forget(seq);
    }
  }

  #touch(sink: string): void {
    const queue = this.#queues.get(sink);
    if (queue !== undefined) this.#dirty.set(`sink:${sink}`, '');
  }

  #changed(): void {
    if (this.#failing) this.#timer ??= this.#commitLater(RETRY_MS);
    else this.#scheduled ??= setImmediate(() => this.commit());
    // While the disk refuses, nothing is waited for.
    if (this.#failing) for (const listener of this.#listeners) listener();
  }

  #commitLater(ms: number): NodeJS.Timeout {
    const timer = setTimeout(() => {
      this.#timer = undefined;
      this.commit();
    }, ms);
    timer.unref();
    return timer;
  }

  #refused(error: unknown): void {
    if (!this.#failing)
      this.#options.log.error({ error: messageOf(error) }, 'the spool cannot write to disk; alerts are kept in memory');
    this.#failing = true;
    this.#timer ??= this.#commitLater(RETRY_MS);
    for (const listener of this.#listeners) listener();
  }

  get #hasChanges(): boolean {
    return (
      this.#shelf.changed || this.#dirty.size > 0 || this.#dead.changed || this.#done.size > 0 || this.#totalsChanged
    );
  }

  #lastTotals = '';
  get #totals(): string {
    return JSON.stringify({
      offered: this.#offered,
      resent: this.#resent,
      accepted: this.#tail,
      suppressed: Object.fromEntries(this.#suppressed),
      deadLettersEvicted: this.#dead.evicted,
    });
  }
  get #totalsChanged(): boolean {
    return this.#totals !== this.#lastTotals;
  }

  #changes() {
    const put: [string, string][] = [['totals', this.#totals]];
    const remove: string[] = [];
    for (const [key, text] of this.#dirty) {
      const queue = key.startsWith('sink:') ? this.#queues.get(key.slice(5)) : undefined;
      if (queue !== undefined) put.push([key, queueToText(queue)]);
      else if (text !== undefined && !key.startsWith('sink:')) put.push([key, text]);
      else remove.push(key);
    }
    const { put: putDead, remove: removeDead } = this.#dead.changes;
    return {
      putAlerts: this.#shelf.changes.put,
      removeAlerts: this.#shelf.changes.remove,
      putDead,
      removeDead,
      putState: put,
      removeState: remove,
      removeRequests: this.#done,
    };
  }

  #clearPending(): void {
    this.#lastTotals = this.#totals;
    this.#shelf.committed();
    this.#dirty.clear();
    this.#dead.committed();
    this.#done.clear();
    this.#unwritten = 0;
  }
}

/** Sent again to another sink alone. */
function isForAnother({ only }: SpooledAlert, sink: string): boolean {
  return only !== undefined && only !== sink;
}
