/**
 * What many hosts cost one Prometheus: as many targets as asked for, each with the
 * series of a host and counters that move, scraped by a real Prometheus through
 * file-based discovery. Prints series, memory, disk and CPU for each host.
 *
 *   node --import tsx bench/fleet.ts [--hosts=200] [--interval=15] [--minutes=3]
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { Exposition } from '../src/metrics/exposition.ts';
import { EVENT_KINDS } from '../src/metrics/kinds.ts';
import { MetricsRegistry } from '../src/metrics/registry.ts';
import { ruleInfo } from '../test/metrics/support/registry.ts';

const RULES = 240;
/** Kinds that a usual host has all the time; the others stand still. */
const BUSY = 25;
const { values } = parseArgs({
  options: {
    hosts: { type: 'string', default: '200' },
    interval: { type: 'string', default: '15' },
    minutes: { type: 'string', default: '3' },
    prometheus: { type: 'string', default: 'prometheus' },
  },
});
const hosts = Number(values.hosts);

const metrics = new MetricsRegistry({ version: '0.0.0' });
const names = Array.from({ length: RULES }, (_, index) => `rule_${index}`);
metrics.declareRules(
  names.map((name, index) => ruleInfo({ name, mitre: [`T${1000 + index}`] })),
  EVENT_KINDS,
);
metrics.declareSinks(['webhook', 'alertmanager']);
metrics.declarePrograms(new Set(Array.from({ length: 40 }, (_, index) => `program_${index}`)));
const exposition = new Exposition(metrics);
let count = 0;
const server = createServer((_request, response) => {
  count += 37;
  for (const event of EVENT_KINDS.slice(0, BUSY)) {
    metrics.advance('events_total', count, { event });
    metrics.advance('events_filtered_total', count, { event });
  }
  response.setHeader('content-type', 'text/plain; version=0.0.4');
  exposition.scrape('text').then(
    (pieces) => response.end(pieces.join('')),
    (error: unknown) => response.writeHead(500).end(String(error)),
  );
});
await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
const { port } = server.address() as AddressInfo;

const directory = mkdtempSync(join(tmpdir(), 'bpfwarden-fleet-'));
const targets = Array.from({ length: hosts }, (_, index) => ({
  targets: [`127.0.0.1:${port}`],
  labels: { __metrics_path__: `/${index}/metrics`, instance: `host-${index}` },
}));
writeFileSync(join(directory, 'hosts.json'), JSON.stringify(targets));
writeFileSync(
  join(directory, 'prometheus.yml'),
  `scrape_configs:
  - job_name: bpfwarden
    scrape_interval: ${values.interval}s
    file_sd_configs: [{ files: [hosts.json] }]
  - job_name: prometheus
    scrape_interval: 5s
    static_configs: [{ targets: ['127.0.0.1:19491'] }]
`,
);
const prometheus = spawn(
  values.prometheus,
  [
    ...['--config.file', join(directory, 'prometheus.yml'), '--storage.tsdb.path', join(directory, 'data')],
    ...['--web.listen-address', '127.0.0.1:19491', '--log.level', 'warn'],
  ],
  { stdio: ['ignore', 'ignore', 'inherit'] },
);
const ended = new Promise<never>((_, reject) => {
  prometheus.on('error', reject);
  prometheus.on('exit', (status) => reject(new Error(`Prometheus ended with ${status}`)));
});

async function ask(query: string): Promise<number> {
  const answer = await fetch(`http://127.0.0.1:19491/api/v1/query?query=${encodeURIComponent(query)}`);
  const { data } = (await answer.json()) as { data: { result: { value: [number, string] }[] } };
  return Number(data.result[0]?.value[1] ?? Number.NaN);
}

const bytesBelow = (folder: string): number =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' }).reduce((sum, name) => {
    const stats = statSync(join(folder, name));
    // Prometheus reserves more than it has written.
    return sum + (stats.isFile() ? Math.min(stats.size, stats.blocks * 512) : 0);
  }, 0);

try {
  await Promise.race([sleep(Number(values.minutes) * 60_000), ended]);
  const up = await ask('sum(up{job="bpfwarden"})');
  const series = await ask('sum(scrape_samples_scraped{job="bpfwarden"})');
  const memory = await ask('process_resident_memory_bytes');
  const cpu = await ask('rate(process_cpu_seconds_total[1m])');
  const samples = await ask('rate(prometheus_tsdb_head_samples_appended_total[1m])');
  const total = await ask('prometheus_tsdb_head_samples_appended_total');
  const body = await ask('avg(scrape_duration_seconds{job="bpfwarden"})');
  const rows = {
    'hosts up': up,
    'series of a host': series / up,
    'samples/s': samples,
    'Prometheus: memory, MiB': memory / 2 ** 20,
    'Prometheus: memory of a host, MiB': memory / 2 ** 20 / up,
    'Prometheus: CPU, cores': cpu,
    'write-ahead log, bytes a sample': bytesBelow(join(directory, 'data')) / total,
    'a scrape, s': body,
  };
  for (const [name, value] of Object.entries(rows)) console.log(`${name.padEnd(38)}${value.toPrecision(4)}`);
} finally {
  prometheus.removeAllListeners('exit');
  prometheus.kill();
  server.closeAllConnections();
  server.close();
  await sleep(500);
  rmSync(directory, { recursive: true, force: true });
}
