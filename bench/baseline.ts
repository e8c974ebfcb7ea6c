/**
 * How quiet the shipped rules are: ordinary work under the daemon, then alerts
 * per 1,000 events by rule. Counted are alerts of the work and its descendants;
 * what else runs on the host is not part of it. Exits 1 when an alert above
 * info was raised. What does not exist on this host is named and left out.
 * Names of work as arguments run only those; --all counts info, too. As root,
 * after the build.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { startDaemon } from '../test/e2e/support/daemon.ts';
import { WORK } from './work.ts';

const ROOT = join(import.meta.dirname, '..');
// Not below /tmp: work there is not ordinary for the rules.
const directory = mkdtempSync('/var/lib/bpfwarden-baseline-');
const all = process.argv.includes('--all');
const only = process.argv.slice(2).filter((name) => name !== '--all');

interface Alert {
  readonly severity: string;
  readonly rule: { readonly name: string };
  readonly process?: {
    readonly pid: number;
    readonly command_line?: string;
    readonly path?: string;
    readonly ancestors?: readonly { readonly pid: number }[];
  };
  readonly file?: { readonly path?: string };
}

// Without dedupe: a repeat of one rule would otherwise be held back behind somebody else's work.
const daemon = await startDaemon({ toml: '[ledger]\ndedupe_seconds = 0\nalerts_per_minute = 0\n' });
const rows: string[] = [];
const loud: string[] = [];
try {
  for (const { name, needs, script } of WORK) {
    if (only.length > 0 && !only.includes(name)) continue;
    if (spawnSync('sh', ['-c', `command -v ${needs}`]).status !== 0) {
      rows.push(`| ${name} | not on this host | | |`);
      continue;
    }
    const seen = await eventsSeen();
    const before = daemon.alerts().length;
    const work = join(directory, name.replaceAll(' ', '-'));
    const { pid, status } = await run(`mkdir -p ${work} && cd ${work} && ${script}`);
    await new Promise((resolve) => setTimeout(resolve, 1500));
    const alerts = (daemon.alerts().slice(before) as unknown as Alert[]).filter(
      ({ process }) => process?.pid === pid || process?.ancestors?.some((ancestor) => ancestor.pid === pid),
    );
    const events = (await eventsSeen()) - seen;
    const byRule = new Map<string, number>();
    for (const alert of alerts) {
      const key = `${alert.rule.name} (${alert.severity})`;
      byRule.set(key, (byRule.get(key) ?? 0) + 1);
      if (alert.severity === 'info' && !all) continue;
      const { process, file } = alert;
      loud.push(
        `${name}: ${key}: ${process?.path ?? ''} [${process?.command_line?.slice(0, 160) ?? ''}] ${file?.path ?? ''}`,
      );
    }
    const text = [...byRule].map(([rule, count]) => `${rule}: ${((count / events) * 1000).toFixed(3)}`).join(', ');
    rows.push(`| ${name}${status === 0 ? '' : ` (exit ${status})`} | ${events} | ${alerts.length} | ${text} |`);
  }
} catch (error) {
  console.error(daemon.log().slice(-4000));
  throw error;
} finally {
  await daemon.stop();
  rmSync(directory, { recursive: true, force: true });
}
console.log(['| work | events | alerts | alerts per 1,000 events, by rule |', '|---|---|---|---|', ...rows].join('\n'));
for (const line of loud) console.log(line);
console.log(`${loud.length} alerts above info`);
process.exitCode = loud.length === 0 ? 0 : 1;

/** Runs a script with bash, at most five minutes. */
async function run(script: string): Promise<{ pid: number; status: number }> {
  const child: ChildProcess = spawn('bash', ['-c', script], {
    stdio: 'ignore',
    timeout: 300_000,
    env: { ...process.env, ROOT },
  });
  const status = await new Promise<number>((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code) => resolve(code ?? -1));
  });
  return { pid: child.pid ?? 0, status };
}

/** Events of the whole host so far. */
async function eventsSeen(): Promise<number> {
  const lines = (await daemon.metrics()).split('\n').filter((line) => line.startsWith('bpfwarden_events_total{'));
  return lines.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0);
}
