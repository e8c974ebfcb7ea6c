import { statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { unaccounted } from '../../src/kernel/counts.ts';
import type { EventJson } from '../../src/schema/event.ts';
import { fieldOf } from '../cases/matcher.ts';
import { EVERYTHING, observe, only, script, select, trigger, watching } from './support.ts';

const RACES = 3000;
const IO_URING = { 'event.source': 'io_uring' };

describe('io_uring operations', function () {
  this.timeout(60_000);
  before(() => watching());

  /** Runs the trigger's operations in a fresh directory, each one a process of its own. */
  const uring = (...operations: readonly string[]) =>
    script(operations.map((operation) => `$URING ${operation}`).join('\n'), { URING: trigger('uring_single') });

  it('files opened, made, renamed, linked and removed are reported without a system call of their own', async () => {
    const { events, directory, output } = await uring(
      'open /etc/shadow',
      'open ../../../etc/hostname',
      'mkdir made',
      'rename made moved',
      'symlink /etc/passwd shown',
      'link shown other',
      'unlink other',
      'open absent',
    );
    expect(output.trim().split('\n').map(Number).slice(2)).to.deep.equal([0, 0, 0, 0, 0, -2]);
    const seen = ['file_open', 'file_mkdir', 'file_rename', 'file_symlink', 'file_link', 'file_unlink'].flatMap(
      (kind) =>
        select(events, { 'event.type': kind, 'event.source': 'io_uring' }).map((event) => [
          kind,
          fieldOf(event, 'file.path'),
          fieldOf(event, 'file.new_path'),
        ]),
    );
    expect(seen).to.deep.equal([
      ['file_open', '/etc/shadow', undefined],
      ['file_open', '/etc/hostname', undefined],
      ['file_open', `${directory}/absent`, undefined],
      ['file_mkdir', `${directory}/made`, undefined],
      ['file_rename', `${directory}/made`, `${directory}/moved`],
      ['file_symlink', `${directory}/shown`, '/etc/passwd'],
      ['file_link', `${directory}/shown`, `${directory}/other`],
      ['file_unlink', `${directory}/other`, undefined],
    ]);
    const open = only(events, { 'event.type': 'file_open', 'file.path': '/etc/shadow' });
    expect(fieldOf(open, 'event.unverified')).to.equal(false);
    expect(fieldOf(open, 'event.result')).to.be.at.least(3);
    expect(fieldOf(open, 'file.inode')).to.equal(statSync('/etc/shadow').ino);
    expect(fieldOf(open, 'file.access')).to.equal('read');
    expect(fieldOf(open, 'process.name')).to.equal('uring_single');
    const absent = only(events, { 'event.type': 'file_open', 'file.path': `${directory}/absent`, ...IO_URING });
    expect(fieldOf(absent, 'event.error')).to.equal('ENOENT');
    expect(fieldOf(absent, 'event.unverified')).to.equal(true);
  });

  it('attributes set by name and by descriptor are reported with their name', async () => {
    const { events, directory } = await script(
      `: > made
      $URING setxattr made security.capability
      $URING fsetxattr made security.capability
      $URING fsetxattr made trusted.bpfwarden`,
      { URING: trigger('uring_single') },
    );
    const attributes = select(events, { 'event.type': 'file_setxattr', ...IO_URING }).map((event) => [
      fieldOf(event, 'file.path'),
      fieldOf(event, 'file.attribute'),
    ]);
    expect(attributes).to.deep.equal([
      [`${directory}/made`, 'security.capability'],
      [`${directory}/made`, 'security.capability'],
      [`${directory}/made`, 'trusted.bpfwarden'],
    ]);
  });

  it('the io_uring itself is reported, and a packet socket made through it', async () => {
    const { events } = await uring('socket 17 3 768');
    only(events, { 'event.type': 'io_uring_setup', 'event.error': '' });
    const socket = only(events, { 'event.type': 'socket_raw' });
    expect(fieldOf(socket, 'event.source')).to.equal('io_uring');
    expect(fieldOf(socket, 'network.family')).to.equal('packet');
    expect(fieldOf(socket, 'socket.protocol')).to.equal(3);
  });

  const batch = (...args: readonly string[]) => observe(trigger('uring_batch'), args);
  const file = (name: string, content = 'x') => {
    const path = join(watching().directory, name);
    writeFileSync(path, content);
    return path;
  };
  /** Of one kind by io_uring: what is asked for of each event. */
  const fields = (events: readonly EventJson[], kind: string, ...names: readonly string[]) =>
    select(events, { 'event.type': kind, ...IO_URING }).map((event) => names.map((name) => fieldOf(event, name)));
  /** Events of a kind since `before` that reached no outcome, and those that did. */
  const seen = (kind: string) => watching().sensor.counters.events().get(kind)?.seen ?? 0;
  const failures = () => watching().sensor.counters.failures();

  it('what fails has its errno', async () => {
    const directory = watching().directory;
    const { events, output } = await batch('failing', directory);
    const results = output.trim().split('\n').map(Number);
    expect(results).to.deep.equal([-21, -2, -17, -2, -2, -17]);
    const kinds = ['file_open', 'file_unlink', 'file_mkdir', 'file_rename', 'file_link', 'file_symlink'];
    expect(kinds.map((kind) => fields(events, kind, 'event.result')[0]?.[0])).to.deep.equal(results);
  });

  it('a file made by a worker is told of the process that submitted', async () => {
    const path = join(watching().directory, 'uring_created');
    const { events, output, pid } = await batch('create', path);
    expect(output).to.equal('1\n');
    for (const type of ['file_open', 'file_create']) {
      const event = only(events, { 'event.type': type, 'file.path': path, ...IO_URING });
      expect(fieldOf(event, 'event.unverified')).to.equal(false);
      expect(fieldOf(event, 'process.comm')).to.equal('uring_batch');
      expect(fieldOf(event, 'process.tid')).to.equal(pid);
      expect(fieldOf(event, 'file.access')).to.equal('write');
    }
  });

  it(`a thread that changes the path deceives nobody: ${RACES} races`, async () => {
    const [a, b] = [file('uring_harmless'), file('uring_a_secret')];
    const names = new Map([a, b].map((path) => [statSync(path).ino, path]));
    const { events, output, code } = await batch('race', a, b, String(RACES));
    expect(code).to.equal(0);
    const opened = output.trim().split('\n').map(Number);
    const reported = select(events, { 'event.type': 'file_open', 'event.error': '', ...IO_URING });
    expect(reported.map((event) => fieldOf(event, 'file.inode'))).to.deep.equal(opened);
    for (const event of reported) {
      expect(fieldOf(event, 'file.path')).to.equal(names.get(Number(fieldOf(event, 'file.inode'))));
      expect(fieldOf(event, 'event.unverified')).to.equal(false);
    }
    for (const inode of names.keys()) expect(opened, 'both were opened').to.include(inode);
  });

  for (const [how, verified] of [
    ['swap', true],
    ['slots', true],
    ['late', false],
  ] as const) {
    it(`another file put under the descriptor before the completion is not taken for it: ${how}`, async () => {
      const [secret, harmless] = [file('uring_secret'), file('uring_dull')];
      const { events, output } = await batch(how, secret, harmless);
      expect(output.trim()).to.match(how === 'late' ? /^1$/ : /^0(\n0)+$/);
      const opened = select(events, { 'event.type': 'file_open', ...IO_URING });
      expect(opened.map((event) => [fieldOf(event, 'file.path'), fieldOf(event, 'event.unverified')])).to.deep.equal(
        [secret, ...(how === 'late' ? [] : [harmless])].map((path) => [path, !verified]),
      );
    });
  }

  it('nothing is lost when the completion queue is full, with one user_data for all', async () => {
    const path = file('uring_overflow');
    const { events } = await batch('overflow', path, '160');
    const opened = fields(events, 'file_open', 'file.path', 'event.error', 'event.unverified');
    expect(opened.filter(([name]) => name === path)).to.deep.equal(Array(80).fill([path, '', false]));
    expect(opened.filter(([name]) => name === '/absent/file')).to.deep.equal(
      Array(80).fill(['/absent/file', 'ENOENT', true]),
    );
  });

  it('a request without completion on success is reported when submitted', async () => {
    const path = file('uring_skipped');
    const { events, output } = await batch('skip', path);
    expect(output).to.equal('x\n');
    expect(fields(events, 'file_open', 'file.path', 'event.unverified')).to.deep.equal([[path, true]]);
    expect(fields(events, 'file_read', 'file.path', 'event.unverified')).to.deep.equal([[path, true]]);
  });

  it('the first read and write of a file are events, all are counted', async () => {
    const path = file('uring_accessed');
    const { sensor } = watching();
    const before = sensor.counters.io();
    const { events } = await batch('access', path, '50');
    const after = sensor.counters.io();
    const first = ['event.result', 'event.unverified', 'file.path', 'file.bytes'];
    expect(fields(events, 'file_write', ...first)).to.deep.equal([[4096, false, path, 4096]]);
    expect(fields(events, 'file_read', 'file.path')).to.deep.equal([[path]]);
    expect(fields(events, 'file_truncate', 'file.path', 'file.bytes', 'event.unverified')).to.deep.equal([
      [path, 7, false],
    ]);
    expect(after.fileWrite.calls - before.fileWrite.calls).to.be.at.least(50);
    expect(after.fileWrite.bytes - before.fileWrite.bytes).to.be.at.least(50 * 4096);
  });

  for (const multishot of ['0', '1']) {
    it(`each accepted connection is reported${multishot === '1' ? ', with one request for many' : ''}`, async () => {
      const { events, output } = await batch('accept', '45460', '5', multishot);
      expect(output).to.equal('1\n'.repeat(5));
      const ports = fields(events, 'net_conn', 'network.source.port');
      const clients = select(events, { 'event.type': 'net_conn' }).map((event) =>
        fieldOf(event, 'network.source.port'),
      );
      expect(ports).to.deep.equal([]);
      const accepted = fields(events, 'net_accept', 'network.source.port', 'network.destination.port');
      expect(accepted).to.deep.equal(clients.map((port) => [port, 45460]));
      expect(accepted).to.have.length(5);
    });
  }

  it('a connect that the kernel refuses has its reason', async () => {
    const { events, output } = await uring('connect 255.255.255.255 9', 'udp 255.255.255.255 9');
    const results = output.trim().split('\n').map(Number);
    for (const result of results) expect(result).to.be.below(0);
    const asked = ['event.result', 'network.transport', 'network.destination.ip', 'network.destination.port'];
    expect(fields(events, 'net_conn', ...asked)).to.deep.equal([
      [results[0], 'tcp', '255.255.255.255', 9],
      [results[1], 'udp', '255.255.255.255', 9],
    ]);
  });

  it('a bound UDP port is reported as one that listens', async () => {
    const { events, output } = await batch('bind', '45461');
    if (output.trim() === '-22') return; // before 6.11
    const port = ['network.source.port', 'network.transport', 'event.unverified'];
    expect(fields(events, 'net_listen', ...port)).to.deep.equal([[45461, 'udp', false]]);
  });

  it('names of any length are whole', async () => {
    const full = failures().get('uring_map_full');
    for (const length of [100, 1000, 4000]) {
      const directory = watching().directory;
      const name = '/.'.repeat(length / 2);
      const long = await batch('failing', `${directory}${name}`.slice(0, 4000));
      const [made] = select(long.events, { 'event.type': 'file_mkdir', ...IO_URING });
      expect(fieldOf(made, 'event.error')).to.equal('EEXIST');
    }
    expect(failures().get('uring_map_full')).to.equal(full);
  });

  it('every request has one outcome, whatever the filter says', async () => {
    const path = file('uring_counted');
    const before = [seen('file_open'), failures().get('uring_no_result')] as const;
    const { events } = await batch('many', path, '6400');
    expect(fields(events, 'file_open', 'file.path')).to.deep.equal(Array(6400).fill([path]));
    watching().sensor.filter.use({
      kinds: new Map([
        ...EVERYTHING.kinds,
        ['file_open', { pass: 'tokens', tokens: [{ type: 'component', text: 'another_file' }] }],
      ]),
    });
    const unwanted = await batch('many', path, '6400');
    watching().sensor.filter.use(EVERYTHING);
    expect(fields(unwanted.events, 'file_open', 'file.path')).to.deep.equal([]);
    expect(seen('file_open') - before[0]).to.be.at.least(12_800);
    let gap = Number.NaN;
    for (let reading = 0; reading < 200 && gap !== 0; reading++) gap = unaccounted(watching().sensor.counters.events());
    expect(gap).to.equal(0);
    expect(failures().get('uring_no_result')).to.equal(before[1]);
  });
});
