import { existsSync, writeFileSync } from 'node:fs';
import { getPriority, setPriority } from 'node:os';
import { messageOf } from '../errors.ts';
import type { Logger } from '../log.ts';
import { processStat } from '../proc-stat.ts';

/**
 * Ten times the share of a program that takes all it gets: with every CPU taken,
 * a finding comes within milliseconds, and the daemon takes what an event costs,
 * no more. The unit sets the same, and CPUWeight against other units.
 */
export const DAEMON_NICE = -10;
/**
 * Where the kernel shares CPUs among sessions first (no control groups, or not for
 * CPUs), a nice value counts only within one: a flood in another session would
 * leave the daemon a twentieth of a CPU.
 */
const SESSION = '/proc/self/autogroup';

/** Goes before others where it is allowed (CAP_SYS_NICE) and nobody has chosen another value. Only of the thread that reads the rings. */
export function raisePriority(log: Pick<Logger, 'debug'>): void {
  if (getPriority() !== 0) return;
  try {
    setPriority(DAEMON_NICE);
    // In somebody's shell the session is not the daemon's to raise.
    if (existsSync(SESSION) && processStat(process.pid)?.session === process.pid)
      writeFileSync(SESSION, String(DAEMON_NICE));
  } catch (error) {
    log.debug({ reason: messageOf(error) }, 'the nice value stays 0: with every CPU taken, findings come later');
  }
}
