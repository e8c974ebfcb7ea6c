import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import type { AlertPipeline } from '../../src/pipeline/alert-pipeline.ts';
import { execEvent, findingOf } from '../alerts/support/findings.ts';
import { startPipeline } from '../alerts/support/pipeline.ts';
import { type Receiver, startReceiver } from '../alerts/support/receiver.ts';
import { eventually } from '../alerts/support/wait.ts';

const MAIN = join(import.meta.dirname, '..', '..', 'src', 'main.ts');

interface Result {
  readonly code: number | string;
  readonly stdout: string;
  readonly stderr: string;
}

/** Not synchronous: the daemon beside it is this process. */
const spool = (...args: readonly string[]): Promise<Result> =>
  new Promise((resolve) => {
    execFile(process.execPath, ['--import', 'tsx', MAIN, 'spool', ...args], (error, stdout, stderr) =>
      resolve({ code: error?.code ?? 0, stdout, stderr }),
    );
  });

describe('bpfwarden spool', function () {
  this.timeout(30_000);
  let directory: string;
  let receiver: Receiver;
  let pipeline: AlertPipeline | undefined;
  before(async () => {
    directory = mkdtempSync(join(tmpdir(), 'bpfwarden-spool-cli-'));
    receiver = await startReceiver();
  });
  after(async () => {
    await pipeline?.close();
    await receiver.close();
    rmSync(directory, { recursive: true, force: true });
  });
  const config = () => join(directory, 'c.toml');
  const toml = () =>
    `[spool]\ndirectory = "${join(directory, 'spool')}"\n[response]\nalert_webhook = "${receiver.url}/hook"\n[ledger]\ndedupe_seconds = 0\n`;
  const listed = async () => {
    const { stdout } = await spool('list', '--format=json', `--config.file=${config()}`);
    return stdout
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line));
  };

  it('says so where there is no spool', async () => {
    writeFileSync(config(), toml());
    const result = await spool('list', `--config.file=${config()}`);
    expect([result.code, result.stderr]).to.deep.equal([
      2,
      `bpfwarden: there is no spool in ${join(directory, 'spool')}: see [spool] directory\n`,
    ]);
  });

  it('lists what a receiver refused, sends it again while the daemon runs, and forgets the rest', async () => {
    writeFileSync(config(), toml());
    const running = await startPipeline(toml());
    pipeline = running;
    receiver.behaviour = () => 400;
    const ids = ['/tmp/a', '/tmp/b', '/tmp/c'].map((path) => running.offer(findingOf(execEvent({ path }))));
    await eventually('the dead letters', () => running.stats().spool.deadLetters === 3);
    const letters = await listed();
    expect(letters.map(({ sink, reason, alert }) => [sink, reason, alert.alert_id])).to.deep.equal(
      ids.map((id) => ['webhook', 'rejected', id]).reverse(),
    );
    expect((await spool('list', `--config.file=${config()}`)).stdout).to.match(
      /^3 {2}\S+ {2}webhook {2}rejected {2}.*\/tmp\/c/,
    );

    receiver.behaviour = () => 200;
    const before = receiver.received.length;
    const sent = await spool('resend', String(letters[0].id), `--config.file=${config()}`);
    expect([sent.code, sent.stderr]).to.deep.equal([0, `1 done by the daemon (process ${process.pid})\n`]);
    await eventually('the delivery', () => receiver.received.length > before);
    expect(JSON.parse(receiver.received.at(-1)?.body ?? '').alert_id).to.equal(ids[2]);
    expect((await spool('drop', 'all', `--config.file=${config()}`)).code).to.equal(0);
    expect(await listed()).to.deep.equal([]);
    const { offered, resent, accepted, sinks } = running.stats().spool;
    expect({ offered, resent, accepted }).to.deep.equal({ offered: 3, resent: 1, accepted: 4 });
    expect(sinks.webhook).to.include({ rejected: 3, delivered: 1, waiting: 0 });
  });

  it('names an id, a sink and an action that there is not', async () => {
    for (const [args, message] of [
      [['resend', '99'], 'there is no dead letter 99; see `spool list`'],
      [['drop'], 'give the ids that `spool list` shows, or "all"'],
      [['burn', '1'], 'spool does not know "burn": list, resend ID… or drop ID…'],
    ] as const) {
      const result = await spool(...args, `--config.file=${config()}`);
      expect([result.code, result.stderr]).to.deep.equal([1, `bpfwarden: ${message}\n`]);
    }
  });
});
