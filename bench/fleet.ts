/**
 * What many hosts cost one Prometheus: as many targets as asked for, each with the
 * series of a host with the shipped rules and counters that move, scraped by a real
 * Prometheus through file-based discovery. Prints series, memory, disk and CPU for
 * each host; with the alerts file of a host also what an alert weighs.
 *
 *   node --import tsx bench/fleet.ts [--hosts=200] [--interval=15] [--minutes=3] [--alerts=FILE] [--write]
 *
 * --write puts the tables into docs/sizing.md.
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { Exposition } from '../src/metrics/exposition.ts';
import { EVENT_KINDS } from '../src/metrics/kinds.ts';
import { MetricsRegistry } from '../src/metrics/registry.ts';
import { loadRules } from '../src/rules/load.ts';
import { freePort } from '../test/e2e/support/daemon.ts';

const ROOT = join(import.meta.dirname, '..');
/** Kinds that a usual host has all the time; the others stand still. */
const BUSY = 25;
const { values } = parseArgs({
  options: {
    hosts: { type: 'string', default: '200' },
    interval: { type: 'string', default: '15' },
    minutes: { type: 'string', default: '3' },
    prometheus: { type: 'string', default: 'prometheus' },
    alerts: { type: 'string' },
    write: { type: 'boolean', default: false },
  },
});
const hosts = Number(values.hosts);

const metrics = new MetricsRegistry({ version: '0.0.0' });
const { ruleset } = loadRules({ paths: [join(ROOT, 'rules')], heuristics: true, kinds: EVENT_KINDS });
metrics.declareRules(ruleset.infos, EVENT_KINDS);
metrics.declareSinks(['webhook']);
metrics.declarePrograms(new Set(Array.from({ length: 40 }, (_, index) => `program_${index}`)));
const exposition = new Exposition(metrics);
let count = 0;
let body = '';
/** One answer a second for all of them: what writing it costs is a host's, and is measured elsewhere. */
async function render(): Promise<void> {
  count += 37;
  for (const event of EVENT_KINDS.slice(0, BUSY)) {
    metrics.advance('events_total', count, { event });
    metrics.advance('events_filtered_total', count, { event });
  }
  body = (await exposition.scrape('text')).join('');
}
await render();
const rendering = setInterval(() => void render(), 1_000);
const server = createServer((_request, response) => {
  response.setHeader('content-type', 'text/plain; version=0.0.4');
  response.end(body);
});
await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
const { port } = server.address() as AddressInfo;

const listen = await freePort();
const directory = mkdtempSync(join(tmpdir(), 'bpfwarden-fleet-'));
const targets = Array.from({ length: hosts }, (_, index) => ({
  targets: [`127.0.0.1:${port}`],
  labels: { __metrics_path__: `/${index}/metrics`, instance: `host-${index}` },
}));
writeFileSync(join(directory, 'hosts.json'), '[]');
writeFileSync(
  join(directory, 'prometheus.yml'),
  `scrape_configs:
  - job_name: bpfwarden
    scrape_interval: ${values.interval}s
    scrape_timeout: ${values.interval}s
    file_sd_configs: [{ files: [hosts.json] }]
  - job_name: prometheus
    scrape_interval: 5s
    static_configs: [{ targets: ['127.0.0.1:${listen}'] }]
`,
);
const prometheus = spawn(
  values.prometheus,
  [
    ...['--config.file', join(directory, 'prometheus.yml'), '--storage.tsdb.path', join(directory, 'data')],
    ...['--web.listen-address', `127.0.0.1:${listen}`, '--log.level', 'warn'],
  ],
  { stdio: ['ignore', 'ignore', 'inherit'] },
);
const ended = new Promise<never>((_, reject) => {
  prometheus.on('error', reject);
  prometheus.on('exit', (status) => reject(new Error(`Prometheus ended with ${status}`)));
});

async function ask(query: string): Promise<number> {
  const answer = await fetch(`http://127.0.0.1:${listen}/api/v1/query?query=${encodeURIComponent(query)}`);
  const { data } = (await answer.json()) as { data: { result: { value: [number, string] }[] } };
  return Number(data.result[0]?.value[1] ?? Number.NaN);
}

/** Of a Prometheus that scrapes itself alone. */
async function emptyMemory(): Promise<number> {
  for (;;) {
    await sleep(1_000);
    const memory = await ask('process_resident_memory_bytes').catch(() => Number.NaN);
    if (!Number.isNaN(memory)) return memory;
  }
}

const bytesBelow = (folder: string): number =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' }).reduce((sum, name) => {
    const stats = statSync(join(folder, name));
    // Prometheus reserves more than it has written.
    return sum + (stats.isFile() ? Math.min(stats.size, stats.blocks * 512) : 0);
  }, 0);

