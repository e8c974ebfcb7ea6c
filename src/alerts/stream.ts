import { messageOf } from '../errors.ts';
import type { Logger } from '../log.ts';

interface Subscriber<T, F> {
  readonly filter: F;
  readonly write: (entry: T) => void;
}

/**
 * Hands entries to who wants them at once. A subscriber's `write` must not
 * block and decides itself what a slow client loses; one that throws is
 * removed. With no subscriber a publication costs one comparison.
 */
export class Stream<T, F> {
  readonly #matches: (entry: T, filter: F) => boolean;
  readonly #log: Logger;
  readonly #subscribers = new Set<Subscriber<T, F>>();

  constructor(matches: (entry: T, filter: F) => boolean, log: Logger) {
    this.#matches = matches;
    this.#log = log;
  }

  get idle(): boolean {
    return this.#subscribers.size === 0;
  }

  subscribe(filter: F, write: (entry: T) => void): () => void {
    const subscriber = { filter, write };
    this.#subscribers.add(subscriber);
    return () => this.#subscribers.delete(subscriber);
  }

  publish(entry: T): void {
    for (const subscriber of this.#subscribers) {
      try {
        if (this.#matches(entry, subscriber.filter)) subscriber.write(entry);
      } catch (error) {
        this.#subscribers.delete(subscriber);
        this.#log.warn({ error: messageOf(error) }, 'a stream subscriber failed and was removed');
      }
    }
  }
}
