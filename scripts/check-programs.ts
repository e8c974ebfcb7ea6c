/** A program of the BPF object without a row, or a row without its program: nobody would know what switches it on. Exits 1 then. */
import { readFileSync } from 'node:fs';
import { programRows } from './generate-programs.ts';

const [, , object = 'build/bpf/bpfwarden.bpf.o'] = process.argv;
try {
  programRows(readFileSync(object));
} catch (error) {
  console.error(`${object}: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 1;
}
