import { expect } from 'chai';
import { holds, problemsOf, ruleText } from './support/load.ts';

const EXEC = {
  'event.type': 'process_exec',
  'event.error': '',
  'event.result': 0,
  'process.pid': 7,
  'process.ppid': 6,
  'process.name': 'nc.openbsd',
  'process.comm': 'nc.openbsd',
  'process.path': '/usr/bin/nc.openbsd',
  'process.args': ['/bin/nc', '-e', '/bin/sh'],
  'process.uid': 1000,
  'process.euid': 1000,
  'user.name': 'ann',
  'process.parent.name': 'bash',
  'process.ancestors': [
    { pid: 6, name: 'bash', path: '/bin/bash' },
    { pid: 5, name: 'sshd', path: '/usr/sbin/sshd' },
  ],
  'process.env': { LD_PRELOAD: '/tmp/x.so' },
};
const ABOVE = {
  ...EXEC,
  'process.ancestors': [
    { pid: 6, name: 'bash', args: ['bash'] },
    { pid: 5, name: 'sshd', args: ['sshd', '-D', '-p', '22'] },
  ],
};
const OPEN = {
  'event.type': 'file_open',
  'event.error': '',
  'event.result': 3,
  'event.syscall': 'openat',
  'process.name': 'cat',
  'process.comm': 'cat',
  'process.path': '/usr/bin/cat',
  'process.args': ['cat', '/etc/shadow'],
  'file.path': '/etc/shadow',
  'file.access': 'read',
  'file.flags': ['O_RDONLY'],
};
const CONNECT = {
  'event.type': 'net_conn',
  'event.error': '',
  'event.result': 0,
  'event.syscall': 'connect',
  'process.name': 'curl',
  'process.comm': 'curl',
  'network.transport': 'tcp',
  'network.family': 'ipv4',
  'network.direction': 'outbound',
  'network.source.ip': '10.0.0.5',
  'network.source.port': 40000,
  'network.destination.ip': '93.184.216.34',
  'network.destination.port': 443,
};

type Case = readonly [condition: string, event: Readonly<Record<string, unknown>>, expected: boolean];

function table(title: string, cases: readonly Case[]): void {
  describe(title, () => {
    for (const [condition, event, expected] of cases) {
      it(`${condition} ${expected ? 'holds' : 'does not hold'} for ${String(event['event.type'])}`, async () => {
        expect(await holds(condition, event)).to.equal(expected);
      });
    }
  });
}

