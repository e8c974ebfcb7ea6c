/** Recorded events: NDJSON as events_file has it, or simple events. */
import { createReadStream } from 'node:fs';
import { messageOf, type Problem, WardenError } from './errors.ts';
import type { EventRecord } from './schema/event.ts';
import { recordFromJson } from './schema/record.ts';

/** A longer line is no event: a record has at most 32 KiB, its JSON a few times that. */
const MAX_LINE_BYTES = 16 << 20;

/**
 * The events of a recording: NDJSON in any of the forms that recordFromJson
 * reads; '-' is standard input. A line that is no event is told to `onProblem`
 * with its number, and the next one is read; so is a value that does not fit
 * its field, which is left out. Empty lines and a byte order mark are nothing.
 * Throws RECORDING_INVALID when the file cannot be read.
 */
export async function* readRecording(file: string, onProblem: (problem: Problem) => void): AsyncGenerator<EventRecord> {
  const input = file === '-' ? process.stdin : createReadStream(file);
  let number = 0;
  try {
    for await (const line of linesOf(input)) {
      number++;
      const event = parseLine(line, file, number, onProblem);
      if (event !== undefined) yield event;
    }
  } catch (error) {
    if (!(error instanceof Error && 'syscall' in error)) throw error;
    throw new WardenError('RECORDING_INVALID', `cannot read ${file}: ${messageOf(error)}`, { cause: error });
  }
}

function parseLine(
  line: Buffer | undefined,
  file: string,
  number: number,
  onProblem: (problem: Problem) => void,
): EventRecord | undefined {
  const refuse = (message: string) => onProblem({ file, line: number, message });
  if (line === undefined) {
    refuse(`longer than ${MAX_LINE_BYTES} bytes`);
    return undefined;
  }
  const text = line.toString('utf8').replace(/^\uFEFF/, '');
  if (text.trim() === '') return undefined;
  try {
    const misfits: string[] = [];
    const record = recordFromJson(JSON.parse(text), String(number), misfits);
    for (const message of misfits) refuse(message);
    return record;
  } catch (error) {
    refuse(error instanceof SyntaxError ? `not valid JSON: ${error.message}` : messageOf(error));
    return undefined;
  }
}

/**
 * Lines without their ends; undefined for one that is too long. Not readline:
 * that also ends lines at U+2028, which JSON texts may hold, and keeps a line
 * without an end in memory whatever its length.
 */
export async function* linesOf(input: AsyncIterable<unknown>): AsyncGenerator<Buffer | undefined> {
  let parts: Buffer[] = [];
  let length = 0;
  for await (const chunk of input) {
    const bytes = Buffer.isBuffer(chunk) ? chunk : Buffer.from(String(chunk));
    let start = 0;
    for (let end = bytes.indexOf(10); end >= 0; end = bytes.indexOf(10, start)) {
      const last = bytes.subarray(start, end);
      yield length + last.length > MAX_LINE_BYTES ? undefined : Buffer.concat([...parts, last]);
      parts = [];
      length = 0;
      start = end + 1;
    }
    const rest = bytes.subarray(start);
    length += rest.length;
    if (length <= MAX_LINE_BYTES) parts.push(rest);
    else parts = [];
  }
  if (length > 0) yield length > MAX_LINE_BYTES ? undefined : Buffer.concat(parts);
}
