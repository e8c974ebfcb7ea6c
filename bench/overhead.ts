/**
 * What the daemon costs other programs: each workload of bench/loops with and
 * without the daemon, in interleaved rounds of one run, workload on CPU 0 and
 * daemon on the last CPU; ratios of medians. `--rounds=N`, `--only=a,b`.
 * As root, after `npm run build`.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { startDaemon } from '../test/e2e/support/daemon.ts';

const { values } = parseArgs({
  options: { rounds: { type: 'string', default: '5' }, only: { type: 'string', default: '' } },
});
const rounds = Number(values.rounds);
const directory = mkdtempSync(join(tmpdir(), 'bpfwarden-bench-'));
const daemonCpu = String(cpus().length - 1);

interface Workload {
  readonly name: string;
  /** Highest ratio that the project allows itself. */
  readonly limit: number;
  /** Nanoseconds per operation. */
  run(): number;
}

const loop = join(directory, 'loop');
execFileSync('gcc', ['-O2', '-o', loop, join(import.meta.dirname, 'loops', 'loop.c')]);
const timed = (name: string, count: number, argument = '') =>
  Number(execFileSync(loop, [name, String(count), '0', argument], { encoding: 'utf8' }));

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
  `${Array.from({ length: 1500 }, (_, n) => `int f${n}(int x) { int s = 0; for (int i = 0; i < x; i++) s += (i * ${n + 3}) ^ (x >> ${n % 7}); return s; }`).join('\n')}\nint main(void) { return f1(3); }\n`,
);
let files: string | undefined;
const workloads: readonly Workload[] = [
  { name: 'getppid', limit: 1.3, run: () => timed('getppid', 2_000_000) },
  { name: 'open', limit: 1.2, run: () => timed('open', 400_000, '/etc/hostname') },
  { name: 'exec', limit: 1.03, run: () => timed('exec', 700, '/bin/true') },
  { name: 'tcp', limit: 1.1, run: () => timed('tcp', 30_000) },
  { name: 'unlink', limit: 1.2, run: () => timed('unlink', 60_000, directory) },
  {
    name: 'files',
    limit: 1.05,
    run() {
      files ??= makeFiles(FILES);
      return timed('files', FILES, files);
    },
  },
  {
    name: 'gcc',
    limit: 1.01,
    run() {
      const begin = process.hrtime.bigint();
      execFileSync('taskset', ['-c', '0', 'gcc', '-O2', '-c', source, '-o', '/dev/null']);
      return Number(process.hrtime.bigint() - begin);
    },
  },
];

const median = (numbers: readonly number[]) =>
  [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? Number.NaN;
const cpuSeconds = (pid: number) => {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
  return (Number(fields[11]) + Number(fields[12])) / 100;
};

const only = values.only === '' ? undefined : new Set(values.only.split(','));
console.log(
  `kernel ${execFileSync('uname', ['-r'], { encoding: 'utf8' }).trim()}, ${cpus().length} x ${cpus()[0]?.model}, Node ${process.version}, ${rounds} rounds`,
);
console.log(
  '| workload | bare ns/op | with bpfwarden | ratio | limit | met | daemon CPU s |\n|---|---|---|---|---|---|---|',
);
try {
  for (const workload of workloads) {
    if (only !== undefined && !only.has(workload.name)) continue;
    workload.run();
    const bare: number[] = [];
    const watched: number[] = [];
    let daemonCpuSeconds = 0;
    for (let round = 0; round < rounds; round++) {
      bare.push(workload.run());
      const daemon = await startDaemon();
      const pid = daemon.process.pid ?? 0;
      execFileSync('taskset', ['-a', '-cp', daemonCpu, String(pid)]);
      const before = cpuSeconds(pid);
      watched.push(workload.run());
      daemonCpuSeconds += cpuSeconds(pid) - before;
      await daemon.stop();
    }
    const ratio = median(watched) / median(bare);
    console.log(
      `| ${workload.name} | ${median(bare).toFixed(0)} | ${median(watched).toFixed(0)} | ${ratio.toFixed(3)} | ${workload.limit} | ${ratio <= workload.limit ? 'yes' : 'no'} | ${(daemonCpuSeconds / rounds).toFixed(2)} |`,
    );
  }
} finally {
  rmSync(directory, { recursive: true, force: true });
}