describe('A Falco condition', () => {
  table('compares texts', [
    ['proc.name=cat', OPEN, true],
    ['proc.name == "cat"', OPEN, true],
    ["proc.name = 'cat'", OPEN, true],
    ['proc.name != cat', OPEN, false],
    ['proc.name contains a', OPEN, true],
    ['proc.name icontains A', OPEN, true],
    ['proc.name contains A', OPEN, false],
    ['fd.name startswith /etc', OPEN, true],
    ['fd.name endswith adow', OPEN, true],
    ['fd.name bcontains 736861', OPEN, true],
    ['fd.name bstartswith 2f65', OPEN, true],
    ['fd.name bstartswith 65', OPEN, false],
    ['fd.name glob /etc/*', OPEN, true],
    ['fd.name glob /e*w', OPEN, true],
    ['fd.name glob /etc/shado?', OPEN, true],
    ['fd.name glob /etc/shad', OPEN, false],
    ['fd.name iglob /ETC/*', OPEN, true],
    ['fd.name regex /etc/[a-z]+', OPEN, true],
    ['fd.name regex /etc/[a-r]', OPEN, false],
    ["fd.name regex '(?i)/ETC/.*'", OPEN, true],
    ['fd.name pmatch (/etc, /usr)', OPEN, true],
    ['fd.name pmatch (/et, /usr)', OPEN, false],
    ['fd.name pmatch (/etc/shadow/x)', OPEN, false],
    ['fd.name in (/etc/passwd, "/etc/shadow")', OPEN, true],
    ['fd.name in ()', OPEN, false],
    ['proc.name intersects (cat, dog)', OPEN, true],
    ['fd.directory=/etc', OPEN, true],
    ['fd.filename=shadow', OPEN, true],
  ]);
  // As libs' own tests of the modifiers have it, of a process of this name.
  const NAMED = { ...EXEC, 'process.name': 'myexe', 'process.comm': 'myexe' };
  table('compares with several values', [
    ['proc.name = oneof (myexe, bash)', NAMED, true],
    ['proc.name == oneof(myexe, myexe)', NAMED, false],
    ['proc.name = anyof (myexe, myexe)', NAMED, true],
    ['proc.name = anyof (bash, sh)', NAMED, false],
    ['proc.name = allof (myexe, myexe)', NAMED, true],
    ['proc.name = allof (myexe, bash)', NAMED, false],
    ['proc.name != oneof (myexe, myexe, bash)', NAMED, true],
    ['proc.name != oneof (bash, sh)', NAMED, false],
    ['proc.name != anyof (myexe, bash)', NAMED, true],
    ['proc.name != anyof (myexe)', NAMED, false],
    ['proc.name != allof (bash, sh)', NAMED, true],
    ['proc.name != allof (myexe, bash)', NAMED, false],
    ['proc.name contains oneof (my, exe)', NAMED, false],
    ['proc.name contains allof (my, exe)', NAMED, true],
    ['proc.name icontains anyof (MY, BASH)', NAMED, true],
    ['proc.name startswith anyof (my, bash)', NAMED, true],
    ['proc.name startswith  allof\t(my, bash)', NAMED, false],
    ['proc.name endswith oneof (exe, sh)', NAMED, true],
    ['proc.name glob allof (my*, *exe)', NAMED, true],
    ['proc.name glob oneof (my*, *exe)', NAMED, false],
    ['proc.name iglob anyof (MY*, BASH)', NAMED, true],
    ['proc.name regex anyof ("my.*", "b.*")', NAMED, true],
    ['proc.name regex allof ("my.*", "b.*")', NAMED, false],
    ['toupper(proc.name) != oneof (MYEXE, BASH)', NAMED, true],
    ['proc.name = anyof (myexe, bash) or proc.name != oneof (myexe)', NAMED, true],
    ['proc.pid = anyof (7, 8) and proc.pid != allof (8, 9)', NAMED, true],
    ['proc.aname[7] != anyof (a, b)', NAMED, false],
    ...['=', '!='].flatMap((operator) =>
      ['oneof', 'anyof', 'allof'].map((modifier): Case => [`proc.name ${operator} ${modifier} ()`, NAMED, false]),
    ),
    ['proc.name = oneof', { ...EXEC, 'process.name': 'oneof', 'process.comm': 'oneof' }, true],
  ]);
  table('binds not before and before or', [
    ['not proc.name=dog and proc.name=cat', OPEN, true],
    ['not (proc.name=cat or proc.name=dog)', OPEN, false],
    ['proc.name=cat or proc.name=dog and fd.name=/x', OPEN, true],
    ['(proc.name=cat or proc.name=dog) and fd.name=/x', OPEN, false],
    ['not not proc.name=cat', OPEN, true],
    ['proc.name=cat and not fd.name startswith /etc', OPEN, false],
  ]);
  table('compares an absent value to nothing', [
    ['fd.name exists', OPEN, true],
    ['fd.sport exists', OPEN, false],
    ['not fd.sport exists', OPEN, true],
    ['fd.sport != 4', OPEN, false],
    ['not fd.sport = 4', OPEN, true],
    ['proc.aname[7] exists', EXEC, false],
    ['proc.aname[7] != x', EXEC, false],
  ]);
  table('knows processes', [
    ['proc.exe=/bin/nc', EXEC, true],
    ['proc.exepath=/usr/bin/nc.openbsd', EXEC, true],
    ['proc.cmdline="nc.openbsd -e /bin/sh"', EXEC, true],
    ['proc.args="-e /bin/sh"', EXEC, true],
    ['proc.args[0] = "-e" and proc.args[1] endswith sh', EXEC, true],
    ['proc.args[2] exists', EXEC, false],
    ['proc.aargs contains "-D"', ABOVE, true],
    ['proc.aargs[2] = "-D -p 22" and proc.aargs[0] = "-e /bin/sh"', ABOVE, true],
    ['proc.aargs[3] exists', ABOVE, false],
    ['proc.pname=bash and proc.ppid=6', EXEC, true],
    ['proc.aname[1]=bash and proc.aname[2]=sshd', EXEC, true],
    ['proc.aname[0]=nc.openbsd', EXEC, true],
    ['proc.aname in (sshd)', EXEC, true],
    ['proc.aname in (nc.openbsd)', EXEC, false],
    ['proc.env[LD_PRELOAD]=/tmp/x.so', EXEC, true],
    ['user.name=ann and user.uid=1000', EXEC, true],
    ['container.id=host', EXEC, true],
    ['container.id != host', EXEC, false],
    ['proc.exe = val(proc.exepath)', EXEC, false],
    ['proc.name = val(proc.aname[0])', EXEC, true],
    ['toupper(proc.name) = NC.OPENBSD', EXEC, true],
    ['len(proc.name) = 10', EXEC, true],
    ['basename(proc.exepath) = nc.openbsd', EXEC, true],
    ['tolower(toupper(proc.name)) = nc.openbsd', EXEC, true],
    ['b64(proc.env[CODE]) = "id -u"', { ...EXEC, 'process.env': { CODE: 'aWQgLXU=' } }, true],
    ['b64(proc.env[CODE]) = "id -u"', { ...EXEC, 'process.env': { CODE: 'aWQgLXU' } }, true],
    ['concat(proc.name, ":", proc.pname) = "nc.openbsd:bash"', EXEC, true],
    ['join("-", (proc.name, proc.pname)) = "nc.openbsd-bash"', EXEC, true],
    ['proc.exe endswith val(proc.name)', EXEC, false],
    ['proc.exe endswith basename(proc.exe)', EXEC, true],
    ['getopt(proc.args, "e:")[e] = /bin/sh', EXEC, true],
    ['getopt(proc.args, "e")[e] = e', EXEC, true],
    ['getopt(proc.args, "c:")[c] exists', EXEC, false],
    ['getopt(proc.args, "e:") in (/bin/sh)', EXEC, true],
    ['getopt(proc.args, "c") in ("?")', EXEC, true],
    ['getopt(proc.args, "xzf:")[f] = a.tgz', { ...EXEC, 'process.args': ['tar', '-xzfa.tgz', 'b', '-fc'] }, true],
    ['getopt(proc.args, "f:")[f] = ""', { ...EXEC, 'process.args': ['tar', '-f'] }, true],
    ['len(getopt(proc.args, "e:")[e]) = 7', EXEC, true],
  ]);
  const NUMBERED = {
    ...EXEC,
    'process.vpid': 1,
    'process.pgid': 7,
    'process.vpgid': 1,
    'process.session_id': 5,
    'process.vsession_id': 0,
    'process.permitted_capabilities': ['CAP_CHOWN', 'CAP_SYS_ADMIN'],
    'process.parent.vpid': 0,
    'process.start_time': 1000.5,
    'process.namespace_start_time': 900,
    'process.exe_age': 60,
    'event.timestamp': 1001,
    'user.effective.name': 'root',
    'user.login.name': 'ann',
    'process.auid': 1000,
    'group.name': 'staff',
  };
  const CONTAINED = {
    ...EXEC,
    'container.id': 'c0ffee'.repeat(11).slice(0, 64),
    'container.runtime': 'docker',
    'container.mounts': ['/etc:/host/etc:ro:false:rprivate', '/var/run/docker.sock:/run/docker.sock::true:'],
    'container.labels': { app: 'web' },
    'process.host_namespaces': false,
    'process.own_namespaces': ['mount', 'pid'],
  };
  table('knows where a process stands', [
    ['proc.vpid=1 and proc.vpgid=1 and proc.pgid=7 and proc.pvpid=0', NUMBERED, true],
    ['proc.is_vpgid_leader=true and proc.is_sid_leader=false', NUMBERED, true],
    ['proc.sid=0 and proc.sname=sshd and proc.sid.exepath=/usr/sbin/sshd', NUMBERED, true],
    ['proc.vpgid.name=nc.openbsd', NUMBERED, true],
    ['thread.cap_permitted contains CAP_SYS_ADMIN', NUMBERED, true],
    ['thread.cap_permitted contains CAP_BPF', NUMBERED, false],
    ['thread.cap_effective contains CAP_SYS_ADMIN', NUMBERED, false],
    ['user.name=root and user.loginname=ann and group.name=staff', NUMBERED, true],
    ['container.duration = 101000000000', NUMBERED, true],
    ['proc.exe_ino.ctime_duration_pidns_start = 40500000000', NUMBERED, true],
    ['proc.duration < 1000000000', NUMBERED, true],
  ]);
  table('knows containers', [
    ['container.id=c0ffeec0ffee and container.type=docker', CONTAINED, true],
    ['container.type=host and container.name=host', EXEC, true],
    ['container.mount.dest[/etc*]=/host/etc', CONTAINED, true],
    ['container.mount.source[/run/docker.sock]=/var/run/docker.sock', CONTAINED, true],
    ['container.mount.rdwr[0]=false and container.mount.mode[0]=ro', CONTAINED, true],
    ['container.mount[/root*] exists', CONTAINED, false],
    ['container.mounts contains docker.sock', CONTAINED, true],
    ['container.label.app=web and container.label[app]=web', CONTAINED, true],
    ['container.host_pid=false and container.host_network=true', CONTAINED, true],
    ['container.host_pid exists', EXEC, false],
  ]);
  const SIGNAL = { ...EXEC, 'event.type': 'kill', 'event.syscall': 'kill', 'target.pid': 1, 'signal.number': 63 };
  table('knows arguments as one text', [
    ['evt.args contains "flags=O_RDONLY"', OPEN, true],
    ['evt.args contains "name=/etc/shadow"', OPEN, true],
    ['evt.type.is.openat = 1 and evt.type.is.open = 0', OPEN, true],
    ['evt.count.error.file = 1', { ...OPEN, 'event.error': 'EACCES', 'event.result': -13 }, true],
    ['fd.containername = "host:/etc/shadow"', OPEN, true],
    ['evt.arg[1] = 1 and evt.arg[2] = 63 and not evt.arg[3] exists', SIGNAL, true],
    ['evt.arg[2] = /etc/shadow and evt.arg[3] = O_RDONLY and not evt.arg[1] exists', OPEN, true],
    ['evt.arg[1] = /etc/shadow and evt.arg[2] = O_RDONLY', { ...OPEN, 'event.syscall': 'open' }, true],
    ['evt.arg[1] = /bin/nc and evt.arg[13] = nc.openbsd and evt.arg[27] = /usr/bin/nc.openbsd', EXEC, true],
    ['evt.arg.pid = 1 and evt.arg.pid in (1, 2) and evt.arg.pid != 2', SIGNAL, true],
    ['evt.arg.sig in (63, 64) and evt.arg.sig startswith 6', SIGNAL, true],
    ['evt.arg.sig < 7 and evt.arg.sig > 100', SIGNAL, true],
    ['evt.arg.env contains "LD_PRELOAD=/tmp"', EXEC, true],
    [
      'evt.arg.uid = ann and evt.arg.gid = staff',
      { ...NUMBERED, 'process.euid': 1000, 'user.effective.name': 'ann', 'process.gid': 50 },
      true,
    ],
    ['evt.arg.uid = root', { ...EXEC, 'process.euid': 0 }, true],
    ['evt.arg.cap_permitted contains CAP_CHOWN', NUMBERED, true],
    ['evt.arg.pgid = 7', NUMBERED, true],
    ['evt.arg.vpgid = 1', NUMBERED, true],
    ['evt.arg.tty = 0', NUMBERED, true],
    [
      'evt.type = fork and evt.arg.exe = /bin/nc and evt.arg.comm = nc.openbsd',
      { ...EXEC, 'event.type': 'process_fork', 'event.syscall': 'fork' },
      true,
    ],
    ['evt.arg.request = 5412', { ...EXEC, 'event.type': 'terminal_input', 'event.syscall': 'ioctl' }, true],
  ]);
  table('knows events', [
    ['evt.type in (open, openat)', OPEN, true],
    ['evt.type=open', OPEN, false],
    ['evt.type=execve and evt.dir=<', EXEC, true],
    ['evt.dir = >', EXEC, false],
    ['evt.is_open_read=true', OPEN, true],
    ['evt.is_open_write=true', OPEN, false],
    ['evt.failed=false and evt.res=SUCCESS', OPEN, true],
    ['fd.num>=0 and fd.typechar=f', OPEN, true],
    ['evt.type=openat', { ...OPEN, 'event.error': 'EACCES', 'event.result': -13 }, true],
    ['evt.res=EACCES and fd.num<0', { ...OPEN, 'event.error': 'EACCES', 'event.result': -13 }, true],
    ['evt.arg.flags contains O_RDONLY', OPEN, true],
  ]);
  table('knows sockets', [
    ['fd.name="10.0.0.5:40000->93.184.216.34:443"', CONNECT, true],
    ['fd.sip=93.184.216.34 and fd.sport=443', CONNECT, true],
    ['fd.cip=10.0.0.5 and fd.cport=40000', CONNECT, true],
    ['fd.snet in (93.184.216.0/24)', CONNECT, true],
    ['fd.snet in (10.0.0.0/8)', CONNECT, false],
    ['fd.ip=10.0.0.5', CONNECT, true],
    ['fd.net in (10.0.0.0/8)', CONNECT, true],
    ['fd.typechar=4 and fd.l4proto=tcp', CONNECT, true],
    ['evt.type=connect and evt.rawres>=0', CONNECT, true],
    ['fd.sport in (80, 443)', CONNECT, true],
    ['fd.sport > 442', CONNECT, true],
  ]);
  it('cuts names as the kernel cuts them, and matches what is cut', async () => {
    const event = { ...EXEC, 'process.name': 'systemd-user-sessions', 'process.comm': 'systemd-user-se' };
    expect(await holds('proc.name=systemd-user-se', event)).to.equal(true);
    expect(await holds('proc.name=systemd-user-sessions', event)).to.equal(false);
  });
  it('is refused with its place when it cannot be read', () => {
    expect(problemsOf(ruleText('proc.name = '))).to.have.length(1);
    expect(problemsOf(ruleText('proc.nme = x'))[0])
      .to.match(/^a\.yaml:2/)
      .and.contain('proc.nme');
    expect(problemsOf(ruleText('proc.name = x and (fd.name = y'))).to.have.length(1);
    expect(problemsOf(ruleText('no_such_macro'))[0]).to.contain('no_such_macro');
    expect(problemsOf(ruleText('fd.sport > x'))).to.have.length(1);
    expect(problemsOf(ruleText("fd.name regex '('"))).to.have.length(1);
    expect(problemsOf(ruleText("fd.name regex anyof (a, '(')"))).to.have.length(1);
    expect(problemsOf(ruleText('proc.name in anyof (a, b)'))).to.have.length(1);
    expect(problemsOf(ruleText('proc.name startswith (a, b)'))).to.have.length(1);
    const many = Array.from({ length: 201 }, (_, at) => `a${at}`).join(', ');
    expect(problemsOf(ruleText(`proc.name contains oneof (${many})`))[0]).to.contain('201');
    expect(problemsOf(ruleText(`proc.name contains anyof (${many})`))).to.deep.equal([]);
  });
});
