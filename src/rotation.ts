import { constants, readdirSync, renameSync, rmSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';

/** `file` becomes `file.1`, `file.1` becomes `file.2` and so on; above `keep` they go, also what an earlier, larger one left behind. */
export function rotateFiles(path: string, keep: number): void {
  for (let index = keep - 1; index >= 1; index -= 1) renameIfThere(`${path}.${index}`, `${path}.${index + 1}`);
  renameIfThere(path, `${path}.1`);
  const directory = dirname(path);
  const prefix = `${basename(path)}.`;
  for (const name of readdirSync(directory)) {
    const number = name.startsWith(prefix) ? name.slice(prefix.length) : '';
    if (/^\d{1,6}$/.test(number) && Number(number) > keep) rmSync(join(directory, name), { force: true });
  }
}

/**
 * How a file is opened to append lines. In a directory of somebody else a
 * symbolic link could lead the daemon's lines into any file of root: it is not
 * followed there. A pipe that nobody reads is an error, at the open (ENXIO) and
 * when it is full (EAGAIN): it must not stop the daemon.
 */
export function appendFlags(path: string): number {
  const { uid, mode } = statSync(dirname(path));
  const ours = (uid === 0 || uid === process.geteuid?.()) && (mode & 0o002) === 0;
  const { O_APPEND, O_CREAT, O_WRONLY, O_NOFOLLOW, O_NONBLOCK } = constants;
  return O_APPEND | O_CREAT | O_WRONLY | O_NONBLOCK | (ours ? 0 : O_NOFOLLOW);
}

/** The error of such an open in words. */
export function openError(path: string, error: unknown): unknown {
  if ((error as NodeJS.ErrnoException).code !== 'ELOOP') return error;
  return new Error(`${path} is a symbolic link in a directory of somebody else: not followed`, { cause: error });
}

function renameIfThere(from: string, to: string): void {
  try {
    renameSync(from, to);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
}
