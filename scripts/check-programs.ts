/** A program of the BPF object that has no row in src/kernel/programs.ts: nobody would know what switches it on. Exits 1 then. */
import { readFileSync } from 'node:fs';
import { programGroup } from '../src/kernel/programs.ts';
import { bpfFunctions } from './bpf-functions.ts';

const [, , object = 'build/bpf/bpfwarden.bpf.o'] = process.argv;
for (const { name, section } of bpfFunctions(readFileSync(object))) {
  if (section === '.text') continue;
  try {
    programGroup(name);
  } catch (error) {
    console.error(
      `${object}: ${error instanceof Error ? error.message : String(error)}; give it a row in src/kernel/programs.ts`,
    );
    process.exitCode = 1;
  }
}
