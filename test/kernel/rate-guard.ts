/**
 * A process of its own, since its sensor has a rate limit: rate-guard.ts FLOODER LIST ROUNDS QUIET STAY
 * Runs FLOODER and, while it floods, QUIET 50 times; prints what the sensor saw as JSON. The flooder
 * stays for STAY seconds after its flood, doing nothing.
 */
import { spawn, spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { pino } from 'pino';
import { defaultConfig } from '../../src/config/load.ts';
import { Sensor } from '../../src/kernel/sensor.ts';
import { KINDS } from '../../src/schema/kinds.ts';
import { id } from '../../src/schema/record.ts';

const [flooder = '', list = '', rounds = '1', quiet = '', stay = '0'] = process.argv.slice(2);
const defaults = defaultConfig();
const sensor = new Sensor({
  objectPath: fileURLToPath(new URL('../../build/bpf/bpfwarden.bpf.o', import.meta.url)),
  config: { ...defaults, kernel: { ...defaults.kernel, rate_limit: 2000, rate_burst: 1000, ring_bytes: 64 << 20 } },
  log: pino({ level: 'silent' }),
});
sensor.attach();
sensor.filter.use({
  kinds: new Map(Object.keys(KINDS).map((kind) => [kind, { pass: 'whole', because: 'test' }] as const)),
});

const seen = { flood: 0, execs: 0, opens: 0 };
const episodes: { started: boolean; dropped: number }[] = [];
let flooderPid = 0;
sensor.drain.start((batch) => {
  for (const view of batch) {
    const path = view.value(id('file.path'));
    const isFlooder = view.value(id('process.pid')) === flooderPid;
    if (view.kind === 'throttle' && isFlooder)
      episodes.push({
        started: view.value(id('throttle.started')) === true,
        dropped: Number(view.value(id('throttle.dropped'))),
      });
    if (view.kind === 'file_open' && isFlooder) seen.flood++;
    if (view.kind === 'file_open' && path === quiet) seen.opens++;
    if (view.kind === 'process_exec' && view.value(id('process.filename')) === quiet) seen.execs++;
  }
});

let atExit = 0;
const sweeping = setInterval(() => {
  atExit = episodes.length;
  sensor.sweepThrottles();
}, 200);
const child = spawn(flooder, [list, rounds, stay], { stdio: 'ignore' });
flooderPid = child.pid ?? 0;
const ended = new Promise((resolve) => child.on('exit', resolve));
for (let run = 0; run < 50; run++) spawnSync('/bin/sh', ['-c', `read -r line < ${quiet}; exec ${quiet}`]);
await ended;
clearInterval(sweeping);
await new Promise((resolve) => setTimeout(resolve, 500));
sensor.finish();
const counts = sensor.counters.events().get('file_open');
console.log(JSON.stringify({ seen, episodes, atExit, counts }));
sensor.close();
