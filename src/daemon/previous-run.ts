/**
 * How the daemon before this one ended, and since when nothing is watched: a
 * file beside the spool says which daemon runs, its time of change when it last
 * lived. Whoever kills the daemon does not get to write into it.
 */
import {
  closeSync,
  constants,
  fstatSync,
  ftruncateSync,
  futimesSync,
  openSync,
  readFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { messageOf } from '../errors.ts';
import type { Logger } from '../log.ts';
import type { OwnFacts } from './own-events.ts';

const FILE = 'run.json';
const MAX_BYTES = 4096;

interface State {
  readonly pid: number;
  readonly boot: string;
  /** Unix seconds. */
  readonly began: number;
  readonly ended: boolean;
  /** Processes that the kernel had killed for memory when it began. */
  readonly oomKills: number;
}

export interface RunFileOptions {
  readonly directory: string;
  readonly log: Logger;
  readonly bootId: string;
  /** Unix seconds of the boot. */
  readonly bootTime: number;
  readonly oomKills?: () => number;
}

export class RunFile {
  readonly #options: RunFileOptions;
  readonly #previous: { readonly state: State; readonly lived: number } | undefined;
  readonly #state: State;
  #fd: number | undefined;

  /** Where the file cannot be kept the daemon works without. */
  constructor(options: RunFileOptions) {
    this.#options = options;
    const { directory, log, bootId, oomKills = oomKillsOfHost } = options;
    this.#state = { pid: process.pid, boot: bootId, began: Date.now() / 1000, ended: false, oomKills: oomKills() };
    const flags = constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW;
    try {
      this.#fd = openSync(join(directory, FILE), flags, 0o600);
      const { mtimeMs, size } = fstatSync(this.#fd);
      if (size > 0 && size <= MAX_BYTES) {
        const state = stateOf(readFileSync(this.#fd, 'utf8'));
        if (state !== undefined) this.#previous = { state, lived: mtimeMs / 1000 };
      }
    } catch (error) {
      log.warn({ reason: messageOf(error) }, 'the next start will not know how this run ended');
    }
  }

  /** From now on everything is watched: since when nothing was, and why. Undefined at the very first start. */
  begin(now: number = Date.now() / 1000): OwnFacts | undefined {
    try {
      this.#write(this.#state);
    } catch (error) {
      this.#options.log.warn({ reason: messageOf(error) }, 'the next start will not know how this run ended');
    }
    return this.#gap(now);
  }

  #gap(now: number): OwnFacts | undefined {
    if (this.#previous === undefined) return undefined;
    const { state, lived } = this.#previous;
    const { bootId, bootTime } = this.#options;
    const rebooted = state.boot !== bootId;
    const end = state.ended ? 'orderly' : rebooted ? 'with_host' : 'unexpected';
    const seconds = Math.max(0, now - (rebooted ? Math.max(lived, bootTime) : lived));
    const killed = rebooted ? 0 : this.#state.oomKills - state.oomKills;
    const memory =
      end === 'unexpected' && killed > 0
        ? `; meanwhile the kernel ended ${killed} ${killed === 1 ? 'process' : 'processes'} for want of memory`
        : '';
    return {
      finding: 'gap',
      previous_end: end,
      blind_seconds: Math.round(seconds * 1000) / 1000,
      detail: `the daemon with process id ${state.pid} ended: ${end}${memory}`,
    };
  }

  /** It lives. To be called once a second. */
  beat(): void {
    if (this.#fd === undefined) return;
    try {
      const now = Date.now() / 1000;
      futimesSync(this.#fd, now, now);
    } catch (error) {
      this.#options.log.debug({ reason: messageOf(error) }, 'the sign of life could not be left');
    }
  }

  /** It ends because it was asked to. */
  end(): void {
    if (this.#fd === undefined) return;
    try {
      this.#write({ ...this.#state, ended: true });
    } catch (error) {
      this.#options.log.warn({ reason: messageOf(error) }, 'the next start will take this end for an unexpected one');
    }
    closeSync(this.#fd);
    this.#fd = undefined;
  }

  #write(state: State): void {
    if (this.#fd === undefined) return;
    const bytes = Buffer.from(`${JSON.stringify(state)}\n`);
    ftruncateSync(this.#fd);
    writeSync(this.#fd, bytes, 0, bytes.length, 0);
  }
}

function stateOf(text: string): State | undefined {
  try {
    const { pid, boot, began, ended, oomKills } = JSON.parse(text) as Record<string, unknown>;
    if (typeof pid !== 'number' || typeof boot !== 'string' || typeof began !== 'number') return undefined;
    return { pid, boot, began, ended: ended === true, oomKills: typeof oomKills === 'number' ? oomKills : 0 };
  } catch {
    // Cut short by a full disk or a power cut: as if there were none.
    return undefined;
  }
}

function oomKillsOfHost(): number {
  try {
    return Number(/^oom_kill (\d+)$/m.exec(readFileSync('/proc/vmstat', 'latin1'))?.[1] ?? 0);
  } catch {
    // Without it the reason of an end is not known; the end is.
    return 0;
  }
}
