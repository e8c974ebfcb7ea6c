/** Behaviours that have no system call of their own family: other ways to read, to mount, to weaken a process. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { arch } from 'node:process';
import { expect } from 'chai';
import type { EventJson } from '../../src/schema/event.ts';
import { fieldOf, has } from '../cases/matcher.ts';
import { observe, only, script, select, trigger } from './support.ts';

async function facts(...args: string[]): Promise<readonly EventJson[]> {
  const { events, code } = await observe(trigger('facts'), args);
  expect(code).to.equal(0);
  return events;
}

async function scratch(...names: string[]): Promise<string[]> {
  const { directory } = await script('true');
  return names.map((name) => {
    const path = join(directory, name);
    writeFileSync(path, 'x'.repeat(8192));
    return path;
  });
}

describe('what an event says of files, mounts and sockets', function () {
  this.timeout(60_000);

  for (const how of ['sendfile', 'splice', 'copy']) {
    it(`${how} reads one file and writes another`, async () => {
      const [from = '', to = ''] = await scratch('from', 'to');
      const events = await facts(how, from, to);
      const read = only(events, { 'event.type': 'file_read', 'file.path': from });
      expect(fieldOf(read, 'file.bytes')).to.equal(8);
      expect(fieldOf(read, 'event.unverified')).to.equal(false);
      only(events, { 'event.type': 'file_write', 'file.path': to });
    });
  }

  it('asynchronous reads and writes are reads and writes', async () => {
    const [file = ''] = await scratch('file');
    const read = only(await facts('aio_read', file), { 'event.type': 'file_read', 'file.path': file });
    expect(fieldOf(read, 'event.syscall')).to.equal('io_submit');
    only(await facts('aio_write', file), { 'event.type': 'file_write', 'file.path': file });
  });

  it('a mapped file is read or written without a system call for it', async () => {
    const [file = ''] = await scratch('file');
    const read = only(await facts('mmap_read', file), { 'event.type': 'file_read', 'file.path': file });
    expect(fieldOf(read, 'event.syscall')).to.equal('mmap');
    only(await facts('mmap_write', file), { 'event.type': 'file_write', 'file.path': file });
  });

  it('an attribute taken away, an inode flag set and content cut out each say of which file', async () => {
    const [file = ''] = await scratch('file');
    only(await facts('removexattr', file), {
      'event.type': 'file_removexattr',
      'file.path': file,
      'file.attribute': 'trusted.facts',
    });
    const changes = select(await facts('chattr', file), { 'event.type': 'file_chattr', 'file.path': file });
    expect(changes).to.have.length(2);
    expect(has('FS_IMMUTABLE_FL')(fieldOf(changes[0], 'file.inode_flags'))).to.equal(true);
    expect(has('FS_IMMUTABLE_FL')(fieldOf(changes[1], 'file.inode_flags'))).to.equal(false);
    only(await facts('punch', file), {
      'event.type': 'file_truncate',
      'file.path': file,
      'event.syscall': 'fallocate',
    });
  });

  it('namespaces that clone and clone3 make are those of the child', async () => {
    const cloned = only(await facts('clone'), { 'event.type': 'process_fork' });
    expect(fieldOf(cloned, 'namespaces.flags')).to.deep.equal(['CLONE_NEWUSER']);
    const again = only(await facts('clone3'), { 'event.type': 'process_fork' });
    expect(fieldOf(again, 'namespaces.flags')).to.have.members(['CLONE_NEWUSER', 'CLONE_NEWNS']);
  });

  it('what a process does to disguise or weaken itself is reported', async () => {
    const options = select(await facts('prctl'), { 'event.type': 'prctl' }).map((event) =>
      fieldOf(event, 'prctl.option'),
    );
    expect(options).to.deep.equal(['PR_SET_DUMPABLE', 'PR_SET_MM']);
    const personality = only(await facts('personality'), { 'event.type': 'personality' });
    expect(fieldOf(personality, 'personality.flags')).to.deep.equal(['READ_IMPLIES_EXEC']);
    const filters = select(await facts('seccomp'), { 'event.type': 'seccomp' });
    expect(filters.map((event) => fieldOf(event, 'seccomp.operation'))).to.deep.equal([
      'SECCOMP_SET_MODE_FILTER',
      'SECCOMP_SET_MODE_FILTER',
    ]);
    if (arch === 'x64') only(await facts('ldt'), { 'event.type': 'modify_ldt', 'modify_ldt.writes': true });
  });

  it('what it does to the host’s records is reported', async () => {
    only(await facts('acct'), { 'event.type': 'acct', 'file.path': '/nowhere/accounting' });
    only(await facts('syslog'), { 'event.type': 'kernel_log', 'kernel_log.action': 'SYSLOG_ACTION_READ_ALL' });
    const key = only(await facts('key'), { 'event.type': 'keyctl', 'keyctl.operation': 'ADD_KEY' });
    expect(fieldOf(key, 'keyctl.type')).to.equal('user');
    expect(fieldOf(key, 'keyctl.description')).to.equal('facts');
  });

  it('sockets of rare families are reported by family', async () => {
    const events = await facts('sockets');
    const made = select(events, { 'event.type': 'socket_create' });
    expect(made.map((event) => [fieldOf(event, 'network.family'), fieldOf(event, 'socket.protocol')])).to.deep.equal([
      ['netlink', 9],
      ['alg', 0],
      ['ipv4', 1],
    ]);
    only(events, { 'event.type': 'socket_raw', 'network.family': 'xdp' });
    only(await facts('udplite', '40774'), { 'event.type': 'net_listen', 'network.source.port': 40774 });
  });

  it('mounts made by descriptors, changed or detached, name the directory', async () => {
    const { directory } = await script('mkdir place source');
    const [place, source] = [join(directory, 'place'), join(directory, 'source')];
    mkdirSync(place, { recursive: true });
    const moved = select(await facts('move', source, place), { 'event.type': 'mount', 'event.syscall': 'move_mount' });
    expect(moved.map((event) => fieldOf(event, 'file.path'))).to.deep.equal([place]);
    expect(fieldOf(moved[0], 'mount.flags')).to.deep.equal(['MS_MOVE']);
    const events = await facts('reconfigure', place);
    only(events, { 'event.type': 'mount', 'event.syscall': 'fspick', 'file.path': place });
    const changed = only(events, { 'event.type': 'mount', 'event.syscall': 'fsconfig' });
    expect(fieldOf(changed, 'mount.flags')).to.deep.equal(['MS_REMOUNT']);
    expect(fieldOf(changed, 'mount.type')).to.equal('tmpfs');
    only(await facts('open_tree_attr', source), { 'event.type': 'mount', 'event.syscall': 'open_tree_attr' });
  });

  it('a connect to a Unix socket says its path, also refused and abstract', async () => {
    const { directory } = await script('true');
    const socket = join(directory, 'docker.sock');
    const connects = select(await facts('unix', socket, 'facts-abstract'), { 'event.type': 'unix_connect' });
    expect(connects.map((event) => [fieldOf(event, 'file.path'), fieldOf(event, 'event.error')])).to.deep.equal([
      [socket, ''],
      ['/nowhere/docker.sock', 'ENOENT'],
      ['@facts-abstract', ''],
    ]);
    expect(connects.map((event) => fieldOf(event, 'event.unverified'))).to.deep.equal([false, true, false]);
  });

  it('a hard link of a descriptor has the path of its file', async () => {
    const [file = ''] = await scratch('file');
    const link = only(await facts('link_fd', file, `${file}-2`), { 'event.type': 'file_link' });
    expect(fieldOf(link, 'file.path')).to.equal(file);
    expect(fieldOf(link, 'file.new_path')).to.equal(`${file}-2`);
  });

  it('a name through /proc/self leads to the file itself', async () => {
    const { events, directory } = await script(`
      touch a b c d e; exec 7<.
      chmod 600 /proc/self/root$D/a
      chmod 600 /proc/self/cwd/b
      chmod 600 /proc//self/./root//$D/c
      exec 8<d; chmod 600 /proc/self/fd/8
      chmod 600 /dev/fd/7/e
      chmod 600 /proc/self/root/proc/self/cwd/a`);
    const changed = select(events, { 'event.type': 'file_chmod' }).map((event) => fieldOf(event, 'file.path'));
    expect(changed).to.have.length(6);
    expect(changed.slice(0, 3)).to.deep.equal(['a', 'b', 'c'].map((name) => join(directory, name)));
    expect(changed.slice(3)).to.deep.equal([join(directory, 'd'), join(directory, 'e'), join(directory, 'a')]);
  });

  it('a long command line keeps its beginning and its end, and says what is missing', async () => {
    const padding = 'x'.repeat(20_000);
    const { events } = await observe('/bin/sh', ['-c', 'sleep 0.5', padding, 'in the middle', padding]);
    const [exec] = select(events, { 'event.type': 'process_exec', 'process.name': 'sh' });
    expect(fieldOf(exec, 'event.unreadable')).to.equal(false);
    expect(fieldOf(exec, 'process.args')).to.include('in the middle');
    expect(fieldOf(exec, 'event.truncated')).to.equal(true);
  });

  it('files of a detached tree are called what they are', async () => {
    const { directory } = await script('mkdir inner; echo x > inner/secret');
    const events = await facts('detached', join(directory, 'inner'), 'secret');
    const secret = join(directory, 'inner', 'secret');
    const opens = select(events, { 'event.type': 'file_open', 'file.path': secret });
    expect(opens).to.have.length(2);
    for (const event of opens) expect(fieldOf(event, 'event.unverified')).to.equal(false);
  });

  it('a second procfs has the names of the first', async () => {
    const { directory } = await script('true');
    const events = await facts('second_proc', directory);
    for (const name of ['ostype', 'osrelease', 'version'])
      only(events, { 'event.type': 'file_open', 'file.path': `/proc/sys/kernel/${name}` });
  });

  it('a file through an overlay is marked', async () => {
    const { directory, output } = await script(
      'mkdir lower place; echo x > lower/secret; stat -f -c %T .; echo x > own',
    );
    // An overlay on an overlay may be refused; then nobody can do it here.
    const { events } = await observe(trigger('facts'), [
      'overlaid',
      join(directory, 'lower'),
      join(directory, 'place'),
    ]);
    const opened = select(events, { 'event.type': 'file_open', 'file.name': 'secret', 'event.error': '' });
    if (opened.length === 0 && output.includes('overlay')) return;
    expect(opened.map((event) => fieldOf(event, 'file.overlaid'))).to.deep.equal([true]);
  });
});
