import { expect } from 'chai';
import { defaultConfig } from '../../src/config/load.ts';
import { Enricher } from '../../src/enrich/enricher.ts';
import { Host } from '../../src/enrich/host.ts';
import { BatchDecoder } from '../../src/schema/batch.ts';
import type { EventRecord } from '../../src/schema/event.ts';
import type { FieldName } from '../../src/schema/fields.ts';
import { id } from '../../src/schema/record.ts';
import type { LiveView } from '../../src/schema/view.ts';
import { drained, LAYOUT, record, type Values } from '../schema/records.ts';

const PIPE = 0o010600;
const SOCKET = 0o140777;
const SHELL = 100;
let now = 1_000_000_000;

function scene() {
  const config = defaultConfig();
  const host = new Host({ hostName: 'h', bootId: 'b', dnsEntries: 1, toUnix: (ktime) => ktime / 1e9 });
  const enricher = new Enricher({ config, host, layout: LAYOUT });
  const updates: { event: EventRecord; before: EventRecord }[] = [];
  enricher.feedUpdates.switch(true);
  enricher.feedUpdates.onFed((event, before) => updates.push({ event, before }));
  const run = (kind: string, values: Values): LiveView => {
    now += 1_000_000;
    const bytes = record(kind, { 'header.time': now, 'header.start_time': 1, ...values });
    const { buffer, bulkBytes, priorityBytes } = drained([bytes]);
    const [view] = new BatchDecoder(LAYOUT, buffer, host).decode(bulkBytes, priorityBytes);
    if (view === undefined) throw new Error('no view');
    enricher.enrich(view);
    return view;
  };
  const fork = (parent: number, child: number) =>
    run('process_fork', { 'header.pid': parent, child_pid: child, child_start_time: 1 });
  /** A program in a new child of the shell, or of another parent. */
  const exec = (pid: number, line: string, streams: Values = {}, parent = SHELL): LiveView => {
    if (pid !== parent) fork(parent, pid);
    const args = line.split(' ');
    return run('process_exec', {
      'header.pid': pid,
      path: `/usr/bin/${args[0]}`,
      filename: `/usr/bin/${args[0]}`,
      args: `${args.join('\0')}\0`,
      named_fd: 0xffffffff,
      'input.mode': 0o020600,
      'output.mode': 0o020600,
      'error.mode': 0o020600,
      ...streams,
    });
  };
  const exit = (pid: number) => run('process_exit', { 'header.pid': pid });
  exec(SHELL, 'bash', {}, SHELL);
  return { enricher, exec, fork, exit, updates };
}

const reads = (inode: number, at = 'input', mode = PIPE): Values => ({
  [`${at}.mode`]: mode,
  [`${at}.inode`]: inode,
  [`${at}.access`]: 1,
});
const writes = (inode: number, at = 'output', mode = PIPE): Values => ({
  [`${at}.mode`]: mode,
  [`${at}.inode`]: inode,
  [`${at}.access`]: 2,
});
const get = (view: LiveView | EventRecord, name: FieldName) => view.value(id(name));

