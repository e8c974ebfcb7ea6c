import { copyFileSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import type { Alert } from '../../src/alerts/types.ts';
import type { AlertPipeline } from '../../src/pipeline/alert-pipeline.ts';
import { execEvent, findingOf, recordingMetrics } from '../alerts/support/findings.ts';
import { startPipeline } from '../alerts/support/pipeline.ts';
import { startReceiver } from '../alerts/support/receiver.ts';
import { eventually } from '../alerts/support/wait.ts';

const FIXTURES = join(import.meta.dirname, 'fixtures');
const EXAMPLES = join(import.meta.dirname, '..', '..', 'examples', 'plugins');

describe('plugins', function () {
  this.timeout(30_000);
  let directory: string;
  const pipelines: AlertPipeline[] = [];
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'bpfwarden-plugins-'));
  });
  afterEach(async () => {
    await Promise.all(pipelines.splice(0).map((pipeline) => pipeline.close()));
    rmSync(directory, { recursive: true, force: true });
  });

  async function start(toml: string, options: Partial<Parameters<typeof AlertPipeline.open>[0]> = {}) {
    const { metrics, value } = recordingMetrics();
    const pipeline = await startPipeline(
      `[spool]\ndirectory = "${join(directory, 'spool')}"\n[ledger]\ndedupe_seconds = 0\n${toml}`,
      { metrics, ...options },
    );
    pipelines.push(pipeline);
    return { pipeline, value };
  }
  const plugin = (name: string, module: string, more = '') =>
    `[[plugins]]\nname = "${name}"\nmodule = "${module}"\n${more}\n`;
  async function alertOf(pipeline: AlertPipeline, id: string | undefined): Promise<Alert> {
    return eventually('the alert is raised', () => pipeline.alertById(id ?? ''), 10_000);
  }

  for (const [module, problem] of [
    [join(FIXTURES, 'old-version.mjs'), 'version 0'],
    [join(FIXTURES, 'not-a-plugin.mjs'), 'no default export'],
    [join(FIXTURES, 'file-sink.mjs'), 'expected a plugin of kind enricher or response'],
    ['/no/such/module.mjs', 'Cannot find module'],
  ] as const) {
    it(`refuses what it cannot use, and says why: ${problem}`, async () => {
      let failure: unknown;
      await start(plugin('p', module)).catch((error: unknown) => {
        failure = error;
      });
      expect(failure).to.deep.include({ code: 'PLUGIN_INVALID' });
      expect(String(failure)).to.contain(problem).and.contain('"p"');
    });
  }

  it('adds what an enricher knows, redacted, and keeps the order of alerts', async () => {
    const { pipeline } = await start(
      plugin('moody', join(FIXTURES, 'moody-enricher.mjs'), 'options = "opt"\ntimeout_ms = 5000'),
    );
    const ids = ['1', '2', '3'].map((id) => pipeline.offer(findingOf(execEvent({ id }))));
    const alert = await alertOf(pipeline, ids[2]);
    expect(alert.plugins).to.deep.equal({
      moody: { name: 'moody', options: 'opt', mood: '3', secret: '--password=[REDACTED]' },
    });
    expect(pipeline.queryAlerts({ limit: 9 }).map(({ event }) => event.id)).to.deep.equal(['3', '2', '1']);
  });

  it('isolates and counts one that throws, loops, ends its thread, hangs or says too much', async () => {
    const { pipeline, value } = await start(plugin('moody', join(FIXTURES, 'moody-enricher.mjs'), 'timeout_ms = 1500'));
    for (const mood of ['throw', 'loop', 'exit', 'hang', 'huge', 'print']) {
      const alert = await alertOf(pipeline, pipeline.offer(findingOf(execEvent({ id: mood }))));
      expect(alert.plugins !== undefined, mood).to.equal(mood === 'print');
    }
    expect(value('plugin_failures_total', { plugin: 'moody' })).to.equal(4);
  });

  it('switches one off that fails again and again; alerts no longer wait for it', async () => {
    const { pipeline, value } = await start(plugin('moody', join(FIXTURES, 'moody-enricher.mjs'), 'timeout_ms = 5000'));
    for (let index = 0; index < 8; index += 1)
      await alertOf(pipeline, pipeline.offer(findingOf(execEvent({ id: 'throw' }))));
    expect(value('plugin_failures_total', { plugin: 'moody' })).to.equal(5);
    const id = pipeline.offer(findingOf(execEvent()));
    expect(pipeline.alertById(id ?? ''), 'raised at once').not.to.equal(undefined);
  });

  it('delivers through a sink plugin, again and again until it takes them', async () => {
    const out = join(directory, 'out');
    writeFileSync(`${out}.fail`, '');
    const { pipeline, value } = await start(
      `[[sinks]]\nname = "mine"\ntype = "plugin"\nmodule = "${FIXTURES}/file-sink.mjs"\noptions = "${out}"\ntimeout_seconds = 0.4\n`,
    );
    const id = pipeline.offer(findingOf(execEvent()));
    await eventually('a failure', () => value('alert_deliveries_total', { sink: 'mine', outcome: 'retried' }) > 0);
    writeFileSync(`${out}.loop`, '');
    rmSync(`${out}.fail`);
    await eventually('a time limit', () => value('alert_deliveries_total', { sink: 'mine', outcome: 'retried' }) > 2);
    rmSync(`${out}.loop`);
    await eventually('the delivery', () => pipeline.stats().spool.sinks.mine?.delivered === 1, 15_000);
    expect(new Set(readFileSync(out, 'utf8').trimEnd().split('\n'))).to.deep.equal(new Set([id]));
  });

  describe('examples', () => {
    it('first-seen: knows what ran before and how common its parent is, also after a restart', async () => {
      const toml = plugin('first-seen', join(EXAMPLES, 'first-seen.mjs'), 'timeout_ms = 5000');
      const { pipeline } = await start(toml);
      expect([...pipeline.observes]).to.deep.equal(['process_exec']);
      expect(pipeline.wants('process_exec') && !pipeline.wants('file_open')).to.equal(true);
      const run = async (of: AlertPipeline, path: string, parent = '/bin/bash') => {
        const event = execEvent({ path, extra: { process: { path, parent: { path: parent } } } });
        of.observe(event);
        return (await alertOf(of, of.offer(findingOf(event)))).plugins;
      };
      expect(await run(pipeline, '/tmp/x')).to.deep.equal({
        'first-seen': { first_run: true, runs: 1, parent_share: 1 },
      });
      await run(pipeline, '/usr/bin/ls');
      await run(pipeline, '/usr/bin/ls');
      expect(await run(pipeline, '/tmp/x', '/usr/sbin/nginx')).to.deep.equal({
        'first-seen': { first_run: false, runs: 2, parent_share: 0.25 },
      });
      await pipelines.pop()?.close();
      const { pipeline: again } = await start(toml);
      expect(await run(again, '/tmp/x')).to.deep.equal({
        'first-seen': { first_run: false, runs: 3, parent_share: 0.8 },
      });
    });

    it('ntfy-sink: sends one message per alert, and again when it is refused', async () => {
      const receiver = await startReceiver();
      receiver.behaviour = (_, index) => (index === 0 ? 500 : 200);
      await start(
        `[[sinks]]\nname = "ntfy"\ntype = "plugin"\nmodule = "${EXAMPLES}/ntfy-sink.mjs"\noptions = "${receiver.url}/topic"\n`,
      );
      const id = pipelines[0]?.offer(findingOf(execEvent()));
      await eventually('the message', () => receiver.received.length === 2);
      expect(receiver.received[1]?.headers).to.include({
        title: 'warning on web-1: suspicious_temp_execution',
        priority: '3',
        'x-alert-id': id,
      });
      expect(receiver.received[1]?.body).to.equal('Execution from a temporary directory\n/tmp/x one two words');
      await receiver.close();
    });

    it('quarantine: takes the permission to execute, only when enforced and only where it may', async () => {
      const path = join(directory, 'program');
      const audit = join(directory, 'audit.ndjson');
      copyFileSync('/bin/true', path);
      const mode = () => statSync(path).mode & 0o777;
      const rule = { tags: ['respond:quarantine'] };
      const toml = (enforce: boolean) =>
        `[response]\naudit_file = "${audit}"\nenforce = ${enforce}\nenforce_rules = ["tag:respond:quarantine"]\n${plugin('quarantine', join(EXAMPLES, 'quarantine.mjs'), `options = "${directory}/"\ntimeout_ms = 5000`)}`;
      const outcomes = () =>
        readFileSync(audit, 'utf8')
          .trimEnd()
          .split('\n')
          .map((line) => JSON.parse(line).outcome as string);
      const simulated = await start(toml(false));
      simulated.pipeline.offer(findingOf(execEvent({ path }), rule));
      await eventually(
        'the count',
        () => simulated.value('response_actions_total', { action: 'plugin', outcome: 'simulated' }) === 1,
      );
      expect(mode()).to.equal(0o755);
      await pipelines.pop()?.close();
      const { pipeline, value } = await start(toml(true));
      pipeline.offer(findingOf(execEvent({ path: '/usr/bin/true' }), rule));
      await eventually(
        'the refusal',
        () => value('response_actions_total', { action: 'plugin', outcome: 'protected' }) === 1,
      );
      pipeline.offer(findingOf(execEvent({ path }), rule));
      await eventually(
        'the action',
        () => value('response_actions_total', { action: 'plugin', outcome: 'done' }) === 1,
      );
      expect(mode()).to.equal(0o644);
      await pipelines.pop()?.close();
      expect(outcomes()).to.deep.equal(['simulated', 'protected', 'done']);
    });
  });
});
