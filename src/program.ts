import type { CommandName } from './cli/commands.ts';
import { type CommandLine, isCommand, parseCommandLine } from './cli/flags.ts';
import { helpText } from './cli/help.ts';
import { printProblems } from './cli/output.ts';
import { readVersion, versionText } from './cli/version.ts';
import { WardenError } from './errors.ts';
import { visible } from './visible.ts';

/** Loaded when asked for: `replay` needs neither the web server nor the addon. */
const COMMANDS: Readonly<Record<CommandName, (line: CommandLine) => Promise<number>>> = {
  run: async (line) => (await import('./cli/run.ts')).run(line),
  check: async (line) => (await import('./cli/check.ts')).check(line),
  test: async (line) => (await import('./cli/test.ts')).testRules(line),
  record: async (line) => (await import('./cli/record.ts')).record(line),
  replay: async (line) => (await import('./cli/replay.ts')).replay(line),
  explain: async (line) => (await import('./cli/rules.ts')).explain(line),
  tune: async (line) => (await import('./cli/tune.ts')).tune(line),
  rules: async (line) => (await import('./cli/rules.ts')).rules(line),
  spool: async (line) => (await import('./cli/spool.ts')).spool(line),
  alerts: async (line) => (await import('./cli/alerts.ts')).alerts(line),
  show: async (line) => (await import('./cli/show.ts')).show(line),
  top: async (line) => (await import('./cli/top.ts')).top(line),
  help: async ({ positionals }) => help(positionals[0]),
  version: async () => version(),
};

function help(command: string | undefined): number {
  if (command !== undefined && !isCommand(command))
    throw new WardenError('FLAG_INVALID', `unknown command "${command}"; \`bpfwarden help\` lists all`);
  process.stdout.write(helpText(command));
  return 0;
}

function version(): number {
  process.stdout.write(versionText(readVersion()));
  return 0;
}

/** Exit codes: 0 fine, 1 the user's mistake, 2 the system's. */
async function main(argv: readonly string[]): Promise<number> {
  try {
    const line = parseCommandLine(argv);
    // `bpfwarden --help` is about all commands, `bpfwarden check --help` about one.
    if (line.flags.help === true) return help(line.named ? line.command : undefined);
    if (line.flags.version === true) return version();
    return await COMMANDS[line.command](line);
  } catch (error) {
    if (!(error instanceof WardenError)) throw error;
    process.stderr.write(`bpfwarden: ${visible(error.message)}\n`);
    printProblems(error.problems);
    return error.exitCode;
  }
}

// All output is written synchronously and every stage has been closed: a timer that a library left must not hold the end.
process.exit(await main(process.argv.slice(2)));
