/** Falco's default file as it is, under a live daemon: each rule that a plain host can provoke, and what only looks like it. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { isOf, runScript } from '../cases/run.ts';
import { type Daemon, eventually, startDaemon } from './support/daemon.ts';

const DEFAULTS = join(import.meta.dirname, '..', 'rules', 'falco', 'fixtures', 'falco_rules.yaml');

interface Behaviour {
  readonly rule: string;
  readonly script: string;
  /** The near miss. */
  readonly miss: string;
}

const python = (code: string) => `$PYTHON -c "${code}"`;
const PTRACE =
  'import ctypes, os, time; libc = ctypes.CDLL(None); pid = os.fork() or time.sleep(1) or os._exit(0); r =';
/** A child that opens a path, whose parent is no shell. */
const opens = (path: string) => `import os; os.fork() and os.wait() or open(${path})`;
/** A shell that goes by the name of the program in front. */
const named = (name: string, commands: string) => `cp /bin/bash $D/${name}; $D/${name} -c '${commands}'`;

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

/** A connection to an address of documentation that is this host's, in a network namespace of its own. */
function connects(name: string, port: number): string {
  const end = `('198.51.100.9', ${port})`;
  const code = `import socket; l = socket.socket(); l.bind(${end}); l.listen(); socket.create_connection(${end})`;
  const commands = ['ip link set lo up', 'ip addr add 198.51.100.9/32 dev lo', `$D/${name} -c \\"${code}\\"`];
  return `ln -sf $PYTHON $D/${name}; unshare -n bash -c "${commands.join('; ')}"`;
}

describe("Falco's default rules, live", function () {
  this.timeout(150_000);
  let daemon: Daemon;
  let directory = '';
  const pids = new Map<string, number>();
  const rulesOf = (pid: number | undefined) =>
    daemon
      .alerts()
      .flatMap((alert) => (pid !== undefined && isOf(pid, alert) ? (alert.rule as { name: string }).name : []));

  before(async () => {
    directory = mkdtempSync(join(tmpdir(), 'bpfwarden-falco-'));
    const rules = join(directory, 'none.json');
    writeFileSync(rules, JSON.stringify({ rules: [{ name: 'none', condition: "event.type == 'none'" }] }));
    daemon = await startDaemon({
      toml: '[ledger]\ndedupe_seconds = 0\nalerts_per_minute = 0\n',
      flags: [`--rules.path=${rules}`, `--falco.path=${DEFAULTS}`],
    });
    for (const { rule, script, miss } of HOST) {
      pids.set(`not ${rule}`, runScript({ script: miss }));
      pids.set(rule, runScript({ script }));
    }
  });
  after(async () => {
    await daemon.stop();
    rmSync(directory, { recursive: true, force: true });
  });

  for (const { rule } of HOST) {
    it(`${rule}: fires, and not on the near miss`, async () => {
      await eventually('the alert', () => rulesOf(pids.get(rule)).includes(rule) || undefined, 20_000).catch(() =>
        expect(rulesOf(pids.get(rule)), 'alerts of the script').to.include(rule),
      );
      // The near miss ran before: whatever it led to would be there by now.
      expect(rulesOf(pids.get(`not ${rule}`)), 'alerts of the near miss').to.not.include(rule);
    });
  }

  it('write the text of their output, with its fields', async () => {
    const alert = daemon
      .alerts()
      .find(({ rule }) => (rule as { name: string }).name === 'Read sensitive file untrusted');
    expect(alert).to.include({ priority: 'Warning' });
    expect(alert?.output).to.match(/^Sensitive file opened for reading .*file=\/etc\/shadow .* process=cat /);
    expect(alert?.output_fields).to.include({ 'fd.name': '/etc/shadow', 'proc.name': 'cat' });
  });
});
