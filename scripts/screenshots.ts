/**
 * `npm run screenshots` (root): two daemons and Prometheus on loopback, some
 * harmless activity, and every dashboard drawn into docs/img with Grafana's own
 * components in headless Chromium; then docs/img/alert.png, what a terminal
 * shows. `--seconds` is how long the activity lasts.
 */
import { mkdirSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { keepActive } from '../test/e2e/support/activity.ts';
import { startDaemon } from '../test/e2e/support/daemon.ts';
import { startPrometheus } from '../test/e2e/support/prometheus.ts';
import { readDashboards } from '../test/grafana/support/boards.ts';
import { draw } from './screenshots/draw.ts';
import { gather } from './screenshots/gather.ts';
import { LokiStandIn } from './screenshots/loki.ts';
import { drawTerminal } from './terminal-picture.ts';

const { values: flags } = parseArgs({
  options: {
    seconds: { type: 'string', default: '240' },
    output: { type: 'string', default: join(import.meta.dirname, '..', 'docs', 'img') },
  },
});
const say = (text: string) => console.error(`screenshots: ${text}`);
/** Undone in reverse order, whatever happens. */
const started: (() => unknown)[] = [];

async function main(): Promise<void> {
  const loki = new LokiStandIn();
  const receiver = createServer((request, response) => {
    let body = '';
    request.setEncoding('utf8').on('data', (text: string) => {
      body += text;
    });
    request.on('end', () => {
      if (request.url === '/v1/logs') loki.take(body);
      response.end();
    });
  });
  await new Promise<void>((resolve) => receiver.listen(0, '127.0.0.1', resolve));
  started.push(() => {
    receiver.closeAllConnections();
    receiver.close();
  });
  const { port } = receiver.address() as AddressInfo;

  say('starting the daemons');
  const hosts: string[] = [];
  for (const dedupe of [5, 60]) {
    const daemon = await startDaemon({
      toml: `[response]\nalert_webhook = "http://127.0.0.1:${port}/"\n[kernel]\nprogram_statistics = true\n[ledger]\ndedupe_seconds = ${dedupe}\n[[sinks]]\nname = "loki"\ntype = "otlp"\nurl = "http://127.0.0.1:${port}"\n`,
    });
    started.push(() => daemon.stop());
    hosts.push(new URL(daemon.url).host);
  }
  const prometheus = await startPrometheus(hosts, { scrapeInterval: '3s' });
  started.push(() => prometheus.stop());

  // So that every series was scraped at 0 before it grows.
  const from = Date.now() / 1000;
  await new Promise((resolve) => setTimeout(resolve, 10_000));
  say(`harmless activity for ${flags.seconds} s`);
  started.push(keepActive(port, 900));
  await new Promise((resolve) => setTimeout(resolve, Number(flags.seconds) * 1000));
  const to = Date.now() / 1000;

  mkdirSync(flags.output, { recursive: true });
  const pages = [];
  for (const board of readDashboards()) {
    const oneHost = board.templating.list.some(({ name, multi }) => name === 'instance' && multi === false);
    const choices = oneHost && hosts[0] !== undefined ? { instance: hosts[0] } : {};
    const time = { from, to, step: Math.max(1, Math.round((to - from) / 120)) };
    pages.push({
      page: await gather({ prometheus, loki }, board, time, choices),
      file: join(flags.output, `${board.uid}.png`),
    });
  }
  say('drawing');
  await draw(pages);
  for (const { file } of pages) say(file);
}

try {
  await main();
} finally {
  for (const stop of started.reverse()) await stop();
}
// A daemon of its own, which nobody else keeps busy.
const terminal = join(flags.output, 'alert.png');
await drawTerminal(terminal);
say(terminal);
