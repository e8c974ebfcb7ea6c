/**
 * What rules cost per event, on a mix of live records of which few match (the mix has no attack, but a make that connects to the outside):
 * generated sets of 10 to 5,000 rules, and the shipped rules with decode
 * and process look-up, and those on recorded work too, where the same programs open the same files again and again.
 * Rounds of the generated sets are interleaved, figures are sums of the fastest run of each drain. Then the
 * ratio to running every event through json-rules-engine, and what Falco's
 * rules add to the shipped ones. Needs no root. `--rounds=N`, `--falco=FILE`
 * (repeatable; default: Falco's default file).
 */
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { Engine } from 'json-rules-engine';
import { engineConditions } from '../src/rules/engine/conditions.ts';
import { addOperators } from '../src/rules/engine/operators.ts';
import { loadRules, loadRuleTexts } from '../src/rules/load.ts';
import { reader } from '../src/rules/predicate/values.ts';
import { RuleSet } from '../src/rules/ruleset.ts';
import type { EventRecord } from '../src/schema/event.ts';
import { cpuMs, EVENTS, enricher, recordedSource, type Source, source } from './mix.ts';
import { result, spreadOf } from './results.ts';

const FALCO = join(import.meta.dirname, '..', 'test', 'rules', 'falco', 'fixtures', 'falco_rules.yaml');
const { values: flags } = parseArgs({
  options: { rounds: { type: 'string', default: '40' }, falco: { type: 'string', multiple: true, default: [FALCO] } },
});
const ROUNDS = Number(flags.rounds);
const LIMITS = { whole: 1.1, most: 1.2, perSecond: 1_500_000, engine: 500, falco: 0.1 };

/** Rules on all sorts of fields; every tenth is of the same form. */
function generated(count: number): unknown {
  const forms: readonly ((n: number) => string)[] = [
    (n) => `event.type == 'process_exec' && process.path == '/opt/tool-${n}/bin/run'`,
    (n) => `event.type == 'process_exec' && process.command_line.contains('--payload=${n}x')`,
    (n) => `event.type == 'process_exec' && process.name in ['implant${n}', 'dropper${n}']`,
    (n) => `event.type == 'file_open' && file.path.startsWith('/etc/secret-${n}/') && file.access == 'write'`,
    (n) => `event.type == 'file_open' && file.path.endsWith('/credentials-${n}.json')`,
    (n) => `event.type == 'file_unlink' && file.path.contains('/log-${n}/')`,
    (n) => `event.type == 'net_conn' && target_port == ${10_000 + n} && process.name != 'ssh'`,
    (n) => `event.type == 'net_conn' && target_ip == '198.51.${n % 256}.${n >> 8}'`,
    (n) => `process.ancestor_names.exists(a, a == 'shell-${n}') && process.uid == 0`,
    (n) => `file.path.matches('/\\\\.hidden-${n}/[a-z]+$') && !(process.parent.name == 'backup')`,
  ];
  const rules = Array.from({ length: count }, (_, n) => ({
    name: `rule ${n}`,
    condition: forms[n % forms.length]?.(n),
  }));
  return { rules };
}

function generatedSet(count: number): RuleSet {
  const { ruleset, problems } = loadRuleTexts([{ path: 'generated.json', text: JSON.stringify(generated(count)) }]);
  if (problems.length > 0) throw new Error(JSON.stringify(problems[0]));
  return ruleset;
}

/** Nanoseconds of CPU time for an event. */
interface Figures {
  /** Of each round. */
  readonly evaluate: number[];
  /** Of each drain, the fastest: whatever else runs on the machine only adds time, and no round is without it. */
  readonly fastest: { readonly evaluate: number[]; readonly whole: number[] };
  readonly events: number;
  matches: number;
}

const fastest = (times: number[], at: number, time: number) => {
  times[at] = Math.min(times[at] ?? Number.POSITIVE_INFINITY, time);
};

