import { spawn } from 'node:child_process';
import { copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/**
 * Harmless behaviour over and over, so that every kind of number moves: programs
 * started, files read, written, renamed and removed, connections over loopback,
 * and things that the shipped rules look for. Returns what ends it.
 */
export function keepActive(port: number, everyMs = 700): () => Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'bpfwarden-activity-'));
  copyFileSync('/bin/true', join(directory, 'x'));
  const script = `
    cd ${directory} || exit 1
    n=0
    while :; do
      ./x
      # Another program each time: repeats of one only update its alert.
      n=$((n + 1)); cp x x-$n; ./x-$n; (exec -a "[kworker/$n:1]" ./x-$n); rm -f x-$n
      mkdir -p r-$n/.git/hooks; echo : > r-$n/.git/hooks/post-merge; rm -rf r-$n
      cat /etc/shadow > /dev/null
      dd if=/dev/zero of=data bs=4k count=50 2> /dev/null; cat data > copy; mv copy moved; ln moved linked; chmod 600 moved
      mkdir -p sub; rm -rf sub; rm -f moved linked data
      touch s; chmod u+s s; rm -f s
      bash -c 'echo dHJ1ZQo= | base64 -d | bash'
      cat /nonexistent 2> /dev/null
      : < /dev/tcp/127.0.0.1/${port}
      unshare -n true
      sleep ${everyMs / 1000}
    done`;
  const child = spawn('bash', ['-c', script], { stdio: 'ignore', detached: true });
  return async () => {
    const ended = new Promise((resolve) => child.once('exit', resolve));
    // The group, because a sleep or a cat may be under way.
    if (child.pid !== undefined && child.exitCode === null) {
      process.kill(-child.pid, 'SIGKILL');
      await ended;
    }
    rmSync(directory, { recursive: true, force: true });
  };
}
