import { parse, TomlError } from 'smol-toml';
import { type Problem, WardenError } from '../errors.ts';

export interface TomlDocument {
  readonly values: Readonly<Record<string, unknown>>;
  /** Line where a table, a key, or a key of the n-th `[[table]]` stands; undefined when it is written inline. */
  lineOf(table: string, key?: string, index?: number): number | undefined;
}

/** Parses TOML 1.0 and remembers where each table and key stands, which the parser does not tell. */
export function parseToml(source: string, file: string): TomlDocument {
  let values: Record<string, unknown>;
  try {
    values = parse(source);
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    const message = error.message.split('\n')[0]?.replace(/^Invalid TOML document: /, '') ?? 'invalid TOML';
    const problem: Problem = { file, line: error.line, column: error.column, message: `not valid TOML: ${message}` };
    throw new WardenError('CONFIG_INVALID', 'the configuration is not valid TOML', {
      problems: [problem],
      cause: error,
    });
  }
  const lines = indexLines(source);
  return { values, lineOf: (table, key = '', index = 0) => lines.get(`${table}\0${index}\0${key}`) };
}

function indexLines(source: string): Map<string, number> {
  const lines = new Map<string, number>();
  const seen = new Map<string, number>();
  let table = '';
  let index = 0;
  let number = 0;
  for (const line of source.split('\n')) {
    number++;
    const header = /^\s*\[(\[)?\s*"?([^\]"]+?)"?\s*\]/.exec(line);
    if (header !== null) {
      table = header[2] ?? '';
      index = header[1] === undefined ? 0 : (seen.get(table) ?? -1) + 1;
      seen.set(table, index);
      remember(lines, `${table}\0${index}\0`, number);
      continue;
    }
    const key = /^\s*"?([A-Za-z0-9_-]+)"?\s*=/.exec(line);
    if (key !== null) remember(lines, `${table}\0${index}\0${key[1]}`, number);
  }
  return lines;
}

/** The first place counts: a line inside a multi-line string may look like a key. */
function remember(lines: Map<string, number>, place: string, line: number): void {
  if (!lines.has(place)) lines.set(place, line);
}
