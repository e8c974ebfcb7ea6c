import { getPriority, setPriority } from 'node:os';
import { messageOf } from '../errors.ts';
import type { Logger } from '../log.ts';

/**
 * Ten times the share of a program that takes all it gets: with every CPU taken,
 * a finding comes within milliseconds, and the daemon takes what an event costs,
 * no more. The unit sets the same, and CPUWeight against other units.
 */
export const DAEMON_NICE = -10;

/** Goes before others where it is allowed (CAP_SYS_NICE) and nobody has chosen another value. Only of the thread that reads the rings. */
export function raisePriority(log: Pick<Logger, 'debug'>): void {
  if (getPriority() !== 0) return;
  try {
    setPriority(DAEMON_NICE);
  } catch (error) {
    log.debug({ reason: messageOf(error) }, 'the nice value stays 0: with every CPU taken, findings come later');
  }
}
