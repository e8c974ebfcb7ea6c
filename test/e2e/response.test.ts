import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { type Daemon, eventually, freePort, readLines, startDaemon } from './support/daemon.ts';

describe('responses of the whole daemon', function () {
  this.timeout(120_000);
  let directory: string;
  let daemon: Daemon;
  let port: number;
  const path = (name: string) => join(directory, name);

  before(async () => {
    directory = mkdtempSync('/tmp/bpfwarden-respond-');
    for (const name of ['enforced', 'simulated']) copyFileSync('/bin/sleep', path(name));
    const rule = (name: string) => ({
      name: `kill_${name}`,
      condition: `event.type == 'process_exec' && process.path == '${path(name)}'`,
      confidence: 1,
      action: 'kill',
    });
    port = await freePort();
    const block = {
      name: 'block_port',
      condition: `event.type == 'net_conn' && network.destination.port == ${port}`,
      confidence: 1,
      action: 'block',
    };
    writeFileSync(path('rules.json'), JSON.stringify({ rules: [rule('enforced'), rule('simulated'), block] }));
    daemon = await startDaemon({
      toml: `[response]\nenforce = true\nenforce_rules = ["kill_enforced", "block_port"]\naudit_file = "${path('audit')}"\n`,
      flags: [`--rules.path=${path('rules.json')}`],
    });
  });
  after(async () => {
    await daemon?.stop();
    rmSync(directory, { recursive: true, force: true });
  });

  it('kill the process where the rule is enforced, and only say so where it is not', async () => {
    const run = (name: string) => spawn(path(name), ['30'], { stdio: 'ignore' });
    const [enforced, simulated] = [run('enforced'), run('simulated')];
    try {
      const signal = await new Promise((resolve) => enforced.once('exit', (_, name) => resolve(name)));
      expect(signal).to.equal('SIGKILL');
      const alertOf = (name: string) =>
        eventually(`the alert of ${name}`, () =>
          daemon.alerts().find(({ rule }) => (rule as { name: string }).name === name),
        );
      expect((await alertOf('kill_enforced')).response).to.deep.equal({
        action: 'kill',
        outcome: 'done',
        detail: `killed process ${enforced.pid}`,
      });
      expect((await alertOf('kill_simulated')).response).to.deep.equal({
        action: 'kill',
        outcome: 'simulated',
        detail: `would kill process ${simulated.pid}`,
      });
      expect(simulated.exitCode === null && simulated.signalCode === null, 'the other one runs').to.equal(true);
      const records = await eventually('both are in the audit file', () => {
        const lines = readLines(path('audit'));
        return lines.length === 2 ? lines : undefined;
      });
      expect(records.map(({ outcome, enforced: really }) => [outcome, really])).to.have.deep.members([
        ['done', true],
        ['simulated', false],
      ]);
      expect(readFileSync(path('audit'), 'utf8')).to.contain(path('enforced'));
      expect(await daemon.metric('bpfwarden_response_actions_total{action="kill",outcome="done"}')).to.equal(1);
    } finally {
      simulated.kill('SIGKILL');
      enforced.kill('SIGKILL');
    }
  });

  it('refuse a connection before it is made, whichever call makes it', async () => {
    const program = path('ways');
    execFileSync('gcc', ['-O1', '-o', program, join(import.meta.dirname, '..', 'triggers', 'ways.c')]);
    const ways = ['fastopen_connect', 'fastopen', 'uring_fastopen'] as const;
    const [connect, ...others] = ways.map((way) => spawnSync(program, [way, String(port)]).status);
    // Where no function of the kernel can be hooked nothing is refused before the fact; test/kernels boots others.
    if (connect === 0) return;
    // As the program says that it was refused.
    expect([connect, ...others]).to.deep.equal([3, 3, 3]);
    const beside = await freePort();
    expect(ways.map((way) => spawnSync(program, [way, String(beside)]).status)).to.deep.equal([0, 0, 0]);
  });
});
