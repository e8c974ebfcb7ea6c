/**
 * What is still seen in a flood: 100 reads of /etc/shadow and 1,000 marked
 * executions while one process, then one per CPU, opens files as fast as it
 * can; markers on either CPU, daemon pinned to CPU 1 or free. Prints markers
 * alerted, exactness of the counts and latency. As root, after the build.
 */
import { execFileSync, spawn } from 'node:child_process';
import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { type Daemon, eventually, startDaemon } from '../test/e2e/support/daemon.ts';

const READS = 100;
const EXECS = 1000;
const directory = mkdtempSync('/tmp/bpfwarden-marker-');
const loop = join(directory, 'loop');
execFileSync('gcc', ['-O2', '-o', loop, join(import.meta.dirname, 'loops', 'loop.c')]);
const marker = join(directory, 'marked');
copyFileSync('/bin/true', marker);
const rules = join(directory, 'rules.json');
writeFileSync(
  rules,
  JSON.stringify({
    rules: [
      {
        name: 'marker_read',
        condition: "event.type == 'file_open' && file.path == '/etc/shadow' && process.name == 'cat'",
        confidence: 1,
      },
      { name: 'marker_exec', condition: `event.type == 'process_exec' && process.path == '${marker}'`, confidence: 1 },
    ],
  }),
);

/** Sum of all samples of one metric for one kind, in one scrape. */
function total(text: string, name: string, kind: string): number {
  const lines = text
    .split('\n')
    .filter((line) => line.startsWith(`bpfwarden_${name}{`) && line.includes(`event="${kind}"`));
  return lines.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0);
}

const named = (daemon: Daemon, rule: string) =>
  daemon.alerts().filter((alert) => (alert.rule as { name: string }).name === rule);

async function round(floods: readonly number[], markerCpu: number, pinned: boolean): Promise<void> {
  const daemon = await startDaemon({
    toml: '[ledger]\ndedupe_seconds = 0\nalerts_per_minute = 0\n[response]\nlog_level = "error"\n',
    flags: [`--rules.path=${join(import.meta.dirname, '..', 'rules')}`, `--rules.path=${rules}`],
  });
  if (pinned) execFileSync('taskset', ['-a', '-cp', '1', String(daemon.process.pid)]);
  const flooding = floods.map((cpu) =>
    spawn(loop, ['open', '1000000000', String(cpu), '/etc/hostname'], { stdio: 'ignore' }),
  );
  try {
    await new Promise((resolve) => setTimeout(resolve, 500));
    const script = `for i in $(seq ${READS}); do cat /etc/shadow > /dev/null; sleep 0.03; done; for i in $(seq ${EXECS}); do ${marker}; done`;
    const child = spawn('taskset', ['-c', String(markerCpu), 'bash', '-c', script], { stdio: 'ignore' });
    await new Promise((resolve) => child.once('exit', resolve));
    await eventually(
      'all markers',
      () => (named(daemon, 'marker_read').length >= READS && named(daemon, 'marker_exec').length >= EXECS) || undefined,
      10_000,
    ).catch(() => undefined);
  } finally {
    await Promise.all(
      flooding.map(
        (child) =>
          new Promise((resolve) => {
            child.once('exit', resolve);
            child.kill('SIGKILL');
          }),
      ),
    );
  }
  await new Promise((resolve) => setTimeout(resolve, 500));
  // One scrape: scraping opens files itself.
  const text = await daemon.metrics();
  const seen = total(text, 'events_total', 'file_open');
  const lost = total(text, 'events_lost_total', 'file_open');
  const accounted =
    lost +
    total(text, 'events_filtered_total', 'file_open') +
    total(text, 'events_throttled_total', 'file_open') +
    total(text, 'events_processed_total', 'file_open');
  const buckets = text.split('\n').filter((line) => line.startsWith('bpfwarden_detection_latency_seconds_bucket'));
  const counts = buckets.map((line) => ({
    le: /le="([^"]+)"/.exec(line)?.[1] ?? '',
    count: Number(line.slice(line.lastIndexOf(' ') + 1)),
  }));
  const all = counts.at(-1)?.count ?? 0;
  const bucketOf = (q: number) => counts.find(({ count }) => count >= all * q)?.le ?? '?';
  console.log(
    `| ${floods.length} | ${markerCpu} | ${pinned ? 'CPU 1' : 'free'} | ${named(daemon, 'marker_read').length} of ${READS} | ${named(daemon, 'marker_exec').length} of ${EXECS} | ${seen} | ${lost} | ${seen - accounted} | ≤ ${bucketOf(0.5)} s | ≤ ${bucketOf(0.99)} s |`,
  );
  await daemon.stop();
}

console.log(
  '| open loops | markers on CPU | daemon | reads alerted | execs alerted | opens seen | opens lost | unaccounted | latency p50 | p99 |\n|---|---|---|---|---|---|---|---|---|---|',
);
try {
  await round([], 0, true);
  for (const floods of [[0], cpus().map((_, cpu) => cpu)]) {
    for (const markerCpu of [0, 1]) for (const pinned of [true, false]) await round(floods, markerCpu, pinned);
  }
} finally {
  rmSync(directory, { recursive: true, force: true });
}
