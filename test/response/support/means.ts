import { readFileSync } from 'node:fs';
import { processStat } from '../../../src/proc-stat.ts';
import type { Signaller } from '../../../src/response/types.ts';

/** By process id, which leaves a race that the daemon's own does not: for tests without the addon. */
const signaller: Signaller = {
  signal(pid, signal, ticks) {
    if (processStat(pid)?.startTicks !== ticks) return 'gone';
    process.kill(pid, signal);
    return 'sent';
  },
};

/** From the wall clock and the uptime. */
const bootTime = (): number => Date.now() / 1000 - Number(readFileSync('/proc/uptime', 'latin1').split(' ')[0]);

/** What a responder needs of the kernel. */
export const MEANS = { signaller, bootTime };
