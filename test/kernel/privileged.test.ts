import { arch } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import type { EventJson } from '../../src/schema/event.ts';
import { type Expected, fieldOf, has } from '../cases/matcher.ts';
import { observe, only, type Run, script, select, trigger, watching } from './support.ts';

const PRIVILEGE = fileURLToPath(new URL('../triggers/privilege.py', import.meta.url));
const privilege = (name: string, argument = ''): Promise<Run & { readonly directory: string }> =>
  script(`exec python3 ${PRIVILEGE} ${name} ${argument}`);

/** The events of a kind, each as the list of some of its fields. */
function table(events: readonly EventJson[], kind: string, fields: readonly string[]): unknown[][] {
  return select(events, { 'event.type': kind }).map((event) => fields.map((field) => fieldOf(event, field)));
}

/** Number that the program printed after a name. */
function printed(output: string, name: string): number {
  return Number(new RegExp(`^${name} (-?\\d+)$`, 'm').exec(output)?.[1]);
}

describe('privileged operations', function () {
  this.timeout(60_000);
  before(() => watching());

  it('a change of user or group says who the process was and became, also when it is refused', async () => {
    const { events } = await privilege('users');
    const ids = ['old_uid', 'old_euid', 'new_uid', 'new_euid'].map((name) => `credentials.${name}`);
    expect(table(events, 'setuid', ['event.error', ...ids])).to.deep.equal([
      ['', 0, 0, 1000, 1001],
      ['EPERM', 1000, 1001, 1000, 1001],
    ]);
    const groups = ['requested', 'old_gid', 'new_gid', 'new_egid'].map((name) => `credentials.${name}`);
    expect(table(events, 'setgid', groups)).to.deep.equal([[5, 0, 5, 6]]);
  });

  it('root that gives its groups away is reported with the groups before and after', async () => {
    const { events } = await privilege('groups');
    expect(table(events, 'setgid', ['credentials.old_gid', 'credentials.new_gid'])).to.deep.equal([
      [0, 0],
      [0, 33],
    ]);
  });

  it('a thread that becomes another user is reported although its leader does not', async () => {
    const { events, output, pid } = await privilege('thread_user');
    const event = only(events, { 'event.type': 'setuid' });
    expect(fieldOf(event, 'process.pid')).to.equal(pid);
    expect(fieldOf(event, 'process.tid')).to.equal(Number(output.split(' ')[0]));
    expect(fieldOf(event, 'credentials.old_uid')).to.equal(0);
    expect(fieldOf(event, 'credentials.new_uid')).to.equal(1234);
  });

  it('dropped capabilities are named: what was held before, what is left', async () => {
    const { events } = await privilege('capabilities');
    const event = only(events, { 'event.type': 'capset', 'event.error': '' });
    expect(fieldOf(event, 'capabilities.before')).to.include('CAP_NET_RAW');
    expect(fieldOf(event, 'capabilities.after')).to.deep.equal(['CAP_CHOWN']);
  });

  it('left and entered namespaces are named', async () => {
    const { events } = await privilege('namespaces');
    const unshare = only(events, { 'event.type': 'unshare' });
    expect(fieldOf(unshare, 'namespaces.flags')).to.have.members(['CLONE_NEWNS', 'CLONE_NEWUTS']);
    expect(fieldOf(only(events, { 'event.type': 'setns' }), 'namespaces.flags')).to.deep.equal(['CLONE_NEWUTS']);
  });

  it('chroot names the directory that the kernel went to, a failed one as it was asked for', async () => {
    const { events, directory } = await privilege('roots', '$D');
    expect(table(events, 'chroot', ['file.path', 'event.error', 'event.unverified'])).to.deep.equal([
      ['/usr/no/such', 'ENOENT', true],
      [directory, '', false],
    ]);
  });

  it('a mount says what was put where and how, also a detached and a refused one', async () => {
    const { events, directory } = await privilege('mounts', '$D');
    const mount = only(events, { 'event.type': 'mount', 'mount.type': 'tmpfs' });
    expect(fieldOf(mount, 'mount.source')).to.equal('source');
    expect(fieldOf(mount, 'file.path')).to.equal(`${directory}/m`);
    expect(fieldOf(mount, 'mount.flags')).to.deep.equal(['MS_NOSUID', 'MS_NODEV']);
    const umount = only(events, { 'event.type': 'umount' });
    expect(fieldOf(umount, 'file.path')).to.equal(`${directory}/m`);
    expect(fieldOf(umount, 'mount.flags')).to.deep.equal(['MNT_DETACH']);
    expect(table(events, 'pivot_root', ['file.path', 'event.error'])).to.deep.equal([['/no/new', 'ENOENT']]);
    only(events, { 'event.type': 'mount', 'file.path': `${directory}/to`, 'event.error': 'ENOENT' });
  });

  it('a kernel module is reported with its file and parameters, also when it is refused', async () => {
    const { events, output } = await privilege('modules');
    expect(printed(output, 'finit_module')).to.be.below(0);
    const [finit, init] = table(events, 'module_load', ['file.path', 'module.parameters']);
    expect(finit?.[0]).to.match(/\/bin\/true$/);
    expect(finit?.[1]).to.equal('option=1');
    expect(init?.[1]).to.equal('other=2');
    expect(table(events, 'module_unload', ['module.name'])).to.deep.equal([['absent']]);
  });

  it('a BPF program is reported with its type and name, also when it is refused', async () => {
    const { events, output } = await privilege('program');
    expect(printed(output, 'bpf')).to.be.above(0);
    expect(
      table(events, 'bpf_load', ['bpf.command', 'bpf.program_type', 'bpf.name', 'event.unverified', 'event.error']),
    ).to.deep.equal([
      ['BPF_PROG_LOAD', 1, 'innocuous', false, ''],
      ['BPF_PROG_LOAD', 999, undefined, true, 'EINVAL'],
    ]);
  });

  it('rare calls that change the kernel are each reported once, keys without their secret', async () => {
    const { events, output } = await privilege('kernel');
    const expected: Expected[] = [
      { 'event.type': 'perf_event_open', 'event.error': 'EFAULT' },
      { 'event.type': 'userfaultfd' },
      { 'event.type': 'keyctl', 'keyctl.operation': 'KEYCTL_GET_KEYRING_ID' },
      { 'event.type': 'reboot', 'event.error': 'EINVAL' },
      { 'event.type': 'swapon', 'file.path': '/no/swap', 'event.error': 'ENOENT' },
      { 'event.type': 'settimeofday' }, // once: adjtimex only asked
      { 'event.type': 'io_uring_setup', 'event.error': '' },
    ];
    for (const one of expected) only(events, one);
    expect(select(events, { 'event.type': 'keyctl' })).to.have.length(2);
    expect(select(events, { 'event.type': 'ioperm' })).to.have.length(output.includes('iopl') ? 2 : 0);
    expect(JSON.stringify(events)).not.to.contain('secret');
  });

  it('memory made executable is reported, loading libraries and programs is not', async () => {
    const { events, directory } = await privilege('memory', '$D');
    const fields = ['memory.protection', 'memory.anonymous', 'memory.length', 'file.path'];
    expect(table(events, 'mprotect_exec', fields.slice(0, 3))).to.deep.equal([
      [['PROT_READ', 'PROT_EXEC'], true, 4096],
    ]);
    expect(table(events, 'mmap_exec', fields)).to.deep.equal([
      [['PROT_READ', 'PROT_WRITE', 'PROT_EXEC'], true, 4096, undefined],
      [['PROT_READ', 'PROT_EXEC'], false, 4096, `${directory}/code`],
    ]);
    expect(table(events, 'memfd_create', ['memfd.name'])).to.deep.equal([['scratch']]);
  });

  it('who reads, writes or traces another process is reported with its target', async () => {
    const { events, output, pid } = await privilege('traces');
    const target = printed(output, 'child');
    expect(table(events, 'process_ptrace', ['ptrace.request', 'target.pid', 'event.error'])).to.deep.equal([
      ['PTRACE_ATTACH', target, ''],
      ['PTRACE_POKEDATA', target, 'EIO'],
      ['PTRACE_TRACEME', pid, ''],
    ]);
    for (const kind of ['process_vm_read', 'process_vm_write', 'pidfd_getfd']) {
      const event = only(events, { 'event.type': kind, 'target.pid': target });
      expect(fieldOf(event, 'target.name')).to.match(/^python3/);
    }
  });

  it('a signal to another process is one event, whoever it pretends to be from', async () => {
    const { events, output } = await privilege('signals');
    const target = printed(output, 'child');
    expect(table(events, 'kill', ['signal.name', 'target.pid', 'event.error'])).to.deep.equal([
      ['SIGCONT', target, ''],
      ['SIGCONT', target, ''],
      ['SIGCONT', target, ''],
      ['SIGKILL', target, ''],
      ['SIGTERM', 1, 'EPERM'],
    ]);
  });

  it('the list of capabilities is whole, those above 31 included', async () => {
    const { events } = await privilege('capabilities');
    expect(
      has('CAP_CHECKPOINT_RESTORE')(fieldOf(only(events, { 'event.type': 'capset' }), 'capabilities.before')),
    ).to.equal(true);
  });

  describe('all of them one after the other, each in a child', () => {
    let run: Run;
    const one = (type: string, expected: Expected = {}) => only(run.events, { 'event.type': type, ...expected });

    before(async () => {
      run = await observe(trigger('privileged_calls'), [watching().directory]);
      expect(run.output).to.equal('', 'what the kernel refused');
      expect(run.code).to.equal(0);
    });

    it('setresuid and setresgid show all ids before and after', () => {
      const user = one('setuid', { 'event.syscall': 'setresuid' });
      expect(fieldOf(user, 'credentials')).to.include({
        old_uid: 0,
        old_euid: 0,
        new_uid: 34,
        new_euid: 34,
        requested: 34,
      });
      expect(fieldOf(user, 'process.capabilities')).to.deep.equal([]);
      const group = one('setgid', { 'event.syscall': 'setresgid' });
      expect(fieldOf(group, 'credentials')).to.include({ old_gid: 0, new_gid: 12, new_egid: 12 });
    });

    it('capset names the capabilities that are left', () => {
      const event = one('capset');
      expect(fieldOf(event, 'capabilities.before')).to.include('CAP_CHOWN');
      expect(fieldOf(event, 'capabilities.after')).to.deep.equal(['CAP_NET_BIND_SERVICE']);
    });

    it('a process in namespaces of its own is no longer in those of the host', () => {
      const left = one('unshare', { 'namespaces.flags': has('CLONE_NEWUTS') });
      expect(fieldOf(left, 'namespaces.flags')).to.deep.equal(['CLONE_NEWNS', 'CLONE_NEWUTS']);
      expect(fieldOf(left, 'process.host_namespaces')).to.equal(false);
      expect(fieldOf(one('setns'), 'namespaces.flags')).to.deep.equal(['CLONE_NEWUTS']);
    });

    it('mounts and chroot name the directory as everybody knows it', () => {
      const target = join(watching().directory, 'mnt');
      const mount = one('mount', { 'mount.type': 'tmpfs' });
      expect(fieldOf(mount, 'file.path')).to.equal(target);
      expect(fieldOf(mount, 'mount.source')).to.equal('scratch');
      expect(fieldOf(mount, 'mount.flags')).to.deep.equal(['MS_NOSUID', 'MS_NODEV']);
      expect(fieldOf(one('umount'), 'mount.flags')).to.deep.equal(['MNT_DETACH']);
      expect(fieldOf(one('chroot'), 'file.path')).to.equal(watching().directory);
    });

    it('memory that becomes executable says how large, how protected, and whether of a file', () => {
      const changed = one('mprotect_exec', { 'memory.length': 4096, 'memory.anonymous': true });
      expect(fieldOf(changed, 'memory.protection')).to.deep.equal(['PROT_READ', 'PROT_EXEC']);
      const mapped = one('mmap_exec', { 'memory.anonymous': true });
      expect(fieldOf(mapped, 'memory.protection')).to.deep.equal(['PROT_READ', 'PROT_WRITE', 'PROT_EXEC']);
      expect(fieldOf(one('memfd_create'), 'memfd.name')).to.equal('note');
      one('userfaultfd');
    });

    it('what looks into the kernel says with which program, event or key', () => {
      const loaded = one('bpf_load', { 'bpf.command': 'BPF_PROG_LOAD' });
      expect(fieldOf(loaded, 'bpf.name')).to.equal('harmless');
      expect(fieldOf(loaded, 'bpf.program_type')).to.equal(1);
      one('perf_event_open');
      one('keyctl', { 'keyctl.operation': 'KEYCTL_JOIN_SESSION_KEYRING' });
    });

    it('what the kernel refused has its reason', () => {
      const unload = one('module_unload');
      expect(fieldOf(unload, 'module.name')).to.equal('no_such_module');
      expect(fieldOf(unload, 'event.error')).not.to.equal('');
      const load = one('module_load');
      expect(fieldOf(load, 'module.parameters')).to.equal('debug=1');
      expect(fieldOf(one('reboot'), 'event.error')).to.equal('EINVAL');
      const swap = one('swapon');
      expect(fieldOf(swap, 'file.path')).to.equal('/no/such/swap');
      expect(fieldOf(one('settimeofday'), 'event.error')).to.equal('EFAULT');
      if (arch() === 'x64') one('ioperm');
    });
  });
});
