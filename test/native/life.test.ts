import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { expect } from 'chai';
import { buildFixture } from './support.ts';

const scene = fileURLToPath(new URL('./scene.ts', import.meta.url));

/** Runs scene.ts in a process of its own; resolves to what it printed and how it ended. */
async function play(
  name: string,
  path: string,
): Promise<{ output: string; code: number | null; signal: string | null }> {
  const child = spawn(process.execPath, ['--import', 'tsx', scene, name, path], { stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => {
    output += chunk.toString();
  });
  child.stderr.on('data', (chunk: Buffer) => {
    output += chunk.toString();
  });
  const [code, signal] = (await once(child, 'close')) as [number | null, string | null];
  return { output: output.trim(), code, signal };
}

describe('native: ends', function () {
  // Each starts a thread or a process that reads TypeScript: seconds on a machine that is busy otherwise.
  this.timeout(180_000);
  const fixture = buildFixture();
  after(() => fixture.remove());

  it('process.exit while running', async () => {
    expect(await play('exit', fixture.path)).to.deep.equal({ output: 'exiting', code: 7, signal: null });
  });

  it('process.exit inside the callback', async () => {
    expect(await play('exit-inside', fixture.path)).to.deep.equal({ output: 'inside', code: 8, signal: null });
  });

  it('an uncaught exception from the callback ends the process as usual', async () => {
    const { output, code, signal } = await play('throw', fixture.path);
    expect({ code, signal }).to.deep.equal({ code: 1, signal: null });
    expect(output).to.contain('Error: thrown in the callback');
  });

  it('close() lets the process end by itself', async () => {
    expect(await play('close', fixture.path)).to.deep.equal({ output: 'closed', code: 0, signal: null });
  });

  it('works in a worker, which may end, exit or be terminated while running', async () => {
    for (const how of ['close', 'exit', 'terminate']) {
      const worker = new Worker(new URL('./worker.mjs', import.meta.url), {
        workerData: { path: fixture.path, how },
      });
      const [message] = (await once(worker, 'message')) as [{ records: number }];
      expect(message, how).to.deep.equal({ records: 5 });
      const ended = once(worker, 'exit');
      if (how === 'terminate') await worker.terminate();
      await ended;
    }
  });

  it('two workers at once keep to themselves', async () => {
    const workers = [1, 2].map(
      () => new Worker(new URL('./worker.mjs', import.meta.url), { workerData: { path: fixture.path, how: 'close' } }),
    );
    const exits = workers.map((worker) => once(worker, 'exit'));
    const messages = await Promise.all(workers.map(async (worker) => (await once(worker, 'message'))[0]));
    // Both watch the same process, so each sees its own trigger and perhaps the other's.
    for (const message of messages as { records: number }[]) expect(message.records).to.be.oneOf([5, 10]);
    await Promise.all(exits);
  });
});
