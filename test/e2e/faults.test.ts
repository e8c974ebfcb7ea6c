/** What goes wrong around the daemon: it is killed, has no descriptors, no disk, a broken configuration, floods of processes. */
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { copyFileSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { type Daemon, eventually, startDaemon } from './support/daemon.ts';

const TRIGGERS = join(import.meta.dirname, '..', 'triggers');

describe('faults', function () {
  this.timeout(400_000);
  let directory: string;

  before(() => {
    directory = mkdtempSync('/var/tmp/bpfwarden-faults-');
  });
  after(() => rmSync(directory, { recursive: true, force: true }));

  const build = (name: string): string => {
    const program = join(directory, name);
    execFileSync('gcc', ['-O2', '-o', program, join(TRIGGERS, `${name}.c`)]);
    return program;
  };
  let provoked = 0;
  /** Something that the shipped rules alert on, of another name each time. */
  const provoke = (): string => {
    const place = mkdtempSync('/tmp/bpfwarden-faults-');
    const program = join(place, `x${++provoked}`);
    copyFileSync('/bin/true', program);
    execFileSync(program);
    rmSync(place, { recursive: true });
    return program;
  };
  const alertOf = (daemon: Daemon, program: string) =>
    eventually(
      `the alert about ${program}`,
      () => daemon.alerts().find((entry) => (entry.process as { path?: string } | undefined)?.path === program),
      60_000,
    );
  const unaccounted = (daemon: Daemon) =>
    eventually(
      'every event is accounted for',
      async () => (await daemon.metric('bpfwarden_events_unaccounted')) === 0 || undefined,
      60_000,
    );

  it('killed in a flood: the next start says that it was, and how long nothing was watched', async () => {
    const spool = join(directory, 'spool-kill');
    const flood = spawn(build('mixed'), [directory, '100'], { stdio: 'ignore' });
    try {
      const first = await startDaemon({ spool });
      const early = await (await fetch(`${first.url}/api/v1/events?event=sensor`)).json();
      expect((early as { events: unknown[] }).events).to.deep.equal([]);
      // Its last sign of life is up to a second old.
      await new Promise((resolve) => setTimeout(resolve, 1_500));
      await first.stop('SIGKILL');
      const second = await startDaemon({ spool });
      try {
        const { events } = (await (await fetch(`${second.url}/api/v1/events?event=sensor`)).json()) as {
          events: { sensor: Record<string, unknown> }[];
        };
        expect(events).to.have.length(1);
        const { finding, previous_end, blind_seconds } = events[0]?.sensor ?? {};
        expect([finding, previous_end]).to.deep.equal(['gap', 'unexpected']);
        expect(blind_seconds).to.be.greaterThan(0);
        expect(await second.metric('bpfwarden_blind_seconds')).to.equal(blind_seconds);
        await eventually('an alert says so', () =>
          second.alerts().find((entry) => (entry.rule as { name: string }).name === 'sensor_ended_unexpectedly'),
        );
        await unaccounted(second);
      } finally {
        await second.stop();
      }
      const third = await startDaemon({ spool });
      try {
        const { events } = (await (await fetch(`${third.url}/api/v1/events?event=sensor`)).json()) as {
          events: { sensor: Record<string, unknown> }[];
        };
        expect(events.map(({ sensor }) => sensor.previous_end)).to.deep.equal(['orderly']);
      } finally {
        await third.stop();
      }
    } finally {
      flood.kill('SIGTERM');
    }
  });

  it('no descriptors left: it lives, and what happened meanwhile is told', async () => {
    const daemon = await startDaemon();
    try {
      const pid = daemon.process.pid ?? 0;
      const limit = (soft: number) => execFileSync('prlimit', ['--pid', String(pid), `--nofile=${soft}:`]);
      const before = /Max open files\s+(\d+)/.exec(
        spawnSync('cat', [`/proc/${pid}/limits`], { encoding: 'utf8' }).stdout,
      )?.[1];
      // Of those that it has, none is closed; there are no others.
      limit(readdirSync(`/proc/${pid}/fd`).length - 1);
      const program = provoke();
      // Each second's upkeep has been tried.
      await new Promise((resolve) => setTimeout(resolve, 3_000));
      expect(daemon.process.exitCode).to.equal(null);
      limit(Number(before));
      await eventually('it answers again', async () => (await fetch(`${daemon.url}/metrics`)).ok || undefined, 60_000);
      await alertOf(daemon, program);
      await alertOf(daemon, provoke());
      await unaccounted(daemon);
    } finally {
      await daemon.stop();
    }
  });

  it('a full, then read-only disk below spool and alerts file: nothing is lost once it has room', async () => {
    const disk = join(directory, 'disk');
    const alertsFile = join(disk, 'alerts.ndjson');
    execFileSync('mkdir', ['-p', disk]);
    const daemon = await startDaemon({
      wrap: [
        'unshare',
        '--mount',
        'sh',
        '-c',
        `mount -t tmpfs -o size=4m none '${disk}' && mkdir '${disk}/spool' && exec "$@"`,
        'sh',
      ],
      output: `[output]\nalerts_file = "${alertsFile}"\n`,
      spool: join(disk, 'spool'),
    });
    const inside = (script: string) =>
      spawnSync('nsenter', ['-t', String(daemon.process.pid), '-m', 'sh', '-c', script], { encoding: 'utf8' });
    const told = (program: string) =>
      eventually(
        `the alert about ${program}`,
        () => (inside(`grep -c '${program}' '${alertsFile}'`).stdout.trim() > '0' ? true : undefined),
        90_000,
      );
    try {
      await told(provoke());
      inside(`dd if=/dev/zero of='${disk}/filler' bs=64k 2>/dev/null`);
      const full = provoke();
      await new Promise((resolve) => setTimeout(resolve, 3_000));
      expect((await fetch(`${daemon.url}/-/healthy`)).ok).to.equal(true);
      inside(`rm '${disk}/filler'`);
      await told(full);
      inside(`mount -o remount,ro '${disk}'`);
      const readOnly = provoke();
      await new Promise((resolve) => setTimeout(resolve, 3_000));
      expect((await fetch(`${daemon.url}/-/healthy`)).ok).to.equal(true);
      inside(`mount -o remount,rw '${disk}'`);
      await told(readOnly);
    } finally {
      await daemon.stop();
    }
  });

  it('a broken configuration at a reload changes nothing, and is told', async () => {
    const daemon = await startDaemon();
    try {
      const config = join(daemon.directory, 'bpfwarden.toml');
      writeFileSync(config, '[web\nlisten_address = 5\n');
      daemon.process.kill('SIGHUP');
      await eventually(
        'the reload failed',
        async () => (await daemon.metric('bpfwarden_config_last_reload_successful')) === 0 || undefined,
      );
      expect(daemon.log()).to.contain('bpfwarden.toml');
      await alertOf(daemon, provoke());
    } finally {
      await daemon.stop();
    }
  });

  it('10,000 short-lived processes through rings of 64 KiB: each is counted, tables stay within their bounds', async () => {
    const rounds = 10_000;
    const daemon = await startDaemon({
      toml: '[kernel]\nring_bytes = 65536\npriority_ring_bytes = 65536\n[enrich]\nmax_processes = 2048\n',
    });
    try {
      const seen = async () => (await daemon.metric('bpfwarden_events_total{event="process_exec"}')) ?? 0;
      const before = await seen();
      execFileSync(build('short_life'), [String(rounds), '/bin/true']);
      expect((await seen()) - before).to.be.at.least(rounds);
      expect(await daemon.metric('bpfwarden_process_table_entries')).to.be.at.most(2048);
      await unaccounted(daemon);
      await alertOf(daemon, provoke());
    } finally {
      await daemon.stop();
    }
  });
});
