import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { type Block, blocksOf, pages, ROOT } from '../docs/support/pages.ts';
import { eventually } from './support/daemon.ts';
import { Sandbox } from './support/sandbox.ts';

/** Programs that a machine for tests does not have, or that would change it, and why. */
const ELSEWHERE: Readonly<Record<string, string>> = {
  systemctl: 'needs a systemd that runs bpfwarden',
  journalctl: 'needs a systemd that runs bpfwarden',
  coredumpctl: 'needs systemd-coredump',
  pidstat: 'comes with sysstat',
  ausearch: 'needs auditd',
};
/** A reader's own rules, in the folder that the shipped configuration names. */
const LOCAL_RULES = {
  rules: [
    {
      name: 'local_rule',
      condition: "event.type == 'process_exec' && process.path == '/opt/bad'",
      examples: [
        { match: { 'event.type': 'process_exec', 'process.path': '/opt/bad' } },
        { no_match: { 'event.type': 'process_exec', 'process.path': '/opt/good' } },
      ],
    },
  ],
};
/** What stands for a value of the reader's own. */
const RULE = 'suspicious_temp_execution';
const LIMIT_MS = 120_000;
/** Commands beside each other: most of them wait, for the kernel, a duration or a server. */
const LANES = 3;

/** What changes files that other commands read; it comes first, each alone. */
const WRITES = / > \/|^sed -i|^mkdir |^cp /;
/** Searches of a healthy host that find nothing. */
const MAY_FIND_NOTHING = /^dmesg /;

interface Documented extends Block {
  readonly run: readonly string[];
}

const documented: Documented[] = pages()
  .flatMap(blocksOf)
  .map((block) => ({
    ...block,
    run:
      block.notRun === undefined
        ? block.commands.filter((command) => !Object.keys(ELSEWHERE).some((name) => command.startsWith(`${name} `)))
        : [],
  }));

describe('every command of the documentation', function () {
  this.timeout(600_000);
  let sandbox: Sandbox;
  let alertId = '';

  before(async () => {
    mkdirSync(join(ROOT, 'build'), { recursive: true });
    sandbox = await Sandbox.open();
    const prepared = await sandbox.run(
      [
        'mkdir -p /etc/bpfwarden/rules /var/log/bpfwarden /var/lib/bpfwarden /var/lib/bpfwarden/spool',
        'cp packaging/bpfwarden.toml /etc/bpfwarden/',
        // The documents' program, where this host has something else.
        'rm -rf /tmp/x',
        `cat > /etc/bpfwarden/rules/local.json <<'END'\n${JSON.stringify(LOCAL_RULES)}\nEND`,
      ].join(' && '),
      10_000,
      ROOT,
    );
    expect(prepared.status, prepared.output).to.equal(0);
    sandbox.start('bpfwarden run --config.file=/etc/bpfwarden/bpfwarden.toml');
    sandbox.start(
      `prometheus --config.file=${ROOT}/prometheus/prometheus.yml --web.listen-address=127.0.0.1:9090 --storage.tsdb.path=/tmp/prometheus`,
    );
    sandbox.start(
      `prometheus-alertmanager --config.file=${ROOT}/prometheus/alertmanager.yml --web.listen-address=127.0.0.1:9093 --cluster.listen-address= --storage.path=/tmp/alertmanager`,
    );
    const ask = (url: string) => sandbox.run(`curl -sf '${url}'`, LIMIT_MS, '/');
    for (const port of [9477, 9090, 9093])
      await eventually(
        `port ${port} is ready`,
        async () => (await ask(`http://127.0.0.1:${port}/-/ready`)).status === 0 || undefined,
        LIMIT_MS,
      );
    alertId = await eventually(
      'an alert',
      async () => {
        await sandbox.run('cp /bin/true /tmp/x && /tmp/x', LIMIT_MS, '/');
        const { output } = await ask(`http://127.0.0.1:9477/api/v1/alerts?rule=${RULE}`);
        return /"alert_id":"([^"]+)"/.exec(output)?.[1];
      },
      LIMIT_MS,
    );
    await eventually(
      'the first evaluation of the alert rules',
      async () => (await ask('http://127.0.0.1:9090/api/v1/alerts')).output.includes('BpfwardenWatchdog') || undefined,
      LIMIT_MS,
    );
  });
  after(() => sandbox?.close());

  /** The command as a reader would type it on this host. */
  const typed = (command: string) =>
    command
      .replace(/\s+# .*$/, '')
      // What is recorded is as good after a moment.
      .replace(/--duration=\d+/, '--duration=2')
      .replaceAll('ALERT_ID', alertId)
      .replaceAll('THE_SINK_URL', 'http://127.0.0.1:9093/-/healthy')
      .replaceAll(/\bRULE\b/g, RULE);

  it('is run, or says why it is not', () => {
    expect(documented.flatMap(({ run }) => run).length).to.be.above(40);
    for (const { where, notRun } of documented) if (notRun !== undefined) expect(notRun, where).to.match(/^\w.{8,}/);
  });

  it('does what it is documented for', async () => {
    const lines = new Map<string, string>();
    for (const { where, run } of documented)
      for (const command of run) if (!lines.has(typed(command))) lines.set(typed(command), where);
    const faults: string[] = [];
    const perform = async ([line, where]: readonly [string, string]) => {
      // Without pipefail where head ends what feeds it.
      const strict = /\| *head\b/.test(line) ? '' : 'set -o pipefail; ';
      const { status, output } = await sandbox.run(strict + line, LIMIT_MS, ROOT);
      if (status === 0 || (status === 1 && MAY_FIND_NOTHING.test(line))) return;
      faults.push(`${where}: ${line}\n  answered ${status}: ${output.slice(0, 400)}`);
    };
    const writing = [...lines].filter(([line]) => WRITES.test(line));
    for (const entry of writing) await perform(entry);
    const others = [...lines].filter(([line]) => !WRITES.test(line)).values();
    await Promise.all(
      Array.from({ length: LANES }, async () => {
        for (const entry of others) await perform(entry);
      }),
    );
    expect(faults, faults.join('\n')).to.deep.equal([]);
  });
});
