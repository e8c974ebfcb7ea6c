/** Drops capabilities in a process of its own (capabilities.test.ts plays it) and prints what became of its threads. */
import { execFileSync } from 'node:child_process';
import { readFile, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { capabilityMask, threadCapabilities, threadsBeyond } from '../../src/kernel/capabilities.ts';
import { eventually, loadAddon } from './support.ts';

const { DEAF_UNTIL } = process.env;
const keep = capabilityMask(['CAP_KILL', 'CAP_BPF']);
const native = loadAddon();
const idle = () => new Worker('setInterval(() => undefined, 1000)', { eval: true });
const beyond = () => threadsBeyond(keep, threadCapabilities());

idle();
// Brings the thread pool to life.
readFile('/proc/self/status', () => undefined);
await sleep(200);
const before = beyond().length;
const status = native.dropCapabilities(keep);
const after = beyond().map(({ held }) => held.toString(16));
idle();
await sleep(200);
if (DEAF_UNTIL !== undefined) writeFileSync(DEAF_UNTIL, '');
await eventually(() => beyond().length === 0);
const child = execFileSync('cat', ['/proc/self/status'], { encoding: 'utf8' });
const report = {
  before,
  status,
  after,
  later: beyond().length,
  held: [...new Set(threadCapabilities().map(({ held, bounding }) => `${held.toString(16)} ${bounding.toString(16)}`))],
  threads: threadCapabilities().length,
  child: /^CapEff:\t(\w+)/m.exec(child)?.[1],
  again: native.dropCapabilities(keep),
};
console.log(JSON.stringify(report));
process.exit();