describe('who feeds whom', () => {
  it('joins a pipe whose writer started first', () => {
    const { exec, updates } = scene();
    exec(1, 'curl http://x', writes(7));
    const shell = exec(2, 'bash', reads(7));
    expect(get(shell, 'process.fed_by.program')).to.equal('curl');
    expect(get(shell, 'process.fed_by.command_line')).to.equal('curl http://x');
    expect(get(shell, 'process.fed_by.path')).to.equal('/usr/bin/curl');
    expect(get(shell, 'process.fed_by.pid')).to.equal(1);
    expect(get(shell, 'process.fed_by.how')).to.equal('pipe');
    expect(updates.map(({ event }) => get(event, 'process.feeds.program'))).to.deep.equal(['bash']);
  });

  it('hands the start of the reader over again when the writer comes after it', () => {
    const { exec, updates } = scene();
    const shell = exec(2, 'bash', reads(7));
    expect(get(shell, 'process.fed_by.program')).to.equal(undefined);
    const curl = exec(1, 'curl http://x', writes(7));
    expect(get(curl, 'process.feeds.program')).to.equal('bash');
    expect(updates).to.have.length(1);
    const [{ event, before } = { event: undefined, before: undefined }] = updates;
    if (event === undefined || before === undefined) throw new Error('no update');
    expect(get(event, 'process.fed_by.programs')).to.deep.equal(['curl']);
    expect(get(event, 'process.pid')).to.equal(2);
    expect(get(before, 'process.fed_by.programs')).to.equal(undefined);
  });

  it('follows a stream through several programs, whatever their order', () => {
    for (const order of ['cdb', 'cbd', 'dcb', 'dbc', 'bcd', 'bdc']) {
      const { exec, updates } = scene();
      let shell: LiveView | EventRecord | undefined;
      for (const which of order) {
        if (which === 'c') exec(1, 'curl x', writes(7));
        if (which === 'd') exec(2, 'base64 -d', { ...reads(7), ...writes(8) });
        if (which === 'b') shell = exec(3, 'sudo bash', reads(8)).snapshot();
      }
      const last = updates.map(({ event }) => event).findLast((event) => get(event, 'process.pid') === 3) ?? shell;
      if (last === undefined) throw new Error('no shell');
      expect(get(last, 'process.fed_by.programs'), order).to.deep.equal(['base64', 'curl']);
    }
  });

  it('keeps the stream through sudo and other programs that start another one', () => {
    const { exec } = scene();
    exec(1, 'base64 -d', writes(7));
    exec(2, 'sudo bash', reads(7));
    expect(get(exec(3, 'bash', reads(7), 2), 'process.fed_by.program')).to.equal('base64');
    // sudo may also become bash.
    expect(get(exec(2, 'bash', reads(7), 2), 'process.fed_by.program')).to.equal('base64');
  });

  it('does not join other pipes, the wrong ends, or other programs of a script', () => {
    const { exec } = scene();
    exec(1, 'curl x', writes(7));
    expect(get(exec(2, 'bash', reads(8)), 'process.fed_by.program')).to.equal(undefined);
    expect(get(exec(3, 'bash', writes(7, 'input')), 'process.fed_by.program')).to.equal(undefined);
    expect(get(exec(4, 'bash'), 'process.fed_by.program')).to.equal(undefined);
    expect(get(exec(5, 'bash', { ...reads(7), 'input.device': 99 }), 'process.fed_by.program')).to.equal(undefined);
  });

  it('knows a descriptor that the arguments name', () => {
    const { exec } = scene();
    exec(1, 'curl x', writes(7));
    const shell = exec(2, 'bash /dev/fd/63', { ...reads(7, 'named'), named_fd: 63 });
    expect(get(shell, 'process.fed_by.program')).to.equal('curl');
    expect(get(shell, 'process.script.kind')).to.equal('descriptor');
    const tee = exec(3, 'tee /dev/fd/62', { ...writes(9, 'named'), named_fd: 62 });
    expect(get(tee, 'process.feeds.program')).to.equal(undefined);
    expect(get(exec(4, 'sh', reads(9)), 'process.fed_by.program')).to.equal('tee');
  });

  it('joins the two ends of a socket pair', () => {
    const { exec } = scene();
    const pair = (at: string, own: number, peer: number): Values => ({
      [`${at}.mode`]: SOCKET,
      [`${at}.family`]: 1,
      [`${at}.inode`]: own,
      [`${at}.peer_inode`]: peer,
      [`${at}.access`]: 3,
    });
    exec(1, 'nc -l 1', pair('output', 20, 21));
    const shell = exec(2, 'sh', pair('input', 21, 20));
    expect(get(shell, 'process.fed_by.program')).to.equal('nc');
    expect(get(shell, 'process.fed_by.how')).to.equal('socket');
  });

  it('does not follow a circle for ever', () => {
    const { exec } = scene();
    exec(1, 'sh', { ...reads(7), ...writes(8) });
    const nc = exec(2, 'nc host 1', { ...reads(8), ...writes(7) });
    expect(get(nc, 'process.fed_by.programs')).to.deep.equal(['sh']);
    expect(get(nc, 'process.feeds.programs')).to.deep.equal(['sh']);
  });

  it('marks a text that came out of a substitution', () => {
    const { exec, exit } = scene();
    exec(1, 'curl x', writes(7));
    exec(2, 'base64 -d', { ...reads(7), ...writes(8) });
    exit(1);
    exit(2);
    const shell = exec(3, 'bash -c echo');
    expect(get(shell, 'process.fed_by.how')).to.equal('substitution');
    expect(get(shell, 'process.fed_by.programs')).to.deep.equal(['base64', 'curl']);
    expect(get(exec(4, 'bash -c echo'), 'process.fed_by.how')).to.equal(undefined);
  });

  it('marks a text that is given as a here-string, and not what a program or a named pipe writes', () => {
    const { exec, exit } = scene();
    exec(1, 'base64 -d', writes(7));
    exit(1);
    expect(get(exec(2, 'bash', reads(8)), 'process.fed_by.programs')).to.deep.equal(['base64']);
    exec(3, 'base64 -d', writes(9));
    exit(3);
    exec(4, 'cat x', writes(10));
    expect(get(exec(5, 'bash', reads(10)), 'process.fed_by.programs')).to.deep.equal(['cat']);
  });

  it('marks it through a subshell, and not after another program or without a text', () => {
    const { exec, exit, fork } = scene();
    fork(SHELL, 10);
    exec(11, 'curl x', writes(7), 10);
    exit(11);
    exit(10);
    expect(get(exec(12, 'bash -c echo'), 'process.fed_by.program')).to.equal('curl');
    exec(13, 'curl x', writes(8));
    exit(13);
    exec(14, 'ls');
    expect(get(exec(15, 'bash -c echo'), 'process.fed_by.program')).to.equal(undefined);
    exec(16, 'curl x', writes(9));
    exit(16);
    expect(get(exec(17, 'bash script'), 'process.fed_by.program')).to.equal(undefined);
  });

  it('does not take what the shell and its children print for a substitution', () => {
    const { exec, exit } = scene();
    exec(20, 'bash script', writes(5));
    exec(21, 'curl x', writes(5), 20);
    exit(21);
    expect(get(exec(22, 'bash -c echo', {}, 20), 'process.fed_by.program')).to.equal(undefined);
  });

  it('is bounded: pipes and starts that wait', () => {
    const { exec, enricher } = scene();
    for (let pid = 1000; pid < 2600; pid++) exec(pid, 'cat', writes(pid));
    expect(enricher.feedUpdates.counts.evictions).to.equal(1600 - 512);
    expect(get(exec(3000, 'sh', reads(1000)), 'process.fed_by.program')).to.equal(undefined);
    expect(get(exec(3001, 'sh', reads(2500)), 'process.fed_by.program')).to.equal('cat');
  });

  it('hands over what the start was, however long the records are that came after it', () => {
    const { exec, updates, enricher } = scene();
    const long = (pid: number) => `cat ${String(pid).repeat(2000)}`;
    for (let pid = 1000; pid < 1300; pid++) exec(pid, long(pid), writes(pid));
    for (let pid = 1000; pid < 1300; pid++) exec(5000 + pid, 'sh', reads(pid));
    const lines = updates.map(({ event }) => get(event, 'process.command_line'));
    expect(lines).to.deep.equal(Array.from({ length: lines.length }, (_, at) => long(1300 - lines.length + at)));
    expect(lines.length).to.be.within(100, 130);
    expect(enricher.feedUpdates.counts.evictions).to.be.at.least(300 - lines.length);
  });

  it('hands over the parent as it was, though it is another program by now', () => {
    const { exec, updates } = scene();
    exec(10, 'sh -c x');
    exec(11, 'bash -c y', {}, 10);
    exec(1, 'curl http://x', writes(7), 11);
    exec(11, 'sleep 1', {}, 11);
    exec(10, 'sleep 2', {}, 10);
    exec(2, 'bash', reads(7));
    const [update] = updates;
    for (const record of [update?.before, update?.event]) {
      expect(record?.value(id('process.parent.name'))).to.equal('bash');
      expect(record?.value(id('process.ancestor_names'))).to.deep.equal(['bash', 'sh', 'bash']);
    }
    expect(update?.before.value(id('process.feeds.program'))).to.equal(undefined);
    expect(update?.event.value(id('process.feeds.program'))).to.equal('bash');
  });

  it('keeps no starts while no rule asks', () => {
    const { exec, enricher, updates } = scene();
    enricher.feedUpdates.switch(false);
    exec(2, 'bash', reads(7));
    exec(1, 'curl x', writes(7));
    expect(updates).to.deep.equal([]);
  });
});
