/**
 * Whether /metrics answers under pressure: while one process per CPU opens files
 * as fast as it can, and while the alert webhook takes connections and does not
 * answer for a minute. Prints the times of scrapes and what became of events and
 * alerts. As root, after the build.
 */
import { execFileSync, spawn } from 'node:child_process';
import { copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer, type ServerResponse } from 'node:http';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { eventually, freePort, startDaemon } from '../test/e2e/support/daemon.ts';

const SCRAPES = 20;
const HANG_MS = 60_000;
const EXECUTIONS = 50;
const directory = mkdtempSync('/var/lib/bpfwarden-pressure-');
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

async function scrapes(url: string, gapMs: number): Promise<string> {
  const times: number[] = [];
  for (let index = 0; index < SCRAPES; index++) {
    const begin = performance.now();
    const response = await fetch(`${url}/metrics`);
    await response.text();
    if (response.status !== 200) throw new Error(`/metrics answers ${response.status}`);
    times.push(performance.now() - begin);
    await pause(gapMs);
  }
  const sorted = times.sort((a, b) => a - b);
  return `${SCRAPES} scrapes: median ${sorted[SCRAPES / 2]?.toFixed(0)} ms, slowest ${sorted.at(-1)?.toFixed(0)} ms`;
}

const sum = (text: string, name: string) =>
  text
    .split('\n')
    .filter((line) => line.startsWith(`bpfwarden_${name}{`) || line.startsWith(`bpfwarden_${name} `))
    .reduce((total, line) => total + Number(line.slice(line.lastIndexOf(' ') + 1)), 0);

async function flood(): Promise<void> {
  const loop = join(directory, 'loop');
  execFileSync('gcc', ['-O2', '-o', loop, join(import.meta.dirname, 'loops', 'loop.c')]);
  const daemon = await startDaemon();
  const loops = cpus().map((_, cpu) =>
    spawn(loop, ['open', '1000000000', String(cpu), '/etc/hostname'], { stdio: 'ignore' }),
  );
  try {
    await pause(1000);
    const before = sum(await daemon.metrics(), 'events_total');
    const begin = performance.now();
    const result = await scrapes(daemon.url, 250);
    const text = await daemon.metrics();
    const rate = (sum(text, 'events_total') - before) / ((performance.now() - begin) / 1000);
    console.log(
      `flood of ${rate.toFixed(0)} events/s: ${result}, events lost ${sum(text, 'events_lost_total')}, throttled ${sum(text, 'events_throttled_total')}`,
    );
  } finally {
    for (const child of loops) child.kill('SIGKILL');
    await daemon.stop();
  }
}

async function hanging(): Promise<void> {
  const waiting: ServerResponse[] = [];
  const received = new Set<string>();
  let hangs = true;
  const receiver = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      if (hangs) {
        waiting.push(response);
        return;
      }
      received.add((JSON.parse(Buffer.concat(chunks).toString()) as { alert_id: string }).alert_id);
      response.end();
    });
  });
  const port = await freePort();
  await new Promise<void>((resolve) => receiver.listen(port, '127.0.0.1', resolve));
  const temporary = mkdtempSync('/tmp/bpfwarden-pressure-');
  const daemon = await startDaemon({
    toml: `[response]\nalert_webhook = "http://127.0.0.1:${port}/"\n[ledger]\ndedupe_seconds = 0\nalerts_per_minute = 0\n`,
  });
  try {
    const begin = performance.now();
    for (let index = 0; index < EXECUTIONS; index++) {
      const program = join(temporary, `x${index}`);
      copyFileSync('/bin/true', program);
      execFileSync(program);
    }
    const result = await scrapes(daemon.url, HANG_MS / SCRAPES);
    const raised = daemon.alerts().length;
    hangs = false;
    for (const response of waiting) response.destroy();
    const hung = (performance.now() - begin) / 1000;
    await eventually('every alert has arrived', () => received.size >= raised || undefined, 120_000);
    console.log(
      `receiver silent for ${hung.toFixed(0)} s: ${result}; of ${raised} alerts ${received.size} arrived once it answered again`,
    );
  } finally {
    await daemon.stop();
    receiver.close();
    rmSync(temporary, { recursive: true, force: true });
  }
}

try {
  await flood();
  await hanging();
} finally {
  rmSync(directory, { recursive: true, force: true });
}
