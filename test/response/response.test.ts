import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import type { Config } from '../../src/config/options.ts';
import { processStat } from '../../src/proc-stat.ts';
import { createProtection } from '../../src/response/protected.ts';
import { isEnforced, Responder, type ResponderOptions } from '../../src/response/responder.ts';
import { pidfdSignaller } from '../../src/response/signaller.ts';
import type { EventRecord } from '../../src/schema/event.ts';
import { recordFromJson } from '../../src/schema/record.ts';
import { RULE, recordingMetrics, SILENT } from '../alerts/support/findings.ts';
import { configOf } from '../alerts/support/pipeline.ts';
import { MEANS } from './support/means.ts';

const uptime = () => Number(readFileSync('/proc/uptime', 'latin1').split(' ')[0]);

/** An event of a process as the kernel side reports it: with its start in Unix seconds. */
function eventOf(pid: number, start?: number): EventRecord {
  const started = start ?? Date.now() / 1000 - uptime() + (processStat(pid)?.startTicks ?? 0) / 100;
  return recordFromJson(
    { event: { type: 'process_exec', id: 'e' }, process: { pid, path: '/usr/bin/sleep', start_time: started } },
    'e',
  );
}

const connection = (ip: string, port = 443) =>
  recordFromJson({ event: { type: 'net_conn', id: 'c' }, network: { destination: { ip, port } } }, 'c');

