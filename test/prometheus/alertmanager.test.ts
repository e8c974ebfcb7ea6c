import { join } from 'node:path';
import { expect } from 'chai';
import { type Alertmanager, startAlertmanager } from '../e2e/support/alertmanager.ts';
import { eventually } from '../e2e/support/daemon.ts';
import { ROOT, run } from './support/files.ts';

const CONFIG = join(ROOT, 'prometheus', 'alertmanager.yml');
const detection = {
  alertname: 'BpfwardenCriticalDetection',
  severity: 'critical',
  hostname: 'web-1',
  instance: '127.0.0.1:9477',
  rule: 'shell',
};

describe('example configurations', () => {
  it('pass promtool and amtool', () => {
    for (const [command, ...args] of [
      ['promtool', 'check', 'config', join(ROOT, 'prometheus', 'prometheus.yml')],
      ['amtool', 'check-config', CONFIG],
    ] as const) {
      const { status, stdout, stderr } = run(command, ...args);
      expect(status, stdout + stderr).to.equal(0);
    }
  });

  it('route by severity, and the watchdog apart', () => {
    const routes: readonly (readonly [string, Readonly<Record<string, string>>])[] = [
      ['pager', { alertname: 'BpfwardenDown', severity: 'critical', origin: 'rules' }],
      ['pager', { alertname: 'anything', severity: 'critical', origin: 'bpfwarden' }],
      ['team', { alertname: 'BpfwardenEventsLost', severity: 'warning', origin: 'rules' }],
      ['log', { alertname: 'BpfwardenInfoDetection', severity: 'info', origin: 'rules' }],
      ['deadman', { alertname: 'BpfwardenWatchdog', severity: 'info', origin: 'rules' }],
      ['team', { alertname: 'NoSeverity' }],
    ];
    for (const [receiver, labels] of routes) {
      const pairs = Object.entries(labels).map(([name, value]) => `${name}=${value}`);
      const { status, stdout, stderr } = run(
        'amtool',
        'config',
        'routes',
        'test',
        `--config.file=${CONFIG}`,
        `--verify.receivers=${receiver}`,
        ...pairs,
      );
      expect(status, `${pairs.join(' ')}: ${stdout}${stderr}`).to.equal(0);
    }
  });
});

describe('inhibition in a real Alertmanager', function () {
  this.timeout(90_000);
  let alertmanager: Alertmanager;

  before(async () => {
    alertmanager = await startAlertmanager(CONFIG);
  });
  after(() => alertmanager?.stop());

  /** Names of the alerts that are held back while `alerts` are all active. */
  async function inhibited(...alerts: Record<string, string>[]): Promise<string[]> {
    const job = `case-${alerts.map(({ alertname }) => alertname).join('-')}`;
    const labelled = alerts.map((labels) => ({ labels: { job, ...labels } }));
    await fetch(`${alertmanager.url}/api/v2/alerts`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(labelled),
    });
    // An alert is "unprocessed" until the dispatcher has seen it.
    const found = await eventually('all alerts are processed', async () => {
      const list = await alertmanager.alerts(`job="${job}"`);
      return list.length === alerts.length && list.every(({ status }) => status.state !== 'unprocessed')
        ? list
        : undefined;
    });
    return found
      .filter(({ status }) => status.inhibitedBy.length > 0)
      .map(({ labels }) => `${labels.alertname}/${labels.origin ?? ''}`)
      .sort();
  }

  it('holds back what a daemon told already, for the same host and rule only', async () => {
    expect(
      await inhibited(
        { ...detection, alertname: 'shell', instance: 'web-1', origin: 'bpfwarden' },
        { ...detection, origin: 'rules' },
        { ...detection, alertname: 'BpfwardenWarningDetection', rule: 'another', origin: 'rules' },
        { ...detection, alertname: 'BpfwardenInfoDetection', hostname: 'another', origin: 'rules' },
      ),
    ).to.deep.equal(['BpfwardenCriticalDetection/rules']);
  });

  it('holds back the lesser troubles of a host that is down', async () => {
    const host = { instance: 'a', origin: 'rules' };
    expect(
      await inhibited(
        { alertname: 'BpfwardenDown', severity: 'critical', ...host },
        { alertname: 'BpfwardenSpoolOld', severity: 'warning', ...host },
        { alertname: 'BpfwardenProgramDetached', severity: 'critical', ...host },
        { alertname: 'BpfwardenSpoolGrowing', severity: 'warning', ...host, instance: 'b' },
      ),
    ).to.deep.equal(['BpfwardenSpoolOld/rules']);
  });

  it('holds back what a failing sink and heavy loss explain', async () => {
    const host = { instance: 'a', origin: 'rules' };
    expect(
      await inhibited(
        { alertname: 'BpfwardenSinkFailing', severity: 'critical', sink: 'x', ...host },
        { alertname: 'BpfwardenDeliverySlow', severity: 'warning', ...host },
        { alertname: 'BpfwardenEventsLostMany', severity: 'critical', ...host },
        { alertname: 'BpfwardenEventsLost', severity: 'warning', event: 'file_open', ...host },
      ),
    ).to.deep.equal(['BpfwardenDeliverySlow/rules', 'BpfwardenEventsLost/rules']);
  });
});
