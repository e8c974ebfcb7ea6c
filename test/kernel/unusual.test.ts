/** Ways around the usual call, and names that are not the file's own: what the event says all the same. */
import { type ChildProcess, spawn } from 'node:child_process';
import { chmodSync, copyFileSync, mkdirSync, statSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import type { EventJson } from '../../src/schema/event.ts';
import { fieldOf, has } from '../cases/matcher.ts';
import { freePort } from '../e2e/support/daemon.ts';
import { observe, only, script, select, trigger } from './support.ts';

async function unusual(...args: string[]): Promise<readonly EventJson[]> {
  const { events, code } = await observe(trigger('unusual'), args);
  expect(code, args.join(' ')).to.equal(0);
  return events;
}

async function names(...args: string[]): Promise<readonly EventJson[]> {
  const { events, code } = await observe(trigger('names'), args);
  expect(code, args.join(' ')).to.equal(0);
  return events;
}

async function scratch(): Promise<string> {
  const { directory } = await script('mkdir sub; echo x > secret; echo x > sub/secret; ln -s /secret sub/link');
  return directory;
}

describe('unusual ways', function () {
  this.timeout(60_000);
  let other: ChildProcess;
  let pid: string;

  before(() => {
    other = spawn('/bin/sleep', ['600'], { stdio: 'ignore' });
    pid = String(other.pid);
  });
  after(() => other.kill('SIGKILL'));

  it('System V memory that is mapped to be executed', async () => {
    const mapped = only(await unusual('shm'), { 'event.type': 'mmap_exec', 'event.syscall': 'shmat' });
    expect(has('PROT_WRITE')(fieldOf(mapped, 'memory.protection'))).to.equal(true);
    expect(has('PROT_EXEC')(fieldOf(mapped, 'memory.protection'))).to.equal(true);
  });

  it('a signal that the owner of a descriptor gets', async () => {
    // One for what was written, one for the end of the writer.
    const sent = select(await unusual('owner', pid), { 'event.type': 'kill', 'target.pid': Number(pid) });
    expect(sent).to.have.length.above(0);
    for (const event of sent) {
      expect(fieldOf(event, 'signal.name')).to.equal('SIGCONT');
      expect(fieldOf(event, 'event.unverified')).to.equal(true);
    }
  });

  for (const [how, call] of [
    ['limit', 'prlimit64'],
    ['priority', 'setpriority'],
    ['affinity', 'sched_setaffinity'],
    ['scheduler', 'sched_setscheduler'],
    ['io', 'ioprio_set'],
    ['advise', 'process_madvise'],
  ] as const)
    it(`${call} of another process, once`, async () => {
      const changed = only(await unusual(how, pid), { 'event.type': 'process_control' });
      expect(fieldOf(changed, 'event.syscall')).to.equal(call);
      expect(fieldOf(changed, 'target.pid')).to.equal(Number(pid));
      expect(fieldOf(changed, 'target.name')).to.equal('sleep');
    });

  it('nothing of what a process sets for itself', async () => {
    const { events } = await script('ulimit -c 0; exec prlimit --core=0 nice -n 1 taskset -c 0 true');
    expect(select(events, { 'event.type': 'process_control' })).to.have.length(0);
  });

  it('who decides what others open, and who is only told', async () => {
    const directory = await scratch();
    const decide = select(await unusual('fanotify', directory, join(directory, 'secret')), {
      'event.type': 'fanotify',
    });
    expect(
      decide.map((event) => [fieldOf(event, 'event.syscall'), fieldOf(event, 'fanotify.permission')]),
    ).to.deep.equal([
      ['fanotify_init', true],
      ['fanotify_mark', true],
    ]);
    expect(fieldOf(decide[1], 'file.path')).to.equal(directory);
    const told = await unusual('fanread', directory, join(directory, 'secret'));
    for (const event of select(told, { 'event.type': 'fanotify' }))
      expect(fieldOf(event, 'fanotify.permission')).to.equal(false);
    // Opened by the kernel for the listener, the file is still read.
    only(told, { 'event.type': 'file_read', 'file.path': join(directory, 'secret') });
  });

  it('the host’s name', async () => {
    const named = only(await unusual('hostname'), { 'event.type': 'sethostname' });
    expect(fieldOf(named, 'sethostname.name')).to.equal(hostname());
    only(await unusual('domainname'), { 'event.type': 'sethostname', 'event.syscall': 'setdomainname' });
  });

  it('sockets of every family and transport that has no kind of its own, also refused', async () => {
    const { events, output } = await observe(trigger('unusual'), ['sockets']);
    const asked = output
      .trim()
      .split('\n')
      .map((line) => line.split(' ').map(Number));
    const usual = ([family = 0, , protocol = 0]: number[]) => family === 2 && protocol === 262;
    const made = events.filter((event) => /^socket_(raw|create)$/.test(String(fieldOf(event, 'event.type'))));
    expect(made).to.have.length(asked.filter((socket) => !usual(socket)).length);
    expect(asked).to.have.length.above(20);
  });

  it('one datagram socket to two peers', async () => {
    const [first, second] = [await freePort(), await freePort()];
    const connected = select(await unusual('reconnect', String(first), String(second)), { 'event.type': 'net_conn' });
    expect(connected.map((event) => fieldOf(event, 'network.destination.port'))).to.deep.equal([first, second]);
  });

  it('a Unix socket by io_uring, and by the link of a descriptor', async () => {
    const directory = await scratch();
    const path = join(directory, 'docker.sock');
    const { events, code } = await observe(trigger('unusual'), ['unix_uring', path]);
    if (code === 0) {
      const connected = only(events, { 'event.type': 'unix_connect', 'file.path': path });
      expect(fieldOf(connected, 'event.source')).to.equal('io_uring');
    }
    only(await unusual('unix_fd', directory, 'other.sock'), {
      'event.type': 'unix_connect',
      'file.path': join(directory, 'other.sock'),
      'event.unverified': false,
    });
  });

  it('signals to a group and to a thread name the process', async () => {
    const sent = select(await unusual('group'), { 'event.type': 'kill' });
    expect(sent.map((event) => fieldOf(event, 'signal.name'))).to.deep.equal(['SIGCONT', 'SIGWINCH', 'SIGKILL']);
    expect(new Set(sent.map((event) => fieldOf(event, 'target.pid'))).size).to.equal(1);
  });

  it('a device node', async () => {
    const path = join(await scratch(), 'mem');
    const { events } = await observe(trigger('unusual'), ['node', path]);
    only(events, { 'event.type': 'file_create', 'file.path': path, 'event.syscall': 'mknodat' });
  });
});

describe('names that are not the file’s own', function () {
  this.timeout(60_000);

  it('the root of a process, a descriptor, another root and a mount lead to the file', async () => {
    const directory = await scratch();
    const secret = join(directory, 'secret');
    writeFileSync(join(directory, 'target'), '');
    for (const args of [
      ['root', secret],
      ['reopen', secret],
      ['over', secret, join(directory, 'target')],
    ]) {
      const opened = select(await names(...args), { 'event.type': 'file_open', 'file.path': secret });
      expect(opened, args[0]).to.have.length.above(0);
      for (const event of opened) expect(fieldOf(event, 'event.unverified'), args[0]).to.equal(false);
    }
    const inner = select(await names('in_root', join(directory, 'sub'), 'link'), {
      'event.type': 'file_open',
      'event.syscall': 'openat2',
    });
    expect(inner.map((event) => fieldOf(event, 'file.path'))).to.deep.equal([join(directory, 'sub', 'secret')]);
  });

  it('what openat2 refuses is a failed open of the name that was asked for', async () => {
    const directory = await scratch();
    const link = only(await names('no_links', join(directory, 'sub'), 'link'), {
      'event.type': 'file_open',
      'event.error': 'ELOOP',
    });
    expect(fieldOf(link, 'file.path')).to.equal(join(directory, 'sub', 'link'));
    const above = only(await names('beneath', join(directory, 'sub'), '../secret'), {
      'event.type': 'file_open',
      'event.error': 'EXDEV',
    });
    expect(fieldOf(above, 'file.path')).to.equal(join(directory, 'secret'));
  });

  it('below more than PATH_MAX the end is kept, and that it was cut is said', async () => {
    const directory = await scratch();
    const opened = select(await names('deep', directory), { 'event.type': 'file_open', 'file.name': 'id_rsa' });
    expect(opened).to.have.length(2);
    for (const event of opened) expect(fieldOf(event, 'event.truncated')).to.equal(true);
  });

  it('bytes that are no text and control characters stay one event, which is one line of JSON', async () => {
    const events = await names('bytes', await scratch());
    const [removed] = select(events, { 'event.type': 'file_unlink' });
    expect(JSON.stringify(removed).split('\n')).to.have.length(1);
    expect(String(fieldOf(removed, 'file.name'))).to.match(/^a.*\n.*b$/s);
  });

  it('a program that calls itself deleted, a memory file with a path for a name and /proc/self/exe are what they are', async () => {
    const directory = await scratch();
    const program = join(directory, 'true (deleted)');
    copyFileSync('/bin/true', program);
    chmodSync(program, 0o755);
    const { events: named } = await observe(trigger('names'), ['deleted', program]);
    only(named, { 'event.type': 'process_exec', 'process.path': program });
    const { events } = await observe(trigger('names'), ['memfd', '/usr/bin/dpkg', '/bin/true']);
    const exec = only(events, { 'event.type': 'process_exec', 'process.name': 'dpkg' });
    expect(fieldOf(exec, 'process.path')).to.equal('/memfd:/usr/bin/dpkg');
    expect(fieldOf(exec, 'process.trusted')).to.equal(false);
    const again = select(await names('self_exe'), {
      'event.type': 'process_exec',
      'process.path': trigger('names'),
    });
    expect(again).to.have.length(2);
  });

  it('a program called dpkg in another root is nobody’s dpkg', async () => {
    const directory = await scratch();
    mkdirSync(join(directory, 'root'));
    const secret = join(directory, 'secret');
    const { events, code } = await observe(trigger('names'), ['pivot', join(directory, 'root'), secret]);
    if (code === 3) return; // This file system cannot be pivoted from: nobody can do it here.
    const read = only(events, { 'event.type': 'file_open', 'file.inode': statSync(secret).ino, 'event.error': '' });
    expect(fieldOf(read, 'process.path')).to.equal('/usr/bin/dpkg');
    expect(fieldOf(read, 'process.trusted')).to.equal(false);
  });

  it('a file without a name gets one', async () => {
    const directory = await scratch();
    only(await names('tmpfile', directory, 'named'), {
      'event.type': 'file_link',
      'file.new_path': join(directory, 'named'),
    });
  });
});
