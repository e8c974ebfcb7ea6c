import { createRequire } from 'node:module';
import type { Native, Status } from '../../native/addon.d.ts';
import { messageOf, WardenError } from '../errors.ts';
import { errnoName } from '../schema/names/errno.ts';
import { builtFile } from './built.ts';

export type { MapInfo, Native, ProgramInfo, Refusal, RingStats } from '../../native/addon.d.ts';

const ADDON = builtFile('Release/bpfwarden.node');

/** Loads the addon; this is the only file that does. Throws NOT_BUILT. */
export function loadNative(): Native {
  try {
    return createRequire(import.meta.url)(ADDON) as Native;
  } catch (error) {
    throw new WardenError('NOT_BUILT', `the addon cannot be loaded: ${messageOf(error)}; run \`npm run build\``, {
      cause: error,
    });
  }
}

/** A BPF operation that failed, with libbpf's own words. */
export class SensorError extends WardenError {
  override readonly name = 'SensorError';
  readonly operation: string;
  readonly errno: number;
  readonly log: string;

  constructor(operation: string, errno: number, log: string) {
    const lines = log.trim().split('\n');
    const tail = log.trim() === '' ? '' : `\n${lines.slice(-20).join('\n')}`;
    super('SENSOR_FAILED', `${operation}: ${errnoName(-errno)}${tail}`);
    this.operation = operation;
    this.errno = errno;
    this.log = log;
  }
}

/** The status when it is 0 or a count; throws a SensorError for -errno. */
export function checked(native: Native, operation: string, status: Status): number {
  if (status >= 0) return status;
  throw new SensorError(operation, -status, native.takeLog());
}

/** The answer of a call that gives either something or -errno. */
export function answered<T extends object>(native: Native, operation: string, answer: T | Status): T {
  if (typeof answer !== 'number') return answer;
  throw new SensorError(operation, -answer, native.takeLog());
}
