import { SETTLEMENTS, type Settlement, type SinkCounts } from './types.ts';

/** Where one sink is in the spool, and what became of everything before. */
export interface Queue {
  /** The sink gets alerts after this position. */
  readonly joined: number;
  /** Everything up to here is settled. */
  cursor: number;
  readonly counts: Record<Settlement, number>;
}

export function newQueue(at: number): Queue {
  return { joined: at, cursor: at, counts: { delivered: 0, skipped: 0, rejected: 0, expired: 0, dropped: 0 } };
}

export function countsOf(queue: Queue, tail: number): SinkCounts {
  return { ...queue.counts, waiting: tail - queue.cursor, offered: tail - queue.joined };
}

export function queueToText({ joined, cursor, counts }: Queue): string {
  return JSON.stringify({ joined, cursor, counts });
}

/** Throws when the text is not what queueToText wrote, or its counts do not add up. */
export function queueFromText(text: string): Queue {
  const value = JSON.parse(text) as Partial<Queue>;
  const queue = newQueue(whole(value.joined));
  queue.cursor = whole(value.cursor);
  let sum = 0;
  for (const name of SETTLEMENTS) {
    queue.counts[name] = whole(value.counts?.[name]);
    sum += queue.counts[name];
  }
  if (queue.cursor - queue.joined !== sum) throw new RangeError('the counts of a sink do not add up');
  return queue;
}

export function whole(value: unknown): number {
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0)
    throw new TypeError('expected a whole number');
  return value;
}
