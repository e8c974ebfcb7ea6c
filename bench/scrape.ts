/**
 * What a scrape costs the daemon's event loop with many rules: `--rules` of them (300),
 * 12 sinks, 40 programs, every kind. Prints the time of a whole scrape,
 * all of which is spent on the loop here, and its longest single turn; exits 1 when the sum is above 10 ms.
 */
import { performance } from 'node:perf_hooks';
import { parseArgs } from 'node:util';
import { seriesLimit } from '../src/metrics/catalog.ts';
import { Exposition } from '../src/metrics/exposition.ts';
import { EVENT_KINDS } from '../src/metrics/kinds.ts';
import type { Format } from '../src/metrics/negotiate.ts';
import { MetricsRegistry } from '../src/metrics/registry.ts';
import { ruleInfo } from '../test/metrics/support/registry.ts';

const LIMIT_MS = 10;
const ROUNDS = 50;
const { values: flags } = parseArgs({ options: { rules: { type: 'string', default: '300' } } });
const RULES = Number(flags.rules);
const many = (count: number, name: string) => Array.from({ length: count }, (_, index) => `${name}_${index}`);

const metrics = new MetricsRegistry({ version: '0.0.0' });
metrics.declareRules(
  many(RULES, 'rule').map((name, index) => ruleInfo({ name, mitre: [`T${1000 + index}`] })),
  EVENT_KINDS,
);
metrics.declareSinks(many(12, 'sink'));
metrics.declarePrograms(many(40, 'program'));
metrics.declarePlugins(many(8, 'plugin'));
metrics.declareSyscalls(many(78, 'syscall'));
for (const [index, syscall] of many(78, 'syscall').entries())
  metrics.advance('syscalls_total', 1e9 + index, { syscall });
for (const [index, event] of EVENT_KINDS.entries()) {
  metrics.advance('events_total', 123_456_789 + index, { event });
  metrics.histogram('risk_score').observe(index / EVENT_KINDS.length, { event }, undefined);
}

const exposition = new Exposition(metrics);
const median = (values: number[]) => values.sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;

async function measure(format: Format): Promise<{ total: number; longest: number; series: number }> {
  const totals: number[] = [];
  const longests: number[] = [];
  let series = 0;
  for (let round = 0; round < ROUNDS; round++) {
    let last = performance.now();
    let longest = 0;
    let running = true;
    const turn = () => {
      const now = performance.now();
      longest = Math.max(longest, now - last);
      last = now;
      if (running) setImmediate(turn);
    };
    setImmediate(turn);
    const started = performance.now();
    const pieces = await exposition.scrape(format);
    totals.push(performance.now() - started);
    running = false;
    longests.push(longest);
    series = pieces
      .join('')
      .split('\n')
      .filter((line) => line !== '' && !line.startsWith('#')).length;
    // A pause, as between scrapes.
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  return { total: median(totals), longest: median(longests), series };
}

for (const format of ['text', 'openmetrics'] as const) {
  await measure(format);
  const { total, longest, series } = await measure(format);
  const verdict = total <= LIMIT_MS ? 'ok' : `above ${LIMIT_MS} ms`;
  console.log(
    `${format}: ${series} of ${seriesLimit(RULES)} series, ${total.toFixed(2)} ms of event loop (median of ${ROUNDS}), longest turn ${longest.toFixed(2)} ms: ${verdict}`,
  );
  if (total > LIMIT_MS) process.exitCode = 1;
}
