/**
 * The daemon for a long time in a mixed flood, its threads stopped for five
 * seconds every minute, its CPUs taken by other work. As root, after the build:
 *
 *   npm run soak [-- --minutes=10]
 *
 * Ends with a summary of the limits, and with 1 when one does not hold: an event is unaccounted
 * for or not counted, memory moves by more than 5 % to either side after the second minute, an
 * answer takes more than a second or the return to normal more than two.
 */
import { parseArgs } from 'node:util';
import { cpuCount, slowest, soak } from '../test/e2e/support/soak.ts';
import { result } from './results.ts';

const MOST_MINUTES = 24 * 60;
const { values } = parseArgs({ options: { minutes: { type: 'string', default: '10' } } });
const minutes = Number(values.minutes);
if (!(minutes > 0 && minutes <= MOST_MINUTES)) throw new Error(`--minutes is a number up to ${MOST_MINUTES}`);

const report = await soak({
  seconds: minutes * 60,
  stopEverySeconds: 60,
  stopSeconds: 5,
  floods: cpuCount(),
  busy: cpuCount(),
  burst: 200,
  tell: console.log,
});
const times = [...report.scrapes].sort((a, b) => a - b);
const [low, high] = [Math.min(...report.memory.slice(1)), Math.max(...report.memory.slice(1))];
const uncounted = [...report.done].map(([kind, done]) => Math.max(0, done - (report.counted.get(kind) ?? 0)));

for (const [kind, done] of report.done)
  console.log(`${kind}: ${done} done, ${report.counted.get(kind) ?? 0} counted on the host`);
console.log(`${report.lost} lost and ${report.throttled} held back, all counted`);
console.log(`memory by minute: ${report.memory.join(', ')} MiB`);
console.log(`${times.length} scrapes, median ${times[times.length >> 1]} ms`);
console.log(`back to normal after each stop: ${report.recoveries.join(', ')} ms`);

/** What is promised, what it came to, and the limit. */
const limits: readonly (readonly [what: string, measured: number, limit: number, unit: string])[] = [
  ['events unaccounted for', report.unaccounted, 0, ''],
  ['acts of the floods not counted', uncounted.reduce((sum, count) => sum + count, 0), 0, ''],
  ['slowest scrape', slowest(report.scrapes), 1000, ' ms'],
  ['slowest health check', slowest(report.health), 1000, ' ms'],
  ['slowest return to normal', slowest(report.recoveries), 2000, ' ms'],
  // 5 % to either side; a run that is shorter has no minute after the second.
  ...(report.memory.length > 2 ? [['memory after the second minute', span(low, high), 10, ' %'] as const] : []),
];
result({
  what: `memory: resident, after ${minutes} minutes of floods and other work`,
  value: report.memory.at(-1) ?? Number.NaN,
  unit: 'MiB',
  limit: 130,
  spread: [low, high],
});
console.log('\nlimits:');
for (const [what, measured, limit, unit] of limits)
  console.log(
    `${measured > limit ? 'FAULT' : 'ok   '} ${what}: ${measured} ${unit} (limit ${limit} ${unit})`.trimEnd(),
  );
process.exitCode = limits.some(([, measured, limit]) => measured > limit) ? 1 : 0;

/** From the least to the most, in per cent of the least. */
function span(least: number, most: number): number {
  return Math.round((1000 * (most - least)) / least) / 10;
}
