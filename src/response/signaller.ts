import { getSystemErrorName } from 'node:util';
import { processStat } from '../proc-stat.ts';
import type { Signaller } from './types.ts';

/** The addon's call: 0, or -errno; -ESRCH when the process with this id started at another time, or is gone. */
export type PidfdSignal = (pid: number, signal: number, ticks: number) => number;

/** By a descriptor that stays with one process, checked once it is open: no other process can come in between. */
export function pidfdSignaller(call: PidfdSignal): Signaller {
  return {
    raceFree: true,
    signal(pid, signal, ticks) {
      const status = call(pid, signal, ticks);
      if (status >= 0) return 'sent';
      const name = getSystemErrorName(status);
      if (name === 'ESRCH') return 'gone';
      throw new Error(name);
    },
  };
}

/** By id, right after the check: a race of microseconds remains, and the reports say so. */
export const processSignaller: Signaller = {
  raceFree: false,
  signal(pid, signal, ticks) {
    if (processStat(pid)?.startTicks !== ticks) return 'gone';
    try {
      process.kill(pid, signal);
      return 'sent';
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'ESRCH') return 'gone';
      throw error;
    }
  },
};
