import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { messageOf, type Problem, WardenError } from '../errors.ts';
import type { EventRecord } from '../schema/event.ts';
import { recordFromJson } from '../schema/record.ts';

/** A longer line is no event of ours: the largest has some 64 KiB of text. */
const MAX_LINE = 16 * 1024 * 1024;

/**
 * The events of a recording: NDJSON in any of the forms that recordFromJson
 * reads; '-' is standard input. A line that is no event is told to `onProblem`
 * with its number, and the next one is read. Throws RECORDING_INVALID when the
 * file cannot be read.
 */
export async function* readRecording(file: string, onProblem: (problem: Problem) => void): AsyncGenerator<EventRecord> {
  const input = file === '-' ? process.stdin : createReadStream(file);
  let failure: unknown;
  const lines = createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY });
  input.on('error', (error) => {
    failure = error;
    lines.close();
  });
  let number = 0;
  for await (const raw of lines) {
    number++;
    const line = number === 1 ? raw.replace(/^\uFEFF/, '') : raw;
    if (line.trim() === '') continue;
    const event = parseLine(line, file, number, onProblem);
    if (event !== undefined) yield event;
  }
  if (failure !== undefined) {
    throw new WardenError('RECORDING_INVALID', `cannot read ${file}: ${messageOf(failure)}`, { cause: failure });
  }
}

function parseLine(
  line: string,
  file: string,
  number: number,
  onProblem: (problem: Problem) => void,
): EventRecord | undefined {
  const refuse = (message: string) => onProblem({ file, line: number, message });
  if (line.length > MAX_LINE) {
    refuse(`longer than ${MAX_LINE} characters`);
    return undefined;
  }
  try {
    const misfits: string[] = [];
    const record = recordFromJson(JSON.parse(line), String(number), misfits);
    for (const message of misfits) refuse(message);
    return record;
  } catch (error) {
    refuse(error instanceof SyntaxError ? `not valid JSON: ${error.message}` : messageOf(error));
    return undefined;
  }
}
