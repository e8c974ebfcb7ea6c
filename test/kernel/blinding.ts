/**
 * A process of its own, since its sensor has the default rate limit: blinding.ts TOKENS FLOOD ARGUMENT...
 * Puts TOKENS in force (JSON: kind to tokens of the kernel filter; other kinds pass whole), runs FLOOD and
 * prints as JSON what the sensor saw of it.
 */
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { pino } from 'pino';
import { defaultConfig } from '../../src/config/load.ts';
import { Sensor } from '../../src/kernel/sensor.ts';
import type { FilterToken, KindFilter } from '../../src/kernel/types.ts';
import { KINDS } from '../../src/schema/kinds.ts';
import { id } from '../../src/schema/record.ts';

const [tokens = '{}', flood = '', ...args] = process.argv.slice(2);
const sensor = new Sensor({
  objectPath: fileURLToPath(new URL('../../build/bpf/bpfwarden.bpf.o', import.meta.url)),
  config: defaultConfig(),
  log: pino({ level: 'silent' }),
});
sensor.attach();
const kinds = new Map<string, KindFilter>(
  Object.keys(KINDS).map((kind) => [kind, { pass: 'whole', because: 'test' }] as const),
);
for (const [kind, list] of Object.entries(JSON.parse(tokens) as Record<string, FilterToken[]>))
  kinds.set(kind, { pass: 'tokens', tokens: list });
sensor.filter.use({ kinds });

const of = ['file.path', 'target.pid', 'signal.number', 'credentials.requested', 'network.destination.port'] as const;
const seen: Record<string, Record<string, number>> = {};
const throttled: string[] = [];
sensor.drain.start((batch) => {
  for (const view of batch) {
    // A forked child has its parent's name until it ends.
    if (view.value(id('process.comm')) !== 'flood') continue;
    if (view.kind === 'throttle' && view.value(id('throttle.started')) === true)
      throttled.push(String(view.value(id('throttle.kind'))));
    const what = of.map((field) => view.value(id(field))).find((value) => value !== undefined);
    const counts = seen[view.kind] ?? {};
    seen[view.kind] = counts;
    counts[String(what)] = (counts[String(what)] ?? 0) + 1;
  }
});
const child = spawn(flood, args, { stdio: 'ignore' });
await new Promise((resolve) => child.on('exit', resolve));
await new Promise((resolve) => setTimeout(resolve, 700));
sensor.finish();
const counts = Object.fromEntries([...sensor.counters.events()].filter(([, { seen: all }]) => all > 0));
// A kind with thousands of objects is of no interest in full.
for (const [kind, objects] of Object.entries(seen))
  if (Object.keys(objects).length > 100)
    seen[kind] = Object.fromEntries(
      Object.entries(objects)
        .slice(-20)
        .concat([['total', Object.keys(objects).length]]),
    );
console.log(JSON.stringify({ seen, throttled, counts }));
sensor.close();
