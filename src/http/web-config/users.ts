import { createHmac, randomBytes } from 'node:crypto';
import { createRequire } from 'node:module';
import { Worker } from 'node:worker_threads';
import type { Logger } from '../../log.ts';

interface Question {
  readonly id: number;
  readonly password: string;
  readonly hash: string;
}
interface Answer {
  readonly id: number;
  readonly matches: boolean;
}

/**
 * Compares in a thread of its own: bcryptjs holds its thread for up to 100 ms
 * at a time, which the daemon cannot spare. A text, because a worker cannot
 * be started from TypeScript sources.
 */
const WORKER = `
const { parentPort, workerData } = require('node:worker_threads');
const { compare } = require(workerData);
parentPort.on('message', ({ id, password, hash }) => {
  const answer = (matches) => parentPort.postMessage({ id, matches });
  compare(password, hash).then(answer, () => answer(false));
});`;

/** Right passwords remembered, so that a scrape costs no bcrypt. */
const MAX_REMEMBERED = 100;
/** Comparisons under way; more are refused, so that guessing cannot pile up work. */
const MAX_PENDING = 32;

type PasswordVerdict = 'right' | 'wrong' | 'busy';

/** Checks HTTP basic authentication against bcrypt hashes, off the event loop. */
export class UserCheck {
  readonly #key = randomBytes(32);
  readonly #remembered = new Set<string>();
  readonly #pending = new Map<number, (matches: boolean) => void>();
  readonly #log: Logger;
  #worker: Worker | undefined;
  #nextId = 0;

  constructor(log: Logger) {
    this.#log = log;
  }

  /**
   * `authorization` is the request header. An unknown user costs the same
   * comparison as a known one, so the time does not tell who exists.
   */
  async check(authorization: string | undefined, users: ReadonlyMap<string, string>): Promise<PasswordVerdict> {
    const credentials = parse(authorization);
    if (credentials === undefined) return 'wrong';
    const known = users.get(credentials.user);
    const hash = known ?? decoy(users);
    const memory = createHmac('sha256', this.#key)
      .update(JSON.stringify([credentials.user, hash, credentials.password]))
      .digest('base64');
    if (this.#remembered.has(memory)) return 'right';
    if (this.#pending.size >= MAX_PENDING) return 'busy';
    const matches = await this.#compare(credentials.password, hash);
    if (!matches || known === undefined) return 'wrong';
    this.#remember(memory);
    return 'right';
  }

  close(): void {
    this.#end();
  }

  #remember(memory: string): void {
    if (this.#remembered.size >= MAX_REMEMBERED) {
      for (const oldest of this.#remembered) {
        this.#remembered.delete(oldest);
        break;
      }
    }
    this.#remembered.add(memory);
  }

  #compare(password: string, hash: string): Promise<boolean> {
    const id = this.#nextId++;
    return new Promise((resolve) => {
      this.#pending.set(id, resolve);
      this.#started().postMessage({ id, password, hash } satisfies Question);
    });
  }

  #started(): Worker {
    if (this.#worker !== undefined) return this.#worker;
    const bcrypt = createRequire(import.meta.url).resolve('bcryptjs');
    const worker = new Worker(WORKER, {
      eval: true,
      workerData: bcrypt,
      resourceLimits: { maxOldGenerationSizeMb: 64 },
    });
    worker.on('message', ({ id, matches }: Answer) => {
      this.#pending.get(id)?.(matches);
      this.#pending.delete(id);
    });
    worker.on('error', (error) => {
      this.#log.error({ err: error }, 'password check failed; requests under way are refused');
    });
    worker.on('exit', () => this.#worker === worker && this.#end());
    worker.unref();
    this.#worker = worker;
    return worker;
  }

  /** Whoever waits is refused; the next check starts another worker. */
  #end(): void {
    const worker = this.#worker;
    this.#worker = undefined;
    for (const answer of this.#pending.values()) answer(false);
    this.#pending.clear();
    void worker?.terminate();
  }
}

function parse(authorization: string | undefined): { user: string; password: string } | undefined {
  const encoded = /^basic +([A-Za-z0-9+/=]{1,4096})$/i.exec(authorization ?? '')?.[1];
  if (encoded === undefined) return undefined;
  const decoded = Buffer.from(encoded, 'base64').toString('utf8');
  const colon = decoded.indexOf(':');
  return colon < 0 ? undefined : { user: decoded.slice(0, colon), password: decoded.slice(colon + 1) };
}

/** A hash that no password has, as costly as the costliest configured one. */
function decoy(users: ReadonlyMap<string, string>): string {
  let cost = '10';
  let first = true;
  for (const hash of users.values()) {
    const own = hash.slice(4, 6);
    if (first || own > cost) cost = own;
    first = false;
  }
  return `$2b$${cost}$${'.'.repeat(53)}`;
}
