/** What a process does to be overlooked by the shipped rules, and the alert that comes all the same. */
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { chmodSync, existsSync, globSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { type Daemon, eventually, startDaemon } from './support/daemon.ts';

const TRIGGERS = join(import.meta.dirname, '..', 'triggers');
/** Of whoever is nobody. */
const NOBODY = ['--reuid=65534', '--regid=65534', '--clear-groups', '--'];

interface AlertLine {
  readonly rule: { readonly name: string };
  readonly process?: { readonly path?: string };
  readonly file?: { readonly path?: string };
}

describe('attacks on what is seen', function () {
  this.timeout(600_000);
  let directory: string;
  let daemon: Daemon;

  before(async () => {
    directory = mkdtempSync('/var/tmp/bpfwarden-attacks-');
    chmodSync(directory, 0o755);
    // Attacks upon one file are one incident otherwise, and the next one its update after a minute.
    daemon = await startDaemon({ toml: '[ledger]\ndedupe_seconds = 0\nalerts_per_minute = 0' });
  });
  after(async () => {
    await daemon.stop();
    rmSync(directory, { recursive: true, force: true });
  });

  const build = (name: string): string => {
    const program = join(directory, name);
    execFileSync('gcc', ['-O2', '-w', '-o', program, join(TRIGGERS, `${name}.c`)]);
    return program;
  };
  const alerted = (rule: string, path: string) =>
    eventually(
      `${rule} by ${path}`,
      () =>
        (daemon.alerts() as unknown as AlertLine[]).find(
          (alert) => alert.rule.name === rule && alert.process?.path === path,
        ),
      180_000,
    );

  it('an unprivileged flood is a finding at once, the API has it, and the key read behind it is an alert', async () => {
    const program = build('flood');
    const own = join(directory, 'shadow');
    const key = join(directory, '.ssh', 'id_rsa');
    mkdirSync(join(directory, '.ssh'));
    for (const file of [own, key]) writeFileSync(file, '', { mode: 0o644 });
    expect(spawnSync('setpriv', [...NOBODY, program, 'open', '40000', own, key]).status).to.equal(0);
    await alerted('ssh_private_key_read', program);
    await alerted('events_held_back', program);
    const throttles = await eventually(
      'the API has the throttle',
      async () => {
        const answer = await fetch(`${daemon.url}/api/v1/events?event=throttle`);
        const { events } = (await answer.json()) as {
          events: { process: { path?: string }; throttle: { kind: string; started: boolean } }[];
        };
        const ours = events.filter(({ process }) => process.path === program);
        return ours.length > 0 ? ours : undefined;
      },
      180_000,
    );
    expect(throttles.map(({ throttle }) => throttle.kind)).to.include('file_open');
  });

  it('files of /etc through a tree that is mounted nowhere are files of /etc', async () => {
    const program = build('facts');
    execFileSync(program, ['detached', '/etc', 'shadow']);
    const { file } = await alerted('credential_file_read', program);
    expect(file?.path).to.equal('/etc/shadow');
  });

  for (const [how, rule, act] of [
    [
      'an overlay over /etc',
      'secret_read_through_overlay',
      'mount -t overlay o -o lowerdir=/etc:"$1" "$1" && exec "$2" "$1/shadow"',
    ],
    ['a bind mount of /etc', 'credential_file_read', 'mount --bind /etc "$1" && exec "$2" "$1/shadow"'],
    [
      'a bind mount of the file',
      'credential_file_read',
      ': > "$1/f"; mount --bind /etc/shadow "$1/f" && exec "$2" "$1/f"',
    ],
  ] as const)
    it(`the same through ${how}`, async () => {
      const place = mkdtempSync(join(directory, 'place-'));
      const program = join(place, '..', `reader-${how.replaceAll(/\W/g, '')}`);
      execFileSync('cp', ['/bin/cat', program]);
      const { status, stderr } = spawnSync('unshare', ['-m', 'sh', '-c', act, 'sh', place, program], {
        encoding: 'utf8',
      });
      // An overlay on an overlay may be refused: then nobody can do it here.
      if (status !== 0 && /mount/.test(stderr)) return;
      expect(status, stderr).to.equal(0);
      await alerted(rule, join(directory, `reader-${how.replaceAll(/\W/g, '')}`));
    });

  it('a pipe in the place of resolv.conf, below a root directory of nobody’s own, does not hold the daemon up', async function () {
    const program = `
ip link set lo up; mount -t tmpfs none /etc && mkfifo /etc/resolv.conf || exit 3
exec python3 -c '
import socket, struct
server, client = (socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2))
server.bind(("127.0.0.1", 53)); client.connect(("127.0.0.1", 53))
client.send(struct.pack(">HHHHHH", 1, 256, 1, 0, 0, 0) + b"\\4evil\\4test\\0" + b"\\0\\1\\0\\1")
query, peer = server.recvfrom(512)
server.sendto(query[:2] + b"\\x81\\x80\\0\\1\\0\\1\\0\\0\\0\\0" + query[12:] + b"\\xc0\\x0c\\0\\1\\0\\1\\0\\0\\0\\x3c\\0\\4\\x7f\\0\\0\\x4e", peer)
client.recv(512)
'`;
    const { status, stderr } = spawnSync('setpriv', [...NOBODY, 'unshare', '-Urmn', 'sh', '-c', program], {
      encoding: 'utf8',
      cwd: '/',
    });
    // Where nobody may have namespaces of his own, nobody can do it.
    if (status !== 0 && /unshare|mount|ip:/.test(stderr)) this.skip();
    expect(status, stderr).to.equal(0);
    const seen = (await daemon.metric('bpfwarden_events_total{event="net_dns"}')) ?? 0;
    expect(seen).to.be.above(0);
    expect((await fetch(`${daemon.url}/-/healthy`, { signal: AbortSignal.timeout(60_000) })).ok).to.equal(true);
  });

  describe('a program that is trusted by name', () => {
    const DPKG = '/usr/bin/dpkg';
    let home: string;
    before(() => {
      home = mkdtempSync(join(homedir(), 'bpfwarden-attacks-'));
    });
    after(() => rmSync(home, { recursive: true, force: true }));

    /** An alert about /etc/shadow, of a process whose command line holds the text. */
    const readBy = (text: string) =>
      eventually(
        `an alert about the secret, by ${text}`,
        () =>
          (daemon.alerts(text) as unknown as (AlertLine & { process?: { command_line?: string } })[]).find(
            ({ rule, process, file }) =>
              rule.name === 'credential_file_read' &&
              process?.command_line?.includes(text) === true &&
              file?.path?.endsWith('/etc/shadow') === true,
          ),
        180_000,
      );
    const runWith = (env: NodeJS.ProcessEnv, ...command: string[]) =>
      spawnSync(command[0] ?? '', command.slice(1), { stdio: 'ignore', env: { ...process.env, ...env } }).status;
    const run = (...command: string[]) => runWith({}, ...command);

    it('is not, where the dynamic loader brings something along', async function () {
      const loader = ['/lib64/ld-linux-x86-64.so.2', '/lib/ld-linux-aarch64.so.1'].find((path) => existsSync(path));
      if (loader === undefined || !existsSync(DPKG)) this.skip();
      const library = join(home, 'preloaded.so');
      execFileSync('gcc', ['-shared', '-fPIC', '-o', library, join(TRIGGERS, 'preloaded.c')]);
      expect(run(loader, '--preload', library, DPKG)).to.equal(0);
      await readBy(library);
    });

    it('is not, nor is its script, where an option brings a module along', async function () {
      const script = '/usr/share/debconf/frontend';
      if (!existsSync(script)) this.skip();
      writeFileSync(join(home, 'Other.pm'), 'package Other; open(F, "</etc/shadow"); <F>; exit 0; 1;');
      expect(run('perl', `-I${home}`, '-MOther', script)).to.equal(0);
      await readBy(`-I${home}`);
    });

    it('is not, where a variable leads a script that it starts to other code', async function () {
      if (!existsSync(DPKG) || !existsSync('/usr/bin/python3')) this.skip();
      writeFileSync(join(home, 'sitecustomize.py'), 'open("/etc/shadow").read()\n');
      const hook = `/usr/bin/python3 -c "'injected'"`;
      runWith({ PYTHONPATH: home }, DPKG, `--pre-invoke=${hook}`, '--configure', '-a');
      await readBy("'injected'");
    });

    it('is not, where the variable stands at the end of a long environment', async function () {
      if (!existsSync(DPKG)) this.skip();
      const library = join(home, 'tail.so');
      execFileSync('gcc', ['-shared', '-fPIC', '-o', library, join(TRIGGERS, 'preloaded.c')]);
      const padding = { PADDING: 'x'.repeat(8300) };
      expect(
        spawnSync(DPKG, ['--tail'], { stdio: 'ignore', env: { ...padding, LD_PRELOAD: library } }).status,
      ).to.equal(0);
      await readBy(`${DPKG} --tail`);
    });

    const SCRIPT = '/usr/sbin/update-ca-certificates';
    it('is not, where the shell of its script expands a command of somebody else', async function () {
      if (!existsSync(SCRIPT)) this.skip();
      expect(runWith({ PS4: '$(head -c 78 /etc/shadow > /dev/null)' }, 'sh', '-x', SCRIPT, '--help')).to.equal(0);
      await readBy('head -c 78');
    });

    it('is not, where the shell of its script reads what a home says first', async function () {
      if (!existsSync(SCRIPT)) this.skip();
      writeFileSync(join(home, '.bashrc'), 'head -c 79 /etc/shadow\ntrue\n');
      expect(runWith({ HOME: home }, 'bash', '-i', SCRIPT, '--help')).to.equal(0);
      await readBy('head -c 79');
    });

    it('is not, where its interpreter goes on with what standard input says', async function () {
      const script = '/usr/bin/add-apt-repository';
      if (!existsSync(script) || !existsSync('/usr/bin/python3')) this.skip();
      spawnSync('/usr/bin/python3', ['-i', script, '--help'], { input: 'open("/etc/shadow").read()\n' });
      await readBy(`-i ${script}`);
    });

    it('is not, where it reads whatever it is told', async function () {
      const [script] = globSync('/usr/lib/python3*/base64.py');
      if (script === undefined || !existsSync('/usr/bin/python3')) this.skip();
      expect(run('/usr/bin/python3', script, '-e', '/etc/shadow')).to.equal(0);
      await readBy(script);
    });

    it('does not lend its name to what an option makes it run', async function () {
      if (!existsSync(DPKG)) this.skip();
      const hook = join(home, 'hook');
      writeFileSync(hook, '#!/bin/sh\nhead -c 77 /etc/shadow\ntrue\n', { mode: 0o755 });
      run(DPKG, `--pre-invoke=${hook}`, '--configure', '-a');
      await readBy('head -c 77');
    });
  });

  it('a process that is stopped, renamed and traced by nobody keeps its path and its alert', async () => {
    const program = join(directory, 'kworker');
    execFileSync('cp', ['/bin/bash', program]);
    const child = spawn(program, ['-c', 'printf "kworker/0:1" > /proc/self/comm; : < /etc/shadow; exit 0'], {
      argv0: '[kworker/0:1]',
      stdio: 'ignore',
    });
    await new Promise((resolve) => child.once('close', resolve));
    await alerted('credential_file_read', program);
    await alerted('process_named_like_kernel_thread', program);
  });
});
