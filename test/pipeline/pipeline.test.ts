import { mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { expect } from 'chai';
import { pino } from 'pino';
import type { Alert } from '../../src/alerts/types.ts';
import type { AlertPipeline } from '../../src/pipeline/alert-pipeline.ts';
import type { PipelineOptions } from '../../src/pipeline/types.ts';
import type { EventJson } from '../../src/schema/event.ts';
import { execEvent, findingOf, recordingMetrics } from '../alerts/support/findings.ts';
import { configOf, startPipeline } from '../alerts/support/pipeline.ts';
import { type Receiver, startReceiver } from '../alerts/support/receiver.ts';
import { eventually } from '../alerts/support/wait.ts';

const CANARY = 'c4nary-Secret';

describe('the alert pipeline', function () {
  this.timeout(60_000);
  let directory: string;
  let receiver: Receiver;
  let log: string;
  const pipelines: AlertPipeline[] = [];
  beforeEach(async () => {
    directory = mkdtempSync(join(tmpdir(), 'bpfwarden-pipeline-'));
    receiver = await startReceiver();
    log = '';
  });
  afterEach(async () => {
    await Promise.all(pipelines.splice(0).map((pipeline) => pipeline.close()));
    await receiver.close();
    rmSync(directory, { recursive: true, force: true });
  });

  const file = () => join(directory, 'alerts.ndjson');
  const base = () => `[spool]\ndirectory = "${join(directory, 'spool')}"\n[output]\nalerts_file = "${file()}"\n`;
  async function start(toml = '', options: Partial<PipelineOptions> = {}) {
    const { metrics, value } = recordingMetrics();
    const output = new Writable({
      write(chunk, _encoding, done) {
        log += String(chunk);
        done();
      },
    });
    const pipeline = await startPipeline(base() + toml, { metrics, log: pino({ level: 'trace' }, output), ...options });
    pipelines.push(pipeline);
    return { pipeline, value };
  }
  const lines = (name = file()): Alert[] =>
    readFileSync(name, 'utf8')
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));

  it('counts the alerts that a rule in shadow mode would have raised, and raises none', async () => {
    const { pipeline, value } = await start();
    const shadow = { mode: 'shadow' as const };
    for (let n = 0; n < 5; n++) expect(pipeline.offer(findingOf(execEvent(), shadow))).to.equal(undefined);
    expect(pipeline.offer(findingOf(execEvent({ path: '/tmp/other' }), shadow))).to.equal(undefined);
    const held = (reason: string) => value('alerts_suppressed_total', { rule: 'suspicious_temp_execution', reason });
    expect(held('shadow')).to.equal(2);
    expect(held('duplicate')).to.equal(4);
    const company = (name: string) =>
      value('shadow_alerts_total', { rule: 'suspicious_temp_execution', company: name });
    expect(company('none')).to.equal(2);
    expect(pipeline.queryAlerts({ limit: 10 })).to.deep.equal([]);
    // What it remembers of the shadow holds back nothing once the rule is enforced.
    expect(pipeline.offer(findingOf(execEvent()))).to.be.a('string');
  });

  it('gives a finding as a line in the file, a POST, a line in the log, a count and an entry in the history', async () => {
    const { pipeline, value } = await start(`[response]\nalert_webhook = "${receiver.url}/hook"\n`);
    const id = pipeline.offer(findingOf(execEvent()));
    expect(await pipeline.flush(5000)).to.equal(true);
    expect(lines().map(({ alert_id }) => alert_id)).to.deep.equal([id]);
    expect(JSON.parse(receiver.received[0]?.body ?? '')).to.deep.equal(lines()[0]);
    expect(log).to.contain('[suspicious_temp_execution] risk 0.70: /tmp/x one two words');
    const labels = { rule: 'suspicious_temp_execution', severity: 'warning', action: 'alert' };
    expect(value('alerts_total', labels)).to.equal(1);
    for (const sink of ['webhook', 'alerts_file'])
      expect(value('alert_deliveries_total', { sink, outcome: 'delivered' })).to.equal(1);
    expect(value('alert_delivery_seconds')).to.equal(2);
    expect(value('risk_score', { event: 'process_exec' })).to.equal(1);
    expect(pipeline.queryAlerts({ limit: 5 })).to.deep.equal(lines());
  });

  it('holds back repeats, counted, responds to each of them, and sums them up at the end', async () => {
    const { pipeline, value } = await start();
    const rule = { action: 'kill' } as const;
    for (let index = 0; index < 5; index += 1) pipeline.offer(findingOf(execEvent({ pid: 4_000_000 + index }), rule));
    expect(value('alerts_suppressed_total', { rule: 'suspicious_temp_execution', reason: 'duplicate' })).to.equal(4);
    expect(value('response_actions_total', { action: 'kill', outcome: 'simulated' })).to.equal(5);
    await pipeline.flush(5000);
    expect(lines().map(({ repeated, response }) => [repeated?.count, response.outcome])).to.deep.equal([
      [undefined, 'simulated'],
      [4, 'none'],
    ]);
    expect(new Set(lines().map(({ alert_id }) => alert_id)), 'an update of the same alert').to.have.length(1);
    expect(pipeline.queryAlerts({ limit: 5 }).map(({ repeated }) => repeated?.count)).to.deep.equal([4]);
    expect(log.match(/\[suspicious_temp_execution\]/g), 'one line, and one for those who debug').to.have.length(2);
    expect(value('alerts_total', { rule: 'suspicious_temp_execution', severity: 'warning', action: 'kill' })).to.equal(
      1,
    );
    expect(value('alert_updates_total', { severity: 'warning' })).to.equal(1);
    const { spool } = pipeline.stats();
    expect(spool).to.deep.include({ offered: 6, accepted: 2, suppressed: { duplicate: 4 }, alerts: 0 });
  });

  it('groups alerts of one process into an incident with a timeline', async () => {
    const { pipeline } = await start();
    pipeline.offer(findingOf(execEvent()));
    pipeline.offer(findingOf(execEvent(), { name: 'other', severity: 'critical' }));
    await pipeline.flush(5000);
    const [incident, ...others] = pipeline.incidents(10);
    expect(others).to.have.length(0);
    expect(incident).to.deep.include({
      alerts: 2,
      severity: 'critical',
      rules: ['suspicious_temp_execution', 'other'],
    });
    expect(lines().map(({ incident_id, incident_alerts }) => [incident_id, incident_alerts])).to.deep.equal([
      [incident?.incident_id, 0],
      [incident?.incident_id, 1],
    ]);
    expect(pipeline.incidentById(incident?.incident_id ?? '')?.timeline).to.have.length(2);
    expect(pipeline.incidentById('nobody')).to.equal(undefined);
  });

  it('respects silences, and says which one is wrong', async () => {
    const silence = (condition: string) =>
      `[[silences]]\nrule = "suspicious_*"\ncondition = "${condition}"\nwhy = "maintenance"\n`;
    const { pipeline, value } = await start(silence('user is alice'), {
      compileCondition: (source) => (event) => source === 'user is alice' && event.kind === 'process_exec',
    });
    expect(pipeline.offer(findingOf(execEvent()))).to.equal(undefined);
    expect(pipeline.offer(findingOf(execEvent(), { name: 'other' }))).not.to.equal(undefined);
    expect(value('alerts_suppressed_total', { rule: 'suspicious_temp_execution', reason: 'silenced' })).to.equal(1);
    const wrong = configOf(base() + silence('((('));
    const failure = await startPipeline('', {
      config: { ...wrong, spool: { ...wrong.spool, directory: join(directory, 'other') } },
      compileCondition: () => {
        throw new Error('line 1: unbalanced');
      },
    }).catch((error: unknown) => error);
    expect(failure).to.deep.include({
      code: 'CONFIG_INVALID',
      problems: [{ subject: 'silences (maintenance)', message: 'line 1: unbalanced' }],
    });
  });

  it('lets no secret out: not by a sink, a log, the history, a stream, the audit file or the spool', async () => {
    const key = join(directory, 'key');
    writeFileSync(key, `${CANARY}-key\n`, { mode: 0o600 });
    const { pipeline } = await start(
      `[response]\nalert_webhook = "${receiver.url}/"\naudit_file = "${directory}/audit"
[[sinks]]\nname = "down"\ntype = "webhook"\nurl = "http://127.0.0.1:1/"\nsecret_file = "${key}"\nbearer_token_file = "${key}"\nheaders = ["X-Key: ${CANARY}"]
[[sinks]]\nname = "falco"\ntype = "webhook"\nurl = "${receiver.url}/falco"\nformat = "falco"
[[sinks]]\nname = "ecs"\ntype = "file"\npath = "${directory}/ecs"\nformat = "ecs"
[[sinks]]\nname = "otlp"\ntype = "otlp"\nurl = "${receiver.url}"\n`,
    );
    const streamed: unknown[] = [];
    pipeline.subscribeAlerts({}, (alert) => streamed.push(alert));
    pipeline.subscribeEvents({}, (event) => streamed.push(event));
    const event = execEvent({
      args: ['/tmp/x', '--password', `${CANARY} x`, `https://u:${CANARY}@h/?api_key=${CANARY}`, `TOKEN=${CANARY}`],
    });
    pipeline.observe(event);
    const id = pipeline.offer(findingOf(event, { action: 'kill' }));
    await pipeline.flush(1000);
    expect(receiver.received.length).to.be.greaterThan(2);
    await pipelines.pop()?.close();
    const outputs: Record<string, string> = {
      log,
      streamed: JSON.stringify(streamed),
      history: JSON.stringify([
        pipeline.queryAlerts({ limit: 9 }),
        pipeline.alertById(id ?? ''),
        pipeline.queryEvents({ limit: 9 }),
      ]),
      stats: JSON.stringify(pipeline.stats()),
      received: JSON.stringify(receiver.received.map(({ body, url }) => [body, url])),
    };
    for (const name of readdirSync(directory, { recursive: true, withFileTypes: true })) {
      if (name.isFile() && name.name !== 'key')
        outputs[name.name] = readFileSync(join(name.parentPath, name.name), 'latin1');
    }
    expect(Object.keys(outputs)).to.include.members(['alerts.ndjson', 'audit', 'ecs', 'data.mdb']);
    for (const [name, text] of Object.entries(outputs)) {
      expect(text.length, name).to.be.greaterThan(0);
      expect(text.includes(CANARY), name).to.equal(false);
    }
    expect(streamed).to.have.length(2);
  });

  it('keeps the others going while a receiver hangs: offers, the file, a second receiver; memory stays bounded', async () => {
    const sockets: { destroy(): void }[] = [];
    const hanging = createServer((socket) => sockets.push(socket));
    await new Promise<void>((resolve) => hanging.listen(0, '127.0.0.1', resolve));
    const { port } = hanging.address() as { port: number };
    const { pipeline } = await start(
      `[ledger]\nalerts_per_minute = 0\n[[sinks]]\nname = "hanging"\ntype = "webhook"\nurl = "http://127.0.0.1:${port}/"\ntimeout_seconds = 300
[[sinks]]\nname = "good"\ntype = "otlp"\nurl = "${receiver.url}"\n`,
    );
    for (let index = 0; index < 3000; index += 1) {
      pipeline.offer(findingOf(execEvent({ path: `/tmp/x${index}` })));
      if (index % 10 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    await eventually(
      'file and good receiver have everything',
      () => {
        const { sinks } = pipeline.stats().spool;
        return sinks.alerts_file?.delivered === 3000 && sinks.good?.delivered === 3000;
      },
      50_000,
    );
    // Within the time limit of the hanging one: it has neither delivered nor given up.
    expect(pipeline.stats().spool.sinks.hanging).to.deep.include({ waiting: 3000, delivered: 0 });
    for (const socket of sockets) socket.destroy();
    hanging.close();
    await pipelines.pop()?.close();
  });

  it('keeps what waits over a reload, and refuses a wrong configuration without a change', async () => {
    receiver.behaviour = () => 503;
    const hook = (path: string, more = '') => `[response]\nalert_webhook = "${receiver.url}/${path}"\n${more}`;
    const { pipeline } = await start(hook('old'));
    const id = pipeline.offer(findingOf(execEvent()));
    await eventually('an attempt', () => receiver.received.length > 0);
    const wrong = configOf(base() + hook('x', '[[sinks]]\nname = "webhook"\ntype = "file"\npath = "/tmp/never"\n'));
    const failure = await pipeline.reload(wrong).catch((error: unknown) => error);
    expect(failure).to.deep.include({ code: 'CONFIG_INVALID' });
    receiver.behaviour = () => 200;
    renameSync(file(), `${file()}.1`);
    await pipeline.reload(configOf(base() + hook('new')));
    await pipeline.flush(5000);
    const last = receiver.received.at(-1);
    expect([last?.url, JSON.parse(last?.body ?? '').alert_id]).to.deep.equal(['/new', id]);
    pipeline.offer(findingOf(execEvent({ path: '/tmp/other' })));
    await pipeline.flush(5000);
    expect(lines(), 'the file was opened again').to.have.length(1);
    expect(lines(`${file()}.1`)).to.have.length(1);
  });

  it('delivers after a restart what waited before', async () => {
    const toml = `[response]\nalert_webhook = "${receiver.url}/"\n`;
    receiver.behaviour = () => 503;
    const { pipeline } = await start(toml);
    const ids = ['a', 'b'].map((name) => pipeline.offer(findingOf(execEvent({ path: `/tmp/${name}` }))));
    expect(await pipeline.flush(50)).to.equal(false);
    await pipelines.pop()?.close();
    receiver.behaviour = () => 200;
    receiver.received.length = 0;
    await start(toml);
    await eventually('both arrive', () => receiver.received.length === 2);
    expect(receiver.received.map(({ body }) => JSON.parse(body).alert_id)).to.deep.equal(ids);
  });

  it('answers questions about the last alerts and events', async () => {
    const { pipeline } = await start('[history]\nalerts = 3\nevents = 4\n[ledger]\ndedupe_seconds = 0\n');
    for (const id of ['0', '1', '2', '3', '4']) pipeline.observe(execEvent({ id, pid: id === '4' ? 2 : 1 }));
    const ids = (['info', 'warning', 'critical', 'warning'] as const).map((severity, index) =>
      pipeline.offer(findingOf(execEvent({ id: '9', pid: 1 }), { severity, name: `r${index}` })),
    );
    const found = (query: object) => pipeline.queryAlerts({ limit: 10, ...query }).map(({ rule }) => rule.name);
    expect(found({})).to.deep.equal(['r3', 'r2', 'r1']);
    expect(found({ limit: 1 })).to.deep.equal(['r3']);
    expect(found({ severity: 'critical' })).to.deep.equal(['r2']);
    expect(found({ rule: 'r1' })).to.deep.equal(['r1']);
    expect(found({ since: 1_800_000_001 })).to.deep.equal([]);
    expect(found({ since: 1_800_000_000, until: 1_800_000_001, event: 'process_exec' })).to.have.length(3);
    expect(found({ event: 'file_open' })).to.deep.equal([]);
    const detail = pipeline.alertById(ids[3] ?? '');
    expect(detail?.explanation).to.deep.equal(['process.path contains "/tmp/": "process_exec"']);
    expect(detail?.recent_events.map(({ event }) => (event as { id: string }).id)).to.deep.equal(['1', '2', '3']);
    expect(pipeline.alertById(ids[0] ?? ''), 'the oldest has made room').to.equal(undefined);
    expect(
      pipeline.queryEvents({ limit: 9, pid: 2 }).map(({ process }) => (process as { pid: number }).pid),
    ).to.deep.equal([2]);
    expect(pipeline.queryEvents({ limit: 2 })).to.have.length(2);
  });

  it('streams alerts and events to who wants them, and drops who fails', async () => {
    const { pipeline } = await start();
    const alerts: Alert[] = [];
    const events: EventJson[] = [];
    const end = pipeline.subscribeAlerts({ severity: 'critical' }, (alert) => alerts.push(alert));
    let calls = 0;
    pipeline.subscribeAlerts({}, () => {
      calls += 1;
      throw new Error('gone');
    });
    expect(pipeline.wants('process_exec')).to.equal(false);
    const endEvents = pipeline.subscribeEvents({ pid: 7 }, (event) => events.push(event));
    expect(pipeline.wants('process_exec')).to.equal(true);
    pipeline.observe(execEvent({ pid: 7 }));
    pipeline.observe(execEvent({ pid: 8 }));
    pipeline.offer(findingOf(execEvent(), { severity: 'critical' }));
    pipeline.offer(findingOf(execEvent(), { name: 'other' }));
    end();
    endEvents();
    pipeline.offer(findingOf(execEvent(), { name: 'third', severity: 'critical' }));
    expect(alerts.map(({ rule }) => rule.name)).to.deep.equal(['suspicious_temp_execution']);
    expect(events).to.have.length(1);
    expect(calls).to.equal(1);
  });
});
