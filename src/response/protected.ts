import { readlinkSync } from 'node:fs';
import { processStat } from '../proc-stat.ts';

/** Why a process must not be touched; undefined when it may be. */
export type Protection = (pid: number, path: string | undefined) => string | undefined;

const MAX_ANCESTORS = 64;
/** A burst asks thousands of times a second; parents end seldom. */
const REMEMBER_MS = 1000;

/**
 * pid 1, kernel threads, the daemon, its ancestors (looked up again and again:
 * they change when a parent ends) and the executables of the list.
 */
export function createProtection(executables: readonly string[], self = process.pid, procfs = '/proc'): Protection {
  const list = new Set(executables);
  let ancestors: readonly number[] = [];
  let lookedUp = Number.NEGATIVE_INFINITY;
  const isAncestor = (pid: number): boolean => {
    if (performance.now() - lookedUp >= REMEMBER_MS) {
      ancestors = ancestorPids(self, procfs);
      lookedUp = performance.now();
    }
    return ancestors.includes(pid);
  };
  return (pid, path) => {
    if (!Number.isSafeInteger(pid) || pid <= 0) return 'it has no process id';
    if (pid === 1) return 'it is pid 1';
    if (pid === 2 || processStat(pid, procfs)?.parentPid === 2) return 'it is a kernel thread';
    if (pid === self) return 'it is the daemon';
    if (isAncestor(pid)) return 'it is an ancestor of the daemon';
    // What it is now counts as much as what it was when it matched.
    const now = executableOf(pid, procfs);
    const found = [path, now].find((entry) => entry !== undefined && list.has(entry));
    return found === undefined ? undefined : `${found} is on the list of protected processes`;
  };
}

/** The processes that a process descends from, the nearest first; without pid 1's parent. */
export function ancestorPids(pid: number, procfs = '/proc'): number[] {
  const result: number[] = [];
  let parent = processStat(pid, procfs)?.parentPid;
  while (parent !== undefined && parent > 0 && result.length < MAX_ANCESTORS) {
    result.push(parent);
    parent = processStat(parent, procfs)?.parentPid;
  }
  return result;
}

function executableOf(pid: number, procfs: string): string | undefined {
  try {
    return readlinkSync(`${procfs}/${pid}/exe`);
  } catch {
    return undefined; // It has ended, or it is a kernel thread.
  }
}
