/**
 * The judge: attacks in their variations and ordinary work, performed on a
 * throw-away stage under the daemon with the shipped rules. Prints recall,
 * precision, alerts an hour and what went past. As root, after the build:
 *
 *   npm run quality -- [PATTERN…] [--all] [--info] [--caught] [--seed=N] [--jobs=N] [--rules=PATH]
 *                      [--resume] [--minutes=N] [--write [--note=TEXT]] [--install]
 *
 * PATTERN is part of a scenario's id, tactic or technique. --all shows the
 * misses of the half that is only judged, too. --resume takes what earlier
 * runs with the same rules have found and performs the rest; --minutes ends
 * early, to be resumed. --write puts the result of a whole run into
 * docs/quality.md; --install fetches the programs of packages.txt first.
 */
import { readdirSync, writeFileSync } from 'node:fs';
import { arch, cpus, release, setPriority, totalmem } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { type Daemon, startDaemon } from '../test/e2e/support/daemon.ts';
import { type Alert, byScene, judgeAttacks, raisedBy } from './judge.ts';
import { KeptResults } from './kept.ts';
import { alertsOfWork, missedBehaviours, misses, noise, type Results, summary } from './report.ts';
import { type Behaviour, readAttacks, readWork, type Scene, type Work } from './scenario.ts';
import { MARK_BEGIN, markOf, type Performance, Stage } from './stage.ts';

const DIRECTORY = import.meta.dirname;
const ATTEMPTS = 3;
const DAEMON_NICE = -10;
/** What any rules alert on, by a program that no other scene has: that one's alert would hold this one back. */
const LAST: Scene = {
  id: 'last',
  script: 'cp /bin/cat /opt/quality-last; /opt/quality-last /etc/shadow',
  prepare: '',
  user: 'root',
  terminal: false,
  needs: [],
  seconds: 30,
};
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    all: { type: 'boolean', default: false },
    info: { type: 'boolean', default: false },
    caught: { type: 'boolean', default: false },
    output: { type: 'boolean', default: false },
    seed: { type: 'string', default: '12' },
    jobs: { type: 'string', default: '4' },
    rules: { type: 'string' },
    resume: { type: 'boolean', default: false },
    minutes: { type: 'string' },
    note: { type: 'string', default: '' },
    write: { type: 'boolean', default: false },
    install: { type: 'boolean', default: false },
  },
});
const seed = Number(values.seed);
const kept = new KeptResults(
  join(DIRECTORY, '..', 'build', 'quality', 'results'),
  values.rules ?? join(DIRECTORY, '..', 'rules'),
);
const deadline = values.minutes === undefined ? Number.POSITIVE_INFINITY : Date.now() + Number(values.minutes) * 60_000;
let left = 0;
const wanted = (...texts: readonly string[]) =>
  positionals.length === 0 || positionals.some((pattern) => texts.some((text) => text.includes(pattern)));

const attacks = readAttacks(join(DIRECTORY, 'attacks'))
  .map((entry) => ({ ...entry, variations: variationsWanted(entry) }))
  .filter(({ variations }) => variations.length > 0);
const work = readWork(join(DIRECTORY, 'work')).filter(({ id, area }) => wanted(id, area));
if (attacks.length + work.length === 0) throw new Error(`nothing is named like ${positionals.join(', ')}`);

if (values.install) Stage.install();
const stage = new Stage();
try {
  const results = await judge();
  report(results);
} finally {
  stage.close();
}

function variationsWanted(entry: Behaviour): readonly Scene[] {
  if (wanted(entry.id, entry.tactic, ...entry.techniques)) return entry.variations;
  return entry.variations.filter(({ id }) => wanted(id));
}

