import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { ActiveAlerts } from '../../src/alerts/sinks/alertmanager-state.ts';
import { execEvent, findingOf } from './support/findings.ts';
import { startPipeline } from './support/pipeline.ts';
import { type Receiver, startReceiver } from './support/receiver.ts';
import { failureOf, makeSink, sinkContext, spooled, UNABORTED } from './support/sinks.ts';
import { eventually } from './support/wait.ts';

interface Posted {
  readonly labels: Record<string, string>;
  readonly annotations: Record<string, string>;
  readonly startsAt: string;
  readonly endsAt: string;
}
const posts = (receiver: Receiver) => receiver.received.map(({ body }) => JSON.parse(body) as Posted[]);

describe('what is active at Alertmanager', () => {
  const alert = spooled('1').alert;

  it('has labels that are the same for repeats, and the details in annotations', () => {
    const active = new ActiveAlerts(300_000, 'http://warden:9477');
    const first = active.seen(alert, 1_800_000_001_000);
    expect(first.labels).to.deep.equal({
      alertname: 'suspicious_temp_execution',
      rule: 'suspicious_temp_execution',
      severity: 'warning',
      hostname: 'web-1',
      instance: 'web-1',
      origin: 'bpfwarden',
    });
    expect(first.annotations).to.include({
      summary: 'Execution from a temporary directory',
      alert_id: '1',
      count: '1',
      runbook_url: 'http://warden:9477/runbooks/BpfwardenWarningDetection',
    });
    expect(first.generatorURL).to.equal('http://warden:9477/api/v1/alerts/1');
    const prose = spooled('3', { runbook: 'Read the job first.' }).alert;
    const fresh = new ActiveAlerts(300_000, 'http://warden:9477');
    expect(fresh.seen(prose, 1_800_000_001_000).annotations).to.include({ runbook: 'Read the job first.' });
    expect(first.startsAt).to.equal('2027-01-15T08:00:00.250Z');
    const other = spooled('2', {}, execEvent({ pid: 9, path: '/tmp/other' })).alert;
    const second = active.seen(other, 1_800_000_002_000);
    expect(second.labels).to.deep.equal(first.labels);
    expect(second.startsAt).to.equal(first.startsAt);
    expect(second.annotations.count).to.equal('2');
    expect(
      active.seen(other, 1_800_000_003_000).annotations.count,
      'a repeated delivery is not counted again',
    ).to.equal('2');
  });

  it('ends before its refresh is missed too often, and is resolved after the quiet time', () => {
    const active = new ActiveAlerts(300_000, 'http://warden:9477');
    const start = 1_800_000_000_000;
    expect(Date.parse(active.seen(alert, start).endsAt) - start).to.equal(240_000);
    const ends = (at: number) => active.refresh(start + at).map(({ endsAt }) => Date.parse(endsAt) - start);
    expect(ends(60_000)).to.deep.equal([300_000]);
    expect(ends(300_000)).to.deep.equal([300_000]);
    expect(ends(500_000), 'resolved is said again').to.deep.equal([300_000]);
    expect(ends(700_000), 'and then forgotten').to.deep.equal([]);
    expect(active.seen(spooled('2').alert, start + 800_000).annotations.count, 'a new one begins').to.equal('1');
  });

  it('is resolved after the quiet time, too, where the clock was set back in between', () => {
    const active = new ActiveAlerts(300_000, 'http://warden:9477');
    const year = 31_536_000_000;
    const start = 1_800_000_000_000;
    active.seen(alert, start + year);
    expect(active.refresh(start)).to.have.length(1);
    const [ended] = active.refresh(start + 300_000);
    expect(Date.parse(ended?.endsAt ?? '')).to.equal(start + 300_000);
    expect(active.refresh(start + 700_000)).to.deep.equal([]);
  });

  it('survives a restart, and what cannot be read does no harm', () => {
    const active = new ActiveAlerts(300_000, 'http://warden:9477');
    active.seen(alert, 1_800_000_000_000);
    const again = new ActiveAlerts(300_000, 'http://warden:9477');
    again.fromText(active.toText());
    expect(again.refresh(1_800_000_060_000)[0]?.annotations).to.include({ alert_id: '1' });
    again.fromText('[1, null, {"labels": 5}]');
    expect(again.size).to.equal(1);
  });
});

