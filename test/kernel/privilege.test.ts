import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import type { EventJson } from '../../src/schema/event.ts';
import { type Expected, fieldOf, has } from '../cases/matcher.ts';
import { only, type Run, script, select, watching } from './support.ts';

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

describe('privileged events', function () {
  this.timeout(60_000);
  before(() => watching());

  it('user and group ids, before and after, also when it fails', async () => {
    const { events } = await privilege('users');
    const ids = ['old_uid', 'old_euid', 'new_uid', 'new_euid'].map((name) => `credentials.${name}`);
    expect(table(events, 'setuid', ['event.error', ...ids])).to.deep.equal([
      ['', 0, 0, 1000, 1001],
      ['EPERM', 1000, 1001, 1000, 1001],
    ]);
    const groups = ['requested', 'old_gid', 'new_gid', 'new_egid'].map((name) => `credentials.${name}`);
    expect(table(events, 'setgid', groups)).to.deep.equal([[5, 0, 5, 6]]);
  });

  it('setgroups and setgid', async () => {
    const { events } = await privilege('groups');
    expect(table(events, 'setgid', ['credentials.old_gid', 'credentials.new_gid'])).to.deep.equal([
      [0, 0],
      [0, 33],
    ]);
  });

  it('a thread that becomes another user, while its leader does not', async () => {
    const { events, output, pid } = await privilege('thread_user');
    const event = only(events, { 'event.type': 'setuid' });
    expect(fieldOf(event, 'process.pid')).to.equal(pid);
    expect(fieldOf(event, 'process.tid')).to.equal(Number(output.split(' ')[0]));
    expect(fieldOf(event, 'credentials.old_uid')).to.equal(0);
    expect(fieldOf(event, 'credentials.new_uid')).to.equal(1234);
  });

  it('capabilities before and after', async () => {
    const { events } = await privilege('capabilities');
    const event = only(events, { 'event.type': 'capset', 'event.error': '' });
    expect(fieldOf(event, 'capabilities.before')).to.include('CAP_NET_RAW');
    expect(fieldOf(event, 'capabilities.after')).to.deep.equal(['CAP_CHOWN']);
  });

  it('unshare and setns', async () => {
    const { events } = await privilege('namespaces');
    const unshare = only(events, { 'event.type': 'unshare' });
    expect(fieldOf(unshare, 'namespaces.flags')).to.have.members(['CLONE_NEWNS', 'CLONE_NEWUTS']);
    expect(fieldOf(only(events, { 'event.type': 'setns' }), 'namespaces.flags')).to.deep.equal(['CLONE_NEWUTS']);
  });

  it('chroot: the directory that the kernel went to; a failed one as it was asked for', async () => {
    const { events, directory } = await privilege('roots', '$D');
    expect(table(events, 'chroot', ['file.path', 'event.error', 'event.unverified'])).to.deep.equal([
      ['/usr/no/such', 'ENOENT', true],
      [directory, '', false],
    ]);
  });

  it('mount, umount, pivot_root, move_mount', async () => {
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

  it('kernel modules', async () => {
    const { events, output } = await privilege('modules');
    expect(printed(output, 'finit_module')).to.be.below(0);
    const [finit, init] = table(events, 'module_load', ['file.path', 'module.parameters']);
    expect(finit?.[0]).to.match(/\/bin\/true$/);
    expect(finit?.[1]).to.equal('option=1');
    expect(init?.[1]).to.equal('other=2');
    expect(table(events, 'module_unload', ['module.name'])).to.deep.equal([['absent']]);
  });

  it('BPF programs, loaded and refused', async () => {
    const { events, output } = await privilege('program');
    expect(printed(output, 'bpf')).to.be.above(0);
    expect(
      table(events, 'bpf_load', ['bpf.command', 'bpf.program_type', 'bpf.name', 'event.unverified', 'event.error']),
    ).to.deep.equal([
      ['BPF_PROG_LOAD', 1, 'innocuous', false, ''],
      ['BPF_PROG_LOAD', 999, undefined, true, 'EINVAL'],
    ]);
  });

  it('perf events, userfaultfd, keys, reboot, swap, clock, io_uring, ports', async () => {
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

  it('memory made executable; libraries and programs are not', async () => {
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

  it('ptrace, memory and descriptors of another process', async () => {
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

  it('signals to other processes, each once, whoever they pretend to be from', async () => {
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

  it('32-bit capability lists are whole', async () => {
    const { events } = await privilege('capabilities');
    expect(
      has('CAP_CHECKPOINT_RESTORE')(fieldOf(only(events, { 'event.type': 'capset' }), 'capabilities.before')),
    ).to.equal(true);
  });
});
