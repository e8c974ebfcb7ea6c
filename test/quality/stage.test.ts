import { spawn, spawnSync } from 'node:child_process';
import { existsSync, lstatSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { hostname } from 'node:os';
import { expect } from 'chai';
import type { Scene } from '../../quality/scenario.ts';
import { Stage } from '../../quality/stage.ts';

const scene = (id: string, script: string, more: Partial<Scene> = {}): Scene => ({
  id,
  script,
  prepare: '',
  user: 'root',
  terminal: false,
  needs: [],
  seconds: 30,
  ...more,
});

/** What a scene must not be able to change. */
function host(): Record<string, unknown> {
  const entries = (path: string) =>
    readdirSync(path)
      .sort()
      .map((name) => {
        const { ino, size, mtimeMs, mode, uid } = lstatSync(`${path}/${name}`);
        return `${name} ${ino} ${size} ${mtimeMs} ${mode} ${uid}`;
      });
  const command = (name: string, ...args: string[]) => spawnSync(name, args, { encoding: 'utf8' }).stdout;
  return {
    etc: entries('/etc'),
    programs: entries('/usr/bin'),
    root: entries('/').filter((line) => !/^(tmp|run|proc|sys|dev) /.test(line)),
    home: entries('/root'),
    logs: entries('/var/log').filter((line) => !/^(syslog|journal|auth|wtmp|lastlog)/.test(line)),
    devices: readdirSync('/dev').sort(),
    name: hostname(),
    mounts: readFileSync('/proc/self/mountinfo', 'utf8'),
    addresses: command('ip', '-o', 'addr'),
    routes: command('ip', 'route', 'show', 'table', 'all'),
    swaps: readFileSync('/proc/swaps', 'utf8'),
    modules: existsSync('/proc/modules') ? readFileSync('/proc/modules', 'utf8').split('\n').length : 0,
    kernel: ['core_pattern', 'randomize_va_space', 'hostname', 'pid_max', 'printk', 'sysrq'].map((name) =>
      existsSync(`/proc/sys/kernel/${name}`) ? readFileSync(`/proc/sys/kernel/${name}`, 'utf8') : '',
    ),
  };
}

const WORST = `
echo gone > /etc/passwd; rm -f /usr/bin/[ /etc/hostname; rm -rf /root /home /var/log /boot; mv /etc/ssh /etc/ssh2
chmod 777 /etc /usr/bin; chown 1000 /usr/bin/env; touch /etc /usr/bin; echo x > /host-was-here; mkdir /opt/x /work 2> /dev/null
hostname stage-was-here; ip link set lo down; ip route flush table all; ip addr add 192.0.2.1/32 dev lo
echo core > /proc/sys/kernel/core_pattern; echo 0 > /proc/sys/kernel/randomize_va_space; echo 1234 > /proc/sys/kernel/pid_max
umount -l /proc/sys; umount -l /proc; umount -l /sys; mount -t proc proc /mnt && echo core > /mnt/sys/kernel/core_pattern
echo b > /proc/sysrq-trigger; mount -o remount,rw /sys; echo 1 > /sys/kernel/mm/ksm/run; dmesg -C; swapoff -a; date -s 2001-01-01
mount -t devtmpfs none /mnt; mknod /opt/disk b 254 0 && dd if=/dev/zero of=/opt/disk count=1; rm -rf /dev/*; rm -rf /tmp/* /run/*
kill -9 -1; true
`;

describe('the stage of the judge', function () {
  this.timeout(120_000);
  let stage: Stage;

  before(() => {
    stage = new Stage();
  });
  after(() => {
    stage.close();
  });

  it('leaves the host as it was, whatever root does on it', async () => {
    const bystander = spawn('sleep', ['60'], { stdio: 'ignore' });
    try {
      const before = host();
      await stage.perform(scene('worst', WORST, { seconds: 40 }));
      const after = host();
      for (const [what, value] of Object.entries(before)) expect(after[what], what).to.deep.equal(value);
      expect(bystander.exitCode).to.equal(null);
      expect(bystander.signalCode).to.equal(null);
    } finally {
      bystander.kill('SIGKILL');
    }
  });

  it('cannot see or signal the processes of the host', async () => {
    const { output } = await stage.perform(
      scene('outside', `kill -0 ${process.pid} 2>&1; ls /proc | grep -c '^[0-9]'; readlink /proc/1/ns/pid`),
    );
    expect(output).to.match(/No such process/);
    expect(output).to.not.include(readlinkSync('/proc/self/ns/pid'));
  });

  it('has a network of its own in which the rest of the world answers or refuses', async () => {
    const { output, status } = await stage.perform(
      scene('network', 'ip -o link | wc -l; echo hi > /dev/tcp/198.51.100.7/4444 && echo connected', {
        prepare: 'peer tcp 4444',
      }),
    );
    expect(status, output).to.equal(0);
    expect(output).to.match(/^1\nconnected/m);
  });

  it('shows a scene what an earlier one did not leave', async () => {
    await stage.perform(scene('first', 'echo mine > /etc/left-behind'));
    const { output } = await stage.perform(scene('second', 'cat /etc/left-behind'));
    expect(output).to.match(/No such file/);
  });

  it('runs a scene as its user, and at a terminal where it asks for one', async () => {
    const { output } = await stage.perform(scene('user', 'id -un\ntty\nexit\n', { user: 'dev', terminal: true }));
    expect(output).to.match(/dev/);
    expect(output).to.match(/\/dev\/pts\/\d/);
  });

  it('stops a scene that takes too long, with all that it started', async () => {
    const { status } = await stage.perform(scene('slow', 'setsid sleep 54321 & sleep 54321', { seconds: 3 }));
    expect(status).to.equal(-1);
    expect(spawnSync('pgrep', ['-f', '^sleep 54321$'], { encoding: 'utf8' }).stdout).to.equal('');
  });

  it('says which program is missing instead of judging', async () => {
    const { status, output } = await stage.perform(scene('needs', 'true', { needs: ['no-such-program'] }));
    expect(status).to.equal(undefined);
    expect(output).to.equal('not on this host: no-such-program');
  });
});
