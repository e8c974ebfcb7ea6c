/**
 * Fuzzes the native code that reads what comes from the kernel and from other
 * programs, by libFuzzer under the address and undefined behaviour sanitizers.
 *
 *   npm run fuzz [-- --seconds=600] [TARGET…]
 *
 * What it finds lies in build/fuzz/; test/native/corpus/ has the inputs to begin with.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

const ROOT = join(import.meta.dirname, '..');
const BUILT = join(ROOT, 'build', 'fuzz');
const NATIVE = (name: string) => join(ROOT, 'native', `${name}.cc`);

/** By name: what is linked with the harness of that name, and what the linker is told. */
const TARGETS: Readonly<Record<string, { readonly with: readonly string[]; readonly flags?: readonly string[] }>> = {
  ring: { with: ['ring'] },
  text: { with: ['canary', 'log', 'notify', 'pidfd'], flags: ['-Wl,--wrap=open'] },
};

export const FUZZ_TARGETS: readonly string[] = Object.keys(TARGETS);

/** Whether clang has libFuzzer beside it. */
export function canFuzz(): boolean {
  const { status, stdout } = spawnSync('clang', ['-print-resource-dir'], { encoding: 'utf8' });
  const directory = join(stdout?.trim() ?? '', 'lib');
  if (status !== 0 || !existsSync(directory)) return false;
  const files = readdirSync(directory, { recursive: true, encoding: 'utf8' });
  return files.some((file) => /libclang_rt\.fuzzer.*\.a$/.test(file));
}

/** Builds a target and runs it for so long; throws with its output when it finds something. */
export function fuzz(name: string, seconds: number): string {
  const target = TARGETS[name];
  if (target === undefined) throw new Error(`no fuzz target "${name}"; there are ${FUZZ_TARGETS.join(', ')}`);
  const corpus = join(BUILT, 'corpus', name);
  mkdirSync(corpus, { recursive: true });
  const program = join(BUILT, name);
  const sources = [join(ROOT, 'native', 'fuzz', `${name}.cc`), ...target.with.map(NATIVE)];
  const sanitizers = '-fsanitize=fuzzer,address,undefined';
  run('clang++', [
    '-std=c++17',
    '-g',
    '-O1',
    sanitizers,
    '-fno-sanitize-recover=all',
    ...sources,
    ...(target.flags ?? []),
    '-o',
    program,
  ]);
  return run(program, [
    `-max_total_time=${seconds}`,
    '-max_len=4096',
    '-timeout=20',
    '-print_final_stats=1',
    `-artifact_prefix=${BUILT}/${name}-`,
    corpus,
    join(ROOT, 'test', 'native', 'corpus', name),
  ]);
}

function run(command: string, args: readonly string[]): string {
  const { status, stdout, stderr, error } = spawnSync(command, args, {
    encoding: 'utf8',
    maxBuffer: 1 << 26,
    cwd: ROOT,
  });
  if (error !== undefined) throw error;
  if (status !== 0) throw new Error(`${command}: exit ${status}\n${(stdout + stderr).slice(-6000)}`);
  return stdout + stderr;
}

if (process.argv[1] === import.meta.filename) {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { seconds: { type: 'string', default: '600' } },
  });
  const seconds = Number(values.seconds);
  if (!(seconds > 0)) throw new Error('--seconds is a number above 0');
  for (const name of positionals.length > 0 ? positionals : FUZZ_TARGETS)
    console.log(
      `${name}\n${fuzz(name, seconds)
        .split('\n')
        .filter((line) => /^stat::/.test(line))
        .join('\n')}`,
    );
}
