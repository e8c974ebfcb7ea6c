import { messageOf, type Problem, WardenError } from '../errors.ts';
import { readWhole } from '../whole-file.ts';
import type { Config, SinkSpec } from './options.ts';
import { parseToml } from './toml.ts';
import { validate } from './validate.ts';

const MAX_FILE_BYTES = 1_048_576;

/** The configuration with every option at its default. */
export function defaultConfig(): Config {
  return freeze(validate(parseToml('', 'defaults'), 'defaults', []).config);
}

/** Reads and checks a configuration file. `sinks`: the types there are. Throws CONFIG_INVALID with every problem found. */
export function loadConfig(file: string, sinks: readonly SinkSpec[]): Config {
  let source: string;
  try {
    source = readWhole(file, MAX_FILE_BYTES).toString('utf8');
  } catch (error) {
    throw new WardenError('CONFIG_INVALID', `cannot read ${file}: ${messageOf(error)}`, { cause: error });
  }
  return parseConfig(source, file, sinks);
}

/** Checks the text of a configuration file; `file` is only for the messages. */
export function parseConfig(source: string, file: string, sinks: readonly SinkSpec[]): Config {
  const { config, problems } = validate(parseToml(source, file), file, sinks);
  problems.push(...crossChecks(config, file));
  if (problems.length > 0) {
    throw new WardenError('CONFIG_INVALID', `${file} has ${problems.length} problem(s)`, { problems });
  }
  return freeze(config);
}

/** What no single option can know. */
function crossChecks(config: Config, file: string): Problem[] {
  const problems: Problem[] = [];
  for (const key of ['ring_bytes', 'priority_ring_bytes'] as const) {
    const bytes = config.kernel[key];
    if ((bytes & (bytes - 1)) === 0) continue;
    const lower = 2 ** Math.floor(Math.log2(bytes));
    problems.push({
      file,
      subject: `kernel.${key}`,
      message: `expected a power of two, found ${bytes}`,
      remedy: `use ${lower} or ${lower * 2}`,
    });
  }
  for (const table of ['sinks', 'plugins'] as const) {
    const names = config[table].map((entry) => entry.name);
    for (const name of new Set(names.filter((entry, index) => names.indexOf(entry) !== index))) {
      problems.push({
        file,
        subject: table,
        message: `two entries are named "${name}"`,
        remedy: 'give each its own name',
      });
    }
  }
  for (const silence of config.silences) {
    if (silence.until !== '' && Number.isNaN(Date.parse(silence.until))) {
      problems.push({
        file,
        subject: 'silences.until',
        message: `expected an RFC 3339 time, found "${silence.until}"`,
        remedy: 'such as 2030-01-31T12:00:00Z',
      });
    }
  }
  return problems;
}

function freeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    for (const inner of Object.values(value)) freeze(inner);
  }
  return value;
}
