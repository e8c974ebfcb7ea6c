import { statSync } from 'node:fs';
import { formatProblem, messageOf, WardenError } from '../../errors.ts';
import type { Logger } from '../../log.ts';
import { readWebConfig, type WebSettings } from './read.ts';

const NONE: WebSettings = {
  tls: undefined,
  headers: {},
  users: new Map(),
  rateLimit: undefined,
  warnings: [],
  files: [],
};

/**
 * The web configuration as its files are now. They are looked at for each
 * connection and request (a few microseconds) and read again when one
 * changed. With a mistake in them the last good settings stay in force.
 */
export class CurrentWebConfig {
  readonly #file: string;
  readonly #log: Logger;
  #settings: WebSettings;
  #seen: string;

  /** `file` may be empty for plain HTTP without authentication. Throws WEB_CONFIG_INVALID. */
  constructor(file: string, log: Logger) {
    this.#file = file;
    this.#log = log;
    this.#settings = file === '' ? NONE : readWebConfig(file);
    this.#seen = stamp(this.#settings.files);
    this.#warn();
  }

  /** The settings in force; a new object after a change. */
  get(): WebSettings {
    if (this.#file === '') return this.#settings;
    const now = stamp(this.#settings.files);
    if (now === this.#seen) return this.#settings;
    this.#seen = now;
    try {
      const next = readWebConfig(this.#file);
      if ((next.tls === undefined) !== (this.#settings.tls === undefined))
        this.#log.warn('web configuration: switching TLS on or off needs a restart');
      this.#settings = next;
      this.#seen = stamp(next.files);
      this.#log.info({ file: this.#file }, 'web configuration read again');
      this.#warn();
    } catch (error) {
      const problems = error instanceof WardenError ? error.problems.map(formatProblem) : [];
      this.#log.error({ problems }, `web configuration: the earlier one stays in force: ${messageOf(error)}`);
    }
    return this.#settings;
  }

  #warn(): void {
    for (const warning of this.#settings.warnings) this.#log.warn(`web configuration: ${warning}`);
  }
}

function stamp(files: readonly string[]): string {
  return files
    .map((file) => {
      const stat = statSync(file, { bigint: true, throwIfNoEntry: false });
      return stat === undefined ? 'absent' : `${stat.dev}:${stat.ino}:${stat.size}:${stat.mtimeNs}:${stat.ctimeNs}`;
    })
    .join('|');
}
