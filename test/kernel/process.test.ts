import { join } from 'node:path';
import { expect } from 'chai';
import { fieldOf } from '../cases/matcher.ts';
import { observe, only, script, select, trigger, watching } from './support.ts';

describe('process events', function () {
  this.timeout(60_000);

  it('lacks no program that this kernel can have', () => {
    const failed = watching().attached.filter(({ attached, offered }) => offered && !attached);
    expect(failed).to.deep.equal([]);
  });

  it('a started program is told by executable, arguments, directory, parent and user', async () => {
    const { events, pid } = await script('cd / && /bin/echo "two words" three > /dev/null; true');
    const event = only(events, { 'event.type': 'process_exec', 'process.name': 'echo', 'event.error': '' });
    expect(fieldOf(event, 'process.path')).to.match(/\/bin\/echo$/);
    expect(fieldOf(event, 'process.args')).to.deep.equal(['/bin/echo', 'two words', 'three']);
    expect(fieldOf(event, 'process.command_line')).to.equal('/bin/echo two words three');
    expect(fieldOf(event, 'process.cwd')).to.equal('/');
    expect(fieldOf(event, 'process.parent.pid')).to.equal(pid);
    expect(fieldOf(event, 'process.parent.name')).to.equal('bash');
    expect(fieldOf(event, 'user.name')).to.equal('root');
    expect(fieldOf(event, 'process.capabilities')).to.include('CAP_CHOWN');
    expect(fieldOf(event, 'event.incomplete')).to.equal(false);
    expect(Number(event.timestamp)).to.be.closeTo(Date.now() / 1000, 5);
    expect(Number(fieldOf(event, 'process.start_time'))).to.be.closeTo(Date.now() / 1000, 5);
  });

  it('a script has its interpreter, a link its target, and only chosen variables are shown', async () => {
    const { events, directory } = await script(
      'printf "#!/bin/sh\\ntrue\\n" > run.sh; chmod +x run.sh; ln -s /bin/true other; LD_PRELOAD= GLIBC_TUNABLES=a=b SECRET=x ./run.sh; ./other',
    );
    const shell = only(events, { 'event.type': 'process_exec', 'process.name': 'run.sh' });
    expect(fieldOf(shell, 'process.path')).to.match(/\/(da)?sh$/);
    expect(fieldOf(shell, 'process.interpreter')).to.equal('/bin/sh');
    expect(fieldOf(shell, 'process.filename')).to.equal('./run.sh');
    expect(fieldOf(shell, 'process.env')).to.include({ GLIBC_TUNABLES: 'a=b', LD_PRELOAD: '' });
    expect(fieldOf(shell, 'process.env')).not.to.have.property('SECRET');
    const link = only(events, { 'event.type': 'process_exec', 'process.name': 'other' });
    expect(fieldOf(link, 'process.path')).to.match(/\/true$/);
    expect(directory).to.be.a('string');
  });

  it('exec that fails leaves the process as it was', async () => {
    const { events } = await script('touch plain; ./plain; ./absent; true', { LC_ALL: 'C' });
    const denied = select(events, { 'event.type': 'process_exec', 'event.error': 'EACCES' });
    const absent = select(events, {
      'event.type': 'process_exec',
      'event.error': 'ENOENT',
      'process.filename': './absent',
    });
    expect(denied.map((event) => fieldOf(event, 'process.filename'))).to.include('./plain');
    for (const event of [...denied, ...absent]) {
      expect(fieldOf(event, 'process.path')).to.match(/bash$/);
      expect(fieldOf(event, 'event.unverified')).to.equal(true);
    }
  });

  it('an executable that is deleted, writable or setuid says so', async () => {
    const { events, directory } = await script(
      'cp /bin/true mine; chmod u+s mine; ./mine; cp /bin/sleep gone; (exec 3<gone; rm gone; exec /proc/self/fd/3 0)',
    );
    const mine = only(events, {
      'event.type': 'process_exec',
      'process.path': join(directory, 'mine'),
      'event.error': '',
    });
    expect(fieldOf(mine, 'process.setuid')).to.equal(true);
    expect(fieldOf(mine, 'process.writable')).to.equal(true);
    expect(fieldOf(mine, 'process.memfd')).to.equal(false);
    const gone = only(events, { 'event.type': 'process_exec', 'process.deleted': true });
    expect(fieldOf(gone, 'process.path')).to.equal(join(directory, 'gone'));
    expect(fieldOf(gone, 'process.name')).to.equal('gone');
  });

  it('exec and fork: session, group, and the numbers of another pid namespace', async () => {
    const { events, pid } = await script(
      'setsid -w /bin/sh -c "/bin/echo a > /dev/null; (printf b > /proc/self/comm); exit 0"; unshare --pid --fork /bin/echo c > /dev/null; true',
    );
    const exec = (line: string) => {
      const event = only(events, { 'event.type': 'process_exec', 'process.command_line': line, 'event.error': '' });
      return (name: string) => fieldOf(event, name);
    };
    const leader = exec('/bin/sh -c /bin/echo a > /dev/null; (printf b > /proc/self/comm); exit 0');
    const session = leader('process.pid');
    for (const name of ['process.session_id', 'process.pgid', 'process.vsession_id', 'process.vpgid', 'process.vpid']) {
      expect(leader(name), name).to.equal(session);
    }
    const inner = exec('/bin/echo a');
    expect(inner('process.session_id')).to.equal(session);
    expect(inner('process.vpid')).to.equal(inner('process.pid'));
    expect(inner('process.permitted_capabilities')).to.include('CAP_CHOWN');
    expect(inner('process.parent.vpid')).to.equal(session);
    const forked = only(events, { 'event.type': 'process_rename', 'process.new_name': 'b' });
    expect(fieldOf(forked, 'process.session_id')).to.equal(session);
    const first = exec('/bin/echo c');
    expect(first('process.vpid')).to.equal(1);
    expect(first('process.pid')).to.not.equal(1);
    expect(first('process.session_id')).to.not.equal(session);
    expect(first('process.vsession_id')).to.equal(0);
    expect(Number(first('process.namespace_start_time'))).to.be.closeTo(Date.now() / 1000, 10);
    expect(pid).to.be.greaterThan(1);
  });

  it('a program run from memory says so', async () => {
    const { events } = await observe(trigger('memfd_exec'));
    const event = only(events, { 'event.type': 'process_exec', 'process.memfd': true });
    expect(fieldOf(event, 'process.path')).to.contain('memfd:innocent');
    expect(fieldOf(event, 'process.name')).to.equal('memfd:innocent');
    expect(fieldOf(event, 'process.args')).to.deep.equal(['[kworker/0:1]']);
    expect(fieldOf(event, 'process.deleted')).to.equal(true);
    only(events, { 'event.type': 'memfd_create', 'memfd.name': 'innocent' });
  });

  it('a fork names the child, an exit its code or signal', async () => {
    const { events, pid } = await script('(exit 7); sleep 100 & kill -9 $!; wait; exit 3');
    expect(select(events, { 'event.type': 'process_fork', 'process.pid': pid })).to.have.length(2);
    only(events, { 'event.type': 'process_exit', 'process.exit_code': 7 });
    only(events, { 'event.type': 'process_exit', 'process.exit_signal': 9 });
    only(events, {
      'event.type': 'process_exit',
      'process.pid': pid,
      'process.exit_code': 3,
      'process.exit_signal': 0,
    });
    const kill = only(events, { 'event.type': 'kill' });
    expect(fieldOf(kill, 'signal.name')).to.equal('SIGKILL');
    expect(fieldOf(kill, 'target.pid')).to.be.a('number');
    expect(['sleep', 'bash']).to.include(fieldOf(kill, 'target.name'));
  });

  it('ancestors are told with path and arguments, up to 16', async () => {
    const { events, pid } = await script('bash -c "bash -c \\"/bin/sleep 0; :\\"; :"; true');
    const event = only(events, { 'event.type': 'process_exec', 'process.name': 'sleep' });
    const ancestors = fieldOf(event, 'process.ancestors') as { pid: number; name: string; args: string[] }[];
    expect(ancestors.slice(0, 3).map(({ name }) => name)).to.deep.equal(['bash', 'bash', 'bash']);
    expect(ancestors[2]?.pid).to.equal(pid);
    expect(ancestors[0]?.args[1]).to.equal('-c');
    expect(ancestors.length).to.be.within(4, 16);
  });

  it('a process that renames itself, traces, reads or signals another is reported', async () => {
    const { events, pid, code } = await observe(trigger('process_calls'));
    expect(code).to.equal(0);
    only(events, { 'event.type': 'process_rename', 'process.new_name': 'kworker/u8:3' });
    const target = { 'target.name': 'process_calls' };
    only(events, { 'event.type': 'process_ptrace', 'ptrace.request': 'PTRACE_TRACEME', 'target.pid': pid });
    only(events, { 'event.type': 'process_ptrace', 'ptrace.request': 'PTRACE_SEIZE', 'event.error': '', ...target });
    only(events, { 'event.type': 'process_vm_read', 'memory.length': 8, ...target });
    only(events, { 'event.type': 'process_vm_write', 'memory.length': 8, ...target });
    only(events, { 'event.type': 'pidfd_getfd', 'event.error': '', ...target });
    only(events, { 'event.type': 'kill', 'signal.name': 'SIGUSR1', ...target });
    only(events, { 'event.type': 'kill', 'signal.name': 'SIGTERM', ...target });
  });

  it('tells the threads and the real uid of the actor', async () => {
    const { events } = await observe(trigger('thread_acts'), ['/etc/hostname']);
    const event = only(events, {
      'event.type': 'file_open',
      'file.path': '/etc/hostname',
      'process.thread_leader': false,
    });
    expect(fieldOf(event, 'process.tid')).not.to.equal(fieldOf(event, 'process.pid'));
    expect(fieldOf(event, 'process.name')).to.equal('thread_acts');
    const own = only(events, { 'event.type': 'process_exec', 'process.name': 'true', 'event.error': '' });
    expect(fieldOf(own, 'process.thread_leader')).to.equal(true);
    only(events, { 'event.type': 'process_exit', 'process.name': 'true' });
  });
});
