/** One live sensor for all kernel tests of a mocha run, and processes to observe. Needs root. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { pino } from 'pino';
import { defaultConfig } from '../../src/config/load.ts';
import { Enricher } from '../../src/enrich/enricher.ts';
import { Host } from '../../src/enrich/host.ts';
import { BootClock } from '../../src/kernel/clock.ts';
import { Sensor } from '../../src/kernel/sensor.ts';
import type { AttachReport, KernelFilter } from '../../src/kernel/types.ts';
import type { EventJson } from '../../src/schema/event.ts';
import { KINDS } from '../../src/schema/kinds.ts';
import { id } from '../../src/schema/record.ts';
import type { LiveView } from '../../src/schema/view.ts';
import { type Expected, meets } from '../cases/matcher.ts';

const ROOT = new URL('../../', import.meta.url);
const path = (name: string) => fileURLToPath(new URL(name, ROOT));
const PID = id('process.pid');
const CHILD = id('process.child.pid');
/** On a machine that is busy otherwise the bulk ring can be seconds behind. */
const MAX_WAIT_MS = 40_000;

/** Every kind passes: what the tests look at is the record, not the filter. */
export const EVERYTHING: KernelFilter = {
  kinds: new Map(Object.keys(KINDS).map((kind) => [kind, { pass: 'whole', because: 'test' }] as const)),
};

export interface Watch {
  readonly sensor: Sensor;
  readonly enricher: Enricher;
  readonly attached: readonly AttachReport[];
  readonly directory: string;
}

interface Observation {
  readonly tree: Set<number>;
  readonly events: EventJson[];
  /** Kernel time of the root's exit. */
  ended: number | undefined;
  readonly root: number;
}

let watch: Watch | undefined;
const observations = new Set<Observation>();
/** Kernel time up to which the bulk ring has been read. */
let bulkTime = 0;

/** The sensor, started on first use. */
export function watching(): Watch {
  watch ??= start();
  return watch;
}

function start(): Watch {
  const defaults = defaultConfig();
  // Nothing is held back, and the rings are large enough for whatever else the machine does.
  const kernel = { ...defaults.kernel, rate_limit: 0, ring_bytes: 64 << 20, priority_ring_bytes: 16 << 20 };
  const config = { ...defaults, kernel };
  const clock = new BootClock();
  const host = new Host({ hostName: hostname(), bootId: 'test', dnsEntries: 1000, toUnix: clock.toUnix });
  const sensor = new Sensor({
    objectPath: path('build/bpf/bpfwarden.bpf.o'),
    config,
    log: pino({ level: 'silent' }),
    host,
  });
  const attached = sensor.attach();
  const enricher = new Enricher({ config, host, layout: sensor.layout });
  sensor.filter.use(EVERYTHING);
  enricher.seed(sensor.seed());
  void enricher.files.refresh();
  sensor.drain.start((batch) => {
    for (const view of batch) take(enricher, view);
  });
  return { sensor, enricher, attached, directory: mkdtempSync(join(tmpdir(), 'bpfwarden-kernel-')) };
}

function take(enricher: Enricher, view: LiveView): void {
  enricher.enrich(view);
  const { spec } = view.shape;
  if (spec?.ring !== view.ring)
    throw new Error(`${view.kind} came through the ${view.ring} ring, its row says ${spec?.ring}`);
  if (view.ring === 'bulk') bulkTime = view.ktime;
  const pid = view.value(PID);
  for (const observation of observations) {
    if (typeof pid !== 'number' || !observation.tree.has(pid)) continue;
    observation.events.push(view.snapshot().toJSON());
    const child = view.value(CHILD);
    if (typeof child === 'number') observation.tree.add(child);
    if (view.kind === 'process_exit' && pid === observation.root) observation.ended = view.ktime;
  }
}

after(() => {
  if (watch === undefined) return;
  watch.sensor.finish();
  watch.sensor.close();
  rmSync(watch.directory, { recursive: true, force: true });
  watch = undefined;
});

/** The exit comes through the priority ring; what the process did before may still be in the other one. */
function isComplete({ ended }: Observation): boolean {
  return ended !== undefined && (bulkTime > ended || watching().sensor.drain.stats().bulkPending === 0);
}

