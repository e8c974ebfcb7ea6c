/**
 * What the daemon costs other programs. Every round runs each workload of
 * bench/loops in four states, in an order that turns from round to round:
 *
 *   bare       nothing attached
 *   bpfwarden  the daemon with its default rules on the last CPU, warmed up
 *   empty      the same hooks with programs that return at once: the floor
 *   neighbour  nothing attached, but another process keeps the last CPU as
 *              busy as the daemon did: what the machine itself charges for that
 *
 * In the first rounds also what else the machine has (bench/others.ts), with fewer
 * operations where that is slow. The workload runs on CPU 0. Printed: the median over
 * the rounds of the ratio to the same round's bare run. `--rounds=N`, `--only=a,b`,
 * `--falco=PROGRAM`. As root, after `npm run build`.
 */
import { execFileSync, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { startDaemon } from '../test/e2e/support/daemon.ts';
import { EmptyHooks } from './empty.ts';
import { others, type Way } from './others.ts';
import { median, type Result, result, spreadOf } from './results.ts';

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '9' },
    only: { type: 'string', default: '' },
    falco: { type: 'string' },
  },
});
/** Enough for what is not judged. */
const ROUNDS_OF_OTHERS = 3;
const rounds = Number(values.rounds);
// Not below /tmp, nor with the sensor's name in it: those are of interest to the rules.
const directory = mkdtempSync('/var/lib/overhead-');
const lastCpu = String(cpus().length - 1);

interface Workload {
  readonly name: string;
  /** Highest ratio that the project allows itself: to bare, or to the empty hooks. */
  readonly limit: number;
  readonly toEmpty?: boolean;
  /** Nanoseconds per operation. */
  run(way: Way): number;
}

const loop = join(directory, 'loop');
execFileSync('gcc', ['-O2', '-o', loop, join(import.meta.dirname, 'loops', 'loop.c')]);
function timed(name: string, count: number, argument = '', { wrap = [], share = 1 }: Way = {}): number {
  const [command = '', ...rest] = [...wrap, loop, name, String(Math.ceil(count * share)), '0', argument];
  return Number(execFileSync(command, rest, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }));
}

function makeFiles(count: number): string {
  const files = join(directory, 'files');
  for (let group = 0; group * 1000 < count; group++) {
    mkdirSync(join(files, String(group)), { recursive: true });
    for (let index = 0; index < 1000; index++)
      writeFileSync(join(files, String(group), String(index)), 'x'.repeat(2000));
  }
  return files;
}

const FILES = 100_000;
const source = join(directory, 'compile.c');
writeFileSync(
  source,
  `${Array.from({ length: 400 }, (_, n) => `int f${n}(int x) { int s = 0; for (int i = 0; i < x; i++) s += (i * ${n + 3}) ^ (x >> ${n % 7}); return s; }`).join('\n')}\nint main(void) { return f1(3); }\n`,
);
let files: string | undefined;
const only = values.only === '' ? undefined : new Set(values.only.split(','));
const every: readonly Workload[] = [
  { name: 'getppid', limit: 1.02, toEmpty: true, run: (way) => timed('getppid', 500_000, '', way) },
  { name: 'open', limit: 1.1, run: (way) => timed('open', 200_000, '/etc/hostname', way) },
  { name: 'exec', limit: 1.03, run: (way) => timed('exec', 300, '/bin/true', way) },
  { name: 'tcp', limit: 1.08, run: (way) => timed('tcp', 20_000, '', way) },
  { name: 'udp', limit: 1.05, run: (way) => timed('udp', 200_000, '', way) },
  { name: 'unlink', limit: 1.05, run: (way) => timed('unlink', 60_000, directory, way) },
  {
    name: 'files',
    limit: 1.05,
    run(way) {
      files ??= makeFiles(FILES);
      return timed('files', FILES, files, way);
    },
  },
  {
    name: 'gcc',
    limit: 1.005,
    run({ wrap = [] }) {
      const [command = '', ...rest] = [...wrap, 'taskset', '-c', '0', 'gcc', '-O2', '-c', source, '-o', '/dev/null'];
      const begin = process.hrtime.bigint();
      execFileSync(command, rest, { stdio: 'ignore' });
      return Number(process.hrtime.bigint() - begin);
    },
  },
];
const workloads = every.filter(({ name }) => only === undefined || only.has(name));

const cpuSeconds = (pid: number) => {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
  return (Number(fields[11]) + Number(fields[12])) / 100;
};

const TITLES: Readonly<Record<string, string>> = {
  getppid: 'a system call that nobody asks about',
  open: 'open and close',
  exec: 'fork and exec',
  tcp: 'TCP connect',
  udp: 'UDP send',
  unlink: 'create and remove a file',
  files: 'reading 100,000 small files',
  gcc: 'a compiler',
};

