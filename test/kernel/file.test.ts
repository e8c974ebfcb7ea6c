import { statSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { fieldOf, has } from '../cases/matcher.ts';
import { only, script, select } from './support.ts';

describe('file events', function () {
  this.timeout(60_000);

  it('an open says which file, how, and what for', async () => {
    const { events, directory } = await script('echo data > a; cat a > /dev/null; echo more >> a; exec 3<>a');
    const file = join(directory, 'a');
    const { ino, mode } = statSync(file);
    const written = only(events, { 'event.type': 'file_open', 'file.path': file, 'file.flags': has('O_TRUNC') });
    expect(fieldOf(written, 'file.access')).to.equal('write');
    expect(fieldOf(written, 'file.flags')).to.include('O_CREAT');
    expect(fieldOf(written, 'file.created')).to.equal(true);
    expect(fieldOf(written, 'file.name')).to.equal('a');
    expect(fieldOf(written, 'file.directory')).to.equal(directory);
    const created = only(events, { 'event.type': 'file_create', 'file.path': file });
    expect(fieldOf(created, 'file.mode')).to.equal((mode & 0o7777).toString(8).padStart(4, '0'));
    for (const access of ['read', 'read_write']) {
      const event = only(events, { 'event.type': 'file_open', 'file.path': file, 'file.access': access });
      expect(fieldOf(event, 'file.inode')).to.equal(ino);
      expect(fieldOf(event, 'event.unverified')).to.equal(false);
    }
    only(events, { 'event.type': 'file_read', 'file.path': file, 'process.name': 'cat', 'file.bytes': 5 });
    expect(select(events, { 'event.type': 'file_write', 'file.path': file }).length).to.be.greaterThan(0);
    only(events, { 'event.type': 'file_open', 'file.path': file, 'file.flags': has('O_APPEND') });
  });

  it('a failed open has its errno and the whole path that was asked for', async () => {
    const { events, directory } = await script(
      'mkdir sub; cd sub; cat ../absent; su nobody -s /bin/sh -c "cat /etc/shadow"; true',
    );
    const absent = only(events, { 'event.type': 'file_open', 'file.path': join(directory, 'absent') });
    expect(fieldOf(absent, 'event.error')).to.equal('ENOENT');
    expect(fieldOf(absent, 'event.unverified')).to.equal(true);
    const denied = only(events, { 'event.type': 'file_open', 'file.path': '/etc/shadow', 'process.name': 'cat' });
    expect(fieldOf(denied, 'event.error')).to.equal('EACCES');
    expect(fieldOf(denied, 'user.name')).to.equal('nobody');
  });

  it('one name for a file, however it is reached', async () => {
    const { events, directory } = await script(`
      mkdir -p real/deep; echo x > real/deep/secret; ln -s real link; ln real/deep/secret hard
      cat real/deep/../deep/secret link/deep/secret /proc/self/root$D/real/deep/secret
      cd real; cat ./deep//secret; cd /
      unshare -m sh -c 'mkdir $D/bound; mount --bind $D/real/deep $D/bound; cat $D/bound/secret'
      cat $D/hard`);
    const secret = join(directory, 'real/deep/secret');
    const { ino } = statSync(secret);
    const reads = select(events, { 'event.type': 'file_open', 'process.name': 'cat', 'file.inode': ino });
    const paths = reads.map((event) => fieldOf(event, 'file.path'));
    // A bind mount gives no second name; a hard link is one, with the same inode.
    expect(paths).to.deep.equal([secret, secret, secret, secret, secret, join(directory, 'hard')]);
  });

  it('what is removed, renamed, linked or made is named, with its new name', async () => {
    const { events, directory } = await script(
      'mkdir -m 711 d; touch d/a; mv d/a d/b; ln d/b d/c; ln -s ../target d/s; rm d/b d/c d/s; rmdir d; rm absent; true',
    );
    const at = (name: string) => join(directory, name);
    const made = only(events, { 'event.type': 'file_mkdir', 'file.path': at('d') });
    expect(fieldOf(made, 'file.mode')).to.match(/^0711$/);
    only(events, {
      'event.type': 'file_rename',
      'file.path': at('d/a'),
      'file.new_path': at('d/b'),
      'event.error': '',
    });
    only(events, { 'event.type': 'file_link', 'file.path': at('d/b'), 'file.new_path': at('d/c') });
    only(events, { 'event.type': 'file_symlink', 'file.path': at('d/s'), 'file.new_path': '../target' });
    for (const name of ['d/b', 'd/c', 'd/s', 'd'])
      only(events, { 'event.type': 'file_unlink', 'file.path': at(name), 'event.error': '', 'event.unverified': true });
    expect(
      select(events, { 'event.type': 'file_unlink', 'file.path': at('absent'), 'event.error': '' }),
    ).to.have.length(0);
  });

  it('what changes about a file is told: mode, owner, length, attribute, times', async () => {
    const { events, directory } = await script(
      "touch f; chmod 4755 f; chown 12:34 f; truncate -s 100 f; touch -d 2001-01-01 f; python3 -c \"import os; os.setxattr('f', 'user.note', b'x')\"",
    );
    const file = join(directory, 'f');
    const mode = only(events, { 'event.type': 'file_chmod', 'file.path': file });
    expect(fieldOf(mode, 'file.mode')).to.equal('4755');
    const owner = only(events, { 'event.type': 'file_chown', 'file.path': file });
    expect([fieldOf(owner, 'file.owner'), fieldOf(owner, 'file.group')]).to.deep.equal([12, 34]);
    only(events, { 'event.type': 'file_truncate', 'file.path': file, 'file.bytes': 100 });
    expect(select(events, { 'event.type': 'file_utimens', 'file.path': file }).length).to.be.greaterThan(0);
    only(events, { 'event.type': 'file_setxattr', 'file.path': file, 'file.attribute': 'user.note' });
  });

  it('a path of 200 directories is marked when it was cut, and its end is kept', async () => {
    const { events } = await script(
      'for i in $(seq 200); do mkdir d$i; cd d$i; done; echo x > deep; cat deep > /dev/null',
    );
    const event = only(events, {
      'event.type': 'file_open',
      'process.name': 'cat',
      'file.name': 'deep',
      'file.access': 'read',
    });
    const path = String(fieldOf(event, 'file.path'));
    expect(path).to.match(/\/d199\/d200\/deep$/);
    expect(fieldOf(event, 'event.truncated')).to.equal(true);
  });
});