async function judge(): Promise<Results> {
  // Every match counts for recall: a repeat would otherwise be held back behind another scene's alert.
  const single = attacks.filter(({ alerts }) => alerts === undefined);
  const bursts = attacks.filter(({ alerts }) => alerts !== undefined);
  const delivered = await perform(
    [...bursts.flatMap(({ variations }) => variations), ...work.map(({ scene }) => scene)],
    '',
  );
  const every = await perform(inTurn(single), '[ledger]\ndedupe_seconds = 0\nalerts_per_minute = 0\n');
  return {
    seed,
    attacks: [
      ...judgeAttacks(single, every.performed, every.alerts),
      ...judgeAttacks(bursts, delivered.performed, delivered.alerts),
    ],
    work: work.flatMap((entry: Work) => {
      const performance = delivered.performed.get(entry.scene);
      return performance === undefined
        ? []
        : [{ work: entry, performance, alerts: delivered.alerts.get(markOf(entry.scene)) ?? [] }];
    }),
  };
}

/** The first variations of all behaviours, then the second ones, …: what is done when the time is over is a sample of all. */
function inTurn(behaviours: readonly Behaviour[]): Scene[] {
  const most = Math.max(0, ...behaviours.map(({ variations }) => variations.length));
  return Array.from({ length: most }, (_, nth) => behaviours.flatMap(({ variations }) => variations[nth] ?? [])).flat();
}

/** Performs scenes under a daemon of their own, some at a time. */
async function perform(
  scenes: readonly Scene[],
  toml: string,
): Promise<{ performed: Map<Scene, Performance>; alerts: Map<string, Alert[]> }> {
  const performed = new Map<Scene, Performance>();
  const alerts = new Map<string, Alert[]>();
  const rest: Scene[] = [];
  for (const scene of scenes) {
    const known = values.resume ? kept.get(scene, toml) : undefined;
    if (known === undefined) rest.push(scene);
    else {
      performed.set(scene, { scene, ...known.performance });
      alerts.set(markOf(scene), [...known.alerts]);
    }
  }
  if (rest.length === 0 || Date.now() > deadline) {
    left += rest.length;
    return { performed, alerts };
  }
  const flags = values.rules === undefined ? [] : [`--rules.path=${values.rules}`];
  const daemon = await startDaemon({ toml, flags });
  const refused = daemon.log().match(/"problem":"[^"]*"/g) ?? [];
  if (refused.length > 0) {
    await daemon.stop();
    throw new Error(`${refused.length} rules were refused, is the build of now? the first: ${refused[0]}`);
  }
  const started = Date.now();
  const fresh: Attempt[] = [];
  const again = rest.map((scene) => ({ scene, count: 1 }));
  const worker = async () => {
    while (Date.now() < deadline) {
      const next = again.shift();
      if (next === undefined) return;
      const { scene, count } = next;
      const lost = await lostEvents(daemon);
      const performance = await stage.perform(count === 1 ? scene : { ...scene, id: `${scene.id}#${count}` });
      const intact = (await lostEvents(daemon)) === lost;
      if (intact || count === ATTEMPTS) fresh.push({ scene, performance, intact });
      else again.push({ scene, count: count + 1 });
      if (process.stderr.isTTY) process.stderr.write(`\r${fresh.length} of ${fresh.length + again.length} scenes `);
    }
  };
  try {
    keepUp(daemon);
    await Promise.all(Array.from({ length: Number(values.jobs) }, worker));
    await settled(daemon);
    const blurred = fresh.filter(({ intact }) => !intact).length;
    console.error(
      `${fresh.length} scenes in ${((Date.now() - started) / 1000).toFixed(0)} s, ${blurred} of them while events were lost`,
    );
    const found = byScene(daemon.alerts(MARK_BEGIN) as unknown as Alert[]);
    for (const { scene, performance, intact } of fresh) {
      const own = found.get(markOf(performance.scene)) ?? [];
      const { status, output } = performance;
      performed.set(scene, { scene, status, output });
      alerts.set(markOf(scene), own);
      if (intact) kept.put(scene, toml, performance, own);
    }
    left += again.length;
    return { performed, alerts };
  } finally {
    await daemon.stop();
  }
}

