import type { Program } from './program.ts';

/** Records of different CPUs may come a little out of order. */
const REORDER_NS = 1e9;

/** What processes ran before their present programs, while events of that time may still come. */
export class ReplacedPrograms {
  /** Programs that remember the one before them, in the order of their start. */
  readonly #started: Program[] = [];

  /** A process has started `program` in the place of `before`. */
  add(program: Program, before: Program, ktime: number): void {
    program.since = ktime;
    program.before = before;
    this.#started.push(program);
  }

  /** Every record up to this time has been read. */
  expire(ktime: number): void {
    let passed = 0;
    for (const program of this.#started) {
      if (program.since + REORDER_NS > ktime) break;
      program.before = undefined;
      passed++;
    }
    if (passed > 0) this.#started.splice(0, passed);
  }
}

/** What the process of a program ran at a time before it. */
export function programAt(present: Program, ktime: number): Program {
  let program = present;
  while (program.before !== undefined && ktime < program.since) program = program.before;
  return program;
}
