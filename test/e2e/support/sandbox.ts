import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { COMMAND, eventually } from './daemon.ts';

const ROOT = join(import.meta.dirname, '..', '..', '..');
/** Where commands of the documentation may write; what they write is gone afterwards. */
const WRITABLE = ['/etc', '/var', '/tmp', '/root', ROOT];

/** Where the layers lie: a place that every host has and nobody uses, unless this checkout is there. */
const PLACE = ROOT.startsWith('/mnt/') ? '/media' : '/mnt';

export interface Outcome {
  readonly status: number | null;
  readonly output: string;
}

/**
 * A mount and a network namespace: the documented addresses and paths are its
 * own, so that commands run as they are written, and nothing stays.
 */
export class Sandbox {
  readonly #holder: ChildProcess;
  readonly #started: ChildProcess[] = [];

  private constructor(holder: ChildProcess) {
    this.#holder = holder;
  }

  static async open(): Promise<Sandbox> {
    const script = [
      'set -e',
      `mount -t tmpfs tmpfs ${PLACE}`,
      `mkdir ${PLACE}/bin`,
      `printf '#!/bin/sh\\nexec %s "$@"\\n' '${COMMAND.join(' ')}' > ${PLACE}/bin/bpfwarden`,
      `chmod 755 ${PLACE}/bin/bpfwarden`,
      ...WRITABLE.map(overlay),
      'ip link set lo up',
      'echo ready',
      'exec sleep infinity',
    ].join('\n');
    const holder = spawn('unshare', ['--mount', '--net', 'bash', '-c', script], { stdio: ['ignore', 'pipe', 'pipe'] });
    const sandbox = new Sandbox(holder);
    let said = '';
    holder.stdout?.on('data', (chunk: Buffer) => {
      said += chunk.toString();
    });
    holder.stderr?.on('data', (chunk: Buffer) => {
      said += chunk.toString();
    });
    try {
      await eventually('the sandbox', () => {
        if (holder.exitCode !== null) throw new Error(`it ended: ${said}`);
        return said.includes('ready') || undefined;
      });
    } catch (error) {
      await sandbox.close();
      throw new Error(`no sandbox: ${said}`, { cause: error });
    }
    return sandbox;
  }

  #enter(command: string): [string, string[], { env: NodeJS.ProcessEnv }] {
    return [
      'nsenter',
      [`--target=${this.#holder.pid}`, '--mount', '--net', 'bash', '-c', command],
      { env: { ...process.env, PATH: `${PLACE}/bin:${process.env.PATH}:/usr/sbin`, NO_COLOR: '1' } },
    ];
  }

  async run(command: string, timeout: number, cwd: string): Promise<Outcome> {
    const [program, args, options] = this.#enter(`cd '${cwd}' && ${command}`);
    const child = spawn(program, args, { ...options, stdio: ['ignore', 'pipe', 'pipe'], timeout });
    let output = '';
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding('utf8').on('data', (chunk: string) => {
        output += chunk;
      });
    const [status] = (await once(child, 'close')) as [number | null];
    return { status, output };
  }

  /** Starts what stays in the foreground; it ends with the sandbox. */
  start(command: string): ChildProcess {
    const [program, args, options] = this.#enter(`exec ${command}`);
    const child = spawn(program, args, { ...options, stdio: 'ignore' });
    this.#started.push(child);
    return child;
  }

  async close(): Promise<void> {
    for (const child of [...this.#started.reverse(), this.#holder]) {
      if (child.exitCode !== null || child.signalCode !== null) continue;
      const ended = new Promise((resolve) => child.once('exit', resolve));
      child.kill('SIGTERM');
      const late = setTimeout(() => child.kill('SIGKILL'), 20_000);
      await ended;
      clearTimeout(late);
    }
  }
}

function overlay(path: string, index: number): string {
  const layer = `${PLACE}/layer-${index}`;
  const options = `lowerdir=${path},upperdir=${layer}/upper,workdir=${layer}/work`;
  return `mkdir -p ${layer}/upper ${layer}/work && mount -t overlay overlay -o ${options} ${path}`;
}
