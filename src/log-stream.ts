import { writeSync } from 'node:fs';

/** Bytes of lines that wait for whoever reads the log. */
const MAX_WAITING = 1 << 20;
const RETRY_MS = 100;

/**
 * Writes lines at once, and never waits for a reader that has stopped reading (a
 * pipe, the journal): the daemon would be blind as long as nobody reads its log.
 * Lines wait, up to a bound; beyond it they are dropped, and the log says how many.
 */
export class LogStream {
  readonly #fd: number;
  readonly #lineOf: (message: string) => string;
  #waiting: Buffer[] = [];
  #bytes = 0;
  #dropped = 0;
  #retry: NodeJS.Timeout | undefined;

  /** @param lineOf How the log says something of itself. */
  constructor(fd: number, lineOf: (message: string) => string) {
    this.#fd = fd;
    this.#lineOf = lineOf;
  }

  write(text: string): void {
    const bytes = Buffer.from(text);
    if (this.#bytes + bytes.length > MAX_WAITING) this.#dropped++;
    else this.#add(bytes);
    if (this.#retry === undefined) this.#flush();
  }

  #add(bytes: Buffer): void {
    this.#waiting.push(bytes);
    this.#bytes += bytes.length;
  }

  #flush(): void {
    const bytes = Buffer.concat(this.#waiting);
    const written = this.#written(bytes);
    this.#bytes -= written;
    this.#waiting = written === bytes.length ? [] : [bytes.subarray(written)];
    if (this.#waiting.length === 0 && this.#dropped > 0) {
      this.#add(Buffer.from(`${this.#lineOf(`${this.#dropped} lines of the log were dropped: nobody read it`)}\n`));
      this.#dropped = 0;
      this.#flush();
    } else if (this.#waiting.length > 0) {
      this.#retry = setTimeout(() => {
        this.#retry = undefined;
        this.#flush();
      }, RETRY_MS).unref();
    }
  }

  /** Bytes that were taken. Where the other end is gone there is nowhere to say so: the log ends, the daemon goes on. */
  #written(bytes: Buffer): number {
    try {
      return writeSync(this.#fd, bytes);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      return code === 'EAGAIN' || code === 'EBUSY' ? 0 : bytes.length;
    }
  }
}
