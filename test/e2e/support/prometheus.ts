import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { eventually, freePort } from './daemon.ts';

const ROOT = join(import.meta.dirname, '..', '..', '..');

export interface Series {
  readonly metric: Readonly<Record<string, string>>;
  readonly values: readonly (readonly [number, string])[];
}

export interface Prometheus {
  readonly url: string;
  /** Instant query at a time in Unix seconds, by default now; one value a series. Throws with Prometheus' words if it refuses. */
  query(expression: string, time?: number): Promise<Series[]>;
  queryRange(expression: string, start: number, end: number, step: number): Promise<Series[]>;
  /** Any other read of the HTTP API, the part below `data`. */
  get<T>(path: string, parameters?: Record<string, string>): Promise<T>;
  stop(): Promise<void>;
}

interface Vector {
  readonly result: { metric: Record<string, string>; value: [number, string] }[];
}

/** A real Prometheus with the shipped rules that scrapes each address as job bpfwarden, by default every second. */
export async function startPrometheus(
  addresses: readonly string[],
  options: { readonly alertmanager?: string; readonly scrapeInterval?: string } = {},
): Promise<Prometheus> {
  const directory = mkdtempSync(join(tmpdir(), 'bpfwarden-prometheus-'));
  const port = await freePort();
  writeFileSync(
    join(directory, 'prometheus.yml'),
    JSON.stringify({
      global: { scrape_interval: options.scrapeInterval ?? '1s', evaluation_interval: '1s' },
      rule_files: [join(ROOT, 'prometheus', 'rules', '*.yaml')],
      scrape_configs: [{ job_name: 'bpfwarden', static_configs: [{ targets: addresses }] }],
      ...(options.alertmanager === undefined
        ? {}
        : { alerting: { alertmanagers: [{ static_configs: [{ targets: [options.alertmanager] }] }] } }),
    }),
  );
  const child: ChildProcess = spawn(
    'prometheus',
    [
      `--config.file=${join(directory, 'prometheus.yml')}`,
      `--storage.tsdb.path=${join(directory, 'data')}`,
      `--web.listen-address=127.0.0.1:${port}`,
      `--web.user-assets=${join(ROOT, 'docs')}`,
      '--enable-feature=exemplar-storage',
      '--log.level=error',
    ],
    { stdio: ['ignore', 'ignore', 'inherit'] },
  );
  const url = `http://127.0.0.1:${port}`;

  async function get<T>(path: string, parameters: Record<string, string> = {}): Promise<T> {
    const response = await fetch(`${url}/api/v1/${path}?${new URLSearchParams(parameters)}`);
    const body = (await response.json()) as { status: string; data: T; error?: string };
    if (body.status !== 'success') throw new Error(`${body.error}: ${JSON.stringify(parameters)}`);
    return body.data;
  }
  async function stop(): Promise<void> {
    const ended = new Promise((resolve) => child.once('exit', resolve));
    if (child.exitCode === null && child.kill('SIGTERM')) await ended;
    rmSync(directory, { recursive: true, force: true });
  }

  try {
    await eventually('Prometheus is ready', async () => (await fetch(`${url}/-/ready`)).ok || undefined, 20_000);
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    url,
    get,
    stop,
    async query(expression, time) {
      const at: Record<string, string> = time === undefined ? {} : { time: String(time) };
      const { result } = await get<Vector>('query', { query: expression, ...at });
      return result.map(({ metric, value }) => ({ metric, values: [value] }));
    },
    async queryRange(expression, start, end, step) {
      const parameters = { query: expression, start: String(start), end: String(end), step: String(step) };
      return (await get<{ result: Series[] }>('query_range', parameters)).result;
    },
  };
}
