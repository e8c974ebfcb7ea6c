import { getSystemErrorName } from 'node:util';
import type { Signaller } from './types.ts';

/** The addon's call: 0, or -errno; -ESRCH when the process with this id started at another time, or is gone. */
type PidfdSignal = (pid: number, signal: number, ticks: number) => number;

/** By a descriptor that stays with one process, checked once it is open: no other process can come in between. */
export function pidfdSignaller(call: PidfdSignal): Signaller {
  return {
    signal(pid, signal, ticks) {
      const status = call(pid, signal, ticks);
      if (status >= 0) return 'sent';
      const name = getSystemErrorName(status);
      if (name === 'ESRCH') return 'gone';
      throw new Error(name);
    },
  };
}
