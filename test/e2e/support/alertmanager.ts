import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { eventually, freePort } from './daemon.ts';

interface KnownAlert {
  readonly labels: Readonly<Record<string, string>>;
  readonly status: { readonly state: string; readonly inhibitedBy: readonly string[] };
}

export interface Alertmanager {
  readonly url: string;
  /** What it knows, active or held back; `filter` as `rule="x"`. */
  alerts(filter?: string): Promise<KnownAlert[]>;
  stop(): Promise<void>;
}

/** A real Alertmanager, alone, with a configuration file. */
export async function startAlertmanager(config: string): Promise<Alertmanager> {
  const directory = mkdtempSync(join(tmpdir(), 'bpfwarden-alertmanager-'));
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const child = spawn(
    'prometheus-alertmanager',
    [
      `--config.file=${config}`,
      `--storage.path=${directory}`,
      `--web.listen-address=127.0.0.1:${port}`,
      '--cluster.listen-address=',
    ],
    { stdio: 'ignore' },
  );
  async function stop(): Promise<void> {
    const ended = new Promise((resolve) => child.once('exit', resolve));
    if (child.exitCode === null && child.kill('SIGTERM')) await ended;
    rmSync(directory, { recursive: true, force: true });
  }
  try {
    await eventually('Alertmanager is ready', async () => (await fetch(`${url}/-/ready`)).ok || undefined, 60_000);
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    url,
    stop,
    async alerts(filter) {
      const query = filter === undefined ? '' : `?filter=${encodeURIComponent(filter)}`;
      return (await (await fetch(`${url}/api/v2/alerts${query}`)).json()) as KnownAlert[];
    },
  };
}
