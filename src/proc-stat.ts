import { readFileSync } from 'node:fs';

/** What is used of /proc/PID/stat. */
export interface ProcessStat {
  readonly comm: string;
  readonly parentPid: number;
  /** Process that leads the session. */
  readonly session: number;
  readonly tty: number;
  /** Start in clock ticks since boot. With the pid it names one process for good: a pid alone is used again. */
  readonly startTicks: number;
}

/** undefined when there is no such process. The name is in brackets and may itself hold brackets and spaces. */
export function processStat(pid: number, procfs = '/proc'): ProcessStat | undefined {
  let text: string;
  try {
    text = readFileSync(`${procfs}/${pid}/stat`, 'latin1');
  } catch {
    return undefined; // It has ended.
  }
  const close = text.lastIndexOf(')');
  const fields = text.slice(close + 2).split(' ');
  // After the name: state, ppid, pgrp, session, tty_nr, …, starttime (the 22nd of all).
  const [parentPid = Number.NaN, session = Number.NaN, tty = Number.NaN, startTicks = Number.NaN] = [1, 3, 4, 19].map(
    (at) => Number(fields[at]),
  );
  if (![parentPid, session, tty, startTicks].every(Number.isSafeInteger)) return undefined;
  return { comm: text.slice(text.indexOf('(') + 1, close), parentPid, session, tty, startTicks };
}
