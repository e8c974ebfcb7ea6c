/**
 * `npm run screenshots` (root): the daemon and Prometheus on loopback, some
 * activity, and each dashboard drawn into docs/img with Grafana's components.
 * `--prometheus=URL` draws from a Prometheus that runs already.
 */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { startPrometheus } from '../test/e2e/support/prometheus.ts';
import { readDashboards } from '../test/grafana/support/boards.ts';
import { startExporter } from '../test/grafana/support/exporter.ts';
import { draw } from './screenshots/draw.ts';
import { gather } from './screenshots/gather.ts';

const { values: flags } = parseArgs({ options: { seconds: { type: 'string', default: '60' } } });
const exporter = await startExporter();
const prometheus = await startPrometheus([exporter.address]);
try {
  const from = Date.now() / 1000;
  await new Promise((resolve) => setTimeout(resolve, Number(flags.seconds) * 1000));
  const to = Date.now() / 1000;
  const directory = join(import.meta.dirname, '..', 'docs', 'img');
  mkdirSync(directory, { recursive: true });
  const pages = [];
  for (const board of readDashboards())
    pages.push({
      page: await gather(prometheus, board, { from, to, step: Math.max(1, Math.round((to - from) / 240)) }, {}),
      file: join(process.env.OUT ?? directory, `${board.uid}.png`),
    });
  await draw(pages);
} finally {
  await prometheus.stop();
  await exporter.close();
}
