import { execFileSync, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  chownSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { capabilityList, threadCapabilities } from '../../src/kernel/capabilities.ts';
import { type Daemon, eventually, readLines, startDaemon } from './support/daemon.ts';

const ROOT = join(import.meta.dirname, '..', '..');
const NOBODY = 65534;
const BASE = ['CAP_BPF', 'CAP_DAC_READ_SEARCH', 'CAP_SYS_PTRACE'];

/** What the threads of a daemon hold, and how many different answers there are. */
function held(daemon: Daemon): string[][] {
  const threads = threadCapabilities(`/proc/${daemon.process.pid}/task`);
  expect(threads.length, 'threads').to.be.at.least(7);
  return [...new Set(threads.map((thread) => thread.held))].map((mask) => capabilityList(mask).sort());
}

async function status(daemon: Daemon): Promise<{ dropped: boolean; held: string[]; threads_with_more: number }> {
  const answer = (await (await fetch(`${daemon.url}/api/v1/status`)).json()) as {
    capabilities: Awaited<ReturnType<typeof status>>;
  };
  return answer.capabilities;
}

describe('capabilities of the running daemon', function () {
  this.timeout(120_000);
  let directory: string;
  let daemon: Daemon | undefined;
  const path = (name: string) => join(directory, name);
  const writeRules = (...rules: { name: string; program: string; action?: string }[]) =>
    writeFileSync(
      path('rules.json'),
      JSON.stringify({
        rules: rules.map(({ name, program, action }) => ({
          name,
          condition: `event.type == 'process_exec' && process.path == '${path(program)}'`,
          confidence: 1,
          ...(action === undefined ? {} : { action }),
        })),
      }),
    );
  const matched = (running: Daemon, name: string) =>
    eventually(`an alert of ${name}`, () =>
      running.alerts().find(({ rule }) => (rule as { name: string }).name === name),
    );
  /** Runs as another user what only that user may read. */
  const run = (program: string, ...args: string[]) =>
    spawn(path(program), args, { stdio: 'ignore', uid: NOBODY, gid: NOBODY, cwd: '/' });

  before(() => {
    directory = mkdtempSync('/tmp/bpfwarden-capabilities-');
    chmodSync(directory, 0o755);
    mkdirSync(path('private'));
    for (const [from, name] of [
      ['/bin/true', 'private/true'],
      ['/bin/true', 'other'],
      ['/bin/sleep', 'victim'],
    ] as const) {
      copyFileSync(from, path(name));
      chownSync(path(name), NOBODY, NOBODY);
      chmodSync(path(name), 0o500);
    }
    chownSync(path('private'), NOBODY, NOBODY);
    chmodSync(path('private'), 0o700);
  });
  afterEach(async () => {
    await daemon?.stop();
    daemon = undefined;
  });
  after(() => rmSync(directory, { recursive: true, force: true }));

  it('are three, in every thread, and events, hashes, reloads and log rotation go on', async () => {
    writeRules({ name: 'first', program: 'private/true' });
    const events = path('events.ndjson');
    const alerts = path('alerts.ndjson');
    daemon = await startDaemon({
      output: `[output]\nalerts_file = "${alerts}"\nevents_file = "${events}"\nevents_kinds = ["process_exec"]\n`,
      toml: '[threat_detection]\nenable_heuristics = false\nhash_executables = true\n',
      flags: [`--rules.path=${path('rules.json')}`],
    });
    const running = daemon;
    expect(held(running)).to.deep.equal([BASE]);
    expect(await status(running)).to.deep.include({ dropped: true, threads_with_more: 0 });
    expect((await status(running)).held).to.have.members(BASE);

    run('private/true');
    const alert = await eventually('an alert', () =>
      readLines(alerts).find(({ rule }) => (rule as { name: string }).name === 'first'),
    );
    expect(alert.process).to.include({ path: path('private/true'), uid: NOBODY, cwd: '/' });
    // The second start is sure to come with the hash.
    const hash = createHash('sha256').update(readFileSync('/bin/true')).digest('hex');
    await eventually('an event with the hash of a file that only its owner may read', () => {
      run('private/true');
      return readLines(events).find((event) => (event.process as { sha256?: string }).sha256 === hash);
    });

    renameSync(events, `${events}.moved`);
    writeRules({ name: 'first', program: 'private/true' }, { name: 'second', program: 'other' });
    running.process.kill('SIGHUP');
    await eventually('both rules', async () => (await running.metric('bpfwarden_rules_loaded')) === 2 || undefined);
    run('other');
    await eventually('an alert of the new rule', () =>
      readLines(alerts).find(({ rule }) => (rule as { name: string }).name === 'second'),
    );
    await eventually('the events file is there again', () =>
      readLines(events).find((event) => (event.process as { path?: string }).path === path('other')),
    );
    expect(held(running), 'after all that').to.deep.equal([BASE]);
    expect(await running.metric('bpfwarden_events_unaccounted')).to.equal(0);
    // An alert is a line of level 40 too.
    const complaints = running
      .log()
      .split('\n')
      .filter((line) => /"level":[4-6]0/.test(line) && !line.includes('"alert_id"'));
    expect(complaints).to.deep.equal([]);
  });

  it('include CAP_KILL where a rule is enforced, and the process of another user is killed', async () => {
    writeRules({ name: 'kill_it', program: 'victim', action: 'kill' });
    daemon = await startDaemon({
      toml: '[response]\nenforce = true\nenforce_rules = ["kill_it"]\n',
      flags: [`--rules.path=${path('rules.json')}`],
    });
    expect(held(daemon)).to.deep.equal([['CAP_BPF', 'CAP_DAC_READ_SEARCH', 'CAP_KILL', 'CAP_SYS_PTRACE']]);
    const victim = run('victim', '30');
    const signal = await new Promise((resolve) => victim.once('exit', (_, name) => resolve(name)));
    expect(signal).to.equal('SIGKILL');
    expect((await matched(daemon, 'kill_it')).response).to.include({ action: 'kill', outcome: 'done' });
  });

  it('are not enough for an enforcement that a reload asks for, and the log says so', async () => {
    writeRules({ name: 'kill_it', program: 'victim', action: 'kill' });
    daemon = await startDaemon({ flags: [`--rules.path=${path('rules.json')}`] });
    const running = daemon;
    const config = join(running.directory, 'bpfwarden.toml');
    writeFileSync(config, `${readFileSync(config, 'utf8')}[response]\nenforce = true\nenforce_rules = ["kill_it"]\n`);
    running.process.kill('SIGHUP');
    const line = await eventually('the warning', () =>
      running
        .log()
        .split('\n')
        .find((text) => text.includes('restart the daemon')),
    );
    expect(line).to.contain('CAP_KILL');
    const victim = run('victim', '30');
    try {
      const { response } = await matched(running, 'kill_it');
      expect(response).to.include({ outcome: 'failed' });
      expect((response as { detail: string }).detail).to.contain('EPERM');
    } finally {
      victim.kill('SIGKILL');
    }
  });

  it('include CAP_DAC_OVERRIDE where the alerts file is in a directory of another user', async () => {
    writeRules({ name: 'first', program: 'private/true' });
    const alerts = path('private/alerts.ndjson');
    daemon = await startDaemon({
      output: `[output]\nalerts_file = "${alerts}"\n`,
      flags: [`--rules.path=${path('rules.json')}`],
    });
    expect(held(daemon)).to.deep.equal([['CAP_BPF', 'CAP_DAC_OVERRIDE', 'CAP_DAC_READ_SEARCH', 'CAP_SYS_PTRACE']]);
    expect(daemon.log()).to.contain('CAP_DAC_OVERRIDE').and.to.contain(alerts);
    run('private/true');
    await eventually('the alert', () => existsSync(alerts) && readLines(alerts).length > 0);
  });

  it('include what the configuration names, and all of them with the option off', async () => {
    writeRules({ name: 'first', program: 'private/true' });
    const flags = [`--rules.path=${path('rules.json')}`];
    daemon = await startDaemon({ toml: '[kernel]\nkeep_capabilities = ["CAP_NET_ADMIN"]\n', flags });
    expect(held(daemon)).to.deep.equal([[...BASE, 'CAP_NET_ADMIN'].sort()]);
    await daemon.stop();
    daemon = await startDaemon({ toml: '[kernel]\ndrop_capabilities = false\n', flags });
    const own = capabilityList(threadCapabilities()[0]?.held ?? 0n).sort();
    expect(held(daemon)).to.deep.equal([own]);
    expect(await status(daemon)).to.deep.include({ dropped: false, threads_with_more: 0 });
  });

  it('of a thread that cannot be reached are told, with the remedy, until it follows', async () => {
    const library = path('deaf.so');
    execFileSync('cc', ['-shared', '-fPIC', '-pthread', '-o', library, join(ROOT, 'test/native/deaf_thread.c')]);
    daemon = await startDaemon({ env: { LD_PRELOAD: library, DEAF_UNTIL: path('listen') } });
    const running = daemon;
    const line = running
      .log()
      .split('\n')
      .find((text) => text.includes('some threads keep more'));
    expect(line).to.contain('CAP_SYS_ADMIN').and.to.contain('CapabilityBoundingSet');
    expect(await status(running)).to.deep.include({ dropped: true, threads_with_more: 1 });
    writeFileSync(path('listen'), '');
    await eventually('it follows', async () => (await status(running)).threads_with_more === 0 || undefined);
    expect(held(running)).to.deep.equal([BASE]);
  });

  it('take nothing from program statistics, which leave the sysctl alone', async () => {
    const sysctl = () => readFileSync('/proc/sys/kernel/bpf_stats_enabled', 'latin1');
    const before = sysctl();
    daemon = await startDaemon({ toml: '[kernel]\nprogram_statistics = true\n' });
    const running = daemon;
    await eventually(
      'runs are counted',
      async () => ((await running.metric('bpfwarden_program_runs_total{program="sys_exit"}')) ?? 0) > 0 || undefined,
    );
    expect(sysctl()).to.equal(before);
    await running.stop('SIGKILL');
    expect(sysctl()).to.equal(before);
  });
});