export const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

export interface Run {
  readonly pid: number;
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly output: string;
  /** Of the process and its descendants, in order. */
  readonly events: readonly EventJson[];
}

/** Runs a program to its end and gives what the sensor saw of it and its descendants. */
export async function observe(
  command: string,
  args: readonly string[] = [],
  options: { readonly cwd?: string; readonly env?: NodeJS.ProcessEnv } = {},
): Promise<Run> {
  watching();
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'ignore'], ...options });
  const pid = child.pid;
  if (pid === undefined) throw new Error(`${command} could not be started`);
  const observation: Observation = { tree: new Set([pid]), events: [], ended: undefined, root: pid };
  observations.add(observation);
  const output = await outputOf(child);
  for (let waited = 0; !isComplete(observation) && waited < MAX_WAIT_MS; waited += 10) await pause(10);
  observations.delete(observation);
  return { pid, code: child.exitCode, signal: child.signalCode, output, events: observation.events };
}

/** A bash script; `$D` is a fresh directory. */
export async function script(text: string, env: NodeJS.ProcessEnv = {}): Promise<Run & { readonly directory: string }> {
  const directory = mkdtempSync(join(watching().directory, 'run-'));
  const run = await observe('/bin/bash', ['-c', text], {
    cwd: directory,
    env: { ...process.env, D: directory, ...env },
  });
  return { ...run, directory };
}

async function outputOf(child: ChildProcess): Promise<string> {
  let output = '';
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    output += text;
  });
  await new Promise<void>((resolve) => child.on('close', () => resolve()));
  return output;
}

/** Compiles test/triggers/NAME.c once. */
export function trigger(name: string): string {
  const directory = join(watching().directory, 'triggers');
  mkdirSync(directory, { recursive: true });
  const program = join(directory, name);
  if (existsSync(program)) return program;
  const flags = name === 'exit_now' ? ['-nostdlib', '-static', '-fno-stack-protector'] : ['-pthread'];
  const { status, stderr } = spawnSync(
    process.env.CC ?? 'cc',
    ['-O1', ...flags, '-o', program, path(`test/triggers/${name}.c`)],
    { encoding: 'utf8' },
  );
  if (status !== 0) throw new Error(stderr);
  return program;
}

/** The events that meet all conditions. */
export function select(events: readonly EventJson[], expected: Expected): readonly EventJson[] {
  return events.filter((event) => meets(event, expected));
}

/** The one event; otherwise an error that shows what there was of the kind. */
export function only(events: readonly EventJson[], expected: Expected): EventJson {
  const found = select(events, expected);
  const [event] = found;
  if (event !== undefined && found.length === 1) return event;
  const like = events.filter((candidate) => meets(candidate, { 'event.type': expected['event.type'] ?? '' }));
  const shown = (found.length > 0 ? found : like).slice(0, 12).map((one) => JSON.stringify(brief(one)));
  throw new Error(`${found.length} events meet ${JSON.stringify(expected)}; there are\n${shown.join('\n')}`);
}

/** An event without what is the same in all of a test's events. */
function brief({ process: actor, ...rest }: EventJson): unknown {
  const { name, path: executable } = (actor ?? {}) as Record<string, unknown>;
  return { ...rest, process: { name, path: executable } };
}

/** What a script beside the tests prints of a sensor of its own, as JSON; every event that it saw has one outcome. */
export function observedBy<T extends { readonly counts: Readonly<Record<string, Readonly<Record<string, number>>>> }>(
  name: string,
  args: readonly string[],
): T {
  const program = join(import.meta.dirname, name);
  const { stdout, stderr } = spawnSync(process.execPath, ['--import=tsx', program, ...args], { encoding: 'utf8' });
  expect(stdout, stderr).not.to.equal('');
  const outcome = JSON.parse(stdout) as T;
  for (const [kind, count] of Object.entries(outcome.counts)) {
    const { seen = 0, filtered = 0, throttled = 0, submitted = 0, lost_ring_full = 0, lost_scratch = 0 } = count;
    expect(filtered + throttled + submitted + lost_ring_full + lost_scratch, kind).to.equal(seen);
  }
  return outcome;
}
