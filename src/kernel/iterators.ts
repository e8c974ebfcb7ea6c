/** Programs that run once when asked, over all tasks (iter/task). */
import type { Logger } from '../log.ts';
import { BatchDecoder } from '../schema/batch.ts';
import type { HostContext } from '../schema/context.ts';
import { errnoName } from '../schema/names/errno.ts';
import type { LiveView } from '../schema/view.ts';
import { framed } from './frame.ts';
import type { LoadedObject } from './load.ts';
import { answered } from './native.ts';

const has = ({ programs }: LoadedObject, program: string) => programs.some(({ name }) => name === program);

/** exec-shaped records of the processes that exist now, undefined where the kernel has no task iterator. */
export function seedRecords(object: LoadedObject, host: HostContext, log: Logger): readonly LiveView[] | undefined {
  const bytes = object.native.readIterator('process_seed');
  if (typeof bytes === 'number') {
    log.debug({ log: object.native.takeLog() }, 'no task iterator');
    return undefined;
  }
  return new BatchDecoder(object.layout, framed(bytes), host).decode(0, Number.MAX_SAFE_INTEGER);
}

/** Lets the kernel note the credentials of threads that are older than the sensor. */
export function seedCredentials(object: LoadedObject): void {
  if (has(object, 'credentials_seed')) object.native.readIterator('credentials_seed');
}

/** Lets the kernel announce the end of throttling for processes that have fallen silent meanwhile. */
export class ThrottleSweep {
  readonly #object: LoadedObject;
  readonly #log: Logger;
  #possible: boolean;

  constructor(object: LoadedObject, log: Logger) {
    this.#object = object;
    this.#log = log;
    this.#possible = has(object, 'rate_sweep');
  }

  run(): void {
    const { native } = this.#object;
    if (!this.#possible) return;
    const open = new BigUint64Array(answered(native, 'map rate_episodes', native.mapMemory('rate_episodes')), 0, 1);
    if (Atomics.load(open, 0) === 0n) return;
    const swept = native.readIterator('rate_sweep');
    if (typeof swept !== 'number') return;
    this.#possible = false;
    this.#log.warn(
      { reason: errnoName(swept), log: native.takeLog() },
      'throttled processes that fall silent will have no end record before they exit',
    );
  }
}
