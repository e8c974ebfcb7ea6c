import { arch } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { type Expected, fieldOf, has } from '../cases/matcher.ts';
import { observe, only, type Run, trigger, watching } from './support.ts';

describe('privileged operations', function () {
  this.timeout(60_000);
  let run: Run;
  const one = (type: string, expected: Expected = {}) => only(run.events, { 'event.type': type, ...expected });

  before(async () => {
    run = await observe(trigger('privileged_calls'), [watching().directory]);
    expect(run.output).to.equal('', 'what the kernel refused');
    expect(run.code).to.equal(0);
  });

  it('setuid and setgid: before and after', () => {
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

  it('capset: before and after', () => {
    const event = one('capset');
    expect(fieldOf(event, 'capabilities.before')).to.include('CAP_CHOWN');
    expect(fieldOf(event, 'capabilities.after')).to.deep.equal(['CAP_NET_BIND_SERVICE']);
  });

  it('unshare and setns', () => {
    const left = one('unshare', { 'namespaces.flags': has('CLONE_NEWUTS') });
    expect(fieldOf(left, 'namespaces.flags')).to.deep.equal(['CLONE_NEWNS', 'CLONE_NEWUTS']);
    expect(fieldOf(left, 'process.host_namespaces')).to.equal(false);
    expect(fieldOf(one('setns'), 'namespaces.flags')).to.deep.equal(['CLONE_NEWUTS']);
  });

  it('mount, umount, chroot', () => {
    const target = join(watching().directory, 'mnt');
    const mount = one('mount', { 'mount.type': 'tmpfs' });
    expect(fieldOf(mount, 'file.path')).to.equal(target);
    expect(fieldOf(mount, 'mount.source')).to.equal('scratch');
    expect(fieldOf(mount, 'mount.flags')).to.deep.equal(['MS_NOSUID', 'MS_NODEV']);
    expect(fieldOf(one('umount'), 'mount.flags')).to.deep.equal(['MNT_DETACH']);
    expect(fieldOf(one('chroot'), 'file.path')).to.equal(watching().directory);
  });

  it('memory that becomes executable, files in memory, user-space page faults', () => {
    const changed = one('mprotect_exec', { 'memory.length': 4096, 'memory.anonymous': true });
    expect(fieldOf(changed, 'memory.protection')).to.deep.equal(['PROT_READ', 'PROT_EXEC']);
    const mapped = one('mmap_exec', { 'memory.anonymous': true });
    expect(fieldOf(mapped, 'memory.protection')).to.deep.equal(['PROT_READ', 'PROT_WRITE', 'PROT_EXEC']);
    expect(fieldOf(one('memfd_create'), 'memfd.name')).to.equal('note');
    one('userfaultfd');
  });

  it('BPF programs, performance events, keys', () => {
    const loaded = one('bpf_load', { 'bpf.command': 'BPF_PROG_LOAD' });
    expect(fieldOf(loaded, 'bpf.name')).to.equal('harmless');
    expect(fieldOf(loaded, 'bpf.program_type')).to.equal(1);
    one('perf_event_open');
    one('keyctl', { 'keyctl.operation': 'KEYCTL_JOIN_SESSION_KEYRING' });
  });

  it('attempts that the kernel refused', () => {
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
