import { closeSync, openSync, writeSync } from 'node:fs';
import { formatProblem, messageOf, type Problem, WardenError } from '../errors.ts';
import { jsonLine, visible, visibleLines } from '../visible.ts';
import type { Flags } from './flags.ts';

/** Where a command writes lines: a file, or standard output for '-'. Buffered; `close` writes the rest. */
interface LineWriter {
  /** As it is: for what has been made visible and then given colours, and for files. */
  write(line: string): void;
  /** Lines of which somebody else may have chosen a part: a rule file, a path, a watched program. */
  text(lines: string): void;
  json(value: unknown): void;
  /** Writes what was given so far. */
  flush(): void;
  close(): void;
}

const FLUSH_AT = 65_536;

export function lineWriter(file: string): LineWriter {
  let fd: number;
  try {
    fd = file === '-' ? 1 : openSync(file, 'w', 0o640);
  } catch (error) {
    throw new WardenError('OUTPUT_FAILED', `cannot write ${file}: ${messageOf(error)}`, { cause: error });
  }
  let pending = '';
  const flush = () => {
    const bytes = Buffer.from(pending);
    pending = '';
    for (let at = 0; at < bytes.length; ) at += writeSome(fd, bytes, at);
  };
  const write = (line: string) => {
    pending += `${line}\n`;
    if (pending.length >= FLUSH_AT) flush();
  };
  return {
    write,
    text: (lines) => write(visibleLines(lines)),
    json: (value) => write(jsonLine(value)),
    flush,
    close() {
      flush();
      if (fd !== 1) closeSync(fd);
    },
  };
}

/** A pipe that is full answers EAGAIN when its other end made it non-blocking. */
function writeSome(fd: number, bytes: Buffer, at: number): number {
  try {
    return writeSync(fd, bytes, at);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EPIPE') process.exit(0);
    if (code !== 'EAGAIN') throw error;
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5);
    return 0;
  }
}

/** Problems to standard error, one a line, at most `limit` of them and then how many more there are. */
export function printProblems(problems: readonly Problem[], limit = 200): void {
  for (const problem of problems.slice(0, limit)) process.stderr.write(`${visible(formatProblem(problem))}\n`);
  if (problems.length > limit) process.stderr.write(`… and ${problems.length - limit} more\n`);
}

/** What --format or --json asks for. Throws FLAG_INVALID for another form. */
export function wantsJson({ format, json }: Flags): boolean {
  if (format !== undefined && format !== 'text' && format !== 'json')
    throw new WardenError('FLAG_INVALID', `--format: expected text or json, found "${format}"`);
  if (json === true && format === 'text')
    throw new WardenError('FLAG_INVALID', '--json and --format=text contradict each other');
  return json === true || format === 'json';
}
