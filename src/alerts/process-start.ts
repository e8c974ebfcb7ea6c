import { readFileSync } from 'node:fs';

/**
 * Start time of a process in clock ticks since boot (field 22 of
 * /proc/PID/stat), undefined when there is no such process. With the pid it
 * names one process for good: a pid alone is used again.
 */
export function startTicks(pid: number, procfs = '/proc'): number | undefined {
  const fields = statFields(pid, procfs);
  const ticks = Number(fields?.[19]);
  return Number.isSafeInteger(ticks) ? ticks : undefined;
}

/** Parent of a process, undefined when there is no such process. */
export function parentOf(pid: number, procfs = '/proc'): number | undefined {
  const parent = Number(statFields(pid, procfs)?.[1]);
  return Number.isSafeInteger(parent) ? parent : undefined;
}

/** The fields after the name, from the third (state) on. The name is in brackets and may itself hold brackets and spaces. */
function statFields(pid: number, procfs: string): string[] | undefined {
  let text: string;
  try {
    text = readFileSync(`${procfs}/${pid}/stat`, 'latin1');
  } catch {
    return undefined;
  }
  return text.slice(text.lastIndexOf(')') + 2).split(' ');
}
