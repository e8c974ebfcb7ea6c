/** Whatever root does to the sensor's BPF objects is an alert in every sink, within two checks and their patience. */
import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { copyFileSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { type Daemon, eventually, startDaemon } from './support/daemon.ts';

const TAMPER = join(import.meta.dirname, '..', 'triggers', 'tamper.py');
const TWO_MINUTES = 120_000;

describe('self check of the whole daemon', function () {
  this.timeout(600_000);
  let daemon: Daemon;

  before(async () => {
    daemon = await startDaemon({ toml: '[monitoring]\nself_check_seconds = 5\n[ledger]\ndedupe_seconds = 0\n' });
  });
  after(() => daemon.stop());

  /** The id in the text of a descriptor of the daemon that has all of these. */
  function identifier(key: string, ...has: RegExp[]): string {
    const directory = `/proc/${daemon.process.pid}/fdinfo`;
    for (const fd of readdirSync(directory)) {
      const text = readFileSync(join(directory, fd), 'utf8');
      if (has.every((pattern) => pattern.test(text)))
        return new RegExp(`^${key}:\\s*(\\d+)`, 'm').exec(text)?.[1] ?? '';
    }
    throw new Error(`no descriptor with ${has.join(' and ')}`);
  }

  function tamper(...args: string[]): void {
    const { status, stderr } = spawnSync('python3', [TAMPER, ...args], { encoding: 'utf8' });
    expect(status, stderr).to.equal(0);
  }

  const alert = (rule: string, text: string) =>
    eventually(
      `an alert of ${rule} about ${text}`,
      () =>
        daemon
          .alerts()
          .find((entry) => (entry.rule as { name: string }).name === rule && JSON.stringify(entry).includes(text)),
      TWO_MINUTES,
    );

  it('finds nothing while nobody does anything', async () => {
    await eventually(
      'a check went well',
      async () => ((await daemon.metric('bpfwarden_self_check{check="canary"}')) === 1 ? true : undefined),
      TWO_MINUTES,
    );
    // On an overloaded machine an event may come later than the check waits (sensor_blind); nothing else may be found.
    const found = daemon.alerts().map((entry) => (entry.rule as { name: string }).name);
    expect(found.filter((name) => /^sensor_(?:changed|tampered|attacked)$/.test(name))).to.deep.equal([]);
  });

  it('an emptied filter', async () => {
    tamper('zero', identifier('map_id', /map_type:\s*2\n/, /max_entries:\s*2\n/));
    await alert('sensor_changed', 'filter_tables');
    await alert('sensor_tampered', 'BPF_MAP_UPDATE_ELEM');
  });

  it('a deleted handler', async () => {
    tamper('delete', identifier('map_id', /map_type:\s*3\n/), '1');
    await alert('sensor_changed', 'exit_handlers');
  });

  it('a detached program', async () => {
    let link: string;
    try {
      link = identifier('link_id', /link_type:\s*cgroup/);
    } catch {
      // Without a cgroup version 2 hierarchy no program is attached to one.
      return;
    }
    tamper('detach', link);
    await alert('sensor_changed', 'was detached');
  });

  it('a ring that somebody else drains', async () => {
    const drains: ChildProcess[] = [];
    try {
      for (const ring of rings()) drains.push(spawn('python3', [TAMPER, 'drain', ring, '300'], { stdio: 'ignore' }));
      expect(drains).to.not.be.empty;
      await alert('sensor_blind', 'did not arrive');
    } finally {
      for (const child of drains) child.kill('SIGKILL');
    }
  });

  /** BPF_MAP_TYPE_RINGBUF is 27. */
  function rings(): string[] {
    const directory = `/proc/${daemon.process.pid}/fdinfo`;
    return readdirSync(directory).flatMap((fd) => {
      const text = readFileSync(join(directory, fd), 'utf8');
      const id = /^map_id:\s*(\d+)/m.exec(text)?.[1];
      return /map_type:\s*27\n/.test(text) && id !== undefined ? [id] : [];
    });
  }
});

describe('self check of a daemon that ends', function () {
  this.timeout(300_000);

  it('takes its own detaching for nobody else’s', async () => {
    // Delivery to nobody keeps the end waiting for longer than from one check to the next.
    const daemon = await startDaemon({
      toml: '[monitoring]\nself_check_seconds = 5\n[response]\nalert_webhook = "http://127.0.0.1:1/"\n',
      output: '',
    });
    await eventually(
      'a check went well',
      async () => ((await daemon.metric('bpfwarden_self_check{check="canary"}')) === 1 ? true : undefined),
      TWO_MINUTES,
    );
    copyFileSync('/bin/true', join(daemon.directory, 'x'));
    execFileSync(join(daemon.directory, 'x'));
    await eventually(
      'an alert waits',
      async () => ((await daemon.metric('bpfwarden_spool_alerts')) ?? 0) > 0 || undefined,
    );
    await daemon.stop();
    expect(daemon.log()).to.not.include('sensor_changed');
  });
});

describe('self check in a container with process ids of its own', function () {
  this.timeout(300_000);

  it('knows itself by the number that events have', async () => {
    const daemon = await startDaemon({
      toml: '[monitoring]\nself_check_seconds = 5\n',
      wrap: ['unshare', '--pid', '--fork', '--mount-proc', '--kill-child=SIGTERM'],
    });
    try {
      await eventually(
        'a check went well',
        async () => ((await daemon.metric('bpfwarden_self_check{check="canary"}')) === 1 ? true : undefined),
        TWO_MINUTES,
      );
      const found = daemon.alerts().map((entry) => (entry.rule as { name: string }).name);
      expect(found.filter((name) => /^sensor_/.test(name))).to.deep.equal([]);
      expect(daemon.log()).to.include('process ids of its own');
    } finally {
      // What it runs in ignores SIGTERM while it waits for it.
      await daemon.stop('SIGKILL');
    }
  });
});