/** Bytes a sample of a compacted block, as Prometheus' documentation gives them. */
const DISK = 1.5;

const round = (value: number): string => Number(value.toPrecision(value < 1000 ? 2 : 3)).toLocaleString('en');

interface Measured {
  readonly up: number;
  readonly series: number;
  readonly samples: number;
  /** Bytes of memory for a host beside those of an empty Prometheus. */
  readonly memory: number;
}

/** Rows of the table, from what one run measured. */
function sizes({ series, memory }: Measured, empty: number): string[] {
  return [1, 10, 100, 1_000, 10_000].map((many) => {
    const all = many * series;
    const days = ((all * 86_400 * 15) / 15) * DISK;
    return `| ${[
      many.toLocaleString('en'),
      round(all),
      round(all / 15),
      round(all / 60),
      `${round((empty + many * memory) / 2 ** 30)} GiB`,
      `${round(days / 1e9)} GB`,
    ].join(' | ')} |`;
  });
}

/** Mean, median and largest of the lines of an alerts file. */
function weights(file: string): string {
  const lines = readFileSync(file, 'utf8').trim().split('\n');
  const lengths = lines.map((line) => Buffer.byteLength(line) + 1).sort((a, b) => a - b);
  const sum = lengths.reduce((total, length) => total + length, 0);
  const [median = 0, largest = 0] = [lengths[lengths.length >> 1], lengths.at(-1)];
  return `${round(sum / lines.length)} bytes as NDJSON (mean of ${lines.length} alerts; median ${round(median)}, largest ${round(largest)})`;
}

function write(name: string, text: string): void {
  const file = join(ROOT, 'docs/sizing.md');
  const [begin, end] = [`<!-- fleet:${name}:begin -->\n`, `<!-- fleet:${name}:end -->`];
  const before = readFileSync(file, 'utf8');
  const [start, stop] = [before.indexOf(begin), before.indexOf(end)];
  if (start < 0 || stop < start) throw new Error(`${file} has no place for ${name}`);
  writeFileSync(file, before.slice(0, start + begin.length) + text + before.slice(stop));
}

try {
  const empty = await Promise.race([emptyMemory(), ended]);
  // At once: Prometheus reads it as soon as it changes.
  writeFileSync(join(directory, 'hosts.new'), JSON.stringify(targets));
  renameSync(join(directory, 'hosts.new'), join(directory, 'hosts.json'));
  await Promise.race([sleep(Number(values.minutes) * 60_000), ended]);
  const up = await ask('sum(up{job="bpfwarden"})');
  const series = (await ask('sum(scrape_samples_scraped{job="bpfwarden"})')) / up;
  const resident = await ask('process_resident_memory_bytes');
  const cpu = await ask('rate(process_cpu_seconds_total[1m])');
  const samples = await ask('rate(prometheus_tsdb_head_samples_appended_total[2m])');
  const log = bytesBelow(join(directory, 'data')) / (await ask('prometheus_tsdb_head_samples_appended_total'));
  const memory = (resident - empty) / up;
  const rows = {
    'hosts up': up,
    'series of a host': series,
    'samples/s': samples,
    'Prometheus: memory, MiB': resident / 2 ** 20,
    'Prometheus: memory of a host, MiB': memory / 2 ** 20,
    'Prometheus: memory of a series, bytes': memory / series,
    'Prometheus: CPU, cores': cpu,
    'write-ahead log, bytes a sample': log,
  };
  for (const [name, value] of Object.entries(rows)) console.log(`${name.padEnd(38)}${value.toPrecision(4)}`);
  if (values.alerts !== undefined) console.log(`an alert: ${weights(values.alerts)}`);
  if (values.write) {
    const head = '| Hosts | Series | Samples/s at 15 s | at 60 s | Memory of Prometheus | Disk for 15 days at 15 s |';
    const table = sizes({ up, series, samples, memory }, empty);
    const facts = `${up} hosts of ${series.toLocaleString('en')} series (${ruleset.infos.length} rules), every ${values.interval} s for ${values.minutes} minutes: ${round(samples)} samples/s, ${round(resident / 2 ** 20)} MiB, ${round(memory / series)} bytes of memory a series, ${round(cpu)} cores, ${round(log)} bytes a sample in the write-ahead log.`;
    write('metrics', `${[head, '|---|---|---|---|---|---|', ...table].join('\n')}\n\nMeasured: ${facts}\n`);
    if (values.alerts !== undefined) write('alerts', `One alert is ${weights(values.alerts)}.\n`);
  }
} finally {
  prometheus.removeAllListeners('exit');
  prometheus.kill();
  clearInterval(rendering);
  server.closeAllConnections();
  server.close();
  await sleep(500);
  rmSync(directory, { recursive: true, force: true });
}
