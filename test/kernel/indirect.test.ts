/** The same effect by other ways than the usual call, and what is counted where something bounded is full. */
import { type ChildProcess, spawn } from 'node:child_process';
import { statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import type { EventJson } from '../../src/schema/event.ts';
import { fieldOf } from '../cases/matcher.ts';
import { freePort } from '../e2e/support/daemon.ts';
import { observe, only, script, select, trigger, watching } from './support.ts';

/** Of `indirect`; undefined where this kernel or file system cannot do it. */
async function indirect(...args: string[]): Promise<readonly EventJson[] | undefined> {
  const { events, code } = await observe(trigger('indirect'), args);
  if (code === 3) return undefined;
  expect(code, args.join(' ')).to.equal(0);
  return events;
}

async function file(): Promise<string> {
  const { directory } = await script('true');
  const path = join(directory, 'content');
  writeFileSync(path, 'x'.repeat(16_384));
  return path;
}

const failed = (reason: string): number => watching().sensor.counters.failures().get(reason) ?? 0;

describe('indirect ways', function () {
  this.timeout(120_000);
  let other: ChildProcess;
  let pid: string;

  before(() => {
    other = spawn('/bin/sleep', ['600'], { stdio: 'ignore' });
    pid = String(other.pid);
  });
  after(() => other.kill('SIGKILL'));

  it('content cut out by ioctl, also of the 32-bit table', async () => {
    const path = await file();
    const { events, code, signal } = await observe(trigger('indirect'), ['holes', path]);
    if (code === 3) return;
    // Some hypervisors and ia32_emulation=0 refuse the instruction, which comes last.
    const refused = signal === 'SIGSEGV';
    if (!refused) expect(code).to.equal(0);
    const cut = select(events, { 'event.type': 'file_truncate', 'file.path': path, 'event.syscall': 'ioctl' });
    expect(cut).to.have.length(process.arch === 'x64' && !refused ? 3 : 2);
    for (const event of cut) expect(fieldOf(event, 'event.unverified')).to.equal(false);
  });

  it('content cut out by io_uring; without a completion it is told when submitted', async () => {
    const path = await file();
    const events = await indirect('uring_holes', path);
    if (events === undefined) return;
    const cut = select(events, { 'event.type': 'file_truncate', 'file.path': path, 'event.source': 'io_uring' });
    expect(cut.map((event) => fieldOf(event, 'event.unverified'))).to.deep.equal([false, true]);
  });

  it('a file cut and a port bound by io_uring without a completion', async () => {
    const path = await file();
    const events = await indirect('uring_unseen', path, String(await freePort()));
    if (events === undefined) return;
    expect(statSync(path).size).to.equal(3);
    const cut = only(events, { 'event.type': 'file_truncate', 'file.path': path });
    expect(fieldOf(cut, 'event.unverified')).to.equal(true);
    const bound = only(events, { 'event.type': 'net_listen' });
    expect(fieldOf(bound, 'event.unverified')).to.equal(true);
  });

  it('a file read and another one written by the splices of io_uring', async () => {
    const from = await file();
    const to = `${from}.copy`;
    const events = await indirect('uring_splice', from, to);
    if (events === undefined) return;
    only(events, { 'event.type': 'file_read', 'file.path': from, 'event.source': 'io_uring' });
    only(events, { 'event.type': 'file_write', 'file.path': to, 'event.source': 'io_uring' });
  });

  it('who waits for thousands of connections hides nobody else’s, and what has no room is counted', async () => {
    const before = failed('uring_map_full');
    const { events, code } = await observe(trigger('indirect'), ['accepts', '4600']);
    if (code === 3) return;
    expect(code).to.equal(0);
    const accepted = select(events, { 'event.type': 'net_accept', 'event.source': 'io_uring' });
    expect(accepted).to.have.length(2);
    expect(failed('uring_map_full') - before).to.be.at.least(500);
  });

  it('the owner of a descriptor, whichever call sets it', async () => {
    const events = (await indirect('owner', pid)) ?? [];
    const set = select(events, { 'event.type': 'process_control', 'target.pid': Number(pid) });
    expect(set.map((event) => fieldOf(event, 'event.syscall'))).to.deep.equal(['fcntl', 'fcntl', 'ioctl', 'ioctl']);
    expect(select(events, { 'event.type': 'process_control' })).to.have.length(4);
  });

  it('a signal by a thread of the kernel, which is nobody’s call', async () => {
    const events = await indirect('owner_terminal', pid);
    if (events === undefined) return;
    only(events, { 'event.type': 'process_control', 'target.pid': Number(pid), 'event.syscall': 'fcntl' });
  });

  it('memory of another process moved to other nodes, not when it is only asked where it is', async () => {
    const events = await indirect('pages', pid);
    if (events === undefined) return;
    const moved = select(events, { 'event.type': 'process_control', 'target.pid': Number(pid) });
    expect(moved.map((event) => fieldOf(event, 'event.syscall'))).to.deep.equal(['migrate_pages', 'move_pages']);
  });

  it('asynchronous reads beyond those that are looked at are counted', async () => {
    const path = await file();
    const before = failed('batch_cut');
    const events = await indirect('aio', path);
    if (events === undefined) return;
    only(events, { 'event.type': 'file_read', 'file.path': path });
    expect(failed('batch_cut') - before).to.be.at.least(1);
  });
});
