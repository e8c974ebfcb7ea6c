/**
 * Requests a second of servers with and without the daemon, and with empty programs at
 * its hooks, interleaved in one run: Redis GET (redis-server, redis-benchmark) and a page
 * of nginx (nginx, wrk). What is not installed is said and left out. As root, after the build.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { eventually, freePort, startDaemon } from '../test/e2e/support/daemon.ts';
import { EmptyHooks } from './empty.ts';
import { median, result, spreadOf } from './results.ts';

const ROUNDS = 10;

interface Server {
  readonly what: string;
  readonly needs: readonly string[];
  start(port: string, directory: string): ChildProcess;
  answers(port: string): Promise<boolean>;
  /** Requests a second. */
  load(port: string): number;
}

const output = (command: string, ...args: readonly string[]) =>
  execFileSync(command, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });

const servers: readonly Server[] = [
  {
    what: 'Redis GET',
    needs: ['redis-server', 'redis-benchmark'],
    start: (port, directory) =>
      spawn('redis-server', ['--port', port, '--bind', '127.0.0.1', '--save', '', '--dir', directory], {
        stdio: 'ignore',
      }),
    answers: async (port) => output('redis-cli', '-p', port, 'ping').includes('PONG'),
    load: (port) =>
      Number(
        /"GET","([0-9.]+)"/.exec(
          output('redis-benchmark', '-p', port, '-t', 'get', '-n', '100000', '-c', '20', '--csv'),
        )?.[1],
      ),
  },
  {
    what: 'nginx with wrk',
    needs: ['nginx', 'wrk'],
    start(port, directory) {
      mkdirSync(join(directory, 'www'));
      writeFileSync(join(directory, 'www', 'index.html'), 'x'.repeat(600));
      const places = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'];
      writeFileSync(
        join(directory, 'nginx.conf'),
        `user root; daemon off; worker_processes 1; pid nginx.pid; error_log error.log; events {}
http { access_log off; ${places.map((place) => `${place}_temp_path ${place};`).join(' ')}
  server { listen 127.0.0.1:${port}; root www; } }\n`,
      );
      return spawn('nginx', ['-p', directory, '-c', join(directory, 'nginx.conf')], { stdio: 'ignore' });
    },
    answers: async (port) => (await fetch(`http://127.0.0.1:${port}/index.html`)).ok,
    load: (port) =>
      Number(
        /Requests\/sec:\s*([0-9.]+)/.exec(
          output('wrk', '-t1', '-c20', '-d3s', `http://127.0.0.1:${port}/index.html`),
        )?.[1],
      ),
  },
];

function missing(programs: readonly string[]): readonly string[] {
  return programs.filter((program) => {
    try {
      execFileSync('which', [program], { stdio: 'ignore' });
      return false;
    } catch {
      return true;
    }
  });
}

async function compare({ what, start, answers, load }: Server): Promise<void> {
  // Not below /tmp: what is opened there is of interest to the rules.
  const directory = mkdtempSync('/var/lib/servers-');
  const port = String(await freePort());
  const server = start(port, directory);
  try {
    await eventually(`${what}: the server answers`, async () => (await answers(port)) || undefined);
    load(port);
    const bare: number[] = [];
    const watched: number[] = [];
    const empty: number[] = [];
    const hooks = new EmptyHooks(directory);
    const alone = () => bare.push(load(port));
    const beside = async () => {
      const daemon = await startDaemon();
      load(port);
      watched.push(load(port));
      await daemon.stop();
    };
    // The order turns: the machine's own drift is in both.
    for (let round = 0; round < ROUNDS; round++) {
      if (round % 2 === 0) alone();
      await beside();
      empty.push(hooks.during(() => load(port)));
      if (round % 2 === 1) alone();
    }
    const toBare = (rates: readonly number[]) => rates.map((rate, round) => rate / (bare[round] ?? Number.NaN));
    const ratios = toBare(watched);
    console.log(
      `${what}, ${ROUNDS} rounds: bare ${median(bare).toFixed(0)} requests/s, with bpfwarden ${median(watched).toFixed(0)}`,
    );
    result({
      what: `${what}, requests a second to bare`,
      value: median(ratios),
      unit: 'times',
      limit: 0.95,
      atLeast: true,
      spread: spreadOf(ratios),
      beside: { 'empty hooks': median(toBare(empty)) },
    });
  } finally {
    const exit = new Promise((resolve) => server.once('exit', resolve));
    server.kill();
    await exit;
    rmSync(directory, { recursive: true, force: true });
  }
}

for (const server of servers) {
  const lacking = missing(server.needs);
  if (lacking.length > 0) console.log(`${server.what}: not measured, ${lacking.join(' and ')} not installed`);
  else await compare(server);
}
