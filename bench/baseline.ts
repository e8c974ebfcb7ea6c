/**
 * How quiet the shipped rules are: ordinary work under the daemon, then alerts
 * per 1,000 events by rule. Exits 1 when an alert above info was raised. What
 * does not exist on this host is named and left out. As root, after the build.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { startDaemon } from '../test/e2e/support/daemon.ts';

const ROOT = join(import.meta.dirname, '..');
// Not below /tmp: work there is not ordinary for the rules.
const directory = mkdtempSync('/var/lib/bpfwarden-baseline-');

/** Name, the program it cannot do without, and a script. */
const WORK: readonly (readonly [string, string, string])[] = [
  [
    'install a package',
    'apt-get',
    'DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --reinstall --no-install-recommends hostname tree',
  ],
  [
    'npm ci',
    'npm',
    `cp ${ROOT}/package.json ${ROOT}/package-lock.json . && npm ci --ignore-scripts --no-audit --no-fund --silent --omit=dev`,
  ],
  ['git clone of a local repository', 'git', `git clone -q ${ROOT} clone && git -C clone log --oneline | head -n 3`],
  ['compile', 'gcc', `gcc -O2 -o loop ${ROOT}/bench/loops/loop.c && ./loop getppid 10 0`],
  [
    'cron job',
    'run-parts',
    'mkdir -p cron.daily && printf "#!/bin/sh\\ntrue\\n" > cron.daily/job && chmod +x cron.daily/job && run-parts cron.daily',
  ],
  [
    'logrotate',
    'logrotate',
    'mkdir -p log && echo x > log/a.log && printf "%s/log/*.log {\\n rotate 2\\n su root root\\n}\\n" "$PWD" > rotate.conf && logrotate -f -s state rotate.conf',
  ],
  ['ssh-keygen', 'ssh-keygen', 'ssh-keygen -q -t ed25519 -N "" -f key'],
  ['systemd-tmpfiles', 'systemd-tmpfiles', 'systemd-tmpfiles --create --prefix=/run/lock || true'],
  ['look around', 'ps', 'ps aux | wc -l; df -h | tail -n 1; ls -la /etc | wc -l; cat /etc/hostname; uptime || true'],
  ['python', 'python3', 'python3 -c "import json, urllib.request; print(json.dumps(1))"'],
  ['unpack an archive', 'tar', 'mkdir t && echo x > t/x && tar czf t.tgz t && tar xzf t.tgz'],
];

const daemon = await startDaemon();
const rows: string[] = [];
let loud = 0;
try {
  for (const [name, program, script] of WORK) {
    if (spawnSync('sh', ['-c', `command -v ${program}`]).status !== 0) {
      rows.push(`| ${name} | not on this host | | |`);
      continue;
    }
    const seen = await eventsSeen();
    const before = daemon.alerts().length;
    const work = join(directory, name.replaceAll(' ', '-'));
    const result = spawnSync('bash', ['-c', `mkdir -p ${work} && cd ${work} && ${script}`], {
      encoding: 'utf8',
      timeout: 300_000,
    });
    await new Promise((resolve) => setTimeout(resolve, 1500));
    const alerts = daemon.alerts().slice(before);
    const events = (await eventsSeen()) - seen;
    const byRule = new Map<string, number>();
    for (const alert of alerts) {
      const key = `${(alert.rule as { name: string }).name} (${String(alert.severity)})`;
      byRule.set(key, (byRule.get(key) ?? 0) + 1);
      if (alert.severity !== 'info') loud++;
    }
    const text = [...byRule].map(([rule, count]) => `${rule}: ${((count / events) * 1000).toFixed(3)}`).join(', ');
    rows.push(
      `| ${name}${result.status === 0 ? '' : ` (exit ${result.status})`} | ${events} | ${alerts.length} | ${text} |`,
    );
  }
} finally {
  await daemon.stop();
  rmSync(directory, { recursive: true, force: true });
}
console.log(['| work | events | alerts | alerts per 1,000 events, by rule |', '|---|---|---|---|', ...rows].join('\n'));
console.log(`${loud} alerts above info`);
process.exitCode = loud === 0 ? 0 : 1;

async function eventsSeen(): Promise<number> {
  const lines = (await daemon.metrics()).split('\n').filter((line) => line.startsWith('bpfwarden_events_total{'));
  return lines.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0);
}
