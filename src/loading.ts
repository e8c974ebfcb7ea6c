/** Loads the program: bundled where a build has made that, with V8's compiled code of the last time. */
import { statSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { useCompileCache } from './cli/compile-cache.ts';

/** When a file was written, in milliseconds; undefined where there is none. */
const written = (path: string): number | undefined =>
  statSync(fileURLToPath(new URL(path, import.meta.url)), { throwIfNoEntry: false })?.mtimeMs;

/** A compiler that ran without the rest of the build leaves a bundle that is older. */
function isCurrent(): boolean {
  const bundled = written('./bundle/program.js');
  return bundled !== undefined && bundled >= (written('../build/tsc.tsbuildinfo') ?? 0);
}

useCompileCache();
await (isCurrent() ? import(new URL('./bundle/program.js', import.meta.url).href) : import('./program.ts'));
