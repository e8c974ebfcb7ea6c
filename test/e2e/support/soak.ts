/**
 * A flood of everything at once beside a daemon whose threads are stopped now
 * and then and whose CPUs others take: whether every event is accounted for,
 * what memory does, how fast /metrics and health answer, and how soon it is
 * itself again.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { type Daemon, eventually, startDaemon } from './daemon.ts';

export interface SoakOptions {
  readonly seconds: number;
  /** The daemon is stopped this often, for so long. */
  readonly stopEverySeconds: number;
  readonly stopSeconds: number;
  /** Processes that flood, and that only take CPU time. */
  readonly floods: number;
  readonly busy: number;
  /** Rounds between two pauses of a flood. */
  readonly burst: number;
  readonly tell: (line: string) => void;
}

export interface SoakReport {
  /** What the floods say they did, and what the kernel side counted meanwhile, by kind. */
  readonly done: ReadonlyMap<string, number>;
  readonly counted: ReadonlyMap<string, number>;
  /** seen - filtered - throttled - lost - processed, once it is quiet. */
  readonly unaccounted: number;
  readonly lost: number;
  readonly throttled: number;
  /** Megabytes, one a minute or one a fifth of a short run. */
  readonly memory: readonly number[];
  /** Milliseconds, while it was not stopped. */
  readonly scrapes: readonly number[];
  readonly health: readonly number[];
  /** Milliseconds from the end of a stop to an answer of /metrics with drained rings. */
  readonly recoveries: readonly number[];
}

const SAMPLE_MS = 1_000;
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

export async function soak(options: SoakOptions): Promise<SoakReport> {
  const directory = mkdtempSync('/var/tmp/bpfwarden-soak-');
  const mixed = join(directory, 'mixed');
  execFileSync('gcc', ['-O2', '-o', mixed, join(import.meta.dirname, '..', '..', 'triggers', 'mixed.c')]);
  const daemon = await startDaemon();
  const children: ChildProcess[] = [];
  try {
    return await flood(options, daemon, children, { directory, mixed });
  } finally {
    for (const child of children) child.kill('SIGKILL');
    daemon.process.kill('SIGCONT');
    await daemon.stop();
    rmSync(directory, { recursive: true, force: true });
  }
}

async function flood(
  options: SoakOptions,
  daemon: Daemon,
  children: ChildProcess[],
  { directory, mixed }: { readonly directory: string; readonly mixed: string },
): Promise<SoakReport> {
  const before = byKind(await daemon.metrics(), 'events_total');
  for (let index = 0; index < options.busy; index++)
    children.push(spawn('/bin/sh', ['-c', 'while :; do :; done'], { stdio: 'ignore' }));
  const floods = Array.from({ length: options.floods }, () => {
    const child = spawn(mixed, [directory, String(options.burst)], { stdio: ['ignore', 'pipe', 'inherit'] });
    let text = '';
    child.stdout.on('data', (chunk: Buffer) => {
      text += chunk.toString();
    });
    children.push(child);
    return { child, ended: new Promise<string>((resolve) => child.once('close', () => resolve(text))) };
  });
  const watched = await watch(options, daemon);
  for (const { child } of floods) child.kill('SIGTERM');
  const done = new Map<string, number>();
  for (const { ended } of floods)
    for (const [kind, count] of Object.entries(JSON.parse(await ended) as Record<string, number>))
      done.set(kind, (done.get(kind) ?? 0) + count);
  for (const child of children) child.kill('SIGKILL');
  // What is in the rings is read; the counts of all CPUs are not read at one moment, so a few readings may be needed.
  const text = await eventually('every event is accounted for', () => settled(daemon), 60_000).catch(() =>
    daemon.metrics(),
  );
  const after = byKind(text, 'events_total');
  return {
    ...watched,
    done,
    counted: new Map([...done.keys()].map((kind) => [kind, (after.get(kind) ?? 0) - (before.get(kind) ?? 0)])),
    unaccounted: total(text, 'events_unaccounted'),
    lost: total(text, 'events_lost_total'),
    throttled: total(text, 'events_throttled_total'),
  };
}

async function settled(daemon: Daemon): Promise<string | undefined> {
  const text = await daemon.metrics();
  return total(text, 'events_unaccounted') === 0 ? text : undefined;
}

async function watch(
  { seconds, stopEverySeconds, stopSeconds, tell }: SoakOptions,
  daemon: Daemon,
): Promise<Pick<SoakReport, 'memory' | 'scrapes' | 'health' | 'recoveries'>> {
  const report = {
    memory: [] as number[],
    scrapes: [] as number[],
    health: [] as number[],
    recoveries: [] as number[],
  };
  const begin = performance.now();
  const memoryMs = Math.min(60_000, (seconds * 1000) / 5);
  let nextStop = stopEverySeconds;
  while (performance.now() - begin < seconds * 1000) {
    const at = (performance.now() - begin) / 1000;
    if (at >= nextStop) {
      nextStop += stopEverySeconds;
      daemon.process.kill('SIGSTOP');
      await pause(stopSeconds * 1000);
      daemon.process.kill('SIGCONT');
      report.recoveries.push(await recovered(daemon));
    }
    report.scrapes.push(await timed(`${daemon.url}/metrics`));
    report.health.push(await timed(`${daemon.url}/-/healthy`));
    if (at * 1000 >= memoryMs * (report.memory.length + 1)) {
      report.memory.push(residentMegabytes(daemon.process.pid ?? 0));
      tell(
        `${at.toFixed(0)} s: ${report.memory.at(-1)} MB, slowest scrape ${slowest(report.scrapes)} ms, health ${slowest(report.health)} ms`,
      );
    }
    await pause(SAMPLE_MS);
  }
  return report;
}

/** How long until it answers with what it missed read from the rings. */
async function recovered(daemon: Daemon): Promise<number> {
  const begin = performance.now();
  await eventually(
    'the daemon has caught up',
    async () => {
      const text = await daemon.metrics();
      return total(text, 'ring_used_bytes') < total(text, 'ring_size_bytes') / 10 || undefined;
    },
    60_000,
  );
  return Math.round(performance.now() - begin);
}

async function timed(url: string): Promise<number> {
  const begin = performance.now();
  const response = await fetch(url);
  await response.text();
  if (response.status !== 200) throw new Error(`${url} answers ${response.status}`);
  return Math.round(performance.now() - begin);
}

export const slowest = (times: readonly number[]): number => Math.max(0, ...times);

function residentMegabytes(pid: number): number {
  return Math.round(Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) / 1024);
}

function samples(text: string, name: string): [labels: string, value: number][] {
  return [...text.matchAll(new RegExp(`^bpfwarden_${name}(\\{[^}]*\\})? (\\S+)`, 'gm'))].map(
    ([, labels = '', value]) => [labels, Number(value)],
  );
}

const total = (text: string, name: string): number => samples(text, name).reduce((sum, [, value]) => sum + value, 0);

function byKind(text: string, name: string): ReadonlyMap<string, number> {
  return new Map(samples(text, name).map(([labels, value]) => [/event="(\w+)"/.exec(labels)?.[1] ?? '', value]));
}

export const cpuCount = (): number => cpus().length;
