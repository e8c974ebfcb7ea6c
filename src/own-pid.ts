let pid = process.pid;

/**
 * The daemon's process id in the initial pid namespace, as events have it:
 * `process.pid`, unless the daemon runs in a container with pids of its own.
 */
export const ownPid = (): number => pid;

/** Once, before the first event: what the kernel answered. */
export function learnOwnPid(answer: number): void {
  pid = answer;
}
