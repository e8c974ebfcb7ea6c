import { type Case, has, modeWith, reads, writes } from './matcher.ts';

const exec = (fields: Case['expect'][number]) => ({ 'event.type': 'process_exec', ...fields });
const open = (fields: Case['expect'][number]) => ({ 'event.type': 'file_open', ...fields });

/** The actions of the public event generator that a host without containers can replay, by scripts of our own. */
export const EVENT_GENERATOR: readonly Case[] = [
  {
    id: 'ChangeThreadNamespace',
    what: 'setns(0, 0) fails; the attempt is the event',
    script: '$call setns 0 0',
    expect: [{ 'event.type': 'setns', 'event.error': 'EINVAL' }],
  },
  {
    id: 'ClearLogActivities',
    what: 'a log is truncated',
    script: ': > $D/syslog',
    expect: [open({ 'file.name': 'syslog', 'file.flags': has('O_TRUNC'), 'file.access': writes })],
  },
  {
    id: 'CreateFilesBelowDev',
    what: 'a file is made in /dev',
    script: 'f=/dev/bpfwarden-$$; set -C; : <> $f; : > $f-2; rm -f $f $f-2',
    expect: [
      open({ 'file.directory': '/dev', 'file.flags': has('O_CREAT') }),
      { 'event.type': 'file_create', 'file.directory': '/dev' },
      { 'event.type': 'file_unlink', 'file.directory': '/dev' },
    ],
  },
  {
    id: 'CreateHardlinkOverSensitiveFiles',
    what: 'a hard link to /etc/shadow',
    script: 'ln /etc/shadow $D/shadow_link && cat $D/shadow_link > /dev/null',
    expect: [
      exec({ 'process.name': 'ln' }),
      { 'event.type': 'file_link', 'file.path': '/etc/shadow', 'file.new_path': /\/shadow_link$/ },
      open({ 'file.path': /shadow/, 'file.access': reads }),
    ],
  },
  {
    id: 'CreateHiddenFilesOrDirectories',
    what: 'a hidden directory',
    script: 'mkdir $D/.hidden',
    expect: [{ 'event.type': 'file_mkdir', 'file.path': /\/\.hidden$/ }],
  },
  {
    id: 'CreateSymlinkOverSensitiveFiles',
    what: 'a symbolic link to /etc',
    script: 'ln -s /etc $D/etc_link && ls $D/etc_link/ > /dev/null',
    expect: [
      exec({ 'process.name': 'ln' }),
      { 'event.type': 'file_symlink', 'file.path': /\/etc_link$/, 'file.new_path': '/etc' },
      open({ 'file.path': '/etc' }),
    ],
  },
  {
    id: 'DbProgramSpawnedProcess',
    what: 'a program named mysqld starts ls',
    script:
      'ln -s $PYTHON $D/mysqld; $D/mysqld -c "import subprocess; subprocess.run([\'/bin/ls\'], stdout=subprocess.DEVNULL)"',
    expect: [exec({ 'process.name': 'ls', 'process.parent.name': 'mysqld' })],
  },
  {
    id: 'DeleteOrRenameShellHistory',
    what: 'shell history is emptied and removed',
    script: ': > $D/ash_history; rm $D/ash_history',
    expect: [
      open({ 'file.name': 'ash_history', 'file.flags': has('O_TRUNC') }),
      { 'event.type': 'file_unlink', 'file.name': 'ash_history' },
    ],
  },
  {
    id: 'DetectCryptoMinersUsingTheStratumProtocol',
    what: 'a stratum URL in arguments',
    script: '/bin/echo -o stratum+tcp://198.51.100.7 > /dev/null',
    expect: [exec({ 'process.command_line': /stratum\+tcp/ })],
  },
  {
    id: 'DisallowedSSHConnectionNonStandardPort',
    what: 'a program named ssh connects to port 443',
    script:
      'ip link add bw-$$ type dummy && ip addr add 198.51.100.2/24 dev bw-$$ && ip link set bw-$$ up; ln -s $PYTHON $D/ssh; timeout 15 $D/ssh -c "import socket; s=socket.socket(); s.setblocking(False); s.connect_ex((\'198.51.100.9\', 443))"; ip link del bw-$$',
    expect: [
      {
        'event.type': 'net_conn',
        'process.name': 'ssh',
        'network.destination.ip': '198.51.100.9',
        'network.destination.port': 443,
        'network.transport': 'tcp',
      },
    ],
    needs: ['ip'],
  },
  {
    id: 'FilelessExecutionViaMemfdCreate',
    what: 'a program in memory is executed',
    script: '$call memfd-exec /bin/true',
    expect: [{ 'event.type': 'memfd_create' }, exec({ 'process.memfd': true })],
  },
  {
    id: 'InterpretedProcsOutboundNetworkActivity',
    what: 'bash copied as lua connects by UDP to a public address',
    script:
      'ip link add bw-$$ type dummy && ip addr add 198.51.100.2/24 dev bw-$$ && ip link set bw-$$ up; cp /bin/bash $D/lua; $D/lua -c "echo > /dev/udp/198.51.100.9/53"; ip link del bw-$$',
    expect: [
      {
        'event.type': 'net_conn',
        'network.transport': 'udp',
        'process.name': 'lua',
        'network.destination.port': 53,
        'network.destination.ip': '198.51.100.9',
      },
    ],
    needs: ['ip'],
  },
  {
    id: 'NonSudoSetuid',
    what: 'uid 1 tries to become root',
    script: '$call setuid-back',
    expect: [
      { 'event.type': 'setuid', 'event.error': '', 'credentials.new_uid': 1 },
      { 'event.type': 'setuid', 'event.error': 'EPERM', 'credentials.requested': 0 },
    ],
  },
  {
    id: 'PolkitLocalPrivilegeEscalationVulnerabilityCVE20214034',
    what: 'pkexec without arguments as another user',
    script: 'cp /bin/true $D/pkexec; chmod 755 $D $D/pkexec; $call exec-as 1 $D/pkexec',
    expect: [
      exec({
        'process.name': 'pkexec',
        'process.uid': 1,
        'process.args': (value) => Array.isArray(value) && value.length <= 1,
      }),
    ],
  },
  {
    id: 'PotentialLocalPrivilegeEscalationViaEnvironmentVariablesMisuse',
    what: 'GLIBC_TUNABLES in the environment',
    script: 'GLIBC_TUNABLES=glibc.malloc.check=1 sh -c id > /dev/null',
    expect: [exec({ 'process.name': 'sh', 'process.env.GLIBC_TUNABLES': 'glibc.malloc.check=1' })],
  },
  {
    id: 'ProgramRunWithDisallowedHttpProxyEnv',
    what: 'curl with HTTP_PROXY',
    script: 'ln -s /bin/true $D/curl; HTTP_PROXY=http://127.0.0.1:9 $D/curl http://example.com',
    expect: [exec({ 'process.name': 'curl', 'process.env.HTTP_PROXY': 'http://127.0.0.1:9' })],
  },
  {
    id: 'ReadSensitiveFileUntrusted',
    what: '/etc/shadow is read',
    script: 'cat /etc/shadow > /dev/null',
    expect: [open({ 'file.path': '/etc/shadow', 'file.access': 'read', 'process.name': 'cat' })],
  },
  {
    id: 'ReadShellConfigurationFile',
    what: '.bashrc is read by cat',
    script: ': > $D/.bashrc; cat $D/.bashrc',
    expect: [open({ 'file.name': '.bashrc', 'file.access': 'read', 'process.name': 'cat' })],
  },
  {
    id: 'ScheduleCronJobs',
    what: 'crontab -l',
    script: 'ln -s /bin/true $D/crontab; $D/crontab -l',
    expect: [exec({ 'process.name': 'crontab', 'process.command_line': /-l/ })],
  },
  {
    id: 'SearchPrivateKeysOrPasswords',
    what: 'find looks for keys',
    script: 'find $D -maxdepth 1 -iname id_rsa',
    expect: [exec({ 'process.name': 'find', 'process.command_line': /id_rsa/ })],
  },
  {
    id: 'SetSetuidOrSetgidBit',
    what: 'chmod u+s',
    script: ': > $D/x; chmod u+s $D/x',
    expect: [{ 'event.type': 'file_chmod', 'file.path': /\/x$/, 'file.mode': modeWith(0o4000) }],
  },
  {
    id: 'SudoPotentialPrivilegeEscalation',
    what: 'sudoedit -s with a trailing backslash as another user',
    script: 'cp /bin/true $D/sudoedit; chmod 755 $D $D/sudoedit; $call exec-as 1 $D/sudoedit -u daemon -s "ls\\\\"',
    expect: [
      exec({
        'process.name': 'sudoedit',
        'process.uid': 1,
        'process.args': (value) =>
          Array.isArray(value) && value.includes('-s') && value.some((entry) => String(entry).endsWith('\\')),
      }),
    ],
  },
  {
    id: 'SystemProcsNetworkActivity',
    what: 'a program named sha1sum connects by UDP',
    script:
      'ip link add bw-$$ type dummy && ip addr add 10.2.3.1/24 dev bw-$$ && ip link set bw-$$ up; ln -s $PYTHON $D/sha1sum; $D/sha1sum -c "import socket; socket.socket(socket.AF_INET, socket.SOCK_DGRAM).connect((\'10.2.3.4\', 8192))"; ip link del bw-$$',
    expect: [
      {
        'event.type': 'net_conn',
        'process.name': 'sha1sum',
        'network.transport': 'udp',
        'network.destination.ip': '10.2.3.4',
        'network.destination.port': 8192,
      },
    ],
    needs: ['ip'],
  },
  {
    id: 'UnexpectedUDPTraffic',
    what: 'UDP to port 22',
    script:
      'ip link add bw-$$ type dummy && ip addr add 198.51.100.2/24 dev bw-$$ && ip link set bw-$$ up; (echo x | timeout 15 nc -u -w 1 198.51.100.9 22); ip link del bw-$$',
    expect: [{ 'event.type': 'net_conn', 'network.transport': 'udp', 'network.destination.port': 22 }],
    needs: ['ip', 'nc'],
  },
  {
    id: 'UnprivilegedDelegationOfPageFaultsHandlingToAUserspaceProcess',
    what: 'userfaultfd as another user',
    script: '$call userfaultfd-as 1',
    expect: [{ 'event.type': 'userfaultfd', 'process.uid': 1 }],
  },
  {
    id: 'UserMgmtBinaries',
    what: 'a symbolic link named vipw is executed',
    script: 'ln -s /bin/ls $D/vipw; $D/vipw > /dev/null',
    expect: [exec({ 'process.name': 'vipw', 'process.path': /\/ls$/ })],
  },
  {
    id: 'WriteBelowBinaryDir',
    what: 'a file is made in /bin',
    script: 'f=/bin/bpfwarden-$$; : <> $f; rm -f $f',
    expect: [
      open({ 'file.directory': /^(\/usr)?\/bin$/, 'file.flags': has('O_CREAT') }),
      { 'event.type': 'file_unlink', 'file.name': /^bpfwarden-/ },
    ],
  },
  {
    id: 'WriteBelowEtc',
    what: 'a file is made in /etc',
    script: 'f=/etc/bpfwarden-$$; : <> $f; rm -f $f',
    expect: [open({ 'file.directory': '/etc', 'file.access': writes, 'file.flags': has('O_CREAT') })],
  },
  {
    id: 'WriteBelowRoot',
    what: 'a file is made in /root',
    script: 'f=/root/bpfwarden-$$; : <> $f; rm -f $f',
    expect: [open({ 'file.directory': '/root', 'file.flags': has('O_CREAT') })],
  },
];
