import { COMMANDS, COMMON, type CommandName, type CommandSpec, EXIT_CODES } from './commands.ts';
import { FLAGS, type FlagName } from './flags.ts';

const WIDTH = 30;

function flagLines(names: readonly FlagName[]): string[] {
  return names.map((name) => {
    const flag = FLAGS[name];
    return `  ${`--${name}${'value' in flag ? `=${flag.value}` : ''}`.padEnd(WIDTH)}${flag.doc}`;
  });
}

const commandLines = (): string[] =>
  Object.entries(COMMANDS).flatMap(([name, { arguments: args, doc }]) => {
    const usage = `${name} ${args}`;
    // Too long for its column: what it does stands on a line of its own.
    return usage.length < WIDTH ? [`  ${usage.padEnd(WIDTH)}${doc}`] : [`  ${usage}`, `  ${' '.repeat(WIDTH)}${doc}`];
  });

/** The text of --help, of one command or of all. */
export function helpText(command?: CommandName): string {
  if (command === undefined) {
    return [
      'usage: bpfwarden [command] [flags]',
      '',
      'Commands:',
      ...commandLines(),
      '',
      'Flags of every command:',
      ...flagLines(COMMON),
      '',
      '`bpfwarden help COMMAND` shows what else a command takes.',
      ...EXIT_CODES,
      '',
    ].join('\n');
  }
  const { arguments: args, doc, details, flags }: CommandSpec = COMMANDS[command];
  const own = flags.length === 0 ? [] : ['', 'Flags:', ...flagLines(flags)];
  return [
    `usage: bpfwarden ${command}${args === '' ? '' : ` ${args}`} [flags]`,
    '',
    `${doc}.`,
    ...details,
    ...own,
    '',
    'Flags of every command:',
    ...flagLines(COMMON),
    '',
    ...EXIT_CODES,
    '',
  ].join('\n');
}
