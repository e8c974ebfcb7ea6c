import type { EventRecord } from '../schema/event.ts';
import { FIELD_NAMES } from '../schema/fields.ts';
import { id, recordFromValues } from '../schema/record.ts';
import type { LiveView } from '../schema/view.ts';
import { type FileHashes, type HashCounts, Hashes, type HashKey } from './hashes.ts';
import type { HashLookup, Program } from './program.ts';

/**
 * Hashes of executables on demand: nothing is read while no rule names a hash
 * and the configuration does not ask for them.
 */
export class HashService {
  readonly #hashes: Hashes;
  #onHashed: (event: EventRecord) => void = () => undefined;
  #on = false;

  constructor(maxBytes: number) {
    this.#hashes = new Hashes(maxBytes);
  }

  /**
   * `listener` gets the event of a program whose hashes were not known when its
   * exec was evaluated, now with them; only rules that name a hash need to see it.
   */
  onHashed(listener: (event: EventRecord) => void): void {
    this.#onHashed = listener;
  }

  get counts(): Readonly<HashCounts> {
    return this.#hashes.counts;
  }

  /** Whether executables are hashed when they start. */
  switch(on: boolean): void {
    this.#on = on;
  }

  /** What is known by now. */
  readonly lookup: HashLookup = (program) => {
    const key = keyOf(program);
    return key === undefined ? undefined : this.#hashes.known(key);
  };

  /** A program started. Where its hashes are not known yet its event is handed over again with them. */
  started(program: Program, view: LiveView): void {
    if (!this.#on) return;
    const key = keyOf(program);
    if (key === undefined || this.#hashes.known(key) !== undefined) return;
    const paths = [`/proc/${program.pid}/exe`, ...(program.path === undefined ? [] : [program.path])];
    const job = this.#hashes.compute(key, ...paths);
    const event = view.snapshot();
    void job.then((hashes) => {
      if (hashes !== undefined) this.#onHashed(withHashes(event, hashes));
    });
  }
}

function keyOf({ facts: { device, inode, mtime } }: Program): HashKey | undefined {
  return device === undefined || inode === undefined || mtime === undefined ? undefined : { device, inode, mtime };
}

function withHashes(event: EventRecord, { sha256, md5 }: FileHashes): EventRecord {
  const values = FIELD_NAMES.map((_, field) => event.value(field));
  values[id('process.sha256')] = sha256;
  values[id('process.md5')] = md5;
  return recordFromValues(values, event.ktime);
}