describe('the Alertmanager sink', () => {
  const receivers: Receiver[] = [];
  beforeEach(async () => {
    receivers.push(await startReceiver(), await startReceiver());
  });
  afterEach(async () => {
    await Promise.all(receivers.splice(0).map((receiver) => receiver.close()));
  });
  const urls = () => receivers.map(({ url }) => url);

  it('posts an array to every member, one entry per label set', async () => {
    const sink = makeSink({ type: 'alertmanager', urls: urls() });
    await sink.deliver([spooled('1'), spooled('2'), spooled('3', { name: 'other' })], UNABORTED);
    for (const receiver of receivers) {
      expect(receiver.received.map(({ url, method }) => [method, url])).to.deep.equal([['POST', '/api/v2/alerts']]);
      expect(posts(receiver)[0]?.map(({ annotations }) => annotations.alert_id)).to.deep.equal(['2', '3']);
    }
    await sink.close();
  });

  it('has delivered when one member took it, and fails when none did', async () => {
    const [first, second] = receivers;
    if (first === undefined || second === undefined) throw new Error('no receivers');
    const sink = makeSink({ type: 'alertmanager', urls: urls(), timeout_seconds: 0.3 });
    first.behaviour = () => 503;
    await sink.deliver([spooled('1')], UNABORTED);
    second.behaviour = () => 503;
    expect((await failureOf(sink.deliver([spooled('2')], UNABORTED))).permanent).to.equal(false);
    first.behaviour = () => 400;
    expect((await failureOf(sink.deliver([spooled('2')], UNABORTED))).permanent, 'one may still take it').to.equal(
      false,
    );
    second.behaviour = () => 400;
    expect((await failureOf(sink.deliver([spooled('2')], UNABORTED))).permanent).to.equal(true);
    await sink.close();
  });

  it('says again what is active, and resolves it, also after a restart', async () => {
    const [receiver] = receivers;
    if (receiver === undefined) throw new Error('no receiver');
    const context = sinkContext();
    const config = { type: 'alertmanager', urls: [receiver.url], resolve_seconds: 2 } as const;
    const sink = makeSink(config, context);
    await sink.deliver([spooled('1')], UNABORTED);
    await sink.close();
    const again = makeSink(config, context);
    const resolved = await eventually('it is resolved', () => {
      const last = posts(receiver).at(-1)?.[0];
      return last !== undefined && Date.parse(last.endsAt) <= Date.now() ? last : undefined;
    });
    expect(resolved.annotations.alert_id).to.equal('1');
    const ends = posts(receiver).map(([entry]) => Date.parse(entry?.endsAt ?? ''));
    expect(posts(receiver).length).to.be.greaterThan(2);
    expect(ends.slice(0, -1).toSorted((a, b) => a - b)).to.deep.equal(ends.slice(0, -1));
    await again.close();
  });
});

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}

