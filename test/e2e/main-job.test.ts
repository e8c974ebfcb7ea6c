import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { COMMAND, type Daemon, eventually, freePort, startDaemon } from './support/daemon.ts';

describe('the whole daemon on live kernel events', function () {
  this.timeout(180_000);
  let daemon: Daemon;
  let receiver: Server;
  let directory: string;
  const received: Record<string, unknown>[] = [];

  before(async () => {
    directory = mkdtempSync('/tmp/bpfwarden-job-');
    receiver = createServer((request, response) => {
      let body = '';
      request.on('data', (chunk) => {
        body += chunk;
      });
      request.on('end', () => {
        received.push(JSON.parse(body));
        response.end();
      });
    });
    const port = await freePort();
    await new Promise<void>((resolve) => receiver.listen(port, '127.0.0.1', resolve));
    daemon = await startDaemon({ toml: `[response]\nalert_webhook = "http://127.0.0.1:${port}/hook"\n` });
  });
  after(async () => {
    await daemon.stop();
    receiver.close();
    rmSync(directory, { recursive: true, force: true });
  });

  const mine = (alert: Record<string, unknown>, path: string) =>
    (alert.process as { path?: string } | undefined)?.path === path &&
    (alert.rule as { name: string }).name === 'suspicious_temp_execution';

  it('turns an execution below /tmp into a line, an alert, a POST and a count', async () => {
    const program = join(directory, 'x');
    copyFileSync('/bin/true', program);
    const before = (await daemon.metric('bpfwarden_rule_matches_total{rule="suspicious_temp_execution"')) ?? Number.NaN;
    execFileSync(program);
    const alert = await eventually('the alert is in the file', () =>
      daemon.alerts().find((entry) => mine(entry, program)),
    );
    await eventually('the webhook received it', () => received.find((entry) => mine(entry, program)));
    expect(alert).to.include.keys(
      'label',
      'risk_score',
      'detection_method',
      'recommendation',
      'confidence',
      'severity',
      'alert_id',
      'timestamp',
    );
    expect(alert.detection_method).to.equal('rule_based');
    expect((alert.event as { type: string }).type).to.equal('process_exec');
    expect(daemon.log()).to.contain('suspicious_temp_execution');
    expect(await daemon.metric('bpfwarden_rule_matches_total{rule="suspicious_temp_execution"')).to.equal(before + 1);
  });

  it('tells what it attached, how many rules it loaded and where /metrics is', () => {
    expect(daemon.log())
      .to.match(/attached/)
      .and.match(/rules/)
      .and.contain(`${daemon.url}/metrics`);
  });

  it('is scraped by Prometheus, and promtool finds nothing wrong', async () => {
    const check = spawnSync('promtool', ['check', 'metrics'], { input: await daemon.metrics(), encoding: 'utf8' });
    expect(check.stdout + check.stderr).to.equal('');
    const storage = mkdtempSync(join(tmpdir(), 'bpfwarden-prom-'));
    const port = await freePort();
    const config = join(storage, 'prometheus.yml');
    writeFileSync(
      config,
      `global: {scrape_interval: 1s}\nscrape_configs:\n- job_name: bpfwarden\n  static_configs: [{targets: ['${daemon.url.replace('http://', '')}']}]\n`,
    );
    const prometheus = spawn(
      'prometheus',
      [`--config.file=${config}`, `--storage.tsdb.path=${storage}/data`, `--web.listen-address=127.0.0.1:${port}`],
      { stdio: 'ignore' },
    );
    try {
      await eventually(
        'up is 1',
        async () => {
          const answer = (await (await fetch(`http://127.0.0.1:${port}/api/v1/query?query=up`)).json()) as {
            data: { result: { value: [number, string] }[] };
          };
          return answer.data.result[0]?.value[1] === '1' || undefined;
        },
        20_000,
      );
    } finally {
      const gone = new Promise((resolve) => prometheus.once('exit', resolve));
      prometheus.kill();
      await gone;
      rmSync(storage, { recursive: true, force: true });
    }
  });

  it('keeps exact counts while a loop opens a file as fast as it can', async () => {
    const loop = `
      const fs = require('node:fs');
      const end = Date.now() + 4000;
      let n = 0;
      while (Date.now() < end) for (let i = 0; i < 1000; i++, n++) fs.closeSync(fs.openSync('/etc/hostname', 'r'));
      console.log(n);`;
    const opened = Number(execFileSync(process.execPath, ['-e', loop], { encoding: 'utf8' }));
    expect(opened).to.be.greaterThan(10_000);
    await eventually('all that was submitted is processed', async () => {
      const text = await daemon.metrics();
      const value = (name: string, kind: string) =>
        text
          .split('\n')
          .filter((line) => line.startsWith(`bpfwarden_${name}{`) && line.includes(`event="${kind}"`))
          .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0);
      const seen = value('events_total', 'file_open');
      const gone =
        value('events_filtered_total', 'file_open') +
        value('events_throttled_total', 'file_open') +
        value('events_lost_total', 'file_open');
      expect(seen).to.be.at.least(opened);
      expect(seen).to.equal(gone + value('events_processed_total', 'file_open'));
      return true;
    });
    expect(await daemon.metric('bpfwarden_events_unaccounted')).to.equal(0);
  });

  it('is told apart from a second one on the same port', () => {
    const address = daemon.url.replace('http://', '');
    const second = spawnSync(COMMAND[0], [COMMAND[1], `--web.listen-address=${address}`], {
      encoding: 'utf8',
      timeout: 30_000,
    });
    expect(second.status).to.equal(1);
    expect(second.stderr)
      .to.contain(address)
      .and.match(/another process/i);
  });

  it('keeps the old rules when a reload finds a mistake, and says so', async () => {
    const own = await startDaemon({ flags: [`--rules.path=${join(directory, 'rules.json')}`], ready: false });
    writeFileSync(
      join(directory, 'rules.json'),
      JSON.stringify({ rules: [{ name: 'a', condition: "process.name == 'nobody'" }] }),
    );
    await own.stop('SIGKILL');
    const live = await startDaemon({
      toml: '[threat_detection]\nenable_heuristics = false\n',
      flags: [`--rules.path=${join(directory, 'rules.json')}`],
    });
    try {
      expect(await live.metric('bpfwarden_rules_loaded')).to.equal(1);
      writeFileSync(join(directory, 'rules.json'), '{"rules":[{"name":"a","condition":"process.nam == 1"}]}');
      live.process.kill('SIGHUP');
      await eventually(
        'the failed reload shows',
        async () => (await live.metric('bpfwarden_config_last_reload_successful')) === 0 || undefined,
      );
      expect(await live.metric('bpfwarden_rules_loaded')).to.equal(1);
      expect(live.log()).to.contain('process.name');
      writeFileSync(
        join(directory, 'rules.json'),
        '{"rules":[{"name":"a","condition":"process.name == \'x\'"},{"name":"b","condition":"process.pid == 1"}]}',
      );
      live.process.kill('SIGHUP');
      await eventually(
        'the reload succeeds',
        async () => (await live.metric('bpfwarden_config_last_reload_successful')) === 1 || undefined,
      );
      expect(await live.metric('bpfwarden_rules_loaded')).to.equal(2);
    } finally {
      await live.stop();
    }
  });

  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    it(`ends with 0 on ${signal}`, async () => {
      const own = await startDaemon();
      expect(await own.stop(signal)).to.equal(0);
    });
  }

  it('opens no debugger on SIGUSR1, and writes on', async () => {
    const own = await startDaemon();
    own.process.kill('SIGUSR1');
    await new Promise((resolve) => setTimeout(resolve, 500));
    expect(own.log()).not.to.contain('Debugger listening');
    expect((await fetch(`${own.url}/-/ready`)).status).to.equal(200);
    expect(await own.stop()).to.equal(0);
  });

  it('closes the debugger that the environment opened', async () => {
    const port = await freePort();
    const own = await startDaemon({ env: { NODE_OPTIONS: `--inspect=127.0.0.1:${port}` } });
    const answer = await fetch(`http://127.0.0.1:${port}/json/list`).then(
      () => 'answered',
      () => 'refused',
    );
    expect(answer).to.equal('refused');
    expect(await own.stop()).to.equal(0);
  });

  it('says what is missing when it is not root, and exits with 2', () => {
    const result = spawnSync(COMMAND[0], [COMMAND[1], '--web.listen-address=127.0.0.1:0'], {
      encoding: 'utf8',
      uid: 65534,
      gid: 65534,
      env: { PATH: process.env.PATH },
    });
    expect(result.stderr).to.match(/root|CAP_BPF/);
    expect(result.status).to.equal(2);
  });
});
