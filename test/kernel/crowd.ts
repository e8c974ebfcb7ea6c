/**
 * A process of its own, since its sensor has a rate limit: crowd.ts CROWD OTHER FILE HOW ARGUMENT...
 * Nobody reads the rings while nobody (the user) runs CROWD HOW ARGUMENT... and, behind it, nobody and root run OTHER FILE
 * each. Prints as JSON what was in the rings then.
 */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { pino } from 'pino';
import { defaultConfig } from '../../src/config/load.ts';
import { Sensor } from '../../src/kernel/sensor.ts';
import { KINDS } from '../../src/schema/kinds.ts';
import { id } from '../../src/schema/record.ts';

const [crowd = '', other = '', file = '', ...args] = process.argv.slice(2);
const NOBODY = { uid: 65_534, gid: 65_534 };
const defaults = defaultConfig();
// So large that what flows back into a crowd's buckets meanwhile does not fill them.
const kernel = { ...defaults.kernel, priority_ring_bytes: 8 << 20 };
const sensor = new Sensor({
  objectPath: fileURLToPath(new URL('../../build/bpf/bpfwarden.bpf.o', import.meta.url)),
  config: { ...defaults, kernel },
  log: pino({ level: 'silent' }),
});
sensor.attach();
sensor.filter.use({
  kinds: new Map(Object.keys(KINDS).map((kind) => [kind, { pass: 'whole', because: 'test' }] as const)),
});

const run = (program: string, arguments_: string[], user: object) => {
  const { status, error } = spawnSync(program, arguments_, { ...user, stdio: 'ignore' });
  if (status !== 0) throw new Error(`${program} ${arguments_.join(' ')}: ${error ?? status}`);
};
run(crowd, args, NOBODY);
run(other, [file], NOBODY);
run(other, [file], {});

/** Kinds and objects of what the other program did, by user; and what was held back. */
const seen: string[] = [];
const held: string[] = [];
sensor.drain.start((batch) => {
  for (const view of batch) {
    const uid = view.value(id('process.uid'));
    if (view.kind === 'process_exec' && view.value(id('process.filename')) === other) seen.push(`exec ${uid}`);
    if (view.kind === 'file_open' && view.value(id('file.path')) === file) seen.push(`open ${uid}`);
    if (view.kind === 'throttle') held.push(String(view.value(id('throttle.kind'))));
  }
});
await new Promise((resolve) => setTimeout(resolve, 500));
sensor.finish();
const counts = Object.fromEntries([...sensor.counters.events()].filter(([, { seen: all }]) => all > 0));
console.log(JSON.stringify({ seen, held, counts }));
sensor.close();
