/** What a start says of the daemon before it, and since when nothing was watched. */
import { mkdtempSync, readFileSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { pino } from 'pino';
import { RunFile, type RunFileOptions } from '../../src/daemon/previous-run.ts';

const log = pino({ level: 'silent' });

describe('previous run', () => {
  let directory: string;
  const open = (options: Partial<RunFileOptions> = {}) =>
    new RunFile({ directory, log, bootId: 'boot', bootTime: 1000, oomKills: () => 0, ...options });
  const file = () => join(directory, 'run.json');
  /** The file as it was when the daemon last lived. */
  const lived = (seconds: number) => utimesSync(file(), seconds, seconds);

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'bpfwarden-run-'));
  });
  afterEach(() => rmSync(directory, { recursive: true, force: true }));

  it('says nothing at the very first start', () => {
    expect(open().begin()).to.equal(undefined);
  });

  it('tells an orderly end from one that nobody asked for', () => {
    const first = open();
    first.begin();
    first.end();
    lived(5000);
    const second = open();
    expect(second.begin(5007.5)).to.include({ finding: 'gap', previous_end: 'orderly', blind_seconds: 7.5 });
    lived(6000);
    expect(open().begin(6000.25)).to.include({ previous_end: 'unexpected', blind_seconds: 0.25 });
  });

  it('counts from the boot when the host stopped first', () => {
    open().begin();
    lived(5000);
    const next = open({ bootId: 'another', bootTime: 9000 });
    expect(next.begin(9012)).to.include({ previous_end: 'with_host', blind_seconds: 12 });
  });

  it('names memory where the kernel has ended processes for want of it', () => {
    open({ oomKills: () => 3 }).begin();
    lived(5000);
    const gap = open({ oomKills: () => 4 }).begin(5001);
    expect(gap?.previous_end).to.equal('unexpected');
    expect(gap?.detail).to.contain('ended 1 process for want of memory');
  });

  it('a beat moves the time, nothing else', () => {
    const run = open();
    run.begin();
    const text = readFileSync(file(), 'utf8');
    lived(5000);
    run.beat();
    expect(readFileSync(file(), 'utf8')).to.equal(text);
    expect(open().begin(Date.now() / 1000)?.blind_seconds).to.be.within(0, 60);
  });

  it('a start that fails leaves what it found', () => {
    open().begin();
    lived(5000);
    open();
    expect(open().begin(5003)?.blind_seconds).to.equal(3);
  });

  it('a clock that was set back gives no negative time', () => {
    open().begin();
    lived(5000);
    expect(open().begin(4000)?.blind_seconds).to.equal(0);
  });

  it('works on with a damaged file, a symbolic link, or no directory', () => {
    writeFileSync(file(), '{"pid": 1, "boo');
    expect(open().begin()).to.equal(undefined);
    rmSync(file());
    writeFileSync(join(directory, 'other'), 'keep');
    symlinkSync(join(directory, 'other'), file());
    expect(open().begin()).to.equal(undefined);
    expect(readFileSync(join(directory, 'other'), 'utf8')).to.equal('keep');
    const nowhere = open({ directory: '/nowhere/at/all' });
    expect(nowhere.begin()).to.equal(undefined);
    nowhere.beat();
    nowhere.end();
  });
});