function round(ruleset: RuleSet, figures: Figures, from: Source): void {
  let sum = 0;
  let drain = 0;
  from.advance();
  let begin = cpuMs();
  for (const views of from.drains()) {
    for (const view of views) enricher.enrich(view);
    const middle = cpuMs();
    for (const view of views) if (ruleset.observe(view) !== undefined) figures.matches++;
    const end = cpuMs();
    fastest(figures.fastest.evaluate, drain, end - middle);
    fastest(figures.fastest.whole, drain, end - begin);
    sum += end - middle;
    drain++;
    begin = end;
  }
  figures.evaluate.push((sum * 1e6) / from.events);
}

const perEvent = (times: readonly number[] = [], events = EVENTS) =>
  (times.reduce((sum, time) => sum + time, 0) * 1e6) / events;

const RULES = join(import.meta.dirname, '..', 'rules');
const shipped = loadRules({ paths: [RULES], heuristics: true }).ruleset;
const withFalco = loadRules({ paths: [RULES], falcoPaths: flags.falco, heuristics: true }).ruleset;
interface Measured {
  readonly name: string;
  readonly ruleset: RuleSet;
  readonly figures: Figures;
}

function measure(sets: readonly (readonly [string, RuleSet])[], events = source): Measured[] {
  const empty = (): Figures => ({
    evaluate: [],
    fastest: { evaluate: [], whole: [] },
    events: events.events,
    matches: 0,
  });
  const measured = sets.map(([name, ruleset]) => ({ name, ruleset, figures: empty() }));
  for (const { ruleset } of measured) for (let warm = 0; warm < 5; warm++) round(ruleset, empty(), events);
  for (let at = 0; at < ROUNDS; at++) for (const { ruleset, figures } of measured) round(ruleset, figures, events);
  return measured;
}

// The shipped rules first and alone, as in a daemon: several rule sets in one process make each other slower.
const some = new RuleSet({
  definitions: shipped.rules
    .map((rule) => rule.definition)
    .filter((_, at) => at % Math.max(1, shipped.rules.length / 100) < 1),
});
const [last] = measure([[`${some.rules.length} shipped`, some]]);
const [whole] = measure([[`${shipped.rules.length} shipped`, shipped]]);
const [work] = measure([['recorded work', shipped]], recordedSource());
const falco = added();
const [ten, hundred, thousand, most] = measure([
  ['10 generated', generatedSet(10)],
  ['100 generated', generatedSet(100)],
  ['1,000 generated', generatedSet(1000)],
  ['5,000 generated', generatedSet(5000)],
]);
const results = [ten, hundred, thousand, most, last, whole, work].filter((measured) => measured !== undefined);

/**
 * What Falco's rules add to the evaluation of an event, as a share of what an
 * event costs with the shipped ones. Sums of the fastest run of each drain, because the difference is less than what a neighbour takes in a round.
 */
function added(): { readonly nanoseconds: number; readonly share: number } {
  const drains = [...source.drains()].length;
  const sets = [shipped, withFalco].map((ruleset) => ({ ruleset, fastest: new Float64Array(drains).fill(1e9) }));
  const costs: number[] = [];
  for (let at = 0; at < ROUNDS; at++) {
    for (const { ruleset, fastest } of sets) {
      source.advance();
      let part = 0;
      let cost = 0;
      let begin = performance.now();
      for (const views of source.drains()) {
        for (const view of views) enricher.enrich(view);
        const from = performance.now();
        cost += from - begin;
        for (const view of views) ruleset.observe(view);
        begin = performance.now();
        fastest[part] = Math.min(fastest[part] ?? 0, begin - from);
        part++;
      }
      costs.push((cost * 1e6) / EVENTS);
    }
  }
  const [own = 0, all = 0] = sets.map(({ fastest }) => (fastest.reduce((sum, time) => sum + time) * 1e6) / EVENTS);
  return { nanoseconds: all - own, share: (all - own) / (own + Math.min(...costs)) };
}

