/**
 * What keeps the daemon small. Node's defaults are for programs that have the
 * machine to themselves: a young generation of 3 x 16 MiB, which the start fills
 * once and nothing gives back, four threads that compile and collect, and an arena of
 * malloc for each thread. They are settings of a process's beginning, so the process
 * begins once more with them: it stays the same process (execve).
 */
import { COMMANDS } from './commands.ts';

export const LEAN_FLAGS = ['--max-semi-space-size=2', '--v8-pool-size=1'] as const;
/**
 * Few arenas; and blocks from 256 KiB on are mapped each by itself, however large
 * freed ones were: they are given back when they are freed, and of a new one only
 * what is written takes memory.
 */
export const LEAN_MALLOC = { MALLOC_ARENA_MAX: '2', MALLOC_MMAP_THRESHOLD_: '262144' } as const;

/**
 * A second optimizing compiler, whose work leaves malloc's arena full of holes while
 * the third is as quick without it. Told V8 when the program is there, not at the beginning: Node's own modules come
 * compiled for the flags that V8 has by default, and with others are compiled anew at every start.
 */
export const LATE_FLAGS = '--no-maglev';

/** Whether the arguments ask for the daemon: they name no other command. Without being parsed: that is the program's. */
export function asksForDaemon(argv: readonly string[]): boolean {
  return !argv.some((argument) => other.has(argument) || /^(?:-h|-V|--help|--version)$/.test(argument));
}

const other: ReadonlySet<string> = new Set(Object.keys(COMMANDS).filter((name) => name !== 'run'));

/** Does not return where it begins anew; returns where that was done, or cannot be (Node.js before 22.15). */
export function becomeLean(): void {
  const { execve } = process as { execve?: (file: string, args: readonly string[], env: NodeJS.ProcessEnv) => never };
  const missing = LEAN_FLAGS.filter((flag) => {
    const [name = flag] = flag.split('=');
    return ![...process.execArgv, ...(process.env.NODE_OPTIONS ?? '').split(' ')].some((one) => one.startsWith(name));
  });
  if (missing.length === 0 || execve === undefined) return;
  // Not imported: Node reads all of a module that is, and what is read before the process begins anew is read twice.
  if (!process.getBuiltinModule('node:worker_threads').isMainThread) return;
  const given = [...missing, ...process.execArgv, ...process.argv.slice(1)];
  execve.call(process, process.execPath, [process.execPath, ...given], {
    ...LEAN_MALLOC,
    ...process.env,
  });
}
