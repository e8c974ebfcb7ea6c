import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { parse, stringify } from 'yaml';
import { type Receiver, startReceiver } from '../alerts/support/receiver.ts';
import { ROOT } from '../docs/support/pages.ts';
import { type Alertmanager, startAlertmanager } from './support/alertmanager.ts';
import { type Daemon, eventually, startDaemon } from './support/daemon.ts';
import { type Prometheus, startPrometheus } from './support/prometheus.ts';

/** Each matches a program of its own name; the daemon itself sends what is critical. */
const RULES = [
  { name: 'told_on_both_ways', severity: 'critical' },
  { name: 'told_by_metrics_alone', severity: 'warning' },
  { name: 'told_on_no_way', severity: 'critical' },
];
const FOUND_MS = 120_000;

/** The body of Alertmanager's webhook, as far as it matters here. */
interface Notification {
  readonly receiver: string;
  readonly status: string;
  readonly alerts: readonly { readonly labels: Readonly<Record<string, string>> }[];
}

interface Shipped {
  readonly route: Record<string, unknown> & { readonly routes: Record<string, unknown>[] };
  readonly receivers: readonly { readonly webhook_configs: { url: string }[] }[];
}

/**
 * The shipped file with the receivers of this test. Each group waits equally
 * long before its first notification, so that of two groups the one that began
 * first is through first.
 */
function configured(receiver: string): string {
  const shipped = parse(readFileSync(join(ROOT, 'prometheus', 'alertmanager.yml'), 'utf8')) as Shipped;
  const equal = (route: Record<string, unknown>): void => {
    route.group_wait = '10s';
    for (const child of (route.routes ?? []) as Record<string, unknown>[]) equal(child);
  };
  equal(shipped.route);
  for (const { webhook_configs } of shipped.receivers)
    for (const hook of webhook_configs) hook.url = `${receiver}${new URL(hook.url).pathname}`;
  return stringify(shipped);
}

describe('a detection that reaches Alertmanager from the daemon and from its metrics', function () {
  this.timeout(400_000);
  let directory: string;
  let receiver: Receiver;
  let alertmanager: Alertmanager;
  let daemon: Daemon;
  let prometheus: Prometheus;

  const notifications = () => receiver.received.map(({ body }) => JSON.parse(body) as Notification);
  const about = (rule: string) =>
    notifications().filter(({ alerts }) => alerts.some(({ labels }) => labels.rule === rule));
  const known = (rule: string) => alertmanager.alerts(`rule="${rule}"`);
  const perform = (rule: string) => execFileSync(join(directory, rule));

  before(async () => {
    directory = mkdtempSync(join(tmpdir(), 'bpfwarden-notification-'));
    receiver = await startReceiver();
    writeFileSync(join(directory, 'alertmanager.yml'), configured(receiver.url));
    alertmanager = await startAlertmanager(join(directory, 'alertmanager.yml'));
    const rules = RULES.map(({ name, severity }) => ({
      name,
      severity,
      confidence: 0.9,
      risk_score: 0.9,
      condition: `event.type == 'process_exec' && process.path.endsWith('/${name}')`,
    }));
    writeFileSync(join(directory, 'rules.json'), JSON.stringify({ rules }));
    for (const { name } of RULES) copyFileSync('/bin/true', join(directory, name));
    daemon = await startDaemon({
      flags: [`--rules.path=${join(directory, 'rules.json')}`],
      toml: [
        `[alertmanager]\nurls = ["${alertmanager.url}"]\nmin_severity = "critical"`,
        '[[silences]]\nrule = "told_on_no_way"\nwhy = "test"',
      ].join('\n'),
    });
    prometheus = await startPrometheus([new URL(daemon.url).host], { alertmanager: new URL(alertmanager.url).host });
    for (const { name } of RULES)
      await eventually(
        `Prometheus has scraped the counter of ${name} at 0`,
        async () => {
          const [series] = await prometheus.query(`sum(bpfwarden_rule_matches_total{rule="${name}"})`);
          return series?.values[0]?.[1] === '0' || undefined;
        },
        FOUND_MS,
      );
  });
  after(async () => {
    await prometheus?.stop();
    await daemon?.stop();
    await alertmanager?.stop();
    await receiver?.close();
    rmSync(directory, { recursive: true, force: true });
  });

  it('is notified once, by the daemon; the metric alert of the same host and rule is inhibited by it', async () => {
    perform('told_on_no_way');
    perform('told_on_both_ways');
    const [notified] = await eventually(
      'the pager',
      () => (about('told_on_both_ways').length > 0 ? about('told_on_both_ways') : undefined),
      FOUND_MS,
    );
    expect(notified).to.deep.include({ receiver: 'pager', status: 'firing' });
    expect(notified?.alerts.map(({ labels }) => labels.origin)).to.deep.equal(['bpfwarden']);

    const both = await eventually(
      'Alertmanager has the metric alert, too',
      async () => {
        const alerts = await known('told_on_both_ways');
        const counted = alerts.find(({ labels }) => labels.origin === 'rules');
        return counted !== undefined && counted.status.state !== 'unprocessed' ? alerts : undefined;
      },
      FOUND_MS,
    );
    const way = (origin: string) => both.find(({ labels }) => labels.origin === origin);
    expect(way('rules')?.labels).to.include({ alertname: 'BpfwardenCriticalDetection', severity: 'critical' });
    for (const label of ['hostname', 'rule', 'severity'])
      expect(way('rules')?.labels[label], label).to.equal(way('bpfwarden')?.labels[label]);
    expect(way('bpfwarden')?.status.inhibitedBy).to.deep.equal([]);
    expect(way('rules')?.status.inhibitedBy).to.have.length(1);
  });

  it('is notified by the metric alert where the daemon does not send it itself', async () => {
    perform('told_by_metrics_alone');
    const [notified] = await eventually(
      'the team',
      () => (about('told_by_metrics_alone').length > 0 ? about('told_by_metrics_alone') : undefined),
      FOUND_MS,
    );
    expect(notified).to.deep.include({ receiver: 'team', status: 'firing' });
    expect(notified?.alerts.map(({ labels }) => labels.alertname)).to.deep.equal(['BpfwardenWarningDetection']);
    // Its group began after that of the inhibited alert, which has been flushed by now, without a word.
    expect(about('told_on_both_ways')).to.have.length(1);
  });

  it('is notified on no way while a silence holds it back', async () => {
    expect(await daemon.metric('bpfwarden_rule_matches_total{rule="told_on_no_way"')).to.equal(1);
    expect(about('told_on_no_way')).to.deep.equal([]);
    expect(await known('told_on_no_way')).to.deep.equal([]);
  });
});
