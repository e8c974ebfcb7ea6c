/**
 * What an event of the benchmark's mix costs, by kind and by stage: decode,
 * enrichment, rules; and how many rules were tried and how often. The clock is
 * read after every event, and of each event the fastest round counts.
 * `--rounds=N`, `--tried` for the rules that were tried most, `--new` for starts of which none is like one before.
 */
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { loadRules } from '../src/rules/load.ts';
import { EVENTS, enricher, newSource, source as sameSource } from './mix.ts';

const { values: flags } = parseArgs({
  options: {
    rounds: { type: 'string', default: '30' },
    tried: { type: 'boolean', default: false },
    new: { type: 'boolean', default: false },
  },
});
const ROUNDS = Number(flags.rounds);
const WARM = 10;
const source = flags.new ? newSource() : sameSource;
const { ruleset } = loadRules({ paths: [join(import.meta.dirname, '..', 'rules')], heuristics: true });

/** What reading the clock takes. */
function clockCost(): number {
  const begin = performance.now();
  for (let at = 0; at < 100_000; at++) performance.now();
  return (performance.now() - begin) / 100_000;
}

const enriched = new Float64Array(EVENTS).fill(Number.POSITIVE_INFINITY);
const evaluated = new Float64Array(EVENTS).fill(Number.POSITIVE_INFINITY);
const kinds: string[] = [];
let decoded = Number.POSITIVE_INFINITY;
let clock = Number.POSITIVE_INFINITY;

function round(): void {
  source.advance();
  let from = 0;
  let decoding = 0;
  let begin = performance.now();
  for (const views of source.drains()) {
    decoding += performance.now() - begin;
    let last = performance.now();
    views.forEach((view, at) => {
      kinds[from + at] = view.kind;
      enricher.enrich(view);
      const now = performance.now();
      enriched[from + at] = Math.min(enriched[from + at] ?? 0, now - last);
      last = now;
    });
    last = performance.now();
    views.forEach((view, at) => {
      ruleset.observe(view);
      const now = performance.now();
      evaluated[from + at] = Math.min(evaluated[from + at] ?? 0, now - last);
      last = now;
    });
    from += views.length;
    begin = performance.now();
  }
  decoded = Math.min(decoded, decoding);
  clock = Math.min(clock, clockCost());
}

for (let at = 0; at < WARM; at++) round();
enriched.fill(Number.POSITIVE_INFINITY);
evaluated.fill(Number.POSITIVE_INFINITY);
const before = ruleset.statistics();
for (let at = 0; at < ROUNDS; at++) round();
const after = ruleset.statistics();

const tried = after
  .map(({ rule, evaluations, matches }, at) => ({
    rule,
    evaluations: (evaluations - (before[at]?.evaluations ?? 0)) / ROUNDS,
    matches: (matches - (before[at]?.matches ?? 0)) / ROUNDS,
  }))
  .filter(({ evaluations }) => evaluations > 0)
  .sort((a, b) => b.evaluations - a.evaluations);
const sum = tried.reduce((total, { evaluations }) => total + evaluations, 0);

console.log(
  `decode ${((decoded * 1e6) / EVENTS).toFixed(0)} ns/event; ${(sum / EVENTS).toFixed(2)} rules tried per event`,
);
console.log('kind             share   enrich ns   rules ns');
const mean = (times: Float64Array, kind: string) => {
  const own = [...times].filter((_, at) => kinds[at] === kind);
  return ((own.reduce((total, time) => total + time, 0) / own.length - clock) * 1e6).toFixed(0);
};
for (const kind of [...new Set(kinds)].sort()) {
  const share = kinds.filter((one) => one === kind).length / EVENTS;
  console.log(
    `${kind.padEnd(16)} ${`${(100 * share).toFixed(0)} %`.padStart(5)} ${mean(enriched, kind).padStart(11)} ${mean(evaluated, kind).padStart(10)}`,
  );
}
if (flags.tried)
  for (const { rule, evaluations, matches } of tried)
    console.log(`${(evaluations / EVENTS).toFixed(4)} tried, ${(matches / EVENTS).toFixed(4)} held: ${rule}`);
