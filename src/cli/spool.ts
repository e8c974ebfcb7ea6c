import { formatAlertLine } from '../alerts/line.ts';
import { SpoolLetters } from '../alerts/spool/letters.ts';
import type { DeadLetter, DeadLetterRequest } from '../alerts/spool/types.ts';
import { WardenError } from '../errors.ts';
import type { CommandLine, Flags } from './flags.ts';
import { lineWriter, wantsJson } from './output.ts';
import { settingsOf } from './settings.ts';

/** How long the daemon may take to do what was asked; it looks once a second. */
const TAKEN_MS = 5_000;

/** `spool list|resend|drop`: the alerts that a sink never took. Works beside a running daemon. */
export async function spool({ flags, positionals }: CommandLine): Promise<number> {
  const [action = 'list', ...which] = positionals;
  const letters = new SpoolLetters(settingsOf(flags).spool.directory);
  try {
    switch (action) {
      case 'list':
        if (which.length > 0) throw new WardenError('FLAG_INVALID', 'spool list takes no ID');
        return list(letters.list(), flags);
      case 'resend':
        return await ask(letters, resends(chosen(letters.list(), which), letters.sinks(), flags.sink));
      case 'drop':
        return await ask(
          letters,
          chosen(letters.list(), which).map(({ id }) => ({ do: 'drop', id })),
        );
      default:
        throw new WardenError('FLAG_INVALID', `spool does not know "${action}": list, resend ID… or drop ID…`);
    }
  } finally {
    await letters.close();
  }
}

function list(letters: readonly DeadLetter[], flags: Flags): number {
  const out = lineWriter('-');
  for (const letter of letters) {
    const { id, sink, reason, at, alert } = letter;
    if (wantsJson(flags)) out.json({ ...letter, at: at / 1000 });
    else out.text(`${id}  ${new Date(at).toISOString()}  ${sink}  ${reason}  ${formatAlertLine(alert)}`);
  }
  if (letters.length === 0 && !wantsJson(flags)) out.write('no dead letters');
  out.close();
  return 0;
}

/** The letters of the ids given, or all of them. Throws FLAG_INVALID for an id that there is not. */
function chosen(letters: readonly DeadLetter[], which: readonly string[]): readonly DeadLetter[] {
  if (which.length === 0) throw new WardenError('FLAG_INVALID', 'give the ids that `spool list` shows, or "all"');
  if (which.length === 1 && which[0] === 'all') return letters;
  return which.map((text) => {
    const found = letters.find(({ id }) => String(id) === text);
    if (found === undefined)
      throw new WardenError('FLAG_INVALID', `there is no dead letter ${text}; see \`spool list\``);
    return found;
  });
}

function resends(letters: readonly DeadLetter[], sinks: readonly string[], other: string | undefined) {
  return letters.map(({ id, sink }): DeadLetterRequest => {
    const target = other ?? sink;
    if (!sinks.includes(target))
      throw new WardenError(
        'FLAG_INVALID',
        `dead letter ${id} was for the sink "${target}", which is not configured; choose one with --sink: ${sinks.join(', ')}`,
      );
    return { do: 'resend', id, sink: target };
  });
}

async function ask(letters: SpoolLetters, requests: readonly DeadLetterRequest[]): Promise<number> {
  letters.ask(requests);
  const { daemon } = letters;
  if (daemon === undefined) {
    process.stderr.write(`no daemon works on the spool: ${requests.length} will be done at its next start\n`);
    return 0;
  }
  if (await letters.taken(TAKEN_MS)) {
    process.stderr.write(`${requests.length} done by the daemon (process ${daemon})\n`);
    return 0;
  }
  throw new WardenError(
    'SPOOL_FAILED',
    `the daemon (process ${daemon}) has not taken it up within ${TAKEN_MS / 1000} s`,
  );
}