interface Attempt {
  readonly scene: Scene;
  readonly performance: Performance;
  /** No event was lost meanwhile. */
  readonly intact: boolean;
}

/** What a host that is too busy for the sensor hides says nothing of the rules: such a scene is performed again. */
async function lostEvents(daemon: Daemon): Promise<number> {
  // A kept connection may be closed at the moment it is used again.
  const text = await daemon.metrics().catch(() => daemon.metrics());
  const lines = text.split('\n').filter((line) => line.startsWith('bpfwarden_events_lost_total'));
  return lines.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0);
}

/** The daemon goes before the scenes and whatever else the host does. */
function keepUp(daemon: Daemon): void {
  for (const thread of readdirSync(`/proc/${daemon.process.pid}/task`)) setPriority(Number(thread), DAEMON_NICE);
}

/** Alerts are written in the order of events: when those of the last scene are there, all are. */
async function settled(daemon: Daemon): Promise<void> {
  for (let round = 0; round < 60; round++) {
    // On a busy host it may have been stopped for time.
    if (round % 15 === 0) await stage.perform(LAST);
    await new Promise((resolve) => setTimeout(resolve, 2000));
    if (byScene(daemon.alerts(markOf(LAST)) as unknown as Alert[]).has(markOf(LAST))) return;
  }
  throw new Error(
    `the daemon did not come to the last scene within two minutes, after ${daemon.alerts(MARK_BEGIN).length} alerts of scenes:\n${daemon.log().slice(-3000)}`,
  );
}

function report(results: Results): void {
  if (values.caught)
    for (const { performance, alerts, caught } of results.attacks)
      if (caught) {
        const rules = raisedBy(alerts, values.info ? 'info' : 'warning').map(([rule]) => rule);
        console.log(`caught ${performance.scene.id}: ${rules.join(', ')}`);
      }
  for (const line of misses(results, values.all)) console.log(line);
  for (const line of noise(results, values.all, values.info ? 'info' : 'warning')) console.log(line);
  if (values.output)
    for (const { performance } of [...results.attacks, ...results.work])
      console.log(`--- ${performance.scene.id}\n${performance.output}`);
  const text = summary(results);
  console.log(`${text}\n\n${alertsOfWork(results)}`);
  if (left > 0) console.log(`\n${left} scenes are left: run again with --resume`);
  if (!values.write) return;
  if (positionals.length > 0) throw new Error('--write is for a whole run');
  const scenes = attacks.reduce((sum, { variations }) => sum + variations.length, work.length);
  const reached = left === 0 ? `${scenes} scenes` : `${scenes - left} of ${scenes} scenes, the others were not reached`;
  writeFileSync(
    join(DIRECTORY, '..', 'docs', 'quality.md'),
    document(results, `${measuredHow()}: ${reached}. ${values.note}`.trim()),
  );
}

function measuredHow(): string {
  const date = new Date().toISOString().slice(0, 10);
  const [cpu] = cpus();
  const machine = `${cpus().length} CPUs (${cpu?.model.trim() || arch()}), ${Math.round(totalmem() / 2 ** 30)} GB, Linux ${release()}`;
  return `Measured on ${date} by \`npm run quality -- --write\` (seed ${values.seed}) on a machine that did other things, too: ${machine}`;
}

function document(results: Results, measured: string): string {
  return `<!-- written by \`npm run quality -- --write\`, do not edit -->

# How well the shipped rules judge
What \`npm run quality\` measured; CONTRIBUTING.md says how it works. The attacks and the work are in quality/, each in two halves by a fixed seed: rules were written looking at the misses of one half, the other is only judged.

## Result
${measured}

${summary(results)}

## Alerts of ordinary work by rule
${alertsOfWork(results)}

## Attacks that went past
${missedBehaviours(results)}
`;
}
