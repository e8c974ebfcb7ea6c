import type { Process } from './process.ts';

/** How long an ended process is kept, for what still refers to it. */
const LINGER_NS = 5e9;
/** Start times of /proc are in hundredths of a second. */
const COARSE_NS = 1e7;

export interface TableCounts {
  /** Forgotten while alive, because the table was full. */
  evictions: number;
  /** Events of a process that was not in the table. */
  misses: number;
}

/**
 * Processes by (pid, start time), at most `limit`. The newest process of a pid
 * is found first; an ended one stays for a few seconds beside it.
 */
export class ProcessTable {
  readonly counts: TableCounts = { evictions: 0, misses: 0 };
  readonly #limit: number;
  readonly #byPid = new Map<number, Process>();
  /** In the order of their end. */
  #ended: Process[] = [];
  #endedFrom = 0;
  #size = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  get size(): number {
    return this.#size;
  }

  find(pid: number, startTime: number): Process | undefined {
    for (let process = this.#byPid.get(pid); process !== undefined; process = process.previous) {
      if (process.startTime === startTime) return process;
      if (!process.coarse || process.startTime !== Math.floor(startTime / COARSE_NS) * COARSE_NS) continue;
      process.sharpen(startTime);
      return process;
    }
    return undefined;
  }

  /** The process that has the pid now, or had it last. */
  newest(pid: number): Process | undefined {
    return this.#byPid.get(pid);
  }

  add(process: Process): void {
    const other = this.#byPid.get(process.pid);
    if (other !== undefined && other.startTime > process.startTime) {
      // An event of an older process came late: it stands behind the newer one.
      process.previous = other.previous;
      other.previous = process;
      this.end(process, process.startTime);
    } else {
      // The pid is used again, so the other one has ended, whether or not its exit was seen.
      process.previous = other;
      if (other !== undefined && other.exited === undefined) this.end(other, process.startTime);
      this.#byPid.delete(process.pid);
      this.#byPid.set(process.pid, process);
    }
    this.#size++;
    // One that ended after it was evicted is in the list and no longer in the table: forgetting it makes no room.
    while (this.#size > this.#limit) this.#evict();
  }

  end(process: Process, ktime: number): void {
    if (process.exited !== undefined) return;
    process.exited = ktime;
    this.#ended.push(process);
  }

  /** Forgets what ended long enough ago. */
  expire(ktime: number): void {
    for (;;) {
      const oldest = this.#ended[this.#endedFrom];
      if (oldest === undefined || (oldest.exited ?? 0) + LINGER_NS > ktime) return;
      this.#forgetOldestEnded();
    }
  }

  /** Live processes in the order in which they came, for a sweep. */
  live(): Process[] {
    return [...this.#byPid.values()].filter((process) => process.exited === undefined);
  }

  #forgetOldestEnded(): void {
    const oldest = this.#ended[this.#endedFrom++];
    if (oldest !== undefined) this.#remove(oldest);
    if (this.#endedFrom < 1024 || this.#endedFrom * 2 < this.#ended.length) return;
    this.#ended = this.#ended.slice(this.#endedFrom);
    this.#endedFrom = 0;
  }

  #evict(): void {
    if (this.#endedFrom < this.#ended.length) {
      this.#forgetOldestEnded();
      return;
    }
    // The oldest one: long-lived, but read again from /proc when it acts.
    for (const process of this.#byPid.values()) {
      this.counts.evictions++;
      this.#remove(process);
      return;
    }
  }

  #remove(process: Process): void {
    const newest = this.#byPid.get(process.pid);
    if (newest === process) {
      if (process.previous === undefined) this.#byPid.delete(process.pid);
      else this.#byPid.set(process.pid, process.previous);
      this.#size--;
      return;
    }
    for (let one = newest; one !== undefined; one = one.previous) {
      if (one.previous !== process) continue;
      one.previous = process.previous;
      this.#size--;
      return;
    }
  }
}
