/** Falco's default file as it is, under a live daemon: each rule that a plain host can provoke, and what only looks like it. */
import { join } from 'node:path';
import { expect } from 'chai';
import { type Behaviour, connects, describeRules, FALCO_FIXTURES, named, python } from './support/falco.ts';

const PTRACE =
  'import ctypes, os, time; libc = ctypes.CDLL(None); pid = os.fork() or time.sleep(1) or os._exit(0); r =';
/** A child that opens a path, whose parent is no shell. */
const opens = (path: string) => `import os; os.fork() and os.wait() or open(${path})`;
const HOST: readonly Behaviour[] = [
  {
    rule: 'Directory traversal monitored file read',
    script: python(opens(`'../' * os.getcwd().count('/') + '../etc/passwd'`)),
    // Once up, and by a shell's child.
    miss: `${python(opens("'/usr/../etc/passwd'"))}; cd /usr/lib && head -c1 ../../etc/hosts`,
  },
  { rule: 'Read sensitive file untrusted', script: 'cat /etc/shadow', miss: 'cat /etc/hosts; ls -l /etc/shadow' },
  {
    rule: 'Read sensitive file trusted after startup',
    script: named('mysqld', 'sleep 6; exec 3< /etc/shadow; true'),
    miss: named('mysqld', 'exec 3< /etc/shadow; true'),
  },
  {
    rule: 'Run shell untrusted',
    script: named('nginx', '/bin/sh -c true; true'),
    miss: `${named('nginx', '/bin/true; true')}; ${named('editor', '/bin/sh -c true; true')}`,
  },
  {
    rule: 'System user interactive',
    script: `chmod 755 $D; ${named('sshd', 'setpriv --reuid=2 --clear-groups /bin/true; true')}`,
    miss: `chmod 755 $D; ${named('sshx', 'setpriv --reuid=2 --clear-groups /bin/true; true')}`,
  },
  { rule: 'Search Private Keys or Passwords', script: 'find $D -name id_rsa', miss: 'find $D -name id_rsb; ls id_rsa' },
  { rule: 'Clear Log Activities', script: 'echo x > $D/syslog', miss: 'echo x >> $D/syslog; echo x > $D/sysloc' },
  { rule: 'Remove Bulk Data from Disk', script: 'shred --version', miss: 'cat --version; echo shred' },
  {
    rule: 'Create Symlink Over Sensitive Files',
    script: 'ln -s /etc/shadow $D/a',
    miss: 'ln -s /etc/hosts $D/a; ln -s $D/shadow $D/b',
  },
  {
    rule: 'Create Hardlink Over Sensitive Files',
    script: 'ln /etc/shadow $D/a || ln /etc/sudoers $D/a; true',
    miss: 'ln /etc/hosts $D/a; touch $D/shadow; ln $D/shadow $D/b; true',
  },
  {
    rule: 'PTRACE attached to process',
    script: python(`${PTRACE} libc.ptrace(16, pid, 0, 0)`),
    miss: python(`${PTRACE} libc.kill(pid, 0)`),
  },
  {
    rule: 'PTRACE anti-debug attempt',
    script: python(`${PTRACE} libc.ptrace(0, 0, 0, 0)`),
    miss: python(`${PTRACE} libc.ptrace(16, pid, 0, 0)`),
  },
  {
    rule: 'Find AWS Credentials',
    script: 'grep -r aws_secret_access_key $D; true',
    miss: 'grep -r aws_region $D; true',
  },
  {
    rule: 'Execution from /dev/shm',
    script: 'cp /bin/true /dev/shm/bw-$$; /dev/shm/bw-$$; rm -f /dev/shm/bw-$$',
    miss: 'cp /bin/true /dev/shm/bw-$$; rm -f /dev/shm/bw-$$; cp /bin/true $D/shm; $D/shm',
  },
  { rule: 'Fileless execution via memfd_create', script: '$call memfd-exec /bin/true', miss: '/bin/true' },
  {
    rule: 'Disallowed SSH Connection Non Standard Port',
    script: connects('ssh', 443),
    miss: `${connects('curl', 443)}; ${connects('ssh', 22)}`,
  },
];

describeRules("Falco's default rules, live", [join(FALCO_FIXTURES, 'falco_rules.yaml')], HOST, (daemon) => {
  it('write the text of their output, with its fields', () => {
    const alert = daemon()
      .alerts()
      .find(({ rule }) => (rule as { name: string }).name === 'Read sensitive file untrusted');
    expect(alert).to.include({ priority: 'Warning' });
    expect(alert?.output).to.match(/^Sensitive file opened for reading .*file=\/etc\/shadow .* process=cat /);
    expect(alert?.output_fields).to.include({ 'fd.name': '/etc/shadow', 'proc.name': 'cat' });
  });
});
