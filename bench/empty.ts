/** The hooks of the sensor with programs that return at once: the least that any such sensor costs. */
import { execFileSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import type { Native } from '../native/addon.d.ts';

const ROOT = join(import.meta.dirname, '..');

export class EmptyHooks {
  readonly #object: string;
  readonly #native = createRequire(import.meta.url)(join(ROOT, 'build', 'Release', 'bpfwarden.node')) as Native;

  /** @param directory Where the compiled programs are put. */
  constructor(directory: string) {
    this.#object = join(directory, 'empty.bpf.o');
    execFileSync('clang', [
      ...['-g', '-O2', '-target', 'bpf', '-mcpu=v3', '-Wall', '-Wextra', '-Werror', '-Wno-unused-parameter'],
      ...[`-D__TARGET_ARCH_${process.arch === 'arm64' ? 'arm64' : 'x86'}`, `-I${join(ROOT, 'bpf')}`],
      ...['-c', join(import.meta.dirname, 'hooks', 'empty.bpf.c'), '-o', this.#object],
    ]);
  }

  /** Runs something while they are attached. */
  during<T>(run: () => T): T {
    const native = this.#native;
    const programs = native.open(this.#object) < 0 || native.load() < 0 ? -1 : native.programs();
    if (typeof programs === 'number') throw new Error(`the empty hooks do not load: ${native.takeLog()}`);
    try {
      for (const { name } of programs)
        if (native.attach(name) < 0) throw new Error(`attach ${name}: ${native.takeLog()}`);
      return run();
    } finally {
      native.close();
    }
  }
}
