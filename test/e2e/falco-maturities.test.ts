/** Rules of Falco's incubating and sandbox files that a plain host can provoke, and what only looks like it. */
import { join } from 'node:path';
import {
  ADDRESS,
  asUser,
  type Behaviour,
  connects,
  describeRules,
  FALCO_FIXTURES,
  inNetwork,
  named,
  over,
  python,
} from './support/falco.ts';

/** A copy of true by another name. */
const runs = (name: string, ...args: readonly string[]) => `cp /bin/true $D/${name}; $D/${[name, ...args].join(' ')}`;
const perl = (code: string) => `perl -e '${code}'`;
const user = (command: string) => `setpriv --reuid=1000 --clear-groups ${command}`;
/** Writes below a directory of the system that is an empty one here. */
const writes = (directory: string, name: string) => over(directory, `echo x > ${directory}/${name}`);
const udp = (port: number) =>
  inNetwork(`$PYTHON -c \\"import socket; socket.socket(2, 2).connect(('${ADDRESS}', ${port}))\\"`);
/** A shell of this name that connects to a port that is listened on. */
const shellConnects = (name: string) => {
  const shell = `['$D/${name}', '-c', 'exec 3<>/dev/tcp/${ADDRESS}/443']`;
  const code = `import socket, subprocess; l = socket.socket(); l.bind(('${ADDRESS}', 443)); l.listen(); subprocess.run(${shell})`;
  return `cp /bin/bash $D/${name}; ${inNetwork(`$PYTHON -c \\"${code}\\"`)}`;
};
const SETNS = "import ctypes, os; ctypes.CDLL(None).setns(os.open('/proc/self/ns/uts', 0), 0)";

const INCUBATING: readonly Behaviour[] = [
  {
    rule: 'Modify Shell Configuration File',
    script: 'touch $D/.bashrc',
    miss: 'echo x > $D/.bashrc; touch $D/bashrc; cat $D/.bashrc',
  },
  { rule: 'Schedule Cron Jobs', script: runs('crontab', '-l'), miss: runs('crontabs', '-l') },
  {
    rule: 'Read ssh information',
    script: over('/home', 'mkdir -p /home/u/.ssh; echo x > /home/u/.ssh/id; cat /home/u/.ssh/id'),
    miss: over('/home', 'mkdir -p /home/u/ssh; echo x > /home/u/ssh/id; cat /home/u/ssh/id'),
  },
  {
    rule: 'DB program spawned process',
    script: named('mysqld', '/bin/true; true'),
    miss: named('mysqlx', '/bin/true; true'),
  },
  { rule: 'Change thread namespace', script: python(SETNS), miss: 'nsenter --uts=/proc/self/ns/uts true' },
  { rule: 'System procs network activity', script: shellConnects('zsh'), miss: shellConnects('zshx') },
  {
    rule: 'Program run with disallowed http proxy env',
    script: 'HTTP_PROXY=http://127.0.0.1:1 curl --version',
    miss: 'curl --version; HTTP_PROXY=http://127.0.0.1:1 cat /dev/null',
  },
  { rule: 'Unexpected UDP Traffic', script: udp(9999), miss: udp(53) },
  {
    rule: 'Non sudo setuid',
    script: user(perl('use POSIX; POSIX::setuid(1000)')),
    miss: perl('use POSIX; POSIX::setuid(0)'),
  },
  { rule: 'User mgmt binaries', script: runs('useradd', '--help'), miss: `${runs('useradd', '-D')}; ${runs('su')}` },
  { rule: 'Create files below dev', script: writes('/dev', 'evil'), miss: 'echo x > /dev/null; touch $D/dev' },
  { rule: 'Launch Suspicious Network Tool on Host', script: runs('nmap'), miss: runs('nmapx') },
  {
    rule: 'Delete or rename shell history',
    script: 'touch $D/.bash_history; rm $D/.bash_history',
    miss: 'touch $D/history $D/.bash_history; rm $D/history; cat $D/.bash_history',
  },
  { rule: 'Set Setuid or Setgid bit', script: 'touch $D/f; chmod 4755 $D/f', miss: 'touch $D/f; chmod 755 $D/f' },
];

