/** What is done once a second goes on when a part of it fails, as without a descriptor to be had. */
import { setTimeout as delay } from 'node:timers/promises';
import { expect } from 'chai';
import { pino } from 'pino';
import { Upkeep } from '../../src/daemon/upkeep.ts';

describe('upkeep', function () {
  this.timeout(20_000);

  it('tries each part again and complains once', async () => {
    const lines: string[] = [];
    const log = pino({ level: 'error' }, { write: (line: string) => lines.push(line) });
    let swept = 0;
    let beats = 0;
    const fail = () => {
      throw Object.assign(new Error('EMFILE: too many open files'), { code: 'EMFILE' });
    };
    const options = {
      clock: { tick: fail, now: () => 0 },
      enricher: { tick: fail, noteLoss: () => undefined },
      sensor: {
        drain: { stats: () => ({ bulkPending: 0 }) },
        sweepThrottles: () => swept++,
        counters: { events: () => new Map() },
      },
      run: { beat: () => beats++ },
      log,
    } as unknown as ConstructorParameters<typeof Upkeep>[0];
    const upkeep = new Upkeep(options);
    const deadline = Date.now() + 15_000;
    while (swept < 2 && Date.now() < deadline) await delay(50);
    upkeep.stop();
    expect(swept).to.be.at.least(2);
    expect(beats).to.be.at.least(2);
    expect(lines).to.have.length(1);
    expect(lines[0]).to.contain('EMFILE');
  });
});
