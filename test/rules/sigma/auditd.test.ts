import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { formatProblem } from '../../../src/errors.ts';
import { compilePredicate } from '../../../src/rules/predicate/compile.ts';
import { AUDITED_KINDS, callCases } from '../../../src/rules/sigma/auditd/calls.ts';
import { loadSigmaTexts } from '../../../src/rules/sigma/load.ts';
import { KINDS } from '../../../src/schema/kinds.ts';
import { recordFromJson } from '../../../src/schema/record.ts';

function load(detection: string) {
  const text = `title: Rule
id: r-1
logsource: {product: linux, service: auditd}
detection:
${detection.replace(/^/gm, '    ')}
`;
  return loadSigmaTexts([{ path: 'rule.yml', text }]);
}

/** Whether a rule matches an event; the detection is its searches with a condition. */
function fires(detection: string, fields: Readonly<Record<string, unknown>>): boolean {
  const { rules, problems } = load(detection);
  expect(problems.map(formatProblem)).to.deep.equal([]);
  const [rule] = rules;
  if (rule === undefined) throw new Error('not loaded');
  return compilePredicate(rule.condition)(recordFromJson(fields, '1'));
}

const one = (search: string) => `s: {${search}}\ncondition: s`;
const exec = (args: readonly string[], more: Readonly<Record<string, unknown>> = {}) => ({
  'event.type': 'process_exec',
  'process.path': `/usr/bin/${args[0]}`,
  'process.args': args,
  ...more,
});
const file = (type: string, path: string, more: Readonly<Record<string, unknown>> = {}) => ({
  'event.type': type,
  'file.path': path,
  ...more,
});

