/**
 * `npm run demo`: Prometheus, Alertmanager, a receiver and the daemon on
 * loopback; a few harmless behaviours; what was seen, and which alert arrived
 * after how long. Ctrl-C ends all of it. `--once` ends by itself.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { join } from 'node:path';
import { eventually, freePort, startDaemon } from '../test/e2e/support/daemon.ts';

const ROOT = join(import.meta.dirname, '..');
const directory = mkdtempSync('/tmp/bpfwarden-demo-');
const children: ChildProcess[] = [];
const received: { readonly rule: string; readonly at: number; readonly severity: string }[] = [];
const say = (text: string) => console.log(text);

/** One harmless behaviour: what it is in plain words, and the rule that should see it. */
const BEHAVIOURS: readonly { readonly words: string; readonly rule: string; readonly script: string }[] = [
  { words: 'a program in /tmp was started', rule: 'suspicious_temp_execution', script: `${directory}/x` },
  { words: '/etc/shadow was read by cat', rule: 'credential_file_read', script: 'cat /etc/shadow > /dev/null' },
  {
    words: 'a program that exists only in memory was started',
    rule: 'fileless_execution',
    script: `python3 ${ROOT}/test/triggers/call.py memfd-exec /bin/true`,
  },
  {
    words: 'a file got the set-user-id bit',
    rule: 'setuid_bit_set',
    script: `touch ${directory}/s; chmod u+s ${directory}/s; rm ${directory}/s`,
  },
  {
    words: 'decoded text was piped into a shell',
    rule: 'encoded_payload_piped_to_shell',
    script: `bash -c 'echo dHJ1ZQo= | base64 -d | bash'`,
  },
  {
    words: 'the address of a mining pool stood in arguments',
    rule: 'stratum_protocol_in_arguments',
    script: '/bin/echo -o stratum+tcp://198.51.100.7 > /dev/null',
  },
  { words: 'a shell history was emptied', rule: 'shell_history_removed', script: `: > ${directory}/.bash_history` },
];

type Arrived = (typeof received)[number];

/** Notes what Alertmanager sends. */
function receive(): Server {
  return createServer((request, response) => {
    let body = '';
    request.on('data', (chunk) => {
      body += chunk;
    });
    request.on('end', () => {
      const notification = JSON.parse(body) as {
        alerts: { status: string; labels: Record<string, string> }[];
      };
      for (const { status, labels } of notification.alerts) {
        const rule = labels.rule ?? labels.alertname ?? '';
        if (status === 'firing') received.push({ rule, at: Date.now(), severity: labels.severity ?? '' });
      }
      response.end();
    });
  });
}

async function startAlertmanager(port: number, receiverPort: number): Promise<void> {
  writeFileSync(
    join(directory, 'alertmanager.yml'),
    `route: {receiver: demo, group_by: [rule], group_wait: 1s, group_interval: 5s}\nreceivers:\n- name: demo\n  webhook_configs: [{url: 'http://127.0.0.1:${receiverPort}/'}]\n`,
  );
  mkdirSync(join(directory, 'am'));
  start('prometheus-alertmanager', [
    `--config.file=${directory}/alertmanager.yml`,
    `--storage.path=${directory}/am`,
    `--web.listen-address=127.0.0.1:${port}`,
    '--cluster.listen-address=',
  ]);
  await eventually(
    'Alertmanager is ready',
    async () => (await fetch(`http://127.0.0.1:${port}/-/ready`)).ok || undefined,
  );
}

