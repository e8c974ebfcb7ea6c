import { realpathSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { expect } from 'chai';
import type { EventJson } from '../../src/schema/event.ts';
import { fieldOf, meets } from '../cases/matcher.ts';
import { observe, only, script, watching } from './support.ts';

const EXEC = { 'event.type': 'process_exec', 'event.error': '' };

describe('identity of programs', function () {
  this.timeout(60_000);

  it('a program called by a link or a relative path is told by the path it was called by', async () => {
    const { events, directory } = await script('ln -s /bin/true other; ./other; cd /; /usr/bin/../bin/env true');
    const link = only(events, { ...EXEC, 'process.name': 'other' });
    expect(fieldOf(link, 'process.invoked_path')).to.equal(join(directory, 'other'));
    expect(fieldOf(link, 'process.path')).to.match(/\/true$/);
    expect(fieldOf(link, 'process.program')).to.equal('true');
    const env = only(events, { ...EXEC, 'process.name': 'env' });
    expect(fieldOf(env, 'process.invoked_path')).to.equal('/usr/bin/env');
  });

  it('an interpreter is told by what it runs: a script by its first line, an argument, a text, standard input', async () => {
    const { events, directory } = await script(
      'printf "#!/bin/sh\\ntrue\\n" > run.sh; chmod +x run.sh; ./run.sh; dash run.sh; dash -c "true; true"; dash < run.sh; dash <(cat run.sh)',
    );
    const file = join(directory, 'run.sh');
    const first = only(events, { ...EXEC, 'process.name': 'run.sh' });
    expect(fieldOf(first, 'process.effective_path')).to.equal(file);
    expect(fieldOf(first, 'process.invoked_path')).to.equal(file);
    expect(fieldOf(first, 'process.script.kind')).to.equal('file');
    const shells = events.filter(
      (event) => fieldOf(event, 'event.type') === 'process_exec' && fieldOf(event, 'process.name') === 'dash',
    );
    expect(shells.map((event) => fieldOf(event, 'process.script.kind'))).to.deep.equal([
      'file',
      'command',
      'stdin',
      'descriptor',
    ]);
    expect(fieldOf(shells[0] ?? {}, 'process.script.path')).to.equal(file);
    expect(fieldOf(shells[1] ?? {}, 'process.script.command')).to.equal('true; true');
    expect(fieldOf(shells[2] ?? {}, 'process.stdin.type')).to.equal('file');
    expect(fieldOf(shells[2] ?? {}, 'process.stdin.path')).to.equal(file);
  });

  it('a copy, a link and a renamed tool are the installed program', async () => {
    await watching().enricher.files.refresh();
    const { events, directory } = await script(
      'cp /usr/bin/head ip; ./ip -c1 /dev/null; cp /usr/bin/tail x; ln x y; ./y -c1 /dev/null; exec -a dpkg /usr/bin/head -c1 /dev/null',
    );
    const copy = only(events, { ...EXEC, 'process.name': 'ip' });
    expect(fieldOf(copy, 'process.program')).to.equal('head');
    expect(fieldOf(copy, 'process.copy_of')).to.match(/\/bin\/head$/);
    expect(fieldOf(copy, 'process.path')).to.equal(join(directory, 'ip'));
    expect(fieldOf(copy, 'process.trusted')).to.equal(false);
    expect(fieldOf(only(events, { ...EXEC, 'process.name': 'y' }), 'process.program')).to.equal('tail');
    const named = only(events, { ...EXEC, 'process.name': 'head' });
    expect(fieldOf(named, 'process.program')).to.equal('head');
    expect(fieldOf(named, 'process.trusted')).to.equal(true);
    expect(named.process).not.to.have.property('copy_of');
  });

  it('a package’s own file is trusted, unless with a preloaded library or in another root', async () => {
    await watching().enricher.files.refresh();
    const { events } = await script(
      `/usr/bin/env true; LD_PRELOAD=/tmp/none.so /usr/bin/tail -c1 /dev/null; dash -c true
      unshare -Urm /usr/bin/cut -c1 /dev/null; which true`,
    );
    const trusted = (name: string, field = 'process.trusted') =>
      fieldOf(only(events, { ...EXEC, 'process.name': name }), field);
    expect(trusted('env')).to.equal(true);
    expect(trusted('env', 'process.packaged')).to.equal(true);
    expect(trusted('tail')).to.equal(false);
    expect(trusted('tail', 'process.packaged')).to.equal(true);
    expect(trusted('dash')).to.equal(false);
    expect(trusted('dash', 'process.exe_trusted')).to.equal(true);
    expect(trusted('cut')).to.equal(false);
    expect(trusted('which')).to.equal(true);
    expect(trusted('which', 'process.script.kind')).to.equal('file');
  });

  it('an executable says whose it is, how old, and who may write it', async () => {
    const { events } = await script('cp /bin/true mine; chmod 775 mine; chown 1 mine; ./mine; cp /bin/true own; ./own');
    const mine = only(events, { ...EXEC, 'process.name': 'mine' });
    expect(fieldOf(mine, 'process.exe_owner_uid')).to.equal(1);
    expect(fieldOf(mine, 'process.exe_writable')).to.equal(true);
    expect(fieldOf(mine, 'process.exe_new')).to.equal(true);
    expect(fieldOf(mine, 'process.exe_age')).to.be.within(0, 30);
    expect(fieldOf(only(events, { ...EXEC, 'process.name': 'own' }), 'process.exe_writable')).to.equal(false);
  });

  it('standard streams say what they are: a pipe, nothing, a file, closed', async () => {
    const { events, directory } = await script('/bin/echo x | /bin/cat > out 2>&-; /bin/true < /dev/null 2> err');
    const echo = only(events, { ...EXEC, 'process.name': 'echo' });
    const cat = only(events, { ...EXEC, 'process.name': 'cat' });
    expect(fieldOf(echo, 'process.stdout.type')).to.equal('pipe');
    expect(fieldOf(cat, 'process.stdin.type')).to.equal('pipe');
    expect(fieldOf(cat, 'process.stdin.inode')).to.equal(fieldOf(echo, 'process.stdout.inode'));
    expect(fieldOf(cat, 'process.stdout.type')).to.equal('file');
    expect(fieldOf(cat, 'process.stdout.path')).to.equal(join(realpathSync(directory), 'out'));
    expect(fieldOf(cat, 'process.stderr.type')).to.equal('closed');
    const quiet = only(events, { ...EXEC, 'process.name': 'true' });
    expect(fieldOf(quiet, 'process.stdin.type')).to.equal('null');
    expect(fieldOf(quiet, 'process.stdin.path')).to.equal('/dev/null');
  });

  it('a standard stream over the network names the peer', async () => {
    const server = createServer((socket) => socket.end()).listen(0, '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
    const { port } = server.address() as { port: number };
    const { events } = await observe('/usr/bin/python3', [
      '-c',
      `import os,socket,subprocess
s=socket.create_connection(("127.0.0.1",${port}))
subprocess.call(["/bin/true"],stdin=s,stdout=s)
a,b=socket.socketpair()
subprocess.call(["/bin/echo"],stdin=a,stdout=b)`,
    ]);
    server.close();
    const shell = only(events, { ...EXEC, 'process.name': 'true' });
    expect(fieldOf(shell, 'process.stdin')).to.include({ type: 'socket', ip: '127.0.0.1', port });
    expect(fieldOf(shell, 'process.stdout.type')).to.equal('socket');
    const pair = only(events, { ...EXEC, 'process.name': 'echo' });
    expect(fieldOf(pair, 'process.stdin.type')).to.equal('unix');
    expect(fieldOf(pair, 'process.stdin.inode')).not.to.equal(fieldOf(pair, 'process.stdout.inode'));
  });

  it('a standard stream in memory or at a terminal says so', async () => {
    const { events } = await observe('/usr/bin/python3', [
      '-c',
      `import os,pty,subprocess
m=os.memfd_create("x")
subprocess.call(["/bin/true"],stdin=m)
pty.spawn(["/bin/echo"])`,
    ]);
    expect(fieldOf(only(events, { ...EXEC, 'process.name': 'true' }), 'process.stdin.type')).to.equal('memfd');
    const echo = only(events, { ...EXEC, 'process.name': 'echo' });
    expect(fieldOf(echo, 'process.stdin.type')).to.equal('tty');
    expect(fieldOf(echo, 'process.stdin.path')).to.match(/^\/dev\/pts\/\d+$/);
  });

  it('of two piped programs each knows the other, whichever starts first', async () => {
    const { feedUpdates } = watching().enricher;
    const updates: EventJson[] = [];
    feedUpdates.switch(true);
    feedUpdates.onFed((event) => updates.push(event.toJSON()));
    const { events } = await script(
      'for i in 1 2 3 4 5; do /bin/echo dHJ1ZQo= | base64 -d | dash; done; dash <(/bin/echo true); dash -c "$(base64 -d <<< dHJ1ZQo=)"; /bin/true; dash -c true; echo true | dash',
    );
    feedUpdates.switch(false);
    const shells = events.filter((event) => meets(event, { ...EXEC, 'process.name': 'dash' }));
    const fed = shells.map((event) => {
      const again = updates.findLast((update) => fieldOf(update, 'process.pid') === fieldOf(event, 'process.pid'));
      return fieldOf(again ?? event, 'process.fed_by') as { programs: string[]; how: string } | undefined;
    });
    expect(fed).to.have.length(9);
    for (const one of fed.slice(0, 5)) expect(one).to.deep.include({ programs: ['base64', 'echo'], how: 'pipe' });
    expect(fed[5]).to.deep.include({ programs: ['echo'], how: 'pipe' });
    expect(fed[6]).to.deep.include({ programs: ['base64'], how: 'substitution' });
    expect(fed[7]).to.equal(undefined);
    expect(fed[8]).to.equal(undefined);
  });
});
