import { execFileSync, spawnSync } from 'node:child_process';
import { closeSync, fstatSync, mkdtempSync, openSync, readSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { eventually } from '../e2e/support/daemon.ts';
import { type Case, fieldOf, meets } from './matcher.ts';

/** The interpreter itself: a version manager's `python3` is a script, and a link to it would not run. */
const PYTHON = execFileSync('python3', ['-c', 'import os, sys; print(os.path.realpath(sys.executable))'], {
  encoding: 'utf8',
}).trim();
const CALL = join(import.meta.dirname, '..', 'triggers', 'call.py');

export interface CaseResult {
  readonly id: string;
  readonly what: string;
  /** How many of the expected events came. */
  readonly met: number;
  readonly expected: number;
  readonly missing: readonly string[];
}

/** The kinds that the cases look at: an events_file of all kinds would be some 10,000 lines a second on a busy machine. */
export function kindsOf(cases: readonly Case[]): string[] {
  return [...new Set(cases.flatMap(({ expect }) => expect.map((expected) => String(expected['event.type']))))].sort();
}

/** Reads what was added to a file, whole lines only. */
class Tail {
  readonly #fd: number;
  #at: number;
  #rest = '';

  constructor(file: string) {
    this.#fd = openSync(file, 'r');
    this.#at = statSync(file).size;
  }

  lines(): string[] {
    const buffer = Buffer.alloc(Math.max(0, fstatSync(this.#fd).size - this.#at));
    this.#at += readSync(this.#fd, buffer, 0, buffer.length, this.#at);
    const parts = (this.#rest + buffer.toString()).split('\n');
    this.#rest = parts.pop() ?? '';
    return parts;
  }

  close(): void {
    closeSync(this.#fd);
  }
}

/** Runs the script of a case; gives the pid of its shell. */
export function runScript(entry: Pick<Case, 'script'>): number {
  const directory = mkdtempSync('/tmp/bpfwarden-case-');
  try {
    // Not below the test's own directory: several rules look at /tmp itself.
    const result = spawnSync('bash', ['-c', `echo $$; exec > /dev/null\n${entry.script}`], {
      cwd: directory,
      encoding: 'utf8',
      // No socket: of one bash takes itself for a remote shell, and runs what the user starts shells with.
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: 20_000,
      env: { ...process.env, D: directory, call: `${PYTHON} ${CALL}`, PYTHON },
    });
    return Number(result.stdout.split('\n')[0]);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

/** Whether an event or an alert is of the process or of a descendant. */
export function isOf(pid: number, event: unknown): boolean {
  if (fieldOf(event, 'process.pid') === pid || fieldOf(event, 'process.ppid') === pid) return true;
  const ancestors = fieldOf(event, 'process.ancestors');
  return Array.isArray(ancestors) && ancestors.some((ancestor: { pid?: number }) => ancestor.pid === pid);
}

/** Runs one case under a daemon that writes every event to `eventsFile`. */
export async function runCase(entry: Case, eventsFile: string): Promise<CaseResult> {
  const tail = new Tail(eventsFile);
  const pid = runScript(entry);
  const missing = new Set(entry.expect);
  await eventually(
    'all expected events',
    () => {
      const events = tail
        .lines()
        .filter((line) => line.includes(`:${pid},`) || line.includes(`:${pid}}`))
        .map((line) => JSON.parse(line) as unknown)
        .filter((event) => isOf(pid, event));
      for (const expected of missing) if (events.some((event) => meets(event, expected))) missing.delete(expected);
      return missing.size === 0 || undefined;
    },
    60_000,
  ).catch(() => undefined);
  tail.close();
  return {
    id: entry.id,
    what: entry.what,
    met: entry.expect.length - missing.size,
    expected: entry.expect.length,
    missing: [...missing].map((expected) =>
      Object.entries(expected)
        .map(
          ([field, want]) =>
            `${field}=${want instanceof RegExp || typeof want !== 'function' ? String(want) : '(test)'}`,
        )
        .join(' '),
    ),
  };
}
