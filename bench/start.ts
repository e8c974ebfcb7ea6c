/**
 * What a start costs, how large the daemon is at rest and what it does there. CPU
 * time is the process's own, so that neighbours count little; the kernel's part of a
 * start is the verifier. `--rounds=N`, `--idle=SECONDS`. As root, after the build.
 */
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { LEAN_FLAGS, LEAN_MALLOC } from '../src/cli/lean.ts';
import { startDaemon } from '../test/e2e/support/daemon.ts';
import { median, result, spreadOf } from './results.ts';

const { values: flags } = parseArgs({
  options: { rounds: { type: 'string', default: '5' }, idle: { type: 'string', default: '60' } },
});
/** Until what the start does in the background (the index of the host's files) is over. */
const SETTLE_MS = 15_000;
const TICK = 1 / Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }));
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

function cpu(pid: number): { readonly user: number; readonly system: number } {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
  return { user: Number(fields[11]) * TICK, system: Number(fields[12]) * TICK };
}

/** Instructions that the verifier went through, of all programs. */
function verified(pid: number): number {
  let sum = 0;
  for (const fd of readdirSync(`/proc/${pid}/fdinfo`)) {
    try {
      const text = readFileSync(`/proc/${pid}/fdinfo/${fd}`, 'utf8');
      // Of a program, not of a link, whose text names its program as well.
      if (!text.includes('link_id:')) sum += Number(/^verified_insns:\s*(\d+)/m.exec(text)?.[1] ?? 0);
    } catch {
      // Closed since it was listed.
    }
  }
  return sum;
}

function memory(pid: number): Readonly<Record<'Rss' | 'Anonymous', number>> {
  const text = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8');
  const of = (name: string) => Number(new RegExp(`^${name}:\\s*(\\d+) kB`, 'm').exec(text)?.[1] ?? Number.NaN) / 1024;
  return { Rss: of('Rss'), Anonymous: of('Anonymous') };
}

const wall: number[] = [];
const user: number[] = [];
const system: number[] = [];
const rss: number[] = [];
const anonymous: number[] = [];
const idle: number[] = [];
let instructions = 0;
for (let round = 0; round < Number(flags.rounds); round++) {
  const begin = performance.now();
  // As packages, the image and `npm start` do.
  const daemon = await startDaemon({ nodeFlags: LEAN_FLAGS, env: LEAN_MALLOC });
  try {
    const pid = daemon.process.pid ?? 0;
    wall.push((performance.now() - begin) / 1000);
    const ready = cpu(pid);
    user.push(ready.user);
    system.push(ready.system);
    instructions = verified(pid);
    await pause(SETTLE_MS);
    const before = cpu(pid);
    const from = performance.now();
    await pause((Number(flags.idle) * 1000) / Number(flags.rounds));
    const after = cpu(pid);
    idle.push(((after.user + after.system - before.user - before.system) * 1e5) / (performance.now() - from));
    const { Rss, Anonymous } = memory(pid);
    rss.push(Rss);
    anonymous.push(Anonymous);
  } finally {
    await daemon.stop();
  }
}
const whole = user.map((seconds, round) => seconds + (system[round] ?? 0));
const row = (what: string, numbers: readonly number[], unit: string, limit: number) =>
  result({ what, value: median(numbers), unit, limit, spread: spreadOf(numbers) });
row('start: until it is ready', wall, 's', 1.5);
row('start: CPU time', whole, 's', 1.8);
row('start: of it in the kernel (the verifier)', system, 's', 1);
row('start: of it in the program', user, 's', 0.8);
result({ what: 'start: instructions verified', value: instructions / 1000, unit: 'thousand', limit: 700 });
row('memory: resident, at rest', rss, 'MiB', 100);
row('memory: anonymous, at rest', anonymous, 'MiB', 70);
row('at rest, beside whatever the host does', idle, '% of a core', 0.2);
