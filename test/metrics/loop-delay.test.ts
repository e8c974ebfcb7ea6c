/** How late the event loop is, without waking up a process that has nothing to do. */
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { expect } from 'chai';
import { LoopDelay } from '../../src/metrics/loop-delay.ts';

const REGISTRY = join(import.meta.dirname, '../../src/metrics/registry.ts');
/** What Node.js's own monitor does in two seconds is two hundred. */
const MOST_WAKES = 60;

describe('the delay of the event loop', function () {
  this.timeout(60_000);

  it('is told when something blocked the loop', async () => {
    const loop = new LoopDelay();
    let most = 0;
    for (let round = 0; round < 20 && most < 0.2; round++) {
      const end = performance.now() + 1_500;
      while (performance.now() < end);
      await delay(50);
      most = Math.max(most, loop.take().max);
    }
    expect(most).to.be.at.least(0.2);
    expect(loop.take().p99).to.be.below(60);
  });

  it('a process with all metrics that has nothing to do sleeps', () => {
    const script = `
      import { readFileSync } from 'node:fs';
      import { setTimeout as delay } from 'node:timers/promises';
      import { MetricsRegistry } from ${JSON.stringify(REGISTRY)};
      const registry = new MetricsRegistry({ version: '0' });
      await registry.collect();
      const switches = () => Number(/^voluntary_ctxt_switches:\\s*(\\d+)/m.exec(readFileSync('/proc/self/status', 'utf8'))[1]);
      await delay(3000);
      const before = switches();
      await delay(2000);
      console.log(switches() - before);
      process.exit(0);`;
    const out = execFileSync(process.execPath, ['--import', 'tsx', '--input-type=module', '--eval', script], {
      encoding: 'utf8',
      cwd: join(import.meta.dirname, '../..'),
    });
    expect(Number(out)).to.be.below(MOST_WAKES);
  });
});
