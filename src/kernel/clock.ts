/**
 * Kernel times (CLOCK_BOOTTIME nanoseconds) as Unix time. Node has the
 * monotonic clock and the wall clock; the boot time is the monotonic clock plus
 * the time spent suspended. Somebody may set the wall clock at any moment:
 * "now" does not come from it.
 */
import { readFileSync } from 'node:fs';

/** The wall clock may be slewed: the difference is measured again after this time. */
const REFRESH_MS = 30_000;
/** A difference of the two clocks that is no slewing: one was set, or the host was suspended. */
const JUMP_MS = 200;
/** /proc/uptime has hundredths of a second: a smaller difference is no suspension. */
const SUSPENSION_MS = 50;

interface Measured {
  readonly unixAtBoot: number;
  /** Milliseconds since the boot when performance.now() was 0. */
  readonly origin: number;
}

export class BootClock {
  #times: Measured = measure();
  #measured = performance.now();

  /** Unix seconds with a fraction. */
  toUnix = (ktime: number): number => {
    // Microseconds: a double holds no more of a present-day Unix time.
    return Math.round((this.#times.unixAtBoot + ktime / 1e9) * 1e6) / 1e6;
  };

  /** CLOCK_BOOTTIME nanoseconds now. */
  now(): number {
    return (performance.now() + this.#times.origin) * 1e6;
  }

  /** Unix seconds of the boot. */
  get bootTime(): number {
    return this.#times.unixAtBoot;
  }

  /** To be called now and then, such as once a second. */
  tick(): void {
    const wall = this.#times.unixAtBoot * 1000 + this.now() / 1e6;
    if (Math.abs(Date.now() - wall) < JUMP_MS && performance.now() - this.#measured < REFRESH_MS) return;
    this.#times = measure();
    this.#measured = performance.now();
  }
}

function measure(): Measured {
  const { wall, monotonic, sinceStart } = changeOfWall();
  const uptime = Number(readFileSync('/proc/uptime', 'latin1').split(' ')[0]) * 1000;
  const asleep = uptime - Number(process.hrtime.bigint()) / 1e6;
  const booted = monotonic + (Math.abs(asleep) > SUSPENSION_MS ? asleep : 0);
  return { unixAtBoot: (wall - booted) / 1000, origin: booted - sinceStart };
}

/** Date.now() has milliseconds; the moment when it changes is exact to microseconds. A clock that is held still is taken as it is. */
function changeOfWall(): { readonly wall: number; readonly monotonic: number; readonly sinceStart: number } {
  const start = Date.now();
  const deadline = performance.now() + 5;
  let wall = start;
  while (wall === start && performance.now() < deadline) wall = Date.now();
  return { wall, monotonic: Number(process.hrtime.bigint()) / 1e6, sinceStart: performance.now() };
}
