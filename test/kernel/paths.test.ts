/** One file, one path: however it is named, the event has the kernel's own path of it. */
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { fieldOf } from '../cases/matcher.ts';
import { observe, only, script, select, trigger } from './support.ts';

describe('paths', function () {
  this.timeout(60_000);

  it('are the same through links, relative names, descriptors, /proc/self/root and bind mounts', async () => {
    const { events, directory } = await script(`
      echo x > secret; mkdir sub bound all; ln -s "$D/secret" link; exec 9<"$D/sub"
      cat link; cat ./secret; cat sub/../secret; cat "/proc/self/root$D/secret"; cat "/proc/self/fd/9/../secret"
      cd sub; cat ../secret; cd ..
      unshare -m bash -c 'mount --make-rprivate /; mount --bind "$D" bound; mount --bind / all; touch one
        mount --bind secret one; cat bound/secret; cat "all$D/secret"; cat one'
      chroot / cat "$D/secret"`);
    const opened = select(events, {
      'event.type': 'file_open',
      'process.name': 'cat',
      'file.inode': statSync(join(directory, 'secret')).ino,
    });
    expect(opened.map((event) => fieldOf(event, 'file.path'))).to.deep.equal(Array(10).fill(join(directory, 'secret')));
  });

  it('of a hard link are its own; the inode is the same and the links are counted', async () => {
    const { events, directory } = await script('echo x > secret; ln secret other; cat other');
    const event = only(events, {
      'event.type': 'file_open',
      'file.path': join(directory, 'other'),
      'process.name': 'cat',
    });
    expect(fieldOf(event, 'file.inode')).to.equal(statSync(join(directory, 'secret')).ino);
    expect(fieldOf(event, 'file.links')).to.equal(2);
    only(events, {
      'event.type': 'file_link',
      'file.path': join(directory, 'secret'),
      'file.new_path': join(directory, 'other'),
    });
  });

  it('across a mount lead to the root of the mount namespace', async () => {
    const { events } = await script(
      `mkdir at; unshare -m bash -c 'mount --make-rprivate /; mount -t tmpfs none at; mkdir at/in; echo x > at/in/file; cat at/in/file'`,
    );
    const event = only(events, { 'event.type': 'file_open', 'file.name': 'file', 'process.name': 'cat' });
    expect(fieldOf(event, 'file.path')).to.match(/^\/tmp\/.*\/at\/in\/file$/);
  });

  it('in a chroot lie below it, also where they could not be verified', async () => {
    const { events, directory } = await script(`
      mkdir -p root/etc; python3 -c 'import os; os.chroot("root"); os.chdir("/etc")
try: open("/etc/absent")
except OSError: pass
try: os.unlink("gone")
except OSError: pass'`);
    const failed = only(events, { 'event.type': 'file_open', 'file.name': 'absent' });
    expect(fieldOf(failed, 'file.path')).to.equal(join(directory, 'root/etc/absent'));
    expect(fieldOf(failed, 'event.unverified')).to.equal(true);
    const removed = only(events, { 'event.type': 'file_unlink', 'file.name': 'gone' });
    expect(fieldOf(removed, 'file.path')).to.equal(join(directory, 'root/etc/gone'));
  });

  it('after a directory was renamed have its new name at once', async () => {
    const { events, directory } = await script('mkdir old; echo x > old/f; cat old/f; mv old new; cat new/f');
    const opened = select(events, { 'event.type': 'file_open', 'file.name': 'f', 'process.name': 'cat' });
    expect(opened.map((event) => fieldOf(event, 'file.path'))).to.deep.equal([
      join(directory, 'old/f'),
      join(directory, 'new/f'),
    ]);
  });

  it('of 200 directories are cut at the front and say so', async () => {
    const { directory } = await script('true');
    const { events, code } = await observe(trigger('deep_path'), [directory]);
    expect(code).to.equal(0);
    const event = only(events, { 'event.type': 'file_open', 'file.name': 'payload' });
    expect(fieldOf(event, 'event.truncated')).to.equal(true);
    expect(fieldOf(event, 'file.path')).to.match(/(\/a_long_dir_nam){100,}\/payload$/);
  });

  it('of what has none: a pipe, a deleted file', async () => {
    const { events, directory } = await script(
      'echo x > file; exec 9<file; rm file; cat /proc/self/fd/9; true | cat /dev/stdin',
    );
    const deleted = only(events, {
      'event.type': 'file_open',
      'file.path': join(directory, 'file'),
      'process.name': 'cat',
    });
    expect(fieldOf(deleted, 'file.links')).to.equal(0);
    only(events, { 'event.type': 'file_open', 'file.path': '/pipefs' });
  });
});
