/**
 * From the event in the kernel to the finding in the daemon: executions of a program
 * that a rule names, one after the other, at rest, beside 50,000 opens in each second,
 * and while four processes keep every CPU. Taken from the daemon's own histogram
 * (`detection_latency_seconds`), within a bucket in proportion. As root, after the build.
 */
import { execFileSync, spawn } from 'node:child_process';
import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { type Daemon, eventually, startDaemon } from '../test/e2e/support/daemon.ts';
import { digits, result } from './results.ts';

const EXECUTIONS = 400;
/** Not counted: until V8 has compiled the path. */
const FIRST = 300;
const PAUSE_MS = 10;
const OPENS = 50_000;
const SPINNING = 4;

const directory = mkdtempSync('/tmp/bpfwarden-latency-');
const loop = join(directory, 'loop');
execFileSync('gcc', ['-O2', '-o', loop, join(import.meta.dirname, 'loops', 'loop.c')]);
const marker = join(directory, 'marked');
copyFileSync('/bin/true', marker);
const rules = join(directory, 'rules.json');
const condition = `event.type == 'process_exec' && process.path == '${marker}'`;
writeFileSync(rules, JSON.stringify({ rules: [{ name: 'marker_exec', condition, confidence: 1 }] }));
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

interface Bucket {
  /** Seconds. */
  readonly le: number;
  readonly count: number;
}

async function histogram(daemon: Daemon): Promise<Bucket[]> {
  const lines = (await daemon.metrics()).match(/^bpfwarden_detection_latency_seconds_bucket\{.*$/gm) ?? [];
  return lines.map((line) => ({
    le: Number(/le="([^"]+)"/.exec(line)?.[1]?.replace('+Inf', 'Infinity')),
    count: Number(/\} (\d+)/.exec(line)?.[1]),
  }));
}

/** Milliseconds. */
function quantile(part: number, before: readonly Bucket[], after: readonly Bucket[]): number {
  const counts = after.map(({ le, count }, at) => ({ le, count: count - (before[at]?.count ?? 0) }));
  const wanted = part * (counts.at(-1)?.count ?? 0);
  const at = counts.findIndex(({ count }) => count >= wanted);
  const { le, count } = counts[at] ?? { le: Number.NaN, count: 0 };
  const { le: low, count: below } = counts[at - 1] ?? { le: 0, count: 0 };
  return 1000 * (low + ((le - low) * (wanted - below)) / Math.max(1, count - below));
}

async function executions(daemon: Daemon, count: number): Promise<void> {
  const found = async () => (await histogram(daemon)).at(-1)?.count ?? 0;
  const before = await found();
  for (let at = 0; at < count; at++) {
    await new Promise((resolve) => spawn(marker, { stdio: 'ignore' }).once('exit', resolve));
    await pause(PAUSE_MS);
  }
  await eventually('all are found', async () => (await found()) >= before + count || undefined, 60_000);
}

interface State {
  readonly name: string;
  readonly limits: { readonly p50?: number; readonly p99: number };
  /** What goes on beside; gives back what ends it. */
  begin(): () => Promise<void>;
}

/** Ends processes, and waits until they have. */
async function ended(children: readonly ReturnType<typeof spawn>[]): Promise<void> {
  const exits = children.filter(({ exitCode }) => exitCode === null);
  await Promise.all(
    exits.map((child) => {
      const exit = new Promise((resolve) => child.once('exit', resolve));
      child.kill('SIGKILL');
      return exit;
    }),
  );
}

const quiet = { stdio: 'ignore' } as const;
const states: readonly State[] = [
  { name: 'at rest', limits: { p50: 1, p99: 5 }, begin: () => async () => undefined },
  {
    name: 'beside 50,000 opens a second',
    limits: { p50: 1, p99: 5 },
    begin() {
      const last = String(cpus().length - 1);
      const open = () => spawn(loop, ['open', String(OPENS), last, '/etc/hostname'], quiet);
      let child = open();
      const timer = setInterval(() => {
        if (child.exitCode !== null) child = open();
      }, 1000);
      return async () => {
        clearInterval(timer);
        await ended([child]);
      };
    },
  },
  {
    name: 'with every CPU taken',
    limits: { p99: 50 },
    begin() {
      const spinning = Array.from({ length: SPINNING }, (_, at) =>
        spawn(loop, ['spin', '1000', String(at % cpus().length)], quiet),
      );
      return () => ended(spinning);
    },
  },
];

const daemon = await startDaemon({
  toml: '[ledger]\ndedupe_seconds = 0\nalerts_per_minute = 0\n[response]\nlog_level = "error"\n',
  flags: [`--rules.path=${join(import.meta.dirname, '..', 'rules')}`, `--rules.path=${rules}`],
});
try {
  await executions(daemon, FIRST);
  for (const { name, limits, begin } of states) {
    const end = begin();
    try {
      await pause(1500);
      const before = await histogram(daemon);
      await executions(daemon, EXECUTIONS);
      const after = await histogram(daemon);
      const p50 = quantile(0.5, before, after);
      const p99 = quantile(0.99, before, after);
      console.log(`${name}: ${EXECUTIONS} executions, p50 ${digits(p50)} ms, p99 ${digits(p99)} ms`);
      if (limits.p50 !== undefined)
        result({ what: `event to finding ${name}, p50`, value: p50, unit: 'ms', limit: limits.p50 });
      result({ what: `event to finding ${name}, p99`, value: p99, unit: 'ms', limit: limits.p99 });
    } finally {
      await end();
    }
  }
} finally {
  await daemon.stop();
  rmSync(directory, { recursive: true, force: true });
}
