import { closeSync, fstatSync, openSync, writeSync } from 'node:fs';
import type { Config } from '../config/options.ts';
import { messageOf, WardenError } from '../errors.ts';
import type { Logger } from '../log.ts';
import { appendFlags, openError, rotateFiles } from '../rotation.ts';
import type { EventJson, FieldSource } from '../schema/event.ts';
import { eventJson } from '../schema/json.ts';
import { simpleEvent } from '../schema/simple.ts';
import { jsonLine } from '../visible.ts';

const STANDARD_OUTPUT = 1;

/**
 * Every event of the chosen kinds as NDJSON, one write for what the sensor hands over at once. Rotated by
 * size (`FILE.1` is the youngest). A write that fails is counted and told once
 * per failure in a row; events go on.
 */
export class EventsFile {
  readonly kinds: ReadonlySet<string> | undefined;
  /** Events that could not be written. */
  failed = 0;
  readonly #path: string;
  readonly #simple: boolean;
  readonly #rotateBytes: number;
  readonly #keep: number;
  readonly #log: Logger;
  readonly #redact: (event: EventJson) => EventJson;
  /** Whether there is a file at all. */
  readonly #active: boolean;
  #fd: number;
  #size: number;
  #pending: string[] = [];
  #failing = false;
  /** The last write ended within a line. */
  #torn = false;

  /** With an empty path it takes nothing. `redact` takes secrets out. Throws OUTPUT_FAILED when the file cannot be opened. */
  constructor(config: Config['output'], log: Logger, redact: (event: EventJson) => EventJson) {
    this.#redact = redact;
    this.#path = config.events_file;
    this.#active = config.events_file !== '';
    this.#simple = config.format === 'simple';
    this.#rotateBytes = config.rotate_bytes;
    this.#keep = config.rotate_keep;
    this.#log = log;
    this.kinds = config.events_kinds.length === 0 ? undefined : new Set(config.events_kinds);
    this.#fd = this.#active ? this.#open() : STANDARD_OUTPUT;
    this.#size = this.#isFile ? fstatSync(this.#fd).size : 0;
  }

  #open(): number {
    if (this.#path === '-') return STANDARD_OUTPUT;
    try {
      return openSync(this.#path, appendFlags(this.#path), 0o640);
    } catch (error) {
      throw new WardenError(
        'OUTPUT_FAILED',
        `output.events_file: cannot open ${this.#path}: ${messageOf(openError(this.#path, error))}`,
        {
          cause: error,
        },
      );
    }
  }

  get #isFile(): boolean {
    return this.#active && this.#path !== '-';
  }

  add(event: FieldSource): void {
    if (!this.#active || (this.kinds !== undefined && !this.kinds.has(event.kind))) return;
    this.#pending.push(jsonLine(this.#redact(this.#simple ? simpleEvent(event) : eventJson(event))));
  }

  /** Writes what was added since; to be called at the end of each batch. */
  flush(): void {
    const count = this.#pending.length;
    if (count === 0) return;
    const bytes = Buffer.from(`${this.#torn ? '\n' : ''}${this.#pending.join('\n')}\n`);
    this.#pending = [];
    let at = 0;
    try {
      while (at < bytes.length) at += writeSync(this.#fd, bytes, at);
      this.#size += bytes.length;
      this.#failing = false;
      this.#torn = false;
      if (this.#isFile && this.#rotateBytes > 0 && this.#size >= this.#rotateBytes) this.#rotate();
    } catch (error) {
      this.failed += count;
      this.#torn ||= at > 0;
      if (!this.#failing)
        this.#log.error({ file: this.#path, reason: messageOf(error) }, 'events could not be written');
      this.#failing = true;
    }
  }

  #rotate(): void {
    closeSync(this.#fd);
    rotateFiles(this.#path, this.#keep);
    this.#fd = this.#open();
    this.#size = 0;
  }

  /** For SIGHUP: the file may have been moved away. */
  reopen(): void {
    if (!this.#isFile) return;
    const fd = this.#open();
    closeSync(this.#fd);
    this.#fd = fd;
    this.#size = fstatSync(fd).size;
  }

  close(): void {
    this.flush();
    if (this.#isFile) closeSync(this.#fd);
  }
}
