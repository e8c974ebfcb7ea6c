import { spawn } from 'node:child_process';
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { type Daemon, eventually, readLines, startDaemon } from './support/daemon.ts';

describe('responses of the whole daemon', function () {
  this.timeout(120_000);
  let directory: string;
  let daemon: Daemon;
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
    writeFileSync(path('rules.json'), JSON.stringify({ rules: [rule('enforced'), rule('simulated')] }));
    daemon = await startDaemon({
      toml: `[response]\nenforce = true\nenforce_rules = ["kill_enforced"]\naudit_file = "${path('audit')}"\n`,
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
});