/** All rules in one json-rules-engine, every event through it. */
async function engineCost(ruleset: RuleSet, events: readonly EventRecord[]): Promise<number> {
  const engine = new Engine([], { allowUndefinedFacts: true });
  addOperators(engine);
  for (const how of ['any', 'every']) engine.addOperator(`${how}Element`, () => false);
  const facts = new Map<string, (event: EventRecord) => unknown>();
  for (const [at, { condition }] of ruleset.rules.entries()) {
    const { root, facts: subjects, constants } = engineConditions(condition);
    for (const [name, subject] of subjects) facts.set(name, (event) => reader(subject)(event, []));
    for (const [name, values] of constants) engine.addFact(`${name} of ${at}`, () => values, { cache: false });
    engine.addRule({
      conditions: JSON.parse(JSON.stringify(root).replace(/"fact":"list (\d+)"/g, `"fact":"list $1 of ${at}"`)),
      event: { type: 'match' },
    });
  }
  const begin = performance.now();
  for (const event of events)
    await engine.run(Object.fromEntries([...facts].map(([name, read]) => [name, read(event)])));
  return ((performance.now() - begin) * 1e6) / events.length;
}

const evaluation = (one: Measured | undefined) => perEvent(one?.figures.fastest.evaluate, one?.figures.events);
const wholeOf = (one: Measured | undefined) => perEvent(one?.figures.fastest.whole, one?.figures.events);
const base = evaluation(ten);
console.log('rules              evaluation ns/event   ratio to 10   decode + process + rules ns/event   events/s');
for (const one of results) {
  const { name, figures } = one;
  const evaluate = evaluation(one);
  const whole = wholeOf(one);
  console.log(
    `${name.padEnd(18)} ${evaluate.toFixed(0).padStart(19)} ${(evaluate / base).toFixed(2).padStart(13)} ${whole.toFixed(0).padStart(34)} ${Math.round(
      1e9 / whole,
    )
      .toLocaleString('en')
      .padStart(11)}`,
  );
  if (figures.matches > 0) console.log(`  ${Math.round(figures.matches / ROUNDS)} of ${figures.events} events matched`);
}

console.log(
  `${withFalco.rules.length - shipped.rules.length} Falco rules beside the shipped ones: ${Math.round(falco.nanoseconds)} ns/event more, ${(100 * falco.share).toFixed(1)} %`,
);

source.advance();
const events: EventRecord[] = [];
for (const views of source.drains()) {
  for (const view of views) {
    enricher.enrich(view);
    if (events.length < 100) events.push(view.snapshot());
  }
}
const alone = await engineCost(hundred?.ruleset ?? shipped, events);
const ratio = alone / evaluation(hundred);
console.log(
  `json-rules-engine on every event, 100 rules: ${Math.round(alone).toLocaleString('en')} ns/event, ${Math.round(ratio)} times as much`,
);

const spread = (one: Measured | undefined, per: number): [number, number] => {
  const [low, high] = spreadOf(one?.figures.evaluate ?? []);
  return [low / per, high / per];
};
result({
  what: 'all shipped rules, to 10 generated ones',
  value: evaluation(whole) / base,
  unit: 'times',
  limit: LIMITS.whole,
  spread: spread(whole, base),
});
result({
  what: '5,000 generated rules, to 10',
  value: evaluation(most) / base,
  unit: 'times',
  limit: LIMITS.most,
  spread: spread(most, base),
});
result({
  what: 'events through all shipped rules, drain to decision, on a core',
  value: 1e9 / wholeOf(whole),
  unit: '/s',
  limit: LIMITS.perSecond,
  atLeast: true,
});
result({
  what: 'events of recorded work through all shipped rules, drain to decision, on a core',
  value: 1e9 / wholeOf(work),
  unit: '/s',
  limit: LIMITS.perSecond,
  atLeast: true,
});
result({
  what: "Falco's rules beside the shipped ones, more per event",
  value: 100 * falco.share,
  unit: '%',
  limit: 100 * LIMITS.falco,
});
result({
  what: 'json-rules-engine on every event instead',
  value: ratio,
  unit: 'times as much',
  limit: LIMITS.engine,
  atLeast: true,
});
