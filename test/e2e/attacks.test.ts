/** What a process does to be overlooked by the shipped rules, and the alert that comes all the same. */
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
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
    daemon = await startDaemon();
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
