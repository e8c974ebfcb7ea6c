import { mkdirSync, mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { defaultConfig } from '../../src/config/load.ts';
import { Enricher } from '../../src/enrich/enricher.ts';
import { Host } from '../../src/enrich/host.ts';
import { Procfs } from '../../src/enrich/procfs.ts';
import { programName } from '../../src/enrich/program.ts';
import { Users } from '../../src/enrich/users.ts';
import { BatchDecoder } from '../../src/schema/batch.ts';
import type { EventRecord, ProcessSummary } from '../../src/schema/event.ts';
import type { FieldName } from '../../src/schema/fields.ts';
import { RECORD_FLAGS } from '../../src/schema/readers/flags.ts';
import { id } from '../../src/schema/record.ts';
import type { LiveView } from '../../src/schema/view.ts';
import { drained, LAYOUT, record, type Values } from '../schema/records.ts';

const NS = { 'ns.mount': 1, 'ns.pid': 2, 'ns.network': 3, 'ns.user': 4, 'ns.uts': 5, 'ns.ipc': 6 };
let procRoot: string;

/** A process in the made-up /proc. */
function proc(
  pid: number,
  ticks: number,
  { exe, args, parent = 1 }: { exe: string; args: string[]; parent?: number },
): void {
  const directory = join(procRoot, String(pid));
  rmSync(directory, { recursive: true, force: true });
  mkdirSync(join(directory, 'ns'), { recursive: true });
  const stat = Array.from({ length: 50 }, (_, index) =>
    index === 1 ? parent : index === 4 ? 34817 : index === 19 ? ticks : 0,
  );
  writeFileSync(join(directory, 'stat'), `${pid} (odd ) name) S ${stat.slice(1).join(' ')}`);
  writeFileSync(join(directory, 'cmdline'), `${args.join('\0')}\0`);
  writeFileSync(join(directory, 'environ'), 'HOME=/root\0LD_PRELOAD=/tmp/x.so\0');
  writeFileSync(join(directory, 'status'), 'Uid:\t7\t8\t8\t8\nCapEff:\t0000000000200000\n');
  writeFileSync(join(directory, 'cgroup'), '0::/user.slice\n');
  symlinkSync(exe, join(directory, 'exe'));
  const names = Object.entries({ mnt: 1, pid: 2, net: 3, user: 4, uts: 5, ipc: 6 });
  for (const [name, number] of names) symlinkSync(`${name}:[${number}]`, join(directory, 'ns', name));
}

function scene(maxProcesses = 1000, onHashed?: (event: EventRecord) => void) {
  const config = defaultConfig();
  const passwd = join(procRoot, 'passwd');
  writeFileSync(passwd, 'root:x:0:0::/root:/bin/sh\n');
  const host = new Host({
    resolvers: { asks: () => true },
    hostName: 'web1',
    bootId: 'boot',
    dnsEntries: 10,
    toUnix: (ktime) => 1000 + ktime / 1e9,
    users: new Users(passwd),
  });
  const enricher = new Enricher({
    config: { ...config, enrich: { ...config.enrich, max_processes: maxProcesses } },
    host,
    layout: LAYOUT,
    procfs: new Procfs(config.enrich.environment, procRoot),
  });
  if (onHashed !== undefined) enricher.hashing.onHashed(onHashed);
  /** Runs records through decoder and enricher; the views stay valid until the next call. */
  const run = (...records: readonly (readonly [string, Values])[]): LiveView[] => {
    const { buffer, bulkBytes, priorityBytes } = drained(records.map(([kind, values]) => record(kind, values)));
    const views = [...new BatchDecoder(LAYOUT, buffer, host).decode(bulkBytes, priorityBytes)];
    for (const view of views) enricher.enrich(view);
    return views;
  };
  return { enricher, host, run };
}

const get = (view: LiveView | undefined, field: FieldName) => view?.value(id(field));
let now = 0n;
const next = () => {
  now += 1000n;
  return now;
};
const at = (pid: number, start: number, more: Values = {}): Values => ({
  'header.time': next(),
  'header.pid': pid,
  'header.tid': pid,
  'header.start_time': BigInt(start),
  ...more,
});
const exec = (pid: number, start: number, path: string, args: string[], more: Values = {}) =>
  [
    'process_exec',
    at(pid, start, {
      path,
      filename: path,
      args: args.map((arg) => `${arg}\0`).join(''),
      'exe.inode': 9,
      ...NS,
      ...more,
    }),
  ] as const;
const fork = (parent: number, parentStart: number, child: number, start: number) =>
  ['process_fork', at(parent, parentStart, { child_pid: child, child_start_time: BigInt(start), ...NS })] as const;
const open = (pid: number, start: number) => ['file_open', at(pid, start, { path: '/etc/hosts' })] as const;
const exit = (pid: number, start: number) => ['process_exit', at(pid, start)] as const;

describe('process table', () => {
  beforeEach(() => {
    procRoot = mkdtempSync(join(tmpdir(), 'bpfwarden-proc-'));
    proc(1, 0, { exe: '/sbin/init', args: ['init'], parent: 0 });
    now = 1_000_000_000n;
  });
  afterEach(() => rmSync(procRoot, { recursive: true }));

  it('gives an event its program, parent and ancestors', () => {
    const { run } = scene();
    const views = run(
      exec(10, 100, '/usr/sbin/sshd', ['sshd', '-D']),
      fork(10, 100, 11, 200),
      exec(11, 200, '/bin/bash', ['-bash'], {
        env: 'LD_PRELOAD=/x\0HOME=/root\0',
        cwd: '/root',
        cap_effective: 1n << 21n,
      }),
      fork(11, 200, 12, 300),
      exec(12, 300, '/bin/cat', ['cat', '/etc/shadow']),
      open(12, 300),
    );
    const event = views.at(-1);
    expect(get(event, 'process.path')).to.equal('/bin/cat');
    expect(get(event, 'process.command_line')).to.equal('cat /etc/shadow');
    expect(get(event, 'process.parent.name')).to.equal('bash');
    expect(get(event, 'process.ancestor_names')).to.deep.equal(['bash', 'sshd']);
    expect(get(event, 'process.ancestor_paths')).to.deep.equal(['/bin/bash', '/usr/sbin/sshd']);
    expect(get(event, 'event.incomplete')).to.equal(false);
    expect(get(event, 'user.name')).to.equal('root');
    expect(get(event, 'process.host_namespaces')).to.equal(true);
    expect(get(event, 'process.start_time')).to.be.closeTo(1000, 0.001);
    expect(get(views[2], 'process.env')).to.deep.equal({ LD_PRELOAD: '/x' });
    expect(get(views[2], 'process.capabilities')).to.deep.equal(['CAP_SYS_ADMIN']);
    expect(get(event, 'process.parent.cwd')).to.equal('/root');
  });

  it('is nobody’s work above a program that was made to run other code', () => {
    const { run } = scene();
    const below = (...env: string[]) => {
      const pid = env.length * 1000 + 100;
      const events = run(
        exec(pid, 100, '/usr/bin/dpkg', ['dpkg'], { env: env.map((text) => `${text}\0`).join('') }),
        fork(pid, 100, pid + 1, 200),
        exec(pid + 1, 200, '/usr/bin/python3', ['python3', '/x'], { env: env.map((text) => `${text}\0`).join('') }),
        open(pid + 1, 200),
        fork(pid + 1, 200, pid + 2, 300),
        exec(pid + 2, 300, '/usr/bin/head', ['head']),
        open(pid + 2, 300),
      );
      return [3, 6].map((at) =>
        (get(events[at], 'process.ancestors') as ProcessSummary[]).map(({ path, injected }) => [path, injected]),
      );
    };
    expect(below('HOME=/')).to.deep.equal([
      [['/usr/bin/dpkg', undefined]],
      [
        ['/usr/bin/python3', undefined],
        ['/usr/bin/dpkg', undefined],
      ],
    ]);
    expect(below('HOME=/', 'PYTHONPATH=/srv/x')).to.deep.equal([
      [['/usr/bin/dpkg', true]],
      [
        ['/usr/bin/python3', true],
        ['/usr/bin/dpkg', true],
      ],
    ]);
  });

  it('sees a variable at the end of a long environment, also where its text was divided', () => {
    const { run } = scene();
    const injected = (env: string, tail: string) =>
      get(run(exec(10, 100, '/bin/cat', ['cat'], { env, env_tail: tail }))[0], 'process.injected');
    expect(injected('A=b\0', 'HOME=/\0')).to.equal(false);
    expect(injected('A=b\0', 'LD_PRELOAD=/tmp/x\0')).to.equal(true);
    expect(injected('A=b\0LD_PRE', 'LOAD=/tmp/x\0')).to.equal(true);
  });

  it('shares what it knows instead of copying it', () => {
    const { run } = scene();
    const [, , a, b] = run(exec(10, 100, '/bin/sh', ['sh']), fork(10, 100, 11, 200), open(11, 200), open(11, 200));
    expect(get(a, 'process.ancestors')).to.equal(get(b, 'process.ancestors'));
    expect(get(a, 'process.args')).to.equal(get(b, 'process.args'));
  });

  it('follows an ancestor that starts another program', () => {
    const { run } = scene();
    run(exec(10, 100, '/bin/sh', ['sh']), fork(10, 100, 11, 200));
    const [before] = run(open(11, 200));
    expect(get(before, 'process.ancestor_names')).to.deep.equal(['sh']);
    const views = run(exec(10, 100, '/bin/vi', ['vi']), open(11, 200));
    expect(get(views[1], 'process.ancestor_names')).to.deep.equal(['vi']);
    expect(get(views[1], 'process.path')).to.equal('/bin/sh');
  });

  it('keeps the creator when the process gets a new parent', () => {
    const { run } = scene();
    run(exec(10, 100, '/usr/bin/evil', ['evil']), fork(10, 100, 11, 200), exit(10, 100));
    const [view] = run(['file_open', at(11, 200, { 'header.ppid': 1 })]);
    expect(get(view, 'process.ppid')).to.equal(1);
    expect(get(view, 'process.parent.pid')).to.equal(10);
    expect(get(view, 'process.parent.path')).to.equal('/usr/bin/evil');
  });

  it('tells processes of one pid apart', () => {
    const { run, enricher } = scene();
    run(exec(10, 100, '/bin/old', ['old']), exit(10, 100), exec(10, 500, '/bin/new', ['new']));
    const [late, current] = run(open(10, 100), open(10, 500));
    expect(get(late, 'process.path')).to.equal('/bin/old');
    expect(get(current, 'process.path')).to.equal('/bin/new');
    expect(get(late, 'process.entity_id')).not.to.equal(get(current, 'process.entity_id'));
    now += 10_000_000_000n;
    run(exec(20, 600, '/bin/x', ['x']), exit(20, 600));
    enricher.tick(Number(now));
    expect(enricher.processes).to.equal(2);
  });

  it('is bounded and counts what it forgets alive', () => {
    const { run, enricher } = scene(50);
    for (let pid = 100; pid < 300; pid++) run(exec(pid, pid, '/bin/x', ['x']));
    expect(enricher.processes).to.equal(50);
    expect(enricher.counts.evictions).to.equal(150);
  });

  it('does not keep the whole past of a program that forks and ends', () => {
    const { run } = scene();
    run(exec(1000, 1000, '/bin/hop', ['hop']));
    for (let pid = 1000; pid < 1200; pid++) run(fork(pid, pid, pid + 1, pid + 1), exit(pid, pid));
    const [view] = run(open(1200, 1200));
    let depth = 0;
    for (let one = view?.process; one !== undefined; one = one.parent) depth++;
    expect(depth).to.be.at.most(18);
    expect(get(view, 'process.ancestor_names')).to.have.length(16);
  });

  it('leaves the process alone when an exec fails', () => {
    const { run } = scene();
    const views = run(exec(10, 100, '/bin/sh', ['sh']), [
      'process_exec',
      at(10, 100, { 'header.result': -2n, 'header.flags': 1, filename: '/usr/bin/absent' }),
    ]);
    expect(get(views[1], 'event.error')).to.equal('ENOENT');
    expect(get(views[1], 'process.filename')).to.equal('/usr/bin/absent');
    expect(get(views[1], 'process.path')).to.equal('/bin/sh');
  });

  it('reads an unknown process from /proc and marks it', () => {
    const { run, enricher } = scene();
    proc(40, 777, { exe: '/usr/bin/late', args: ['late', '-x'] });
    enricher.seed([]);
    expect(enricher.processes).to.equal(2);
    const [known] = run(open(40, 7_770_000_555));
    expect(get(known, 'process.path')).to.equal('/usr/bin/late');
    expect(get(known, 'process.start_time')).to.equal(1007.770000555);
    expect(get(known, 'event.incomplete')).to.equal(false);
    expect(enricher.counts.misses).to.equal(0);
    proc(41, 778, { exe: '/usr/bin/later', args: ['later'], parent: 40 });
    const [view, again] = run(open(41, 7_780_000_123), open(41, 7_780_000_123));
    for (const one of [view, again]) {
      expect(get(one, 'process.path')).to.equal('/usr/bin/later');
      expect(get(one, 'event.incomplete')).to.equal(true);
      expect(get(one, 'process.parent.path')).to.equal('/usr/bin/late');
      expect(get(one, 'process.env')).to.deep.equal({ LD_PRELOAD: '/tmp/x.so' });
      expect(get(one, 'process.tty')).to.equal('pts1');
      expect(get(one, 'process.cgroup')).to.equal('/user.slice');
    }
    expect(enricher.counts.misses).to.equal(1);
    const [gone] = run(['file_open', at(99, 5, { 'header.comm': 'ghost' })]);
    expect(get(gone, 'process.name')).to.equal('ghost');
    expect(get(gone, 'event.incomplete')).to.equal(true);
    const [other] = run(['file_open', at(41, 1, { 'header.comm': 'elder' })]);
    expect(get(other, 'process.name')).to.equal('elder', 'the pid is another process by now');
  });

  it('checks what it knows after a loss', () => {
    const { run, enricher } = scene();
    run(
      exec(50, 5_000_000, '/bin/sh', ['sh']),
      exec(51, 5_000_000, '/bin/same', ['same']),
      exec(52, 5_000_000, '/bin/x', ['x']),
    );
    proc(50, 0, { exe: '/usr/bin/changed', args: ['changed'] });
    proc(51, 0, { exe: '/bin/same', args: ['same'] });
    enricher.noteLoss();
    const [changed, same, ended] = run(open(50, 5_000_000), open(51, 5_000_000), open(52, 5_000_000));
    expect(get(changed, 'process.path')).to.equal('/usr/bin/changed');
    expect(get(changed, 'event.incomplete')).to.equal(true);
    expect(get(same, 'event.incomplete')).to.equal(false);
    expect(get(ended, 'event.incomplete')).to.equal(true);
    enricher.tick(Number(now));
    now += 10_000_000_000n;
    enricher.tick(Number(now));
    expect(enricher.processes).to.equal(2, 'the process whose exit was lost is forgotten');
  });

  it('tells the program of the time when something happened', () => {
    const { run } = scene();
    run(exec(10, 100, '/bin/first', ['first']));
    const late = open(10, 100);
    run(exec(10, 100, '/bin/second', ['second']), exec(10, 100, '/bin/third', ['third']));
    const [before, after] = run(late, open(10, 100));
    expect(get(before, 'process.path')).to.equal('/bin/first');
    expect(get(after, 'process.path')).to.equal('/bin/third');
  });

  it('hands an exec over again when its hashes are known, also of a program that has ended', async () => {
    const program = join(procRoot, 'program');
    writeFileSync(program, 'abc');
    const { ino } = statSync(program);
    const hashed = await new Promise<EventRecord>((resolve) => {
      const { run, enricher } = scene(10, resolve);
      const more = { 'exe.inode': ino, 'exe.device': 1, exe_mtime: 5n };
      run(exec(4_000_000, 100, '/bin/none', ['none'], more));
      enricher.hashing.switch(true);
      const [view] = run(exec(4_000_001, 100, program, ['program'], more));
      expect(get(view, 'process.sha256')).to.equal(undefined);
    });
    expect(hashed.kind).to.equal('process_exec');
    expect(hashed.value(id('process.sha256'))).to.equal(
      'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad',
    );
    expect(hashed.value(id('process.md5'))).to.equal('900150983cd24fb0d6963f7d28e17f72');
    expect(hashed.value(id('process.path'))).to.equal(program);
  });

  it('joins arguments that were cut and keeps their end', () => {
    const { run } = scene();
    const [view] = run(
      exec(10, 100, '/bin/sh', [], {
        args: 'sh\0-c\0aaa',
        args_tail: 'aaa\0payload\0',
        'header.flags': RECORD_FLAGS.TRUNCATED,
      }),
    );
    expect(get(view, 'process.args')).to.deep.equal(['sh', '-c', 'aaa…', '…aaa', 'payload']);
    expect(get(view, 'event.truncated')).to.equal(true);
  });

  it('names a destination after the DNS answer', () => {
    const { run } = scene();
    const name = [3, ...Buffer.from('www'), 4, ...Buffer.from('evil'), 0];
    const answer = [
      0,
      1,
      0x81,
      0x80,
      0,
      1,
      0,
      1,
      0,
      0,
      0,
      0,
      ...name,
      0,
      1,
      0,
      1,
      0xc0,
      12,
      0,
      1,
      0,
      1,
      0,
      0,
      1,
      0,
      0,
      4,
      6,
      6,
      6,
      6,
    ];
    const views = run(exec(10, 100, '/bin/curl', ['curl']), ['net_dns', at(10, 100, { payload: Buffer.from(answer) })]);
    expect(views).to.have.length(2);
    const [, connection] = run(
      ['net_dns', at(10, 100, { payload: Buffer.from(answer) })],
      [
        'net_conn',
        at(10, 100, {
          family: 2,
          'destination.ip': [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 6, 6, 6, 6],
          'destination.port': 80,
        }),
      ],
    );
    expect(get(connection, 'network.destination.hostname')).to.equal('www.evil');
  });
});

describe('program names', () => {
  it('are what the program was started by', () => {
    expect(programName({ filename: '/usr/bin/sh', path: '/usr/bin/dash' })).to.equal('sh');
    expect(programName({ filename: './run.py', path: '/usr/bin/python3.11' })).to.equal('run.py');
    expect(programName({ filename: '/dev/fd/6', path: '/memfd:payload' })).to.equal('memfd:payload');
    expect(programName({ path: '/usr/bin/a-very-long-program-name', comm: 'a-very-long-pro' })).to.equal(
      'a-very-long-program-name',
    );
    expect(programName({ path: '/usr/bin/python3', args: ['python3', '/opt/job.py'], comm: 'job.py' })).to.equal(
      'job.py',
    );
    expect(programName({ comm: 'kworker/0:1' })).to.equal('kworker/0:1');
  });
});
