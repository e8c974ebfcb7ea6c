/**
 * What a BPF object must hold to before any kernel sees it: exits 1 when a program has no row, or a row no program (nobody
 * would know what switches it on), or when a helper is called that the oldest kernel does not have.
 */
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { argv } from 'node:process';
import { pathToFileURL } from 'node:url';
import { bpfHelpers } from './bpf-functions.ts';
import { programRows } from './generate-programs.ts';

/** enum bpf_func_id of Linux 5.15 ends with bpf_task_pt_regs. */
const LAST_OF_FLOOR = 175;
/** Newer, and called only where the kernel's own types have it (repeat.bpf.h): bpf_loop, 5.17. */
const GUARDED: ReadonlySet<number> = new Set([181]);

/** Functions that call helpers newer than Linux 5.15, with those helpers' numbers. */
export function newerHelpers(object: Uint8Array): string[] {
  return bpfHelpers(object).flatMap(({ name, helpers }) => {
    const newer = helpers.filter((helper) => helper > LAST_OF_FLOOR && !GUARDED.has(helper));
    return newer.length === 0 ? [] : [`${name} calls helper ${newer.join(', ')}, which Linux 5.15 does not have`];
  });
}

if (import.meta.url === pathToFileURL(resolve(argv[1] ?? '')).href) {
  const [, , path = 'build/bpf/bpfwarden.bpf.o'] = argv;
  try {
    const object = readFileSync(path);
    programRows(object);
    const newer = newerHelpers(object);
    if (newer.length > 0) throw new Error(newer.join('; '));
  } catch (error) {
    console.error(`${path}: ${error instanceof Error ? error.message : String(error)}`);
    process.exitCode = 1;
  }
}
