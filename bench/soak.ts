/**
 * The daemon for a long time in a mixed flood, its threads stopped for five
 * seconds every minute, its CPUs taken by other work. As root, after the build:
 *
 *   npm run soak [-- --minutes=10]
 *
 * Ends with 1 when an event is unaccounted for or not counted, when memory
 * moves by more than 5 % to either side after the second minute, or when an answer took more
 * than a second or the return to normal more than two.
 */
import { parseArgs } from 'node:util';
import { cpuCount, slowest, soak } from '../test/e2e/support/soak.ts';

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
const faults: string[] = [];
for (const [kind, done] of report.done) {
  const counted = report.counted.get(kind) ?? 0;
  console.log(`${kind}: ${done} done, ${counted} counted on the host`);
  if (counted < done) faults.push(`${done - counted} of ${kind} were not counted`);
}
console.log(`${report.unaccounted} unaccounted, ${report.lost} lost and ${report.throttled} held back (all counted)`);
console.log(`memory by minute: ${report.memory.join(', ')} MB`);
const [low, high] = [Math.min(...report.memory.slice(1)), Math.max(...report.memory.slice(1))];
const times = [...report.scrapes].sort((a, b) => a - b);
console.log(
  `${times.length} scrapes: median ${times[times.length >> 1]} ms, slowest ${slowest(times)} ms; health slowest ${slowest(report.health)} ms`,
);
console.log(`back to normal after each stop: ${report.recoveries.join(', ')} ms`);
if (report.unaccounted !== 0) faults.push(`${report.unaccounted} events are unaccounted for`);
if (report.memory.length > 2 && (high - low) / low > 0.1) faults.push(`memory went from ${low} to ${high} MB`);
if (slowest(report.scrapes) > 1000 || slowest(report.health) > 1000) faults.push('an answer took more than a second');
if (slowest(report.recoveries) > 2000) faults.push('the return to normal took more than two seconds');
for (const fault of faults) console.log(`FAULT: ${fault}`);
process.exitCode = faults.length > 0 ? 1 : 0;