describe('Sigma rules of the service auditd', () => {
  it('EXECVE: a0, a1, … are the arguments, argc their number', () => {
    const rule = one('type: EXECVE, a0: chattr, a1|contains: "-i"');
    expect(fires(rule, exec(['chattr', '-i', '/etc/passwd']))).to.equal(true);
    expect(fires(rule, exec(['chattr', '+i', '/etc/passwd']))).to.equal(false);
    expect(fires(rule, exec(['chattr']))).to.equal(false);
    expect(fires(rule, { ...exec(['chattr', '-i']), 'event.type': 'file_open' })).to.equal(false);
    expect(fires(one('a0: chattr, argc: 3'), exec(['chattr', '-i', 'x']))).to.equal(true);
    expect(fires(one('a0: chattr, argc: 3'), exec(['chattr', '-i']))).to.equal(false);
  });

  it('EXECVE with keywords', () => {
    const rule = "e: {type: EXECVE}\nk:\n  '|all': [truncate, '-s']\ncondition: e and k";
    expect(fires(rule, exec(['truncate', '-s', '1M', 'x']))).to.equal(true);
    expect(fires(rule, exec(['truncate', '--no-create', 'x']))).to.equal(false);
    expect(fires(rule, file('file_open', '/tmp/truncate-s'))).to.equal(false);
  });

  it('keywords alone look at programs and files', () => {
    const rule = 'k: [/var/cpanel/sessions/%0d]\ncondition: k';
    expect(fires(rule, exec(['cat', '/var/cpanel/sessions/%0dx']))).to.equal(true);
    expect(fires(rule, file('file_create', '/var/cpanel/sessions/%0dx'))).to.equal(true);
    expect(fires(rule, file('file_create', '/var/cpanel/sessions/x'))).to.equal(false);
  });

  it('PATH: name is a file of the event, nametype what became of it', () => {
    const named = one("type: PATH, name: ['/etc/profile.d/*', /etc/shells]");
    for (const type of ['file_open', 'file_write', 'file_create', 'file_unlink', 'file_chmod'])
      expect(fires(named, file(type, '/etc/profile.d/x.sh')), type).to.equal(true);
    expect(fires(named, file('file_rename', '/tmp/x', { 'file.new_path': '/etc/shells' }))).to.equal(true);
    expect(fires(named, file('file_open', '/etc/hosts'))).to.equal(false);
    expect(fires(named, exec(['cat'], { 'file.path': '/etc/shells' }))).to.equal(false);
    const created = 'p: {type: PATH, nametype: CREATE}\nn: {name|startswith: /etc/systemd/system/}\ncondition: p and n';
    const unit = '/etc/systemd/system/x.service';
    expect(fires(created, file('file_open', unit))).to.equal(false);
    expect(fires(created, file('file_open', unit, { 'file.created': true }))).to.equal(true);
    expect(fires(created, file('file_create', unit))).to.equal(true);
    expect(fires(created, file('file_rename', '/tmp/x', { 'file.new_path': unit }))).to.equal(true);
    expect(fires(created, file('file_rename', unit, { 'file.new_path': '/tmp/x' }))).to.equal(false);
    const deleted = one(`nametype: DELETE, name: ${unit}`);
    expect(fires(deleted, file('file_unlink', unit))).to.equal(true);
    expect(fires(deleted, file('file_rename', unit, { 'file.new_path': '/tmp/x' }))).to.equal(true);
    expect(fires(deleted, file('file_open', unit))).to.equal(false);
  });

  it('PATH of an execution: the file, the path asked for and the script', () => {
    const rule = one("type: PATH, name|contains: '/.'");
    expect(fires(rule, exec(['x'], { 'process.path': '/home/u/.cache/x' }))).to.equal(true);
    expect(fires(rule, exec(['sh'], { 'process.filename': '/tmp/.h/run' }))).to.equal(true);
    expect(fires(rule, exec(['sh']))).to.equal(false);
  });

  it('SYSCALL: by name, or number of x86_64', () => {
    for (const [call, event] of [
      ['mknod', file('file_create', '/dev/x', { 'event.syscall': 'mknod' })],
      [133, file('file_create', '/dev/x', { 'event.syscall': 'mknod' })],
      ['execve', exec(['id'])],
      [59, exec(['id'])],
      [428, { 'event.type': 'mount', 'event.syscall': 'open_tree' }],
      ['init_module', { 'event.type': 'module_load' }],
      ['ptrace', { 'event.type': 'process_ptrace' }],
    ] as const) {
      expect(fires(one(`type: SYSCALL, syscall: ${call}`), event), String(call)).to.equal(true);
      expect(fires(one(`type: SYSCALL, SYSCALL: ${call}`), event), String(call)).to.equal(true);
      expect(fires(one(`type: SYSCALL, syscall: ${call}`), file('file_open', '/x'))).to.equal(false);
    }
    const other = file('file_create', '/dev/x', { 'event.syscall': 'openat' });
    expect(fires(one('syscall: mknod'), other)).to.equal(false);
  });

  it('a0 of socket: the family, of those that are recorded', () => {
    const alg = one('type: SYSCALL, SYSCALL: socket, a0: 26');
    const made = (family: string) => ({ 'event.type': 'socket_create', 'network.family': family });
    expect(fires(alg, made('alg'))).to.equal(true);
    expect(fires(alg, made('netlink'))).to.equal(false);
    const packet = one("type: SYSCALL, syscall: 41, a0: '0x11'");
    expect(fires(packet, { 'event.type': 'socket_raw', 'network.family': 'packet' })).to.equal(true);
    expect(fires(packet, made('alg'))).to.equal(false);
  });

  it('a0 of ptrace and syslog: what is done', () => {
    const cleared = one('type: SYSCALL, syscall: 103, a0: [4, 5, 6]');
    const log = (action: string) => ({ 'event.type': 'kernel_log', 'kernel_log.action': action });
    expect(fires(cleared, log('SYSLOG_ACTION_CLEAR'))).to.equal(true);
    expect(fires(cleared, log('SYSLOG_ACTION_READ_ALL'))).to.equal(false);
    const attached = one("type: SYSCALL, syscall: ptrace, a0: ['10', '4206']");
    const traced = (request: string) => ({ 'event.type': 'process_ptrace', 'ptrace.request': request });
    expect(fires(attached, traced('PTRACE_ATTACH'))).to.equal(true);
    expect(fires(attached, traced('PTRACE_SEIZE'))).to.equal(true);
    expect(fires(attached, traced('PTRACE_CONT'))).to.equal(false);
  });

  it('SYSCALL without a call is the start of the program', () => {
    const rule = one("type: SYSCALL, exe|startswith: ['/tmp/', '/var/www/']");
    expect(fires(rule, exec(['x'], { 'process.path': '/tmp/x' }))).to.equal(true);
    expect(fires(rule, file('file_open', '/etc/x', { 'process.path': '/tmp/x' }))).to.equal(false);
    expect(fires(one('type: SYSCALL, comm: split'), exec(['split']))).to.equal(true);
    const sh = { 'process.uid': 0, 'process.cwd': '/var/opt/microsoft/scx/tmp', 'process.comm': 'sh' };
    const scx = one('type: SYSCALL, syscall: execve, uid: 0, cwd: /var/opt/microsoft/scx/tmp, comm: sh');
    expect(fires(scx, exec(['sh'], sh))).to.equal(true);
    expect(fires(scx, exec(['sh'], { ...sh, 'process.uid': 1000 }))).to.equal(false);
  });

  it('auid is the login user, and 4294967295 that there is none', () => {
    for (const [value, auid, expected] of [
      [1000, 1000, true],
      [1000, undefined, false],
      [0, undefined, false],
      [4294967295, undefined, true],
      ['unset', undefined, true],
      [4294967295, 1000, false],
    ] as const) {
      const event = exec(['id'], auid === undefined ? {} : { 'process.auid': auid });
      expect(fires(one(`type: SYSCALL, auid: ${value}`), event), `${value} ${auid}`).to.equal(expected);
    }
    const people = 's: {type: SYSCALL, comm: id}\nf: {auid: 4294967295}\ncondition: s and not f';
    expect(fires(people, exec(['id']))).to.equal(false);
    expect(fires(people, exec(['id'], { 'process.auid': 1000 }))).to.equal(true);
  });

  it('success and exit tell failed calls, which other rules do not match', () => {
    const failed = file('file_open', '/etc/shadow', { 'event.error': 'EACCES', 'event.result': -13 });
    const denied = one('syscall: [open, openat], success: no, exit: -13');
    expect(fires(denied, failed)).to.equal(true);
    expect(fires(denied, file('file_open', '/etc/shadow', { 'event.error': '', 'event.result': 3 }))).to.equal(false);
    expect(fires(one('type: PATH, name: /etc/shadow'), failed)).to.equal(false);
    expect(fires(one("syscall: openat, success: 'yes'"), file('file_open', '/x', { 'event.error': '' }))).to.equal(
      true,
    );
  });

  it('SOCKADDR: laddr and lport are the address that was given', () => {
    const rule = one('type: SOCKADDR, saddr_fam: inet, laddr: 192.0.2.1, lport: 4444');
    const address = { 'network.destination.ip': '192.0.2.1', 'network.destination.port': 4444 };
    expect(fires(rule, { 'event.type': 'net_conn', ...address })).to.equal(true);
    expect(fires(rule, { 'event.type': 'net_conn', ...address, 'network.destination.port': 443 })).to.equal(false);
    const listens = { 'event.type': 'net_listen', 'network.source.ip': '192.0.2.1', 'network.source.port': 4444 };
    expect(fires(rule, listens)).to.equal(true);
    expect(fires(one('type: SOCKADDR, saddr_fam: inet6'), { 'event.type': 'net_conn', ...address })).to.equal(false);
  });

  it('records of account programs and of sudo are the start of the program', () => {
    const added = 'c: {type: SYSCALL, exe|endswith: /adduser}\na: {type: ADD_USER}\ncondition: 1 of them';
    expect(fires(added, exec(['useradd', 'x'], { 'process.path': '/usr/sbin/useradd' }))).to.equal(true);
    expect(fires(added, exec(['userdel', 'x'], { 'process.path': '/usr/sbin/userdel' }))).to.equal(false);
    const command = one('type: USER_CMD, cmd|contains: shadow');
    expect(fires(command, exec(['cat', '/etc/shadow'], { 'process.parent.name': 'sudo' }))).to.equal(true);
    expect(fires(command, exec(['cat', '/etc/shadow'], { 'process.parent.name': 'bash' }))).to.equal(false);
  });

  it('names of one event may stand in several searches', () => {
    const rule =
      'p: {type: PROCTITLE, proctitle|contains: exploit}\ns: {type: SYSCALL, exe: /usr/bin/pkexec}\ncondition: p and s';
    expect(fires(rule, exec(['pkexec', 'exploit']))).to.equal(true);
    expect(fires(rule, exec(['pkexec', 'id']))).to.equal(false);
  });

  for (const [what, detection, reason] of [
    [
      'a key',
      one('type: SYSCALL, exe|endswith: /nc, key: network_connect_4'),
      'the field "key" of auditd is not recorded: the rules of auditd give it',
    ],
    [
      'the registers of a call',
      one('type: SYSCALL, SYSCALL: connect, a0: 26'),
      'the arguments of system calls are not recorded',
    ],
    [
      'a call that is not recorded',
      one('type: SYSCALL, syscall: sysinfo'),
      'no event of this host can match the rule: the system call sysinfo is not recorded here',
    ],
    [
      'a record that is not written here',
      one('type: [TTY, USER_TTY]'),
      'the type TTY, the type USER_TTY is not recorded here',
    ],
    [
      'what PAM writes',
      one('type: USER_LOGIN, res: failed'),
      'the field "res" of auditd is not recorded: programs write it',
    ],
    [
      'a field that audit does not have',
      one('type: SYSCALL, exee: x'),
      'the field "exee" is unknown (did you mean exe?)',
    ],
  ] as const) {
    it(`are refused for ${what}`, () => {
      expect(load(detection).problems.map(formatProblem).join('\n')).to.contain(reason);
    });
  }

  it('tell what of them can never match', () => {
    const { rules, problems } = load(
      'p: {type: PATH, name: /etc/pam.d/system-auth}\nt: {type: [TTY, USER_TTY]}\ncondition: 1 of them',
    );
    expect(problems).to.deep.equal([]);
    expect(rules[0]?.info.description).to.contain('Not recorded here: the type TTY, the type USER_TTY.');
  });

  it('know only kinds of event that there are, and calls that the sensor looks at', () => {
    expect(AUDITED_KINDS.filter((kind) => !(kind in KINDS))).to.deep.equal([]);
    const table = readFileSync(join(import.meta.dirname, '../../../bpf/syscalls.bpf.h'), 'utf8');
    const looked = new Set([...table.matchAll(/^\tX\((\w+),/gm)].map(([, name]) => name?.toLowerCase()));
    // Forks and ends are seen where the scheduler makes them.
    const elsewhere = new Set(['fork', 'vfork', 'clone', 'clone3', 'exit', 'exit_group']);
    const names = callCases(AUDITED_KINDS).flatMap(([name]) => (/^\d+$/.test(name) ? [] : [name]));
    expect(names.length).to.be.greaterThan(80);
    expect(names.filter((name) => !looked.has(name) && !elsewhere.has(name))).to.deep.equal([]);
  });
});
