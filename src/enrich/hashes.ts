import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';

export interface FileHashes {
  readonly sha256: string;
  readonly md5: string;
}

export interface HashKey {
  readonly device: string | number;
  readonly inode: string | number;
  /** Modification time, any unit: a changed file is another key. */
  readonly mtime: string | number;
}

export interface HashCounts {
  computed: number;
  /** Longer than the limit. */
  tooLarge: number;
  /** Gone, not readable, or changed while it was read. */
  failed: number;
  /** Not begun, because as many as allowed were waiting. */
  refused: number;
  evictions: number;
}

const MAX_WAITING = 256;
const MAX_ENTRIES = 8_192;
const CHUNK = 262_144;
/** A name may lead to a pipe by now, and opening that would wait for a writer. */
const READ = constants.O_RDONLY | constants.O_NONBLOCK;

/**
 * SHA-256 and MD5 of executables, one at a time and without blocking the
 * event loop for longer than one chunk takes. Cached by device, inode and
 * modification time; `undefined` is remembered for files that cannot be had.
 */
export class Hashes {
  readonly counts: HashCounts = { computed: 0, tooLarge: 0, failed: 0, refused: 0, evictions: 0 };
  readonly #maxBytes: number;
  readonly #known = new Map<string, FileHashes | undefined>();
  readonly #waiting = new Map<string, Promise<FileHashes | undefined>>();
  #tail: Promise<unknown> = Promise.resolve();

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** What is known now; undefined also while it is being computed. */
  known(key: HashKey): FileHashes | undefined {
    return this.#known.get(text(key));
  }

  /**
   * Computes unless known, from the first of the paths that is the inode of the
   * key. Best is /proc/PID/exe, which is what runs, whatever its name leads to
   * by now; the name serves when the process has ended. Never rejects.
   */
  compute(key: HashKey, ...paths: readonly string[]): Promise<FileHashes | undefined> {
    const id = text(key);
    if (this.#known.has(id)) return Promise.resolve(this.#known.get(id));
    const waiting = this.#waiting.get(id);
    if (waiting !== undefined) return waiting;
    if (this.#waiting.size >= MAX_WAITING) {
      this.counts.refused++;
      return Promise.resolve(undefined);
    }
    const job = this.#tail.then(async () => {
      const hashes = await this.#read(key, paths);
      this.#remember(id, hashes);
      this.#waiting.delete(id);
      return hashes;
    });
    this.#waiting.set(id, job);
    this.#tail = job;
    return job;
  }

  async #read(key: HashKey, paths: readonly string[]): Promise<FileHashes | undefined> {
    for (const path of paths) {
      let file: FileHandle | undefined;
      try {
        file = await open(path, READ);
        const { size, ino } = await file.stat({ bigint: true });
        if (String(ino) !== String(key.inode)) continue;
        if (size > BigInt(this.#maxBytes)) {
          this.counts.tooLarge++;
          return undefined;
        }
        const hashes = await this.#digest(file);
        this.counts.computed++;
        return hashes;
      } catch {
        // The process may have ended, and its /proc entry with it: the next path may do, else it is counted.
      } finally {
        await file?.close();
      }
    }
    this.counts.failed++;
    return undefined;
  }

  async #digest(file: FileHandle): Promise<FileHashes> {
    const sha256 = createHash('sha256');
    const md5 = createHash('md5');
    const buffer = Buffer.allocUnsafe(CHUNK);
    for (let total = 0; total <= this.#maxBytes; ) {
      const { bytesRead } = await file.read(buffer, 0, CHUNK, null);
      if (bytesRead === 0) break;
      sha256.update(buffer.subarray(0, bytesRead));
      md5.update(buffer.subarray(0, bytesRead));
      total += bytesRead;
    }
    return { sha256: sha256.digest('hex'), md5: md5.digest('hex') };
  }

  #remember(id: string, hashes: FileHashes | undefined): void {
    this.#known.set(id, hashes);
    if (this.#known.size <= MAX_ENTRIES) return;
    const [oldest] = this.#known.keys();
    if (oldest !== undefined) this.#known.delete(oldest);
    this.counts.evictions++;
  }
}

function text({ device, inode, mtime }: HashKey): string {
  return `${device}:${inode}:${mtime}`;
}
