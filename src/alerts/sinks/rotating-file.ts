import { type FileHandle, open, stat } from 'node:fs/promises';
import { appendFlags, openError, rotateFiles } from '../../rotation.ts';

interface RotationOptions {
  /** 0 for never. */
  readonly rotateBytes: number;
  /** 0 for never. */
  readonly rotateSeconds: number;
  readonly keep: number;
  readonly now?: () => number;
}

/**
 * Appends whole lines to a file; `file` becomes `file.1`, `file.1` becomes
 * `file.2` and so on. A line that could not be written whole (disk full) is
 * taken back, so that the next attempt leaves no fragment behind.
 */
export class RotatingFile {
  readonly #path: string;
  readonly #options: RotationOptions;
  #handle: FileHandle | undefined;
  #size = 0;
  #since = 0;
  #regular = true;
  /** What is no regular file cannot be cut back: the last write ended within a line. */
  #torn = false;
  #identity: { readonly dev: number; readonly ino: number } = { dev: 0, ino: 0 };

  constructor(path: string, options: RotationOptions) {
    this.#path = path;
    this.#options = options;
  }

  async append(text: string): Promise<void> {
    const bytes = Buffer.from(this.#torn ? `\n${text}` : text);
    // A line in a file that was renamed or removed is lost to whoever reads it by name.
    if (this.#handle !== undefined && (await this.#isElsewhere())) await this.reopen();
    if (this.#handle !== undefined && this.#isDue(bytes.length)) await this.#rotate();
    const handle = this.#handle ?? (await this.#open());
    // Found at the first write after a restart.
    if (this.#isDue(bytes.length)) {
      await this.#rotate();
      return this.append(text);
    }
    let written = 0;
    try {
      while (written < bytes.length) written += (await handle.write(bytes, written)).bytesWritten;
    } catch (error) {
      if (written > 0 && this.#regular) await handle.truncate(this.#size);
      this.#torn ||= written > 0 && !this.#regular;
      throw error;
    }
    this.#torn = false;
    this.#size += bytes.length;
  }

  /** The next write opens the file by its name again: something else has rotated it. */
  async reopen(): Promise<void> {
    const handle = this.#handle;
    this.#handle = undefined;
    await handle?.close();
  }

  #isDue(more: number): boolean {
    const { rotateBytes, rotateSeconds } = this.#options;
    if (!this.#regular || this.#handle === undefined || this.#size === 0) return false;
    if (rotateBytes > 0 && this.#size + more > rotateBytes) return true;
    return rotateSeconds > 0 && Math.abs(this.#now() - this.#since) >= rotateSeconds * 1000;
  }

  /** Whether the name leads to another file than the one that is open, or to none. */
  async #isElsewhere(): Promise<boolean> {
    const named = await stat(this.#path).catch(() => undefined);
    return named?.ino !== this.#identity.ino || named.dev !== this.#identity.dev;
  }

  async #open(): Promise<FileHandle> {
    const handle = await open(this.#path, appendFlags(this.#path), 0o640).catch((error: unknown) => {
      throw openError(this.#path, error);
    });
    const info = await handle.stat();
    this.#identity = { dev: info.dev, ino: info.ino };
    this.#regular = info.isFile();
    this.#size = info.size;
    this.#since = info.size === 0 ? this.#now() : info.birthtimeMs || info.mtimeMs;
    this.#handle = handle;
    return handle;
  }

  async #rotate(): Promise<void> {
    await this.reopen();
    rotateFiles(this.#path, this.#options.keep);
  }

  #now(): number {
    return (this.#options.now ?? Date.now)();
  }
}
