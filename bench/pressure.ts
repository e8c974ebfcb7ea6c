/**
 * Whether /metrics answers under pressure: while one process per CPU opens files
 * as fast as it can, and while the alert webhook takes connections and does not
 * answer for a minute. Prints the times of scrapes and what became of events and
 * alerts. Before that, what an event costs the daemon in a flood that no filter
 * and no guard stops: its CPU time by the events that came out of the rings,
 * beside the share of them that was lost. As root, after the build.
 */
import { execFileSync, spawn } from 'node:child_process';
import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type ServerResponse } from 'node:http';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { type Daemon, eventually, freePort, startDaemon } from '../test/e2e/support/daemon.ts';
import { result } from './results.ts';

const SCRAPES = 20;
const HANG_MS = 60_000;
const EXECUTIONS = 50;
const FLOOD_MS = 10_000;
/** At rest it takes less than this of a core. */
const REST_MS = 2_000;
const REST_SHARE = 0.05;
/** CPU time of the daemon for each event that the kernel let through. */
const MOST_MICROSECONDS = 1;
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

const loop = join(directory, 'loop');
const opening = (path: string) =>
  cpus().map((_, cpu) => spawn(loop, ['open', '1000000000', String(cpu), path], { stdio: 'ignore' }));

/** The rule is never true, and the kernel's filter, which knows no process id, lets its events through. */
async function unfiltered(): Promise<void> {
  const path = join(directory, 'flooded');
  writeFileSync(path, '');
  const rule = {
    name: 'flooded',
    condition: `event.type == 'file_open' && file.path == '${path}' && process.pid == 1`,
  };
  writeFileSync(join(directory, 'flooded.json'), JSON.stringify({ rules: [rule] }));
  const daemon = await startDaemon({
    toml: '[kernel]\nrate_limit = 0\n',
    flags: [`--rules.local-path=${join(directory, 'flooded.json')}`],
  });
  await atRest(daemon);
  const loops = opening(path);
  try {
    await pause(3000);
    const before = await daemon.metrics();
    await pause(FLOOD_MS);
    const after = await daemon.metrics();
    const grown = (name: string) => sum(after, name) - sum(before, name);
    const processed = grown('events_processed_total');
    const cpu = seconds(after) - seconds(before);
    const lost = grown('events_lost_total');
    result({
      what: "a flood that no filter stops: the daemon's CPU time for an event",
      value: (cpu * 1e6) / processed,
      unit: 'µs',
      limit: MOST_MICROSECONDS,
      beside: { 'events a second': processed / (FLOOD_MS / 1000), '% lost': (100 * lost) / (processed + lost) },
    });
  } finally {
    for (const child of loops) child.kill('SIGKILL');
    await daemon.stop();
  }
}

const seconds = (text: string) => Number(/^process_cpu_seconds_total (\S+)$/m.exec(text)?.[1]);

/** After a start the host's packages and programs are read in the background. */
async function atRest(daemon: Daemon): Promise<void> {
  let before = Number.NEGATIVE_INFINITY;
  await eventually(
    'the daemon is at rest',
    async () => {
      await pause(REST_MS);
      const now = seconds(await daemon.metrics());
      const share = ((now - before) * 1000) / REST_MS;
      before = now;
      return share < REST_SHARE;
    },
    120_000,
  );
}

async function flood(): Promise<void> {
  const daemon = await startDaemon();
  const loops = opening('/etc/hostname');
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
  execFileSync('gcc', ['-O2', '-o', loop, join(import.meta.dirname, 'loops', 'loop.c')]);
  await unfiltered();
  await flood();
  await hanging();
} finally {
  rmSync(directory, { recursive: true, force: true });
}
