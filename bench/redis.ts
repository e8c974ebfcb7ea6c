/** Redis GET requests a second with and without the daemon, interleaved in one run. Needs redis-server and redis-benchmark; as root, after the build. */
import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { eventually, freePort, startDaemon } from '../test/e2e/support/daemon.ts';
import { median, result, spreadOf } from './results.ts';

const ROUNDS = 12;
const directory = mkdtempSync(join(tmpdir(), 'bpfwarden-redis-'));
const port = String(await freePort());
const server = spawn('redis-server', ['--port', port, '--bind', '127.0.0.1', '--save', '', '--dir', directory], {
  stdio: 'ignore',
});
const get = () => {
  const text = execFileSync('redis-benchmark', ['-p', port, '-t', 'get', '-n', '100000', '-c', '20', '--csv'], {
    encoding: 'utf8',
  });
  return Number(/"GET","([0-9.]+)"/.exec(text)?.[1]);
};
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
  const alone = () => bare.push(get());
  const beside = async () => {
    const daemon = await startDaemon();
    get();
    watched.push(get());
    await daemon.stop();
  };
  // The order turns: the machine's own drift is in both.
  for (let round = 0; round < ROUNDS; round++) {
    if (round % 2 === 0) alone();
    await beside();
    if (round % 2 === 1) alone();
  }
  const ratios = watched.map((rate, round) => rate / (bare[round] ?? Number.NaN));
  console.log(
    `Redis GET, ${ROUNDS} rounds: bare ${median(bare).toFixed(0)} requests/s, with bpfwarden ${median(watched).toFixed(0)}, ratio ${median(ratios).toFixed(3)} (${Math.min(...ratios).toFixed(2)} to ${Math.max(...ratios).toFixed(2)}; at least 0.95)`,
  );
  result({
    what: 'Redis GET, requests a second to bare',
    value: median(ratios),
    unit: 'times',
    limit: 0.95,
    atLeast: true,
    spread: spreadOf(ratios),
  });
} finally {
  server.kill();
  rmSync(directory, { recursive: true, force: true });
}
