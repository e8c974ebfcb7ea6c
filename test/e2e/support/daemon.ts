import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, existsSync, mkdtempSync, openSync, readSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const ROOT = join(import.meta.dirname, '..', '..', '..');

/** A port on loopback that nobody listens on now. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}

/** Waits until `probe` gives something, at most `ms`. Throws with `what` and the last error otherwise. */
export async function eventually<T>(
  what: string,
  probe: () => T | undefined | Promise<T | undefined>,
  ms = 30_000,
): Promise<T> {
  const deadline = Date.now() + ms;
  let last: unknown;
  while (Date.now() < deadline) {
    try {
      const value = await probe();
      if (value !== undefined && value !== false) return value;
    } catch (error) {
      last = error;
    }
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  throw new Error(`not within ${ms} ms: ${what}${last === undefined ? '' : `; last: ${String(last)}`}`);
}

export interface Daemon {
  readonly process: ChildProcess;
  readonly url: string;
  readonly directory: string;
  readonly alertsFile: string;
  /** What it wrote to standard error so far. */
  log(): string;
  output(): string;
  /** Those whose line holds the text; all without one. */
  alerts(holding?: string): Record<string, unknown>[];
  metrics(): Promise<string>;
  /** Value of the first sample whose line starts with the text. */
  metric(sample: string): Promise<number | undefined>;
  /** SIGTERM, then the exit code. */
  stop(signal?: NodeJS.Signals): Promise<number | null>;
}

/** The command that starts bpfwarden from its built form. */
export const COMMAND = [process.execPath, join(ROOT, 'dist', 'main.js')] as const;

const READ_BYTES = 16 << 20;

/** Lines of NDJSON, a last line that is not complete yet left out; in pieces, since a file can be longer than a string may be. */
function* lines(file: string): Generator<string> {
  if (!existsSync(file)) return;
  const descriptor = openSync(file, 'r');
  try {
    const buffer = Buffer.allocUnsafe(READ_BYTES);
    let rest = Buffer.alloc(0);
    for (let read = readSync(descriptor, buffer); read > 0; read = readSync(descriptor, buffer)) {
      const bytes = Buffer.concat([rest, buffer.subarray(0, read)]);
      const end = bytes.lastIndexOf(0x0a) + 1;
      rest = bytes.subarray(end);
      yield* bytes.toString('utf8', 0, end).split('\n');
    }
  } finally {
    closeSync(descriptor);
  }
}

/** The lines that hold the text, parsed. */
export function readLines(file: string, holding = ''): Record<string, unknown>[] {
  const found: Record<string, unknown>[] = [];
  for (const line of lines(file)) {
    if (line !== '' && line.includes(holding)) found.push(JSON.parse(line) as Record<string, unknown>);
  }
  return found;
}

/**
 * Starts the whole daemon with a configuration of its own below a temporary
 * directory and waits until it is ready. `toml` is appended to the defaults.
 */
export async function startDaemon(
  options: {
    toml?: string;
    flags?: string[];
    output?: string;
    ready?: boolean;
    env?: NodeJS.ProcessEnv;
    /** Default: below its own directory, gone with it. */
    spool?: string;
    /** Runs the command that follows it. */
    wrap?: readonly string[];
    /** For Node.js. */
    nodeFlags?: readonly string[];
  } = {},
): Promise<Daemon> {
  const directory = mkdtempSync(join(tmpdir(), 'bpfwarden-test-'));
  const port = await freePort();
  const alertsFile = join(directory, 'alerts.ndjson');
  const config = join(directory, 'bpfwarden.toml');
  const output = options.output ?? `[output]\nalerts_file = "${alertsFile}"\nrotate_bytes = 0\n`;
  writeFileSync(
    config,
    `${output}[spool]\ndirectory = "${options.spool ?? join(directory, 'spool')}"\n[web]\nlisten_address = "127.0.0.1:${port}"\n${options.toml ?? ''}\n`,
  );
  const [node, main] = COMMAND;
  const [command = '', ...args] = [...(options.wrap ?? []), node, ...(options.nodeFlags ?? []), main];
  const child = spawn(command, [...args, `--config.file=${config}`, ...(options.flags ?? [])], {
    stdio: ['ignore', 'pipe', 'pipe'],
    cwd: directory,
    env: { ...process.env, ...options.env },
  });
  let log = '';
  let text = '';
  child.stderr.on('data', (chunk: Buffer) => {
    log += chunk.toString();
  });
  child.stdout.on('data', (chunk: Buffer) => {
    text += chunk.toString();
  });
  const exited = new Promise<number | null>((resolve) => child.once('exit', (code) => resolve(code)));
  const url = `http://127.0.0.1:${port}`;
  const daemon: Daemon = {
    process: child,
    url,
    directory,
    alertsFile,
    log: () => log,
    output: () => text,
    alerts: (holding) => readLines(alertsFile, holding),
    metrics: async () => (await fetch(`${url}/metrics`)).text(),
    async metric(sample) {
      const line = (await daemon.metrics()).split('\n').find((entry) => entry.startsWith(sample));
      return line === undefined ? undefined : Number(line.slice(line.lastIndexOf(' ') + 1));
    },
    async stop(signal = 'SIGTERM') {
      if (child.exitCode === null && child.signalCode === null) child.kill(signal);
      const code = await exited;
      rmSync(directory, { recursive: true, force: true });
      return code;
    },
  };
  if (options.ready === false) return daemon;
  try {
    await eventually(
      'the daemon is ready',
      async () => {
        if (child.exitCode !== null) throw new Error(`it ended with ${child.exitCode}`);
        return (await fetch(`${url}/-/ready`)).ok || undefined;
      },
      90_000,
    );
  } catch (error) {
    child.kill('SIGKILL');
    rmSync(directory, { recursive: true, force: true });
    throw new Error(`${String(error)}\n${log}`);
  }
  return daemon;
}
