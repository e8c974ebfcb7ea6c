/**
 * From a started program to its finding, stage by stage, in the process alone: once with
 * everything in the CPU's caches, and once after other memory has been through them, as
 * between two findings of a host. What the second costs more is waiting for memory.
 * `--rounds=N`. Without a kernel.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { defaultConfig } from '../src/config/load.ts';
import { Enricher } from '../src/enrich/enricher.ts';
import { Host } from '../src/enrich/host.ts';
import { loadRules } from '../src/rules/load.ts';
import { BatchDecoder } from '../src/schema/batch.ts';
import type { LiveView } from '../src/schema/view.ts';
import { drained, LAYOUT, record, type Values } from '../test/schema/records.ts';
import { median } from './results.ts';

const { values: flags } = parseArgs({ options: { rounds: { type: 'string', default: '1500' } } });
const ROUNDS = Number(flags.rounds);
/** Larger than what a CPU keeps to itself, and its part of what it shares. */
const CACHE_BYTES = 64 << 20;
const LINE = 64;
const SHELL = 100;
const STAGES = ['enrichment', 'rules', 'snapshot', 'json-rules-engine'] as const;

const directory = mkdtempSync(join(tmpdir(), 'bpfwarden-cold-'));
const path = join(directory, 'marked');
const file = join(directory, 'rules.json');
const condition = `event.type == 'process_exec' && process.path == '${path}'`;
writeFileSync(file, JSON.stringify({ rules: [{ name: 'marker_exec', condition, confidence: 1 }] }));
const { ruleset } = loadRules({ paths: [join(import.meta.dirname, '..', 'rules'), file], heuristics: true });
rmSync(directory, { recursive: true });

const host = new Host({ hostName: 'h', bootId: 'b', dnsEntries: 1, toUnix: (ktime) => ktime / 1e9 });
const enricher = new Enricher({ config: defaultConfig(), host, layout: LAYOUT });
let ktime = 1e9;
function view(kind: string, values: Values): LiveView {
  ktime += 1e6;
  const { buffer, bulkBytes, priorityBytes } = drained([
    record(kind, { 'header.time': ktime, 'header.start_time': 1, ...values }),
  ]);
  const [found] = new BatchDecoder(LAYOUT, buffer, host).decode(bulkBytes, priorityBytes);
  if (found === undefined) throw new Error('no view');
  return found;
}
const exec = (pid: number, program: string) =>
  view('process_exec', {
    'header.pid': pid,
    path: program,
    filename: program,
    args: `${program}\0`,
    named_fd: 2 ** 32 - 1,
  });
enricher.enrich(exec(SHELL, '/usr/bin/bash'));

const memory = new Uint8Array(CACHE_BYTES);
function emptyCaches(): void {
  for (let at = 0; at < CACHE_BYTES; at += LINE) memory[at] = (memory[at] ?? 0) + 1;
}

/** Microseconds of each stage. */
async function round(pid: number, before: () => void): Promise<number[]> {
  enricher.enrich(view('process_fork', { 'header.pid': SHELL, child_pid: pid, child_start_time: 1 }));
  const started = exec(pid, path);
  const ended = view('process_exit', { 'header.pid': pid });
  before();
  // As the reader's callback comes: out of the loop.
  await new Promise((resolve) => setTimeout(resolve, 1));
  const times = [performance.now()];
  enricher.enrich(started);
  times.push(performance.now());
  const observation = ruleset.observe(started);
  times.push(performance.now());
  const event = started.snapshot();
  times.push(performance.now());
  const finding = observation && (await ruleset.decide(event, observation));
  times.push(performance.now());
  if (finding === undefined) throw new Error('nothing was found');
  enricher.enrich(ended);
  return times.slice(1).map((time, at) => (time - (times[at] ?? 0)) * 1000);
}

const ways = { warm: () => undefined, cold: emptyCaches };
const rows = { warm: [] as number[][], cold: [] as number[][] };
// A long series of each: one between two others would find the caches as those left them.
for (let series = 0; series < 6; series++) {
  for (const way of ['warm', 'cold'] as const) {
    for (let at = 0; at < ROUNDS / 6; at++) {
      const times = await round(1000 + series * ROUNDS + at, ways[way]);
      // Until V8 has compiled it.
      if (series > 1) rows[way].push(times);
    }
  }
}
console.log(`| microseconds, median | ${STAGES.join(' | ')} | together |\n|---|${'---|'.repeat(STAGES.length + 1)}`);
for (const [way, times] of Object.entries(rows)) {
  const of = STAGES.map((_, stage) => median(times.map((one) => one[stage] ?? 0)));
  const whole = median(times.map((one) => one.reduce((sum, time) => sum + time, 0)));
  console.log(`| ${way} | ${[...of, whole].map((time) => time.toFixed(0)).join(' | ')} |`);
}
