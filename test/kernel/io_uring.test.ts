import { expect } from 'chai';
import { fieldOf } from '../cases/matcher.ts';
import { only, script, select, trigger, watching } from './support.ts';

describe('io_uring operations', function () {
  this.timeout(60_000);
  before(() => watching());

  /** Runs the trigger's operations in a fresh directory, each one a process of its own. */
  const ring = (...operations: readonly string[]) =>
    script(operations.map((operation) => `$RING ${operation}`).join('\n'), { RING: trigger('ring') });

  it('files: open, mkdir, rename, link, symlink, unlink, without a system call of their own', async () => {
    const { events, directory, output } = await ring(
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
    // The kernel's own copy of the name, but not resolved.
    const open = only(events, { 'event.type': 'file_open', 'file.path': '/etc/shadow' });
    expect(fieldOf(open, 'event.unverified')).to.equal(true);
    expect(fieldOf(open, 'file.access')).to.equal('read');
    expect(fieldOf(open, 'process.name')).to.equal('ring');
  });

  it('the ring itself, and a packet socket made through it', async () => {
    const { events } = await ring('socket 17 3 768');
    only(events, { 'event.type': 'io_uring_setup', 'event.error': '' });
    const socket = only(events, { 'event.type': 'socket_raw' });
    expect(fieldOf(socket, 'event.source')).to.equal('io_uring');
    expect(fieldOf(socket, 'network.family')).to.equal('packet');
    expect(fieldOf(socket, 'socket.protocol')).to.equal(3);
  });
});
