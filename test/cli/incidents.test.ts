import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { expect } from 'chai';

const MAIN = join(import.meta.dirname, '..', '..', 'dist', 'main.js');
const START = Date.UTC(2026, 10, 28);
/** Between two incidents, so that the time of an alert tells which it is. */
const APART_MS = 3_600_000;

type Fields = Readonly<Record<string, unknown>>;

interface Step {
  readonly count: number;
  readonly stepMs: number;
  readonly event: (index: number) => Fields;
}

const recorded = (count: number, stepMs: number, event: Step['event']): Step => ({ count, stepMs, event });

/** One event a step, as `events_file` has them. */
function linesOf({ count, stepMs, event }: Step, start: number): string[] {
  return Array.from({ length: count }, (_, index) => {
    const timestamp = new Date(start + index * stepMs).toISOString();
    return JSON.stringify({ 'event.timestamp': timestamp, 'event.error': '', ...event(index) });
  });
}

const by = (path: string, args: readonly string[], pid: number, more: Fields = {}): Fields => ({
  'process.pid': pid,
  'process.ppid': 4000,
  'process.entity_id': `host-${pid}-1`,
  'process.session_id': 3990,
  'process.path': path,
  'process.args': args,
  'process.uid': 1000,
  'process.euid': 1000,
  'process.parent.path': '/usr/bin/bash',
  'process.parent.args': ['bash'],
  ...more,
});
const removal = (path: string, args: readonly string[], pid: number) =>
  recorded(2000, 1, (index) => ({
    'event.type': 'file_unlink',
    'file.path': `/srv/tree/f${index}`,
    ...by(path, args, pid),
  }));
const connection = (address: string, port: number): Fields => ({
  'event.type': 'net_conn',
  'network.transport': 'tcp',
  'network.destination.ip': address,
  'network.destination.port': port,
});
const LOOKS = [
  'id',
  'whoami',
  'uname',
  'hostname',
  'w',
  'ps',
  'ss',
  'ip',
  'last',
  'lsblk',
  'df',
  'mount',
  'env',
  'who',
];

const INCIDENTS: Readonly<Record<string, { readonly rule: string; readonly events: Step }>> = {
  'a scan of 1,000 ports': {
    rule: 'many_ports_contacted',
    events: recorded(1000, 5, (index) => ({
      ...connection('10.20.30.40', index + 1),
      ...by('/opt/scan', ['scan'], 500),
    })),
  },
  'a scan by a program for each port': {
    rule: 'many_ports_probed_by_tool',
    events: recorded(200, 20, (index) => ({
      'event.type': 'process_exec',
      ...by('/usr/bin/nc.openbsd', ['nc', '-z', '203.0.113.9', String(index + 1)], 600 + index),
    })),
  },
  'rm -rf of 2,000 files': {
    rule: 'mass_file_removal',
    events: removal('/usr/bin/rm', ['rm', '-rf', '/srv/tree'], 501),
  },
  'find -delete of 2,000 files': {
    rule: 'mass_file_removal',
    events: removal('/usr/bin/find', ['find', '/srv/tree', '-delete'], 502),
  },
  '2,000 files removed by a script': {
    rule: 'mass_file_removal',
    events: removal('/usr/bin/python3.11', ['python3', '-c', 'import os'], 503),
  },
  'passwords tried with su': {
    rule: 'password_guessing',
    events: recorded(60, 500, (index) => ({
      'event.type': 'process_exit',
      'process.exit_code': 1,
      ...by('/usr/bin/su', ['su', '-c', 'true', 'ops'], 700 + index),
    })),
  },
  'passwords given to sudo': {
    rule: 'password_guessing',
    events: recorded(60, 500, (index) => ({
      'event.type': 'process_exit',
      'process.exit_code': 1,
      ...by('/usr/bin/sudo', ['sudo', '-S', '-k', 'true'], 700 + index, { 'process.uid': 1001 }),
    })),
  },
  'a service that looks around': {
    rule: 'reconnaissance_burst',
    events: recorded(LOOKS.length * 3, 100, (index) => {
      const name = LOOKS[index % LOOKS.length] ?? 'id';
      return {
        'event.type': 'process_exec',
        'user.name': 'tomcat',
        ...by(`/usr/bin/${name}`, [name], 800 + index, {
          'process.parent.path': '/usr/bin/python3.11',
          'process.parent.args': ['python3', '/srv/app/main.py'],
        }),
      };
    }),
  },
};

interface AlertLine {
  readonly severity: string;
  readonly rule: { readonly name: string };
  /** Unix seconds. */
  readonly timestamp: number;
}

describe('an incident', () => {
  let alerts: readonly AlertLine[];
  let log: string;

  before(function () {
    // One replay of all of them, on a host that may do other things.
    this.timeout(300_000);
    const input = Object.values(INCIDENTS).flatMap(({ events }, nth) => linesOf(events, START + nth * APART_MS));
    const replay = spawnSync(process.execPath, [MAIN, 'replay', '-', '--deduplicate', '--output.alerts=-'], {
      encoding: 'utf8',
      input: input.join('\n'),
      maxBuffer: 1 << 26,
    });
    log = replay.stderr;
    alerts = replay.stdout
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as AlertLine)
      .filter(({ severity }) => severity !== 'info');
  });

  for (const [nth, [name, { rule }]] of Object.entries(INCIDENTS).entries()) {
    it(`is one alert: ${name}`, () => {
      const own = alerts.filter(({ timestamp }) => Math.floor((timestamp * 1000 - START) / APART_MS) === nth);
      expect(
        own.map((alert) => alert.rule.name),
        log,
      ).to.deep.equal([rule]);
    });
  }
});
