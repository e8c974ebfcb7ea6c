/**
 * A process of its own, since its sensor is tampered with: prints as JSON what the sensor finds of itself,
 * before, and after each thing that root can do to it.
 */
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { pino } from 'pino';
import { defaultConfig } from '../../src/config/load.ts';
import { SelfCheck } from '../../src/daemon/self-check.ts';
import { BootClock } from '../../src/kernel/clock.ts';
import { Sensor } from '../../src/kernel/sensor.ts';
import { MetricsRegistry } from '../../src/metrics/registry.ts';
import { id } from '../../src/schema/record.ts';

const TAMPER = fileURLToPath(new URL('../triggers/tamper.py', import.meta.url));
const log = pino({ level: 'silent' });
const sensor = new Sensor({
  objectPath: fileURLToPath(new URL('../../build/bpf/bpfwarden.bpf.o', import.meta.url)),
  config: defaultConfig(),
  log,
});
sensor.filter.use({
  kinds: new Map([
    ['file_open', { pass: 'tokens', tokens: [{ type: 'component', text: 'shadow' }] }],
    ['file_unlink', { pass: 'whole', because: 'test' }],
    ['bpf_access', { pass: 'whole', because: 'test' }],
  ]),
});
sensor.attach();
const metrics = new MetricsRegistry({ version: '0', kernel: '0', onError: () => undefined });
const clock = new BootClock();
const told: unknown[] = [];
const selfCheck = new SelfCheck({
  sensor,
  metrics,
  log,
  everySeconds: 3600,
  now: () => clock.now(),
  tell: (facts) => told.push(facts),
});
const own: string[] = [];
const accesses: unknown[] = [];
sensor.drain.start((batch) => {
  for (const view of batch) {
    if (selfCheck.took(view)) own.push(view.kind);
    else if (view.kind === 'bpf_access')
      accesses.push([view.value(id('bpf.command')), view.value(id('bpf.object')), view.value(id('bpf.sensor'))]);
  }
});

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** The id in the descriptor whose text has all of these. */
function identifier(key: string, ...has: RegExp[]): string {
  for (const fd of readdirSync('/proc/self/fdinfo')) {
    let text = '';
    try {
      text = readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8');
    } catch {
      continue;
    }
    if (has.every((pattern) => pattern.test(text))) return new RegExp(`^${key}:\\s*(\\d+)`, 'm').exec(text)?.[1] ?? '';
  }
  return '';
}

const found: Record<string, unknown> = {};
const tamper = (...args: string[]) => spawnSync('python3', [TAMPER, ...args], { encoding: 'utf8' }).stderr;
selfCheck.run();
await pause(500);
found.before = { own: [...own].sort(), integrity: sensor.integrity(), told: [...told] };
// filter_tables: an array (type 2) of two entries of FILTER_KINDS * 4 + 8 + 1024 * 8 bytes.
found.errors = [tamper('zero', identifier('map_id', /map_type:\s*2\n/, /max_entries:\s*2\n/))];
found.zeroed = sensor.integrity();
found.repaired = sensor.integrity();
(found.errors as string[]).push(tamper('delete', identifier('map_id', /map_type:\s*3\n/), '1'));
found.deleted = sensor.integrity();
(found.errors as string[]).push(tamper('detach', identifier('link_id', /link_type:\s*cgroup/)));
found.detached = sensor.integrity();
found.attached = sensor.integrity();
await pause(500);
found.accesses = accesses;
console.log(JSON.stringify(found));
selfCheck.stop();
sensor.finish();
sensor.close();
