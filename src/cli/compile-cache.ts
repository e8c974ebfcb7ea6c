/**
 * V8's compiled code of the last start, which saves a third of the time that the
 * program takes to load. A service has its directory from NODE_COMPILE_CACHE
 * (Node's own); a checkout keeps it with what else is built there. Node checks it
 * against the program's text.
 */
import { existsSync } from 'node:fs';
import module from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const PACKAGE = fileURLToPath(new URL('../../', import.meta.url));

export function useCompileCache(): void {
  if (process.env.NODE_COMPILE_CACHE !== undefined || !existsSync(join(PACKAGE, 'tsconfig.json'))) return;
  // Answers with a status, and goes on without where the directory cannot be written.
  // Not in Node.js 22.0.
  (module as { enableCompileCache?: (directory: string) => unknown }).enableCompileCache?.(
    join(PACKAGE, 'build', 'compile-cache'),
  );
}

/** Writes what was compiled: by itself Node does so only at its end, and a daemon may be killed. */
export function keepCompiled(): void {
  // Not in Node.js 22.0 to 22.9.
  (module as { flushCompileCache?: () => void }).flushCompileCache?.();
}
