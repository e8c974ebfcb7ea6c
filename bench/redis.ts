/** Redis GET requests a second with and without the daemon, interleaved in one run. Needs redis-server and redis-benchmark; as root, after the build. */
import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { eventually, freePort, startDaemon } from '../test/e2e/support/daemon.ts';

const ROUNDS = 5;
const directory = mkdtempSync(join(tmpdir(), 'bpfwarden-redis-'));
const port = String(await freePort());
const server = spawn('redis-server', ['--port', port, '--bind', '127.0.0.1', '--save', '', '--dir', directory], {
  stdio: 'ignore',
});
const get = () => {
  const text = execFileSync('redis-benchmark', ['-p', port, '-t', 'get', '-n', '200000', '-c', '20', '--csv'], {
    encoding: 'utf8',
  });
  return Number(/"GET","([0-9.]+)"/.exec(text)?.[1]);
};
const median = (numbers: readonly number[]) =>
  [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? Number.NaN;
try {
  await eventually(
    'redis answers',
    () =>
      execFileSync('redis-cli', ['-p', port, 'ping'], {
        encoding: 'utf8',
        stdio: ['ignore', 'pipe', 'ignore'],
      }).includes('PONG') || undefined,
  );
  get();
  const bare: number[] = [];
  const watched: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    bare.push(get());
    const daemon = await startDaemon();
    watched.push(get());
    await daemon.stop();
  }
  console.log(
    `Redis GET: bare ${median(bare).toFixed(0)} requests/s, with bpfwarden ${median(watched).toFixed(0)}, ratio ${(median(watched) / median(bare)).toFixed(3)} (at least 0.90)`,
  );
} finally {
  server.kill();
  rmSync(directory, { recursive: true, force: true });
}
