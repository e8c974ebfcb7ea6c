/**
 * Runs the benchmarks one after the other and prints one table: each target
 * beside its limit and what was measured. `npm run bench [-- NAME…] [--write]`;
 * --write puts the table into docs/performance.md, where what is not measured this time stays;
 * --results=FILE takes what single benchmarks have left there (BPFWARDEN_BENCH_RESULTS) instead of running any.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, loadavg, release, tmpdir, totalmem } from 'node:os';
import { basename, join } from 'node:path';
import { parseArgs } from 'node:util';
import { LEAN_FLAGS } from '../src/cli/lean.ts';
import { digits, isMet, limitText, RESULTS_FILE, type Result } from './results.ts';

const DOCUMENT = join(import.meta.dirname, '..', 'docs', 'performance.md');
/** It quotes the table. */
const README = join(import.meta.dirname, '..', 'README.md');
const QUOTED = ['<!-- bench:begin -->', '<!-- bench:end -->'] as const;
const [BEGIN, END] = ['<!-- written by `npm run bench -- --write` -->', '<!-- end -->'];
const HEAD = ['| What | Measured | Target | Met | Lowest to highest | Beside |', '|---|---|---|---|---|---|'] as const;
/** Node.js strips types and leaves the rest as it is; tsx gives every closure a name when it is made, which no daemon does. */
const LOADER = process.features.typescript ? [] : ['--import', 'tsx'];
/** Modules that benchmarks share. */
const SHARED = new Set(['run.ts', 'results.ts', 'work.ts', 'mix.ts', 'others.ts', 'empty.ts']);

const { values, positionals: wanted } = parseArgs({
  options: { write: { type: 'boolean', default: false }, results: { type: 'string' } },
  allowPositionals: true,
});
const benches = readdirSync(import.meta.dirname)
  .filter((file) => file.endsWith('.ts') && !SHARED.has(file))
  .map((file) => basename(file, '.ts'));
for (const name of wanted.filter((entry) => !benches.includes(entry)))
  console.error(`no benchmark "${name}"; there are ${benches.join(', ')}`);

const directory = mkdtempSync(join(tmpdir(), 'bpfwarden-bench-'));
const file = values.results ?? join(directory, 'results.ndjson');
const busy = loadavg()[0] ?? 0;
try {
  const chosen = benches.filter((entry) => wanted.length === 0 || wanted.includes(entry));
  for (const name of values.results === undefined ? chosen : []) {
    console.log(`\n## ${name}`);
    const { status } = spawnSync(
      process.execPath,
      [...LEAN_FLAGS, ...LOADER, join(import.meta.dirname, `${name}.ts`)],
      {
        stdio: 'inherit',
        env: { ...process.env, [RESULTS_FILE]: file },
      },
    );
    if (status !== 0) process.exitCode = 1;
  }
  const results = existsSync(file)
    ? readFileSync(file, 'utf8')
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => JSON.parse(line) as Result)
    : [];
  if (results.length > 0) {
    const lines = results.map(rowOf);
    console.log(`\n${[machine(), '', ...HEAD, ...lines].join('\n')}`);
    if (values.write) write(results);
  }
} finally {
  rmSync(directory, { recursive: true, force: true });
}

function machine(): string {
  const [cpu] = cpus();
  const date = new Date().toISOString().slice(0, 10);
  return `${date}: ${cpus().length} × ${cpu?.model.trim()}, ${Math.round(totalmem() / 2 ** 30)} GiB, Linux ${release()}, Node.js ${process.versions.node}; load average at the beginning ${busy.toFixed(1)}`;
}

function rowOf(one: Result): string {
  const spread = one.spread === undefined ? '' : one.spread.map(digits).join(' to ');
  const beside = Object.entries(one.beside ?? {}).map(([name, value]) => `${name} ${digits(value)}`);
  return `| ${one.what} | ${digits(one.value)} ${one.unit} | ${limitText(one)} | ${isMet(one) ? 'yes' : 'no'} | ${spread} | ${beside.join(', ')} |`;
}

/** Into the document and the README. Rows that were measured again take the place of those before; the machine's line is that of this run. */
function write(results: readonly Result[]): void {
  const text = readFileSync(DOCUMENT, 'utf8');
  const [from, to] = [text.indexOf(BEGIN), text.indexOf(END)];
  if (from < 0 || to < from) throw new Error(`${DOCUMENT} has no place for the table`);
  const nameOf = (line: string) => line.split(' | ')[0] ?? '';
  const before = text
    .slice(from, to)
    .split('\n')
    .filter((line) => line.startsWith('| ') && !HEAD.includes(line as (typeof HEAD)[number]));
  const fresh = new Map(results.map((one) => [nameOf(rowOf(one)), rowOf(one)]));
  const kept = before.map((line) => {
    const again = fresh.get(nameOf(line));
    fresh.delete(nameOf(line));
    return again ?? line;
  });
  const table = [BEGIN, `${machine()}.`, '', ...HEAD, ...kept, ...fresh.values(), ''].join('\n');
  writeFileSync(DOCUMENT, text.slice(0, from) + table + text.slice(to));
  const readme = readFileSync(README, 'utf8');
  const [quoteFrom, quoteTo] = QUOTED.map((mark) => readme.indexOf(mark)) as [number, number];
  const quote = table.slice(BEGIN.length + 1);
  writeFileSync(README, `${readme.slice(0, quoteFrom)}${QUOTED[0]}\n${quote}${readme.slice(quoteTo)}`);
}
