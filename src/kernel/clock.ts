/**
 * Kernel times (CLOCK_BOOTTIME nanoseconds) as Unix time. Node has the
 * monotonic clock and the wall clock; the boot time is the monotonic clock plus
 * the time spent suspended.
 */
import { readFileSync } from 'node:fs';

/** The wall clock may be set or slewed: the difference is measured again after this time. */
const REFRESH_MS = 30_000;
/** /proc/uptime has hundredths of a second: a smaller difference is no suspension. */
const SUSPENSION_MS = 50;

export class BootClock {
  #unixAtBoot: number;
  #measured: number;

  constructor() {
    this.#unixAtBoot = measure();
    this.#measured = performance.now();
  }

  /** Unix seconds with a fraction. */
  toUnix = (ktime: number): number => {
    // Microseconds: a double holds no more of a present-day Unix time.
    return Math.round((this.#unixAtBoot + ktime / 1e9) * 1e6) / 1e6;
  };

  /** CLOCK_BOOTTIME nanoseconds now. */
  now(): number {
    return (Date.now() / 1000 - this.#unixAtBoot) * 1e9;
  }

  /** Unix seconds of the boot. */
  get bootTime(): number {
    return this.#unixAtBoot;
  }

  /** To be called now and then, such as once a second. */
  tick(): void {
    if (performance.now() - this.#measured < REFRESH_MS) return;
    this.#unixAtBoot = measure();
    this.#measured = performance.now();
  }
}

function measure(): number {
  // Date.now() has milliseconds; the moment when it changes is exact to microseconds.
  const start = Date.now();
  let wall = start;
  while (wall === start) wall = Date.now();
  const monotonic = Number(process.hrtime.bigint()) / 1e6;
  const uptime = Number(readFileSync('/proc/uptime', 'latin1').split(' ')[0]) * 1000;
  const suspended = uptime - monotonic;
  return (wall - monotonic - (Math.abs(suspended) > SUSPENSION_MS ? suspended : 0)) / 1000;
}