async function startPrometheus(port: number, alertmanagerPort: number, daemonUrl: string): Promise<void> {
  writeFileSync(
    join(directory, 'prometheus.yml'),
    `global: {scrape_interval: 2s, evaluation_interval: 2s}\nalerting: {alertmanagers: [{static_configs: [{targets: ['127.0.0.1:${alertmanagerPort}']}]}]}\nrule_files: ['${ROOT}/prometheus/rules/*.yaml', '${ROOT}/prometheus/rules/*.yml']\nscrape_configs:\n- job_name: bpfwarden\n  static_configs: [{targets: ['${daemonUrl.slice('http://'.length)}']}]\n`,
  );
  start('prometheus', [
    `--config.file=${directory}/prometheus.yml`,
    `--storage.tsdb.path=${directory}/prom`,
    `--web.listen-address=127.0.0.1:${port}`,
    `--web.user-assets=${ROOT}/docs`,
  ]);
  await eventually(
    'Prometheus scrapes the daemon',
    async () => {
      const answer = (await (await fetch(`http://127.0.0.1:${port}/api/v1/query?query=up`)).json()) as {
        data: { result: { value: [number, string] }[] };
      };
      return answer.data.result[0]?.value[1] === '1' || undefined;
    },
    30_000,
  );
}

/** Does all of it and says what arrived; the number of different alerts. */
async function provoke(): Promise<number> {
  copyFileSync('/bin/true', join(directory, 'x'));
  const provoked = new Map<string, number>();
  for (const { words, rule, script } of BEHAVIOURS) {
    provoked.set(rule, Date.now());
    spawnSync('bash', ['-c', script], { cwd: directory, stdio: 'ignore' });
    say(`provoked: ${words}`);
  }
  // What others do on this host may have raised the same rule before.
  const arrival = (name: string): Arrived | undefined =>
    received.find(({ rule, at }) => rule === name && at >= (provoked.get(name) ?? 0));
  await eventually(
    'every alert arrived',
    () => BEHAVIOURS.every(({ rule }) => arrival(rule) !== undefined) || undefined,
    20_000,
  ).catch(() => undefined);

  say('\nwhat arrived at the receiver behind Alertmanager:');
  let arrived = 0;
  for (const { words, rule } of BEHAVIOURS) {
    const alert = arrival(rule);
    if (alert === undefined) {
      say(`  MISSING  ${rule}: ${words}`);
      continue;
    }
    arrived++;
    say(
      `  after ${((alert.at - (provoked.get(rule) ?? 0)) / 1000).toFixed(1)} s  ${alert.severity.padEnd(8)} ${rule}: ${words}`,
    );
  }
  say(`\n${arrived} different alerts of ${BEHAVIOURS.length} arrived.`);
  return arrived;
}

async function main(): Promise<void> {
  const [receiverPort, alertmanagerPort, prometheusPort] = [await freePort(), await freePort(), await freePort()];
  const receiver = receive();
  await new Promise<void>((resolve) => receiver.listen(receiverPort, '127.0.0.1', resolve));
  await startAlertmanager(alertmanagerPort, receiverPort);

  say('starting the daemon with the shipped rules …');
  const daemon = await startDaemon({ toml: `[alertmanager]\nurls = ["http://127.0.0.1:${alertmanagerPort}"]\n` });
  process.once('exit', () => daemon.process.kill('SIGTERM'));
  await startPrometheus(prometheusPort, alertmanagerPort, daemon.url);

  const arrived = await provoke();
  say(
    `\nlook at:\n  metrics       ${daemon.url}/metrics\n  alerts        ${daemon.url}/api/v1/alerts\n  Prometheus    http://127.0.0.1:${prometheusPort}/alerts\n  Alertmanager  http://127.0.0.1:${alertmanagerPort}/#/alerts`,
  );
  const end = async () => {
    await daemon.stop();
    receiver.closeAllConnections();
    receiver.close();
    await Promise.all(
      children.map(
        (child) =>
          new Promise((resolve) => {
            if (child.exitCode !== null) return resolve(undefined);
            child.once('exit', resolve);
            child.kill();
          }),
      ),
    );
    rmSync(directory, { recursive: true, force: true });
    process.exit(arrived >= 5 ? 0 : 1);
  };
  if (process.argv.includes('--once')) return end();
  say('\nCtrl-C ends all of it.');
  process.once('SIGINT', end);
  process.once('SIGTERM', end);
}

function start(program: string, args: readonly string[]): void {
  const child = spawn(program, args, { stdio: 'ignore', detached: true });
  child.on('error', (error) => say(`${program} could not be started: ${error.message}`));
  children.push(child);
}

await main();
