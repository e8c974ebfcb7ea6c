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
/** Answered by a daemon or by the kernel: docs.test.ts checks that the command line takes them. */
const NEEDS_DAEMON = /:9477|suspicious|bpftool|^bpfwarden (?:alerts|tune|record|show|top|spool|check --kernel)/;
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

interface Documented extends Block {
  readonly run: readonly string[];
}

const documented: Documented[] = pages()
  .flatMap(blocksOf)
  .map((block) => ({
    ...block,
    run:
      block.notRun === undefined
        ? block.commands.filter(
            (command) =>
              !NEEDS_DAEMON.test(command) && !Object.keys(ELSEWHERE).some((name) => command.startsWith(`${name} `)),
          )
        : [],
  }));

describe('every command of the documentation that needs no daemon', function () {
  this.timeout(300_000);
  let sandbox: Sandbox;

  before(async () => {
    mkdirSync(join(ROOT, 'build'), { recursive: true });
    sandbox = await Sandbox.open();
    const prepared = sandbox.run(
      [
        'mkdir -p /etc/bpfwarden/rules /var/log/bpfwarden /var/lib/bpfwarden',
        'cp packaging/bpfwarden.toml /etc/bpfwarden/',
        `cat > /etc/bpfwarden/rules/local.json <<'END'\n${JSON.stringify(LOCAL_RULES)}\nEND`,
      ].join(' && '),
      10_000,
      ROOT,
    );
    expect(prepared.status, prepared.output).to.equal(0);
    sandbox.start(
      `prometheus --config.file=${ROOT}/prometheus/prometheus.yml --web.listen-address=127.0.0.1:9090 --storage.tsdb.path=/tmp/prometheus`,
    );
    sandbox.start(
      `prometheus-alertmanager --config.file=${ROOT}/prometheus/alertmanager.yml --web.listen-address=127.0.0.1:9093 --cluster.listen-address= --storage.path=/tmp/alertmanager`,
    );
    const ask = (url: string) => sandbox.run(`curl -sf '${url}'`, 10_000, '/');
    for (const port of [9090, 9093])
      await eventually(
        `port ${port}`,
        () => ask(`http://127.0.0.1:${port}/-/ready`).status === 0 || undefined,
        LIMIT_MS,
      );
  });
  after(() => sandbox?.close());

  /** The command as a reader would type it on this host. */
  const typed = (command: string) =>
    command
      .replace(/\s+# .*$/, '')
      .replaceAll('THE_SINK_URL', 'http://127.0.0.1:9093/-/healthy')
      .replaceAll(/\bRULE\b/g, RULE);

  it('is run, or says why it is not', () => {
    expect(documented.flatMap(({ run }) => run).length).to.be.above(15);
    for (const { where, notRun } of documented) if (notRun !== undefined) expect(notRun, where).to.match(/^\w.{8,}/);
  });

  it('does what it is documented for', () => {
    const done = new Map<string, string>();
    const faults: string[] = [];
    for (const { where, run } of documented)
      for (const command of run) {
        const line = typed(command);
        if (done.has(line)) continue;
        done.set(line, where);
        const { status, output } = sandbox.run(`set -o pipefail; ${line}`, LIMIT_MS, ROOT);
        // Nothing found is what most searches of a healthy host find; head ends what feeds it.
        const allowed = /\| *grep\b/.test(line) ? [0, 1] : /\| *head\b/.test(line) ? [0, 141] : [0];
        if (status === null || !allowed.includes(status))
          faults.push(`${where}: ${line}\n  answered ${status}: ${output.slice(0, 400)}`);
      }
    expect(faults, faults.join('\n')).to.deep.equal([]);
  });
});