/** Per mille of the last CPU that the daemon used in its last run of a workload. */
const shares = new Map<string, number>();
const cpuUsed = new Map<string, number[]>();

type Times = Map<string, number>;
type State = () => Promise<Times>;

function measure(around?: (workload: Workload, run: () => void) => void, way: Way = {}): Times {
  const times: Times = new Map();
  for (const workload of workloads) {
    const run = () => times.set(workload.name, workload.run(way));
    if (around === undefined) run();
    else around(workload, run);
  }
  return times;
}

async function bpfwarden(): Promise<Times> {
  const daemon = await startDaemon();
  try {
    const pid = daemon.process.pid ?? 0;
    execFileSync('taskset', ['-a', '-cp', lastCpu, String(pid)]);
    // A daemon runs for months: its code is compiled and its caches are filled.
    timed('exec', 3000, '/bin/true');
    return measure(({ name }, run) => {
      const used = cpuSeconds(pid);
      const begin = process.hrtime.bigint();
      run();
      const seconds = cpuSeconds(pid) - used;
      shares.set(name, Math.round((seconds / (Number(process.hrtime.bigint() - begin) / 1e9)) * 1000));
      cpuUsed.set(name, [...(cpuUsed.get(name) ?? []), seconds]);
    });
  } finally {
    await daemon.stop();
  }
}

async function empty(): Promise<Times> {
  return hooks.during(() => measure());
}

async function neighbour(): Promise<Times> {
  return measure(({ name }, run) => {
    const share = shares.get(name) ?? 0;
    if (share <= 0) {
      run();
      return;
    }
    const busy = spawn(loop, ['spin', String(Math.min(share, 1000)), lastCpu], { stdio: 'ignore' });
    try {
      run();
    } finally {
      busy.kill('SIGKILL');
    }
  });
}

const hooks = new EmptyHooks(directory);
const states: Record<string, State> = { bare: async () => measure(), bpfwarden, empty, neighbour };
const compared = others(values.falco);
const results = new Map<string, Times[]>(
  [...Object.keys(states), ...compared.map(({ name }) => name)].map((name) => [name, []]),
);
try {
  measure();
  for (let round = 0; round < rounds; round++) {
    // The neighbour needs the daemon's share, so the order turns but keeps that pair.
    const order = [
      ['bare', 'bpfwarden', 'neighbour', 'empty'],
      ['empty', 'bpfwarden', 'neighbour', 'bare'],
      ['bpfwarden', 'neighbour', 'bare', 'empty'],
    ][round % 3] as string[];
    for (const name of order) results.get(name)?.push((await states[name]?.()) ?? new Map());
    if (round >= ROUNDS_OF_OTHERS) continue;
    for (const { name, beside } of compared) {
      const { way, end } = await beside();
      try {
        results.get(name)?.push(measure(undefined, way));
      } finally {
        await end();
      }
    }
  }
} finally {
  rmSync(directory, { recursive: true, force: true });
}

console.log(
  `kernel ${execFileSync('uname', ['-r'], { encoding: 'utf8' }).trim()}, ${cpus().length} x ${cpus()[0]?.model}, Node ${process.version}, ${rounds} rounds`,
);
console.log('| workload | bare | bpfwarden | empty hooks | busy neighbour | limit | met | daemon CPU |');
console.log('|---|---|---|---|---|---|---|---|');
const rows: Result[] = [];
for (const { name, limit, toEmpty } of workloads) {
  const times = (state: string) => (results.get(state) ?? []).map((round) => round.get(name) ?? Number.NaN);
  const bare = times('bare');
  const ratios = (state: string, to = bare) => times(state).map((time, index) => time / (to[index] ?? Number.NaN));
  const ratio = (state: string) => median(ratios(state));
  const judged = ratios('bpfwarden', toEmpty === true ? times('empty') : bare);
  rows.push({
    what: `${TITLES[name] ?? name}, to ${toEmpty === true ? 'empty hooks' : 'bare'}`,
    value: median(judged),
    unit: 'times',
    limit,
    spread: spreadOf(judged),
    beside: {
      'empty hooks': ratio('empty'),
      'a busy neighbour': ratio('neighbour'),
      ...Object.fromEntries(compared.map((other) => [other.name, ratio(other.name)])),
    },
  });
  const cost = median(bare);
  const shown = cost > 1e6 ? `${(cost / 1e6).toFixed(2)} ms` : `${cost.toFixed(0)} ns`;
  console.log(
    `| ${name} | ${shown} | ${ratio('bpfwarden').toFixed(3)} | ${ratio('empty').toFixed(3)} | ${ratio('neighbour').toFixed(3)} | ${limit} | ${median(judged) <= limit ? 'yes' : 'no'} | ${(median(cpuUsed.get(name) ?? []) * 1000).toFixed(0)} ms |`,
  );
}
for (const row of rows) result(row);
