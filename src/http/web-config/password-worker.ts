/** Runs in a worker thread: bcryptjs holds its thread for up to 100 ms at a time, which the daemon cannot spare. */
import { parentPort } from 'node:worker_threads';
import { compare } from 'bcryptjs';

export interface Question {
  readonly id: number;
  readonly password: string;
  readonly hash: string;
}
export interface Answer {
  readonly id: number;
  readonly matches: boolean;
}

parentPort?.on('message', ({ id, password, hash }: Question) => {
  compare(password, hash).then(
    (matches) => parentPort?.postMessage({ id, matches } satisfies Answer),
    () => parentPort?.postMessage({ id, matches: false } satisfies Answer),
  );
});