describe('a cluster of two real Alertmanagers', function () {
  this.timeout(60_000);
  const processes: ChildProcess[] = [];
  let directory: string;
  let receiver: Receiver;
  const urls: string[] = [];

  before(async () => {
    directory = mkdtempSync(join(tmpdir(), 'bpfwarden-am-'));
    receiver = await startReceiver();
    writeFileSync(
      join(directory, 'alertmanager.yml'),
      `route: {receiver: hook, group_by: [alertname, instance], group_wait: 200ms, group_interval: 1s, repeat_interval: 4h}
receivers: [{name: hook, webhook_configs: [{url: '${receiver.url}/notify', send_resolved: true}]}]
`,
    );
    const ports = [await freePort(), await freePort()];
    const peers = [await freePort(), await freePort()];
    for (const [index, port] of ports.entries()) {
      const url = `http://127.0.0.1:${port}`;
      urls.push(url);
      processes.push(
        spawn(
          'prometheus-alertmanager',
          [
            `--config.file=${directory}/alertmanager.yml`,
            `--storage.path=${directory}/data-${index}`,
            `--web.listen-address=127.0.0.1:${port}`,
            `--cluster.listen-address=127.0.0.1:${peers[index]}`,
            `--cluster.peer=127.0.0.1:${peers[1 - index]}`,
            '--cluster.gossip-interval=50ms',
            '--cluster.settle-timeout=2s',
            '--cluster.peer-timeout=1s',
          ],
          { stdio: 'ignore' },
        ),
      );
    }
    for (const url of urls) {
      await eventually(
        `${url} has two members`,
        async () => {
          const answer = await fetch(`${url}/api/v2/status`).catch(() => undefined);
          const status = (await answer?.json()) as { cluster: { status: string; peers: unknown[] } } | undefined;
          return status?.cluster.status === 'ready' && status.cluster.peers.length === 2;
        },
        30_000,
      );
    }
  });
  after(async () => {
    for (const child of processes) {
      const gone = new Promise((resolve) => child.once('exit', resolve));
      child.kill('SIGKILL');
      await gone;
    }
    await receiver.close();
    rmSync(directory, { recursive: true, force: true });
  });

  const notifications = () =>
    receiver.received.map(
      ({ body }) =>
        JSON.parse(body) as {
          status: string;
          alerts: { status: string; labels: Record<string, string>; annotations: Record<string, string> }[];
        },
    );

  it('notifies once, is refreshed, and tells when it is over', async () => {
    const pipeline = await startPipeline(`
      [spool]
      directory = "${join(directory, 'spool')}"
      [ledger]
      dedupe_seconds = 0
      [[sinks]]
      name = "cluster"
      type = "alertmanager"
      urls = ["${urls.join('", "')}"]
      resolve_seconds = 6`);
    for (const pid of [1, 2, 3])
      pipeline.offer(findingOf(execEvent({ pid, args: ['/tmp/x', `--password=c4nary${pid}`] })));
    await eventually('the notification', () => notifications().length > 0);

    // Past the first endsAt (four refreshes of 2 s ahead) it would have ended without a refresh.
    const active = async (url: string) =>
      ((await (await fetch(`${url}/api/v2/alerts`)).json()) as { endsAt: string }[])[0];
    const before = await active(urls[0] ?? '');
    await eventually(
      'a refresh moves the end',
      async () => (await active(urls[0] ?? ''))?.endsAt !== before?.endsAt,
      8000,
    );
    expect(await active(urls[1] ?? ''), 'the other member has it, too').not.to.equal(undefined);
    expect(notifications(), 'repeats and refreshes notify nobody').to.have.length(1);

    await eventually('the end is told', () => notifications().some(({ status }) => status === 'resolved'), 15_000);
    expect(notifications().map(({ status }) => status)).to.deep.equal(['firing', 'resolved']);
    const [firing] = notifications()[0]?.alerts ?? [];
    expect(pipeline.incidents(9).map(({ incident_id }) => incident_id)).to.include(firing?.labels.incident_id);
    expect(firing?.labels).to.deep.equal({
      incident_id: firing?.labels.incident_id,
      alertname: 'suspicious_temp_execution',
      hostname: 'web-1',
      instance: 'web-1',
      origin: 'bpfwarden',
      rule: 'suspicious_temp_execution',
      severity: 'warning',
    });
    expect(firing?.annotations.description).to.contain('/tmp/x');
    expect(JSON.stringify(notifications())).not.to.contain('c4nary');
    await pipeline.close();
  });
});
