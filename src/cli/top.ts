import { setTimeout as sleep } from 'node:timers/promises';
import { clip, textAt } from '../alerts/line.ts';
import { WardenError } from '../errors.ts';
import { visible } from '../visible.ts';
import { isAlert } from './alert-source.ts';
import { DaemonClient, notReachable } from './daemon-client.ts';
import type { CommandLine } from './flags.ts';
import { lineWriter, wantsJson } from './output.ts';
import { settingsOf } from './settings.ts';
import { Tally } from './tally.ts';
import { heading, type Terminal, terminalOf } from './terminal.ts';

const ROWS = 8;
const PID_WIDTH = 7;
const DEFAULT_SECONDS = 2;
const CLEAR = '\u001b[H\u001b[2J';

/**
 * `top`: which processes, files, addresses and rules there is most of, as live
 * as events reach user space: what no rule looks at is counted in the kernel
 * and has no name here. With --once one table after one interval.
 */
export async function top({ flags }: CommandLine): Promise<number> {
  const seconds = flags.interval === undefined ? DEFAULT_SECONDS : Number(flags.interval);
  if (!(seconds >= 0.2 && seconds <= 3600))
    throw new WardenError('FLAG_INVALID', `--interval: expected 0.2 to 3600 seconds, found "${flags.interval}"`);
  const json = wantsJson(flags);
  const client = new DaemonClient(settingsOf(flags));
  const stop = new AbortController();
  process.once('SIGINT', () => stop.abort());
  const tables = new Tables();
  const reading = Promise.all([tables.events(client, stop.signal), tables.alerts(client, stop.signal)]).catch(
    (error: unknown) => {
      stop.abort();
      throw notReachable(client, error);
    },
  );
  // Reported when it is awaited; until then it must not end the program.
  reading.catch(() => undefined);
  const out = lineWriter('-');
  while (!stop.signal.aborted) {
    await sleep(seconds * 1000, undefined, { signal: stop.signal }).catch(() => undefined);
    if (stop.signal.aborted) break;
    const rows = tables.take();
    if (json) out.json({ seconds, ...rows });
    else {
      // Asked each time: a window may have been made larger.
      const terminal = terminalOf(flags);
      const screen = flags.once === true ? { ...terminal, height: undefined } : terminal;
      out.write(`${flags.once === true ? '' : CLEAR}${page(rows, seconds, screen).join('\n')}`);
    }
    out.flush();
    if (flags.once === true) stop.abort();
  }
  await reading;
  out.close();
  return 0;
}

type Rows = Readonly<Record<'processes' | 'files' | 'connections' | 'kinds' | 'rules', ReturnType<Tally['top']>>>;

class Tables {
  readonly #processes = new Tally();
  readonly #files = new Tally();
  readonly #connections = new Tally();
  readonly #kinds = new Tally();
  readonly #rules = new Tally();

  async events(client: DaemonClient, signal: AbortSignal): Promise<void> {
    for await (const event of client.stream('/api/v1/stream/events', signal)) {
      this.#kinds.add(textAt(event, 'event.type'));
      const name = textAt(event, 'process.path') || textAt(event, 'process.name');
      if (name !== '') this.#processes.add(`${textAt(event, 'process.pid').padStart(PID_WIDTH)} ${name}`);
      const path = textAt(event, 'file.directory') || textAt(event, 'file.path');
      if (path !== '') this.#files.add(path);
      const ip = textAt(event, 'network.destination.ip');
      if (ip !== '') this.#connections.add(`${ip} ${textAt(event, 'network.destination.port')}`);
    }
  }

  async alerts(client: DaemonClient, signal: AbortSignal): Promise<void> {
    for await (const alert of client.stream('/api/v1/stream/alerts', signal)) {
      if (isAlert(alert))
        this.#rules.add(`${alert.severity.padEnd(8)} ${alert.rule.name}`, 1 + (alert.repeated?.count ?? 0));
    }
  }

  /** The rows since the last call. */
  take(): Rows {
    return {
      processes: this.#processes.top(ROWS),
      files: this.#files.top(ROWS),
      connections: this.#connections.top(ROWS),
      kinds: this.#kinds.top(ROWS),
      rules: this.#rules.top(ROWS),
    };
  }
}

const TITLES: Readonly<Record<keyof Rows, string>> = {
  processes: '    PID PROCESS',
  files: 'DIRECTORY',
  connections: 'DESTINATION',
  kinds: 'EVENT',
  rules: 'ALERT',
};

/** A row within the width; the number of a process stays before its path. */
function fitting(name: keyof Rows, text: string, width: number): string {
  if (name === 'files') return endOf(text, width);
  if (name !== 'processes') return text.slice(0, width);
  return `${text.slice(0, PID_WIDTH + 1)}${endOf(text.slice(PID_WIDTH + 1), width - PID_WIDTH - 1)}`;
}

/** Paths differ at their end. */
function endOf(text: string, width: number): string {
  return text.length <= width ? text : `…${text.slice(text.length - Math.max(1, width - 1))}`;
}

function page(rows: Rows, seconds: number, terminal: Terminal): string[] {
  const lines = [clip(`bpfwarden top: events that reach user space, per second over ${seconds} s`, terminal.width)];
  const names = Object.keys(TITLES) as (keyof Rows)[];
  const shares = sharesOf(
    names.map((name) => Math.max(1, rows[name].length)),
    terminal.height,
  );
  for (const [index, name] of names.entries()) {
    if (shares.spaced) lines.push('');
    lines.push(heading(`${'/s'.padStart(8)}  ${TITLES[name]}`, terminal));
    const found = rows[name].slice(0, shares.rows[index]);
    if (found.length === 0) lines.push(`${'-'.padStart(8)}  nothing`);
    const width = terminal.width - 10;
    for (const { key, count } of found) {
      lines.push(`${(count / seconds).toFixed(1).padStart(8)}  ${fitting(name, visible(key), width)}`);
    }
  }
  return lines;
}

/** How many rows each table may have on a screen: in turns, while there is room. */
function sharesOf(wanted: readonly number[], height: number | undefined): { rows: readonly number[]; spaced: boolean } {
  if (height === undefined) return { rows: wanted, spaced: true };
  const rows = wanted.map(() => 1);
  // The title, a heading for each table, and the line of the cursor.
  let left = height - 2 - 2 * wanted.length;
  for (let given = true; given && left > 0; ) {
    given = false;
    for (const [index, want] of wanted.entries()) {
      const share = rows[index] ?? want;
      if (share >= want || left === 0) continue;
      rows[index] = share + 1;
      left -= 1;
      given = true;
    }
  }
  return { rows, spaced: left >= wanted.length };
}
