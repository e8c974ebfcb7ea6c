/**
 * What a BPF object must hold to before any kernel sees it: exits 1 when a program has no row, or a row no program (nobody
 * would know what switches it on), or when it uses what the oldest kernel does not have.
 */
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { argv } from 'node:process';
import { pathToFileURL } from 'node:url';
import { beyondFloor } from './bpf-floor.ts';
import { programRows } from './generate-programs.ts';

if (import.meta.url === pathToFileURL(resolve(argv[1] ?? '')).href) {
  const [, , path = 'build/bpf/bpfwarden.bpf.o'] = argv;
  try {
    const object = readFileSync(path);
    programRows(object);
    const newer = beyondFloor(object);
    if (newer.length > 0) throw new Error(newer.join('; '));
  } catch (error) {
    console.error(`${path}: ${error instanceof Error ? error.message : String(error)}`);
    process.exitCode = 1;
  }
}
