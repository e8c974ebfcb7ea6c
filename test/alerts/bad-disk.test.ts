/** A disk that answers EIO below the spool, and a spool's directory that somebody else has been at. */
import { type ChildProcess, execFileSync, fork } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { openSpool } from '../../src/alerts/spool/open.ts';
import { SETTLEMENTS } from '../../src/alerts/spool/types.ts';
import type { PipelineStats } from '../../src/pipeline/types.ts';
import { SILENT } from './support/findings.ts';

interface Message {
  readonly ids?: (string | null)[];
  readonly offered?: number;
  readonly stats?: PipelineStats;
  readonly ready?: true;
}

describe('a disk that is broken', function () {
  this.timeout(120_000);
  let directory: string;
  let child: ChildProcess | undefined;

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'bpfwarden-disk-'));
  });
  afterEach(() => {
    child?.kill('SIGKILL');
    rmSync(directory, { recursive: true, force: true });
  });

  it('loses no alert while it answers EIO, and takes the rest when it works again', async () => {
    const library = join(directory, 'bad_disk.so');
    const source = join(import.meta.dirname, '..', 'triggers', 'bad_disk.c');
    execFileSync(process.env.CC ?? 'cc', ['-shared', '-fPIC', '-O1', '-o', library, source, '-ldl']);
    const disk = join(directory, 'broken');
    const file = join(directory, 'alerts.ndjson');
    const toml = `
      [spool]
      directory = "${join(directory, 'spool')}"
      [output]
      alerts_file = "${file}"
      [ledger]
      dedupe_seconds = 0
      alerts_per_minute = 0`;
    child = fork(join(import.meta.dirname, 'support', 'child.ts'), [toml], {
      execArgv: ['--import', 'tsx'],
      env: { ...process.env, LD_PRELOAD: library, BAD_DISK: disk },
    });
    const running = child;
    const accepted = new Set<string>();
    const answer = (until: (message: Message) => boolean) =>
      new Promise<Message>((resolve, reject) => {
        const listen = (message: Message) => {
          for (const id of message.ids ?? []) if (id !== null) accepted.add(id);
          if (!until(message)) return;
          running.off('message', listen);
          resolve(message);
        };
        running.on('message', listen);
        running.once('exit', (code, signal) => reject(new Error(`the process ended: ${code ?? signal}`)));
      });
    const ask = (message: object, until: (message: Message) => boolean) => {
      const answered = answer(until);
      running.send(message);
      return answered;
    };
    await answer((message) => message.ready === true);
    await ask({ offer: [0, 20] }, (message) => message.offered === 20);
    const before = await ask({ flush: 20_000 }, (message) => message.stats !== undefined);
    expect(before.stats?.spool.durable).to.equal(true);

    writeFileSync(disk, '');
    await ask({ offer: [20, 60] }, (message) => message.offered === 60);
    const broken = await ask({ flush: 20_000 }, (message) => message.stats !== undefined);
    expect(broken.stats?.spool.durable, 'it says so').to.equal(false);

    rmSync(disk);
    await ask({ offer: [60, 80] }, (message) => message.offered === 80);
    let stats = broken.stats;
    for (let round = 0; round < 100 && stats?.spool.durable !== true; round++)
      ({ stats } = await ask({ flush: 1_000 }, (message) => message.stats !== undefined));
    expect(stats?.spool.durable, 'it is whole again').to.equal(true);
    const written = readFileSync(file, 'utf8').trimEnd().split('\n');
    const ids = written.map((line) => (JSON.parse(line) as { alert_id: string }).alert_id);
    for (const id of accepted) expect(ids).to.include(id);
    expect(accepted.size).to.be.above(50);
    for (const counts of Object.values(stats?.spool.sinks ?? {}))
      expect(counts.offered).to.equal(counts.waiting + SETTLEMENTS.reduce((sum, name) => sum + counts[name], 0));
  });

  it('opens although somebody has left files, links, directories and pipes of his in it, and touches none', async () => {
    const spoolDirectory = join(directory, 'spool');
    const target = join(directory, 'target');
    mkdirSync(join(spoolDirectory, 'corrupt-1'), { recursive: true, mode: 0o700 });
    writeFileSync(target, 'of somebody else');
    writeFileSync(join(spoolDirectory, 'README'), 'x');
    writeFileSync(join(spoolDirectory, '\u001b[2J\n'), 'x');
    symlinkSync(target, join(spoolDirectory, 'data.mdb.old'));
    symlinkSync('/nowhere/at/all', join(spoolDirectory, 'dangling'));
    execFileSync('mkfifo', [join(spoolDirectory, 'pipe')]);
    const spool = await openSpool(spoolDirectory, { maxBytes: 1_000_000, log: SILENT });
    spool.join(['a']);
    expect(spool.stats().durable).to.equal(true);
    await spool.close();
    expect(readFileSync(target, 'utf8')).to.equal('of somebody else');
    expect(readFileSync(join(spoolDirectory, 'README'), 'utf8')).to.equal('x');
  });

  it('keeps alerts in memory where its store is a link, a directory or somebody’s device', async () => {
    for (const make of [
      (path: string) => symlinkSync(join(directory, 'elsewhere'), path),
      (path: string) => mkdirSync(path),
      (path: string) => symlinkSync('/dev/full', path),
    ]) {
      const spoolDirectory = mkdtempSync(join(directory, 'spool-'));
      make(join(spoolDirectory, 'data.mdb'));
      const spool = await openSpool(spoolDirectory, { maxBytes: 1_000_000, log: SILENT });
      spool.join(['a']);
      expect(spool.stats().sinks.a?.waiting).to.equal(0);
      await spool.close();
    }
  });
});
