import { constants } from 'node:os';
import { messageOf } from '../errors.ts';
import { processStat } from '../proc-stat.ts';
import { fieldId } from '../schema/fields.ts';
import type { Protection } from './protected.ts';
import type { ResponseRequest, ResponseResult, Signaller } from './types.ts';

const PID = fieldId('process.pid') ?? -1;
const PATH = fieldId('process.path') ?? -1;
const START = fieldId('process.start_time') ?? -1;

/** /proc counts in hundredths of a second (USER_HZ is 100 on every architecture this runs on). */
const TICKS_PER_SECOND = 100;
/** Rounding of both sides, and what the wall clock may be slewed between event and check. */
const TOLERANCE_SECONDS = 0.05;

export interface KillOptions {
  readonly signaller: Signaller;
  readonly protection: Protection;
  /** Unix seconds at which this boot began, by the same clock that event times use. */
  readonly bootTime: () => number;
  readonly procfs?: string;
}

/** SIGKILL to the process of the event: that one, not another that has its id by now. */
export function killProcess(request: ResponseRequest, options: KillOptions): ResponseResult {
  const { event, enforce } = request;
  const { signaller, protection, procfs } = options;
  const pid = event.value(PID);
  if (typeof pid !== 'number') return { outcome: 'failed', detail: 'the event names no process' };
  const path = event.value(PATH);
  const reason = protection(pid, typeof path === 'string' ? path : undefined);
  if (reason !== undefined) return { outcome: 'protected', detail: reason };
  if (!enforce) return { outcome: 'simulated', detail: `would kill process ${pid}` };

  const started = event.value(START);
  if (typeof started !== 'number')
    return { outcome: 'failed', detail: `the start time of process ${pid} is not known, so it could be another one` };
  const ticks = processStat(pid, procfs)?.startTicks;
  const gone = { outcome: 'failed', detail: `process ${pid} has ended already` } as const;
  if (ticks === undefined) return gone;
  if (Math.abs(options.bootTime() + ticks / TICKS_PER_SECOND - started) > TOLERANCE_SECONDS)
    return { outcome: 'failed', detail: `process ${pid} is another one by now` };
  try {
    const result = signaller.signal(pid, constants.signals.SIGKILL, ticks);
    if (result === 'gone') return gone;
  } catch (error) {
    return { outcome: 'failed', detail: `process ${pid} cannot be killed: ${messageOf(error)}` };
  }
  return { outcome: 'done', detail: `killed process ${pid}` };
}
