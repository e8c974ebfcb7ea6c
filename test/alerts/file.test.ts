import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { expect } from 'chai';
import { RotatingFile } from '../../src/alerts/sinks/rotating-file.ts';
import { failureOf, makeSink, spooled, UNABORTED } from './support/sinks.ts';

describe('the file sink', () => {
  let directory: string;
  let path: string;
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'bpfwarden-file-'));
    path = join(directory, 'alerts.ndjson');
  });
  afterEach(() => rmSync(directory, { recursive: true, force: true }));
  const ids = (file = path) =>
    readFileSync(file, 'utf8')
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line).alert_id as string);

  it('writes one line per alert, for the owner and the group only', async () => {
    const sink = makeSink({ type: 'file', path });
    await sink.deliver([spooled('1'), spooled('2')], UNABORTED);
    await sink.deliver([spooled('3')], UNABORTED);
    await sink.close();
    expect(ids()).to.deep.equal(['1', '2', '3']);
    expect(statSync(path).mode & 0o007).to.equal(0);
  });

  it('takes alerts of the action "log", which nobody is called for', () => {
    const alert = { ...spooled().alert, response: { action: 'log', outcome: 'none' } } as const;
    expect(makeSink({ type: 'file', path }).accepts(alert)).to.equal(true);
    expect(makeSink({ type: 'webhook', url: 'http://127.0.0.1:1/' }).accepts(alert)).to.equal(false);
  });

  it('has one line per alert in the Elastic Common Schema, too', async () => {
    const sink = makeSink({ type: 'file', path, format: 'ecs' });
    await sink.deliver([spooled('id-1')], UNABORTED);
    await sink.close();
    const [document] = readFileSync(path, 'utf8')
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(document).to.deep.include({
      '@timestamp': '2027-01-15T08:00:00.250Z',
      ecs: { version: '8.17.0' },
      tags: ['execution'],
    });
    expect(document.event).to.deep.include({
      kind: 'alert',
      category: ['process'],
      type: ['start'],
      id: 'id-1',
      risk_score: 70,
      severity: 47,
    });
    expect(document.process).to.deep.include({ pid: 1234, executable: '/tmp/x', args: ['/tmp/x', 'one', 'two words'] });
    expect(document.process.parent).to.deep.include({ name: 'bash', executable: '/bin/bash' });
    expect(document.user).to.deep.equal({ name: 'alice', id: '1000' });
    expect(document.threat).to.deep.equal({ framework: 'MITRE ATT&CK', technique: { id: ['T1059.004'] } });
    expect(document.rule).to.deep.include({ name: 'suspicious_temp_execution', ruleset: 'bpfwarden' });
  });

  it('rotates by size, keeps as many as it should, and loses no line', async () => {
    const file = new RotatingFile(path, { rotateBytes: 100, rotateSeconds: 0, keep: 2 });
    writeFileSync(`${path}.9`, 'of an earlier, larger keep\n');
    for (let index = 0; index < 9; index += 1) await file.append(`${index} ${'x'.repeat(38)}\n`);
    await file.reopen();
    expect(readdirSync(directory).sort()).to.deep.equal(['alerts.ndjson', 'alerts.ndjson.1', 'alerts.ndjson.2']);
    const lines = [`${path}.2`, `${path}.1`, path].flatMap((name) => readFileSync(name, 'utf8').trimEnd().split('\n'));
    expect(lines.map((line) => line[0])).to.deep.equal(['4', '5', '6', '7', '8']);
    for (const name of [path, `${path}.1`]) expect(statSync(name).size).to.be.at.most(100);
  });

  it('rotates by time', async () => {
    let now = Date.now();
    const file = new RotatingFile(path, { rotateBytes: 0, rotateSeconds: 60, keep: 3, now: () => now });
    await file.append('1\n');
    now += 59_000;
    await file.append('2\n');
    now += 2000;
    await file.append('3\n');
    await file.reopen();
    expect(readFileSync(`${path}.1`, 'utf8')).to.equal('1\n2\n');
    expect(readFileSync(path, 'utf8')).to.equal('3\n');
  });

  it('goes on in a new file after somebody renamed or removed the old one, without being told', async () => {
    const sink = makeSink({ type: 'file', path });
    await sink.deliver([spooled('1')], UNABORTED);
    renameSync(path, `${path}-old`);
    await sink.deliver([spooled('2')], UNABORTED);
    rmSync(path);
    await sink.deliver([spooled('3')], UNABORTED);
    await sink.close();
    expect(ids(`${path}-old`)).to.deep.equal(['1']);
    expect(ids()).to.deep.equal(['3']);
  });

  it('does not follow a symbolic link in a directory of somebody else', async () => {
    const target = join(directory, 'target');
    const theirs = join(directory, 'theirs');
    writeFileSync(target, '');
    mkdirSync(theirs);
    symlinkSync(target, join(theirs, 'alerts.ndjson'));
    chmodSync(theirs, 0o777);
    const sink = makeSink({ type: 'file', path: join(theirs, 'alerts.ndjson') });
    const refused = await sink.deliver([spooled('1')], UNABORTED).catch((error: unknown) => String(error));
    expect(refused).to.contain('a symbolic link in a directory of somebody else');
    expect(readFileSync(target, 'utf8')).to.equal('');
    chmodSync(theirs, 0o755);
    await sink.deliver([spooled('1')], UNABORTED);
    await sink.close();
    expect(ids(target)).to.deep.equal(['1']);
  });

  it('fails when the file cannot be written, and works once it can', async () => {
    const sink = makeSink({ type: 'file', path: join(directory, 'later', 'alerts.ndjson') });
    let failed: unknown;
    await sink.deliver([spooled('1')], UNABORTED).catch((error: unknown) => {
      failed = error;
    });
    expect(String(failed)).to.contain('ENOENT');
    expect(existsSync(join(directory, 'later'))).to.equal(false);
    const full = makeSink({ type: 'file', path: '/dev/full' });
    await full.deliver([spooled('1')], UNABORTED).catch((error: unknown) => {
      failed = error;
    });
    expect(String(failed)).to.contain('ENOSPC');
    await full.close();
  });

  it('a device that fails and a pipe that nobody reads are failures, and stop nothing', async () => {
    execFileSync('mkfifo', [path]);
    for (const [where, code] of [
      ['/proc/self/mem', 'EIO'], // at its beginning, where nothing is mapped
      [path, 'ENXIO'],
    ] as const) {
      const sink = makeSink({ type: 'file', path: where });
      expect(String(await sink.deliver([spooled('1')], UNABORTED).catch((error: unknown) => error))).to.contain(code);
      await sink.close();
    }
  });

  it('writes to standard output, and survives a reader that goes away', async () => {
    const chunks: string[] = [];
    let gone = false;
    const output = new Writable({
      write(chunk, _encoding, done) {
        if (gone) return done(new Error('EPIPE'));
        chunks.push(String(chunk));
        done();
      },
    });
    const sink = makeSink({ type: 'file', path: '-' }, { stdout: output });
    await sink.deliver([spooled('1')], UNABORTED);
    expect(JSON.parse(chunks.join('')).alert_id).to.equal('1');
    gone = true;
    const failure = await sink.deliver([spooled('2')], UNABORTED).catch((error: unknown) => String(error));
    expect(failure).to.contain('EPIPE');
  });

  it('refuses an unusable template when it is made', async () => {
    expect(() => makeSink({ type: 'file', path, format: 'template', template: 'a {{b c}}' })).to.throw('{{b c}}');
    const sink = makeSink({ type: 'syslog', address: '127.0.0.1:1', protocol: 'tcp' });
    await failureOf(sink.deliver([spooled()], UNABORTED));
    expect(() => makeSink({ type: 'syslog', address: 'nonsense' })).to.throw('nonsense');
  });
});
