import type { Problem } from '../errors.ts';

/** A mistake in a rule, with its place. Never leaves this layer: loaders collect the problems. */
export class RuleError extends Error {
  override readonly name = 'RuleError';
  readonly problem: Problem;

  constructor(problem: Problem, options?: { cause?: unknown }) {
    super(problem.message, options);
    this.problem = problem;
  }
}

/** A text inside a file: a condition in a JSON string, or a whole file. */
export interface TextSource {
  readonly text: string;
  /** Where the character at this index of `text` is. */
  place(index: number): { readonly file?: string; readonly line?: number; readonly column?: number };
}

/** A text that is a file of its own, or comes from a flag. */
export function bareSource(text: string, file?: string): TextSource {
  return {
    text,
    place(index) {
      const before = text.slice(0, index).split('\n');
      const place = { line: before.length, column: (before.at(-1)?.length ?? 0) + 1 };
      return file === undefined ? place : { file, ...place };
    },
  };
}
