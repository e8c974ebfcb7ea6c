/** Facts that one rare call each has, so that nobody gets past a rule by taking it. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import type { EventJson } from '../../src/schema/event.ts';
import { fieldOf, has } from '../cases/matcher.ts';
import { freePort } from '../e2e/support/daemon.ts';
import { observe, only, script, select, trigger } from './support.ts';

/** Undefined where this kernel or file system cannot do it. */
async function rare(...args: string[]): Promise<readonly EventJson[] | undefined> {
  const { events, code } = await observe(trigger('rare'), args);
  expect(code).to.be.oneOf([0, 3]);
  return code === 0 ? events : undefined;
}

async function scratch(name: string): Promise<string> {
  const { directory } = await script('true');
  const path = join(directory, name);
  writeFileSync(path, 'x'.repeat(8192));
  return path;
}

describe('rare facts', function () {
  this.timeout(60_000);

  it('input put into a terminal, also where the kernel refuses it', async () => {
    const { events } = await observe(trigger('rare'), ['type']);
    const typed = only(events, { 'event.type': 'terminal_input' });
    expect(fieldOf(typed, 'file.path')).to.match(/^\/dev\/pts\/|^\/[0-9]+$/);
  });

  it('a file made of another’s blocks is a read and a write', async () => {
    const from = await scratch('from');
    const events = await rare('clone', from, `${from}-2`);
    if (events === undefined) return; // This kernel or file system cannot: nobody can do it here.
    only(events, { 'event.type': 'file_read', 'file.path': from });
    only(events, { 'event.type': 'file_write', 'file.path': `${from}-2` });
  });

  it('inode flags by file_setattr', async () => {
    const file = await scratch('flags');
    const events = await rare('setattr', file);
    if (events === undefined) return; // This kernel or file system cannot: nobody can do it here.
    const changed = only(events, { 'event.type': 'file_chattr', 'file.path': file });
    expect(fieldOf(changed, 'event.syscall')).to.equal('file_setattr');
    expect(has('FS_NODUMP_FL')(fieldOf(changed, 'file.inode_flags'))).to.equal(true);
  });

  for (const how of ['creat', 'mknod'])
    it(`the set-user-id bit from the start, by ${how}`, async () => {
      const file = `${await scratch(how)}-suid`;
      const made = only((await rare(how, file)) ?? [], { 'event.type': 'file_create', 'file.path': file });
      expect(fieldOf(made, 'file.mode')).to.equal('4755');
    });

  it('the name of an attribute that io_uring sets', async () => {
    const file = await scratch('uxattr');
    const events = await rare('uxattr', file);
    if (events === undefined) return; // This kernel or file system cannot: nobody can do it here.
    const set = only(events, { 'event.type': 'file_setxattr', 'file.path': file });
    expect(fieldOf(set, 'file.attribute')).to.equal('trusted.rare');
    expect(fieldOf(set, 'event.source')).to.equal('io_uring');
  });

  it('a signal to the sensor', async () => {
    const sent = select((await rare('signal', String(process.pid))) ?? [], { 'event.type': 'kill' });
    expect(sent.map((event) => fieldOf(event, 'target.sensor'))).to.deep.equal([true]);
    const [other] = select((await rare('signal', String(process.ppid))) ?? [], { 'event.type': 'kill' });
    expect(fieldOf(other, 'target.sensor')).to.equal(false);
  });

  it('a shell whose standard input came as a message', async () => {
    const events = (await rare('stdin', String(await freePort()))) ?? [];
    const shell = only(events, { 'event.type': 'process_exec', 'process.name': 'sh', 'event.error': '' });
    expect(fieldOf(shell, 'process.stdin.type')).to.equal('socket');
  });
});
