/**
 * How the cost of an event, and of a scrape, grows with what there is: processes
 * (10 to 50,000), rules (10 to 5,000), series, sinks and CPUs (2 to 512: copies of
 * the kernel's counts, made up). No kernel is needed. The curves are written to docs/img/growth.svg with `--write`.
 */
import { writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { defaultConfig } from '../src/config/load.ts';
import { Enricher } from '../src/enrich/enricher.ts';
import { Host } from '../src/enrich/host.ts';
import { Procfs } from '../src/enrich/procfs.ts';
import { sumCopies } from '../src/kernel/counts.ts';
import { Exposition } from '../src/metrics/exposition.ts';
import { EVENT_KINDS } from '../src/metrics/kinds.ts';
import { MetricsRegistry } from '../src/metrics/registry.ts';
import { loadRuleTexts } from '../src/rules/load.ts';
import type { RuleSet } from '../src/rules/ruleset.ts';
import { BatchDecoder } from '../src/schema/batch.ts';
import { STRUCTS } from '../src/schema/schema.gen.ts';
import { ruleInfo } from '../test/metrics/support/registry.ts';
import { drained, LAYOUT, record } from '../test/schema/records.ts';
import { digits, result } from './results.ts';

const { values } = parseArgs({ options: { write: { type: 'boolean', default: false } } });
const EVENTS = 4_000;
const ROUNDS = 12;
/** Entries of the map kind_counts (bpf/maps.bpf.h). */
const KIND_SLOTS = 128;
const PICTURE = join(import.meta.dirname, '..', 'docs', 'img', 'growth.svg');

type Curve = readonly (readonly [count: number, cost: number])[];

const host = new Host({ hostName: 'bench', bootId: 'boot', dnsEntries: 16, toUnix: (ktime) => ktime / 1e9 });
const startOf = (pid: number) => BigInt(1_000_000 + pid);
const header = (pid: number) => ({
  'header.time': 1_000_000_000n,
  'header.pid': pid,
  'header.tid': pid,
  'header.start_time': startOf(pid),
  'header.ppid': 1,
  'header.uid': 33,
  'header.euid': 33,
});

/** The fastest of some rounds, in nanoseconds per event: whatever else runs only adds. */
function fastest(run: () => void): number {
  let best = Number.POSITIVE_INFINITY;
  for (let round = 0; round < ROUNDS; round++) {
    const begin = performance.now();
    run();
    best = Math.min(best, performance.now() - begin);
  }
  return (best * 1e6) / EVENTS;
}

function opens(processes: number): Buffer[] {
  return Array.from({ length: EVENTS }, (_, at) =>
    record('file_open', {
      ...header(100 + ((at * 7919) % processes)),
      path: `/srv/data/${at % 97}/file-${at}.bin`,
      'file.inode': at,
      'file.mode': 0o100644,
    }),
  );
}

function eventCost(processes: number, ruleset: RuleSet): number {
  const enricher = new Enricher({
    config: { ...defaultConfig(), enrich: { ...defaultConfig().enrich, max_processes: 100_000 } },
    host,
    layout: LAYOUT,
    procfs: new Procfs('off', tmpdir()),
  });
  for (let pid = 0; pid < processes; pid += 2_000) {
    const some = Array.from({ length: Math.min(2_000, processes - pid) }, (_, at) =>
      record('process_exec', { ...header(100 + pid + at), path: '/usr/sbin/nginx', args: 'nginx\0-g\0', cwd: '/' }),
    );
    const { buffer, bulkBytes, priorityBytes } = drained(some);
    for (const view of new BatchDecoder(LAYOUT, buffer, host).decode(bulkBytes, priorityBytes)) enricher.enrich(view);
  }
  const { buffer, bulkBytes, priorityBytes } = drained(opens(processes));
  const decoder = new BatchDecoder(LAYOUT, buffer, host);
  return fastest(() => {
    for (const view of decoder.decode(bulkBytes, priorityBytes)) {
      enricher.enrich(view);
      ruleset.observe(view);
    }
  });
}

function generated(count: number): RuleSet {
  const rules = Array.from({ length: count }, (_, n) => ({
    name: `rule ${n}`,
    condition: `event.type == 'file_open' && file.path.startsWith('/etc/secret-${n}/') && process.name != 'backup${n}'`,
  }));
  return loadRuleTexts([{ path: 'generated.json', text: JSON.stringify({ rules }) }]).ruleset;
}

async function scrapeCost(rules: number, sinks: number): Promise<number> {
  const metrics = new MetricsRegistry({ version: '0.0.0' });
  const names = Array.from({ length: rules }, (_, at) => ruleInfo({ name: `rule_${at}`, mitre: [`T${1000 + at}`] }));
  metrics.declareRules(names, EVENT_KINDS);
  metrics.declareSinks(Array.from({ length: sinks }, (_, at) => `sink_${at}`));
  const exposition = new Exposition(metrics);
  let best = Number.POSITIVE_INFINITY;
  for (let round = 0; round < ROUNDS; round++) {
    const begin = performance.now();
    await exposition.scrape('text');
    best = Math.min(best, performance.now() - begin);
  }
  return best * 1e6;
}

/** Of what a scrape sums of the events of all kinds, from as many copies as there are CPUs. */
function countsCost(cpus: number): number {
  const info = { type: 0, keySize: 4, valueSize: STRUCTS.kind_counts[''].size, maxEntries: KIND_SLOTS, copies: cpus };
  const bytes = new Uint8Array(KIND_SLOTS * (info.keySize + cpus * info.valueSize)).fill(1);
  let best = Number.POSITIVE_INFINITY;
  for (let round = 0; round < ROUNDS; round++) {
    const begin = performance.now();
    sumCopies(bytes, info);
    best = Math.min(best, performance.now() - begin);
  }
  return best * 1e6;
}

const few = generated(100);
// Until V8 has compiled the path.
for (const rules of [few, generated(1_000)]) eventCost(1_000, rules);
const curves: Record<string, Curve> = {
  'an event, by processes': [10, 100, 1_000, 10_000, 50_000].map((count) => [count, eventCost(count, few)] as const),
  'an event, by rules': [10, 100, 1_000, 5_000].map((count) => [count, eventCost(200, generated(count))] as const),
};
const scrapes: [number, number][] = [];
for (const rules of [10, 100, 300, 1_000]) scrapes.push([rules, await scrapeCost(rules, 4)]);
const sinks: [number, number][] = [];
for (const count of [1, 10, 50]) sinks.push([count, await scrapeCost(300, count)]);
curves['a scrape, by rules (series)'] = scrapes;
curves['a scrape, by sinks'] = sinks;
curves["the kernel's counts, by CPUs"] = [2, 8, 32, 128, 512].map((cpus) => [cpus, countsCost(cpus)] as const);
for (const [name, curve] of Object.entries(curves))
  console.log(`${name}: ${curve.map(([count, cost]) => `${count} → ${digits(cost / 1000)} µs`).join(', ')}`);

const growth = (name: string) => {
  const curve = curves[name] ?? [];
  return (curve.at(-1)?.[1] ?? Number.NaN) / (curve[0]?.[1] ?? Number.NaN);
};
result({
  what: 'an event with 50,000 processes, to 10',
  value: growth('an event, by processes'),
  unit: 'times',
  limit: 10,
});
result({
  what: 'an event with 5,000 such rules, to 10',
  value: growth('an event, by rules'),
  unit: 'times',
  limit: 1.2,
});
if (values.write) writeFileSync(PICTURE, picture());

/** Both axes logarithmic: what grows in proportion is a slope of one. */
function picture(): string {
  const [width, height, left, top] = [760, 420, 70, 24];
  const inner = { width: width - left - 250, height: height - top - 50 };
  const all = Object.values(curves).flat();
  const [most, dearest] = [Math.max(...all.map(([count]) => count)), Math.max(...all.map(([, cost]) => cost))];
  const cheapest = Math.min(...all.map(([, cost]) => cost));
  const x = (count: number) => left + (Math.log(count) / Math.log(most)) * inner.width;
  const y = (cost: number) =>
    top + inner.height - (Math.log(cost / cheapest) / Math.log(dearest / cheapest)) * inner.height;
  const colours = ['#0b6e99', '#b5521b', '#4b7f2b', '#7a4fa3', '#8a6d00'];
  const lines = Object.entries(curves).map(([name, curve], at) => {
    const points = curve.map(([count, cost]) => `${x(count).toFixed(1)},${y(cost).toFixed(1)}`).join(' ');
    const [, last] = curve.at(-1) ?? [1, cheapest];
    return `<polyline fill="none" stroke="${colours[at]}" stroke-width="2.5" points="${points}"/><text x="${left + inner.width + 16}" y="${y(last).toFixed(1)}" fill="${colours[at]}">${name}</text>`;
  });
  const counts = [1, 10, 100, 1_000, 10_000, 50_000].map(
    (count) =>
      `<text x="${x(count).toFixed(1)}" y="${height - 18}" text-anchor="middle">${count.toLocaleString('en')}</text>`,
  );
  const costs: string[] = [];
  for (let cost = 10 ** Math.ceil(Math.log10(cheapest)); cost <= dearest; cost *= 10)
    costs.push(
      `<line x1="${left}" x2="${left + inner.width}" y1="${y(cost)}" y2="${y(cost)}" stroke="#ddd"/><text x="${left - 8}" y="${y(cost) + 4}" text-anchor="end">${digits(cost / 1000)} µs</text>`,
    );
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-family="sans-serif" font-size="13"><rect width="${width}" height="${height}" fill="#fff"/>${costs.join('')}${counts.join('')}${lines.join('')}</svg>\n`;
}
