/** Kernel times and Unix time, while somebody sets the wall clock. */
import { expect } from 'chai';
import { BootClock } from '../../src/kernel/clock.ts';

describe('boot clock', () => {
  const { now } = Date;
  afterEach(() => {
    Date.now = now;
  });

  it('now is the kernel’s time since the boot', () => {
    const clock = new BootClock();
    const expected = Number(process.hrtime.bigint());
    // Only a host that was never suspended has the same monotonic time.
    expect(clock.now()).to.be.at.least(expected - 1e9);
    expect(clock.toUnix(clock.now())).to.be.closeTo(Date.now() / 1000, 1);
  });

  for (const seconds of [86_400, -86_400, 3])
    it(`a wall clock set by ${seconds} s moves no kernel time, and Unix times at the next tick`, () => {
      const clock = new BootClock();
      const before = clock.now();
      Date.now = () => now() + seconds * 1000;
      expect(clock.now() - before).to.be.within(0, 60e9);
      clock.tick();
      expect(clock.now() - before).to.be.within(0, 60e9);
      expect(clock.toUnix(clock.now())).to.be.closeTo(now() / 1000 + seconds, 1);
    });

  it('a clock that is held still does not hold the daemon', () => {
    Date.now = () => 1_800_000_000_000;
    const clock = new BootClock();
    expect(clock.toUnix(clock.now())).to.be.closeTo(1_800_000_000, 1);
  });
});