describe('responses', () => {
  let directory: string;
  let auditFile: string;
  let child: ChildProcess;
  const responders: Responder[] = [];
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'bpfwarden-response-'));
    auditFile = join(directory, 'audit.ndjson');
    child = spawn('sleep', ['60'], { stdio: 'ignore' });
  });
  afterEach(async () => {
    child.kill('SIGKILL');
    await Promise.all(responders.splice(0).map((responder) => responder.close()));
    rmSync(directory, { recursive: true, force: true });
  });

  function make(toml: string, options: Partial<ResponderOptions> = {}) {
    const { metrics, value } = recordingMetrics();
    const config: Config['response'] = configOf(`[response]\naudit_file = "${auditFile}"\n${toml}`).response;
    const responder = new Responder({ config, hostName: 'h', metrics, log: SILENT, ...MEANS, ...options });
    responders.push(responder);
    return { responder, value };
  }
  const audit = () =>
    readFileSync(auditFile, 'utf8')
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
  const pid = () => child.pid ?? 0;
  const alive = () => processStat(pid())?.startTicks !== undefined && child.signalCode === null;
  const KILL = { ...RULE, name: 'k', tags: ['danger'], action: 'kill' } as const;
  const BLOCK = { ...RULE, name: 'b', action: 'block' } as const;
  const ENFORCE = 'enforce = true\nenforce_rules = ["k", "b"]';

  it('only simulates unless enforce is on and names the rule or its tag', async () => {
    const config = (toml: string) => configOf(`[response]\n${toml}`).response;
    expect(isEnforced(KILL, config('enforce = true'))).to.equal(false);
    expect(isEnforced(KILL, config('enforce_rules = ["k"]'))).to.equal(false);
    expect(isEnforced(KILL, config('enforce = true\nenforce_rules = ["other", "tag:other"]'))).to.equal(false);
    expect(isEnforced(KILL, config('enforce = true\nenforce_rules = ["k"]'))).to.equal(true);
    expect(isEnforced(KILL, config('enforce = true\nenforce_rules = ["tag:danger"]'))).to.equal(true);
    const { responder, value } = make('');
    expect(responder.respond(KILL, eventOf(pid()))).to.deep.equal({
      action: 'kill',
      outcome: 'simulated',
      detail: `would kill process ${pid()}`,
    });
    expect(alive()).to.equal(true);
    expect(value('response_actions_total', { action: 'kill', outcome: 'simulated' })).to.equal(1);
    await responder.close();
    expect(audit()).to.have.length(1);
    expect(audit()[0]).to.deep.include({
      action: 'kill',
      outcome: 'simulated',
      rule: 'k',
      host: 'h',
      enforced: false,
      event_type: 'process_exec',
    });
  });

  it('kills exactly the process of the event', async () => {
    const { responder, value } = make(ENFORCE);
    const gone = new Promise((resolve) => child.once('exit', (_, signal) => resolve(signal)));
    const report = responder.respond(KILL, eventOf(pid()));
    expect(report.outcome).to.equal('done');
    expect(report.detail).to.match(/^killed process \d+$/);
    expect(await gone).to.equal('SIGKILL');
    expect(responder.respond(KILL, eventOf(pid(), 1)).outcome).to.equal('failed');
    expect(value('response_actions_total', { action: 'kill', outcome: 'done' })).to.equal(1);
    await responder.close();
    expect(audit().map(({ outcome, enforced }) => [outcome, enforced])).to.deep.equal([
      ['done', true],
      ['failed', true],
    ]);
  });

  it('leaves a process alone that has the id but started at another time, or whose start is not known', () => {
    const { responder } = make(ENFORCE);
    expect(responder.respond(KILL, eventOf(pid(), Date.now() / 1000 - 3600))).to.deep.include({
      outcome: 'failed',
      detail: `process ${pid()} is another one by now`,
    });
    const unknown = recordFromJson({ event: { type: 'process_exec' }, process: { pid: pid() } }, '1');
    expect(responder.respond(KILL, unknown).outcome).to.equal('failed');
    expect(alive()).to.equal(true);
  });

  it('never touches pid 1, itself, its ancestors, kernel threads and what is on the list', () => {
    const { responder, value } = make(`${ENFORCE}\nprotected_processes = ["/usr/bin/sleep"]`);
    for (const protectedPid of [1, 2, process.pid, process.ppid, pid()]) {
      expect(responder.respond(KILL, eventOf(protectedPid)).outcome, `${protectedPid}`).to.equal('protected');
    }
    expect(value('response_actions_total', { action: 'kill', outcome: 'protected' })).to.equal(5);
    expect(alive()).to.equal(true);
    const protection = createProtection([]);
    expect(protection(process.pid, undefined)).to.contain('daemon');
    expect(protection(processStat(process.pid)?.parentPid ?? 0, undefined)).to.contain('ancestor');
    expect(protection(-1, undefined)).to.contain('no process id');
    expect(protection(pid(), '/usr/bin/sleep')).to.equal(undefined);
  });

  it('signals by pidfd where the addon can, and reports what the kernel says', () => {
    const calls: number[][] = [];
    let status = 0;
    const signaller = pidfdSignaller((...call) => {
      calls.push(call);
      return status;
    });
    const { responder } = make(ENFORCE, { signaller });
    expect(responder.respond(KILL, eventOf(pid()))).to.deep.equal({
      action: 'kill',
      outcome: 'done',
      detail: `killed process ${pid()}`,
    });
    expect(calls).to.deep.equal([[pid(), 9, processStat(pid())?.startTicks]]);
    status = -3;
    expect(responder.respond(KILL, eventOf(pid())).detail).to.contain('has ended already');
    status = -1;
    expect(responder.respond(KILL, eventOf(pid())).detail).to.contain('EPERM');
  });

  it('blocks a destination for a time, and lifts every block when it ends', async () => {
    const table = new Set<string>();
    let now = 0;
    const { responder } = make(`${ENFORCE}\nblock_seconds = 10`, {
      monotonic: () => now,
      blockTable: {
        add: (address, port) => table.add(`${address} ${port}`),
        remove: (address, port) => table.delete(`${address} ${port}`),
      },
    });
    expect(responder.respond(BLOCK, connection('192.0.2.1')).outcome).to.equal('done');
    expect(responder.respond(BLOCK, connection('2001:db8::1', 80)).outcome).to.equal('done');
    expect([...table]).to.deep.equal(['192.0.2.1 443', '2001:db8::1 80']);
    now = 5000;
    responder.respond(BLOCK, connection('::ffff:192.0.2.1'));
    now = 12_000;
    await new Promise((resolve) => setTimeout(resolve, 1100));
    expect([...table], 'the repeat has made it last longer').to.deep.equal(['192.0.2.1 443']);
    for (const address of ['127.0.0.1', '::1', '0.0.0.0'])
      expect(responder.respond(BLOCK, connection(address)).outcome).to.equal('protected');
    expect(responder.respond(BLOCK, eventOf(pid())).outcome).to.equal('failed');
    await responder.close();
    expect([...table]).to.deep.equal([]);
  });

  it('what the kernel refused by itself is audited once, whether an event of it comes or not', async () => {
    let waiting = [{ rule: BLOCK.name, kind: 'process_exec', pid: 77, startTime: 5 }];
    const { responder, value } = make(ENFORCE, {
      prevention: {
        prevents: (rule) => rule === BLOCK.name,
        refusals: () => {
          const refused = waiting;
          waiting = [];
          return { refused, lost: refused.length };
        },
      },
    });
    const event = (error: string) =>
      recordFromJson({ event: { type: 'process_exec', id: 'e', error }, process: { pid: 77, path: '/bin/sh' } }, 'e');
    expect(responder.respond(BLOCK, event('EPERM'))).to.deep.include({ outcome: 'done' });
    expect(responder.respond(BLOCK, event('')), 'it came another way').to.deep.include({ outcome: 'failed' });
    await responder.close();
    expect(
      audit().map(({ outcome, event_type, process }) => ({ outcome, event_type, pid: process.pid })),
    ).to.deep.equal([
      { outcome: 'failed', event_type: 'process_exec', pid: 77 },
      { outcome: 'done', event_type: 'process_exec', pid: 77 },
    ]);
    expect(
      value('response_actions_total', { action: 'block', outcome: 'done' }),
      'one was too fast to be told',
    ).to.equal(2);
  });

  it('says that nothing was blocked where the kernel side cannot', () => {
    expect(make(ENFORCE).responder.respond(BLOCK, connection('192.0.2.1'))).to.deep.include({ outcome: 'failed' });
    expect(make('').responder.respond(BLOCK, connection('192.0.2.1')).detail).to.equal(
      'would block connections to 192.0.2.1:443 for 300 s',
    );
    const failing = {
      add: () => {
        throw new Error('E2BIG');
      },
      remove: () => undefined,
    };
    expect(make(ENFORCE, { blockTable: failing }).responder.respond(BLOCK, connection('192.0.2.1')).detail).to.contain(
      'E2BIG',
    );
  });

  it('does nothing for alert and log, and takes a new configuration', () => {
    const { responder } = make('');
    expect(responder.respond(RULE, eventOf(pid()))).to.deep.equal({ action: 'alert', outcome: 'none' });
    expect(responder.respond({ ...RULE, action: 'log' }, eventOf(pid())).outcome).to.equal('none');
    responder.configure(configOf(`[response]\n${ENFORCE}\nprotected_processes = ["/usr/bin/sleep"]`).response);
    expect(responder.respond(KILL, eventOf(pid())).outcome).to.equal('protected');
  });
});