const SANDBOX: readonly Behaviour[] = [
  {
    rule: 'Unexpected inbound connection source',
    script: connects('server', 8000),
    miss: connects('server', 8000, '127.0.0.1'),
  },
  {
    rule: 'Read Shell Configuration File',
    script: 'echo > $D/.bashrc; cat $D/.bashrc',
    miss: 'echo > $D/.bashrc; read < $D/.bashrc; cat /dev/null',
  },
  {
    rule: 'Update Package Repository',
    script: over('/etc/apt', 'mkdir /etc/apt/sources.list.d; echo x > /etc/apt/sources.list.d/x.list'),
    miss: over('/etc/apt', 'mkdir /etc/apt/preferences.d; echo x > /etc/apt/preferences.d/x'),
  },
  { rule: 'Write below binary dir', script: writes('/usr/sbin', 'x'), miss: writes('/usr/games', 'x') },
  { rule: 'Write below monitored dir', script: writes('/usr/local/bin', 'x'), miss: writes('/usr/local/src', 'x') },
  { rule: 'Write below etc', script: writes('/etc/opt', 'x'), miss: writes('/opt', 'x') },
  { rule: 'Write below root', script: writes('/root', 'x'), miss: writes('/root', '.bash_history') },
  {
    rule: 'Write below rpm database',
    script: over('/var/lib', 'mkdir /var/lib/rpm; echo x > /var/lib/rpm/x'),
    miss: over('/var/lib', 'mkdir /var/lib/dpkg; echo x > /var/lib/dpkg/x'),
  },
  {
    rule: 'Modify binary dirs',
    script: over('/usr/sbin', 'echo x > /usr/sbin/x; rm /usr/sbin/x'),
    miss: over('/usr/games', 'echo x > /usr/games/x; rm /usr/games/x'),
  },
  {
    rule: 'Mkdir binary dirs',
    script: over('/usr/sbin', 'mkdir /usr/sbin/x'),
    miss: over('/usr/games', 'mkdir /usr/games/x'),
  },
  {
    rule: 'Create Hidden Files or Directories',
    script: 'touch $D/.hidden',
    miss: 'touch $D/plain; mkdir $D/directory; mv $D/plain $D/other',
  },
  {
    rule: 'Interpreted procs inbound network activity',
    script: connects('python3', 8000),
    miss: connects('editor', 8000),
  },
  {
    rule: 'Interpreted procs outbound network activity',
    script: connects('ruby', 8000),
    miss: `${connects('editor', 8000)}; ${connects('ruby', 8000, '127.0.0.1')}`,
  },
  {
    rule: 'Detect crypto miners using the Stratum protocol',
    script: '/bin/true -o stratum+tcp://pool.example:3333',
    miss: '/bin/true -o stratum://pool.example:3333',
  },
  {
    rule: 'Sudo Potential Privilege Escalation',
    script: asUser('sudoedit', '-s', "'x\\\\'"),
    miss: `${asUser('sudoedit', '-s', 'x')}; ${runs('sudoedit', '-s', "'x\\\\'")}`,
  },
  {
    rule: 'Unprivileged Delegation of Page Faults Handling to a Userspace Process',
    // By number: 323 on x86-64, 282 on arm64.
    script: user(perl('syscall($ENV{USERFAULTFD}, 1)')),
    miss: perl('syscall($ENV{USERFAULTFD}, 1)'),
  },
  {
    rule: 'Polkit Local Privilege Escalation Vulnerability (CVE-2021-4034)',
    script: asUser('pkexec'),
    miss: `${asUser('pkexec', '--version')}; ${runs('pkexec')}`,
  },
  {
    rule: 'Basic Interactive Reconnaissance',
    // By exec: of a shell that forks for its last command, dash, id does not lead the group.
    script: 'SHELL=/bin/sh script -qec "exec id" /dev/null',
    miss: 'id; SHELL=/bin/sh script -qec "exec true" /dev/null',
  },
  {
    rule: 'Netcat/Socat Remote Code Execution on Host',
    script: runs('nc', '-e', '/bin/sh'),
    miss: `${runs('nc', '-v')}; ${runs('socat', 'STDIO')}`,
  },
  { rule: 'Known Cryptominer Process Executed', script: runs('xmrig'), miss: runs('xmrigs') },
  {
    rule: 'Web Server Spawned Shell',
    script: named('nginx', '/bin/sh -c true; true'),
    miss: `${named('nginx', '/bin/true; true')}; ${named('nginx', '/bin/sh -c "true healthcheck"; true')}`,
  },
  {
    rule: 'Web Server Spawned Suspicious Child Process',
    script: named('nginx', 'id; true'),
    miss: `${named('nginx', '/bin/true; true')}; ${named('editor', 'id; true')}`,
  },
  {
    rule: 'Reverse Shell from Web Server',
    script: named('httpd', '/bin/echo bash -i; true'),
    miss: `${named('httpd', '/bin/echo bash; true')}; ${named('editor', '/bin/echo bash -i; true')}`,
  },
];

describeRules(
  "Falco's incubating and sandbox rules, live",
  [join(FALCO_FIXTURES, 'other_maturities.yaml')],
  [...INCUBATING, ...SANDBOX].map((one) => ({
    ...one,
    script: `export USERFAULTFD=${process.arch === 'arm64' ? 282 : 323}\n${one.script}`,
    miss: `export USERFAULTFD=${process.arch === 'arm64' ? 282 : 323}\n${one.miss}`,
  })),
);
