import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { buildFixture, check, eventually, loadAddon, loadFixture, trigger } from './support.ts';

const scene = fileURLToPath(new URL('./statistics.ts', import.meta.url));
const sysctl = () => readFileSync('/proc/sys/kernel/bpf_stats_enabled', 'latin1').trim();

describe('native: enableStatistics', function () {
  this.timeout(60_000);
  const native = loadAddon();
  const fixture = buildFixture();
  after(() => {
    native.close();
    fixture.remove();
  });

  /** Whether the kernel counts the runs of a program of another process than the one that switched it on. */
  function counts(): boolean {
    const programs = native.programs();
    if (typeof programs === 'number') throw new Error(`programs answered ${programs}`);
    const fd = programs.find(({ name }) => name === 'on_kill')?.fd;
    const runs = () => Number(/^run_cnt:\t(\d+)/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8'))?.[1]);
    const before = runs();
    for (let round = 0; round < 10; round++) trigger();
    return runs() > before;
  }

  it('lasts as long as the process that asked for it, however it ends, and leaves the sysctl alone', async () => {
    loadFixture(native, fixture.path);
    const before = sysctl();
    for (const signal of ['SIGKILL', 'SIGTERM'] as const) {
      expect(await eventually(() => !counts(), 10_000), 'off, unless another process has it on').to.equal(true);
      const child = spawn(process.execPath, ['--import', 'tsx', scene, fixture.path], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      try {
        await once(child.stdout, 'data');
        expect(counts(), 'on').to.equal(true);
        expect(sysctl()).to.equal(before);
      } finally {
        const ended = once(child, 'exit');
        child.kill(signal);
        await ended;
      }
      expect(await eventually(() => !counts(), 10_000), `off after ${signal}`).to.equal(true);
      expect(sysctl()).to.equal(before);
    }
  });

  it('ends with close()', async () => {
    native.close();
    loadFixture(native, fixture.path);
    check(native.enableStatistics());
    check(native.enableStatistics());
    expect(counts()).to.equal(true);
    native.close();
    loadFixture(native, fixture.path);
    expect(await eventually(() => !counts(), 10_000)).to.equal(true);
  });
});
