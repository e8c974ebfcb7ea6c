import { closeSync, constants, fstatSync, openSync } from 'node:fs';

/** Not in node:fs: names a file without opening it (O_PATH of x86_64 and arm64). */
const NAME_ONLY = 0o10_000_000;

/**
 * Opens for reading what lies below a root directory of somebody else, which may
 * put anything there: a pipe would hold the daemon up until somebody writes, a
 * device may act on being opened. undefined for all that is no regular file, and
 * where there is none. The caller closes.
 */
export function openForeignFile(path: string): number | undefined {
  let named: number;
  try {
    named = openSync(path, NAME_ONLY);
  } catch {
    return undefined; // The process has ended, or its root has no such file.
  }
  try {
    // The same file, whatever its name leads to by now.
    if (!fstatSync(named).isFile()) return undefined;
    return openSync(`/proc/self/fd/${named}`, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch {
    return undefined; // It may not be read.
  } finally {
    closeSync(named);
  }
}
