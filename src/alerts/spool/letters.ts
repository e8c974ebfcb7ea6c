/**
 * The dead letters of a spool as another process sees them. It reads the store
 * beside the daemon, which LMDB allows, and changes nothing itself: what is to
 * be done is written as a request, which the daemon takes up within a second,
 * or at its next start.
 */
import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { open } from 'lmdb';
import { messageOf, WardenError } from '../../errors.ts';
import { deadLetterFromText } from './dead-letters.ts';
import { Pieces } from './pieces.ts';
import { directoryOwner } from './store.ts';
import type { DeadLetter, DeadLetterRequest } from './types.ts';

export class SpoolLetters {
  readonly #root;
  readonly #dead;
  readonly #state;
  readonly #requests;
  readonly #directory: string;

  /** Throws SPOOL_FAILED when there is no spool, or it cannot be read. */
  constructor(directory: string) {
    this.#directory = directory;
    if (!existsSync(join(directory, 'data.mdb')))
      throw new WardenError('SPOOL_FAILED', `there is no spool in ${directory}: see [spool] directory`);
    try {
      this.#root = open({ path: directory, encoding: 'string', maxDbs: 8 });
      this.#dead = new Pieces(this.#root, 'dead');
      this.#state = this.#root.openDB<string, string>({ name: 'state', encoding: 'string' });
      this.#requests = this.#root.openDB<string, string>({ name: 'requests', encoding: 'string' });
    } catch (error) {
      throw new WardenError('SPOOL_FAILED', `${directory} cannot be read: ${messageOf(error)}`, { cause: error });
    }
  }

  /** The daemon that works on the spool, undefined when none runs. */
  get daemon(): number | undefined {
    return directoryOwner(this.#directory);
  }

  /** Newest first. */
  list(): DeadLetter[] {
    const letters: DeadLetter[] = [];
    for (const [id, text] of this.#dead.entries()) letters.push(deadLetterFromText(id, text));
    return letters.reverse();
  }

  /** Sinks that have a place in the spool. */
  sinks(): string[] {
    const names: string[] = [];
    for (const { key } of this.#state.getRange()) if (key.startsWith('sink:')) names.push(key.slice(5));
    return names;
  }

  /** Writes the requests, all or none. */
  ask(requests: readonly DeadLetterRequest[]): void {
    this.#root.transactionSync(() => {
      for (const request of requests) this.#requests.put(randomUUID(), JSON.stringify(request));
    });
  }

  /** Waits until the daemon has taken up every request, at most `ms`. Tells whether it has. */
  async taken(ms: number): Promise<boolean> {
    const deadline = performance.now() + ms;
    while (performance.now() < deadline) {
      if (this.#requests.getCount() === 0) return true;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    return false;
  }

  close(): Promise<void> {
    return this.#root.close();
  }
}
