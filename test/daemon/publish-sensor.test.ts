import { expect } from 'chai';
import { publishSensor, type SensorReadings } from '../../src/daemon/publish-sensor.ts';
import { registry, sampleValue, text } from '../metrics/support/registry.ts';

const COUNT = { seen: 10, filtered: 4, throttled: 1, submitted: 2, lost_ring_full: 2, lost_scratch: 1 };
const RINGS = {
  drains: 1,
  wakeups: 1,
  records: 2,
  bytes: 300,
  malformed: 0,
  bulkPending: 0,
  bulkSize: 8192,
  priorityPending: 0,
  prioritySize: 4096,
};

function sensor(
  over: Partial<SensorReadings['counters']> = {},
  stats: SensorReadings['drain']['stats'] = () => RINGS,
): SensorReadings {
  const counters = {
    events: () => new Map([['file_open', COUNT]]),
    io: () => ({
      fileRead: { calls: 1, bytes: 2 },
      fileWrite: { calls: 3, bytes: 4 },
      networkSend: { calls: 5, bytes: 6 },
      networkReceive: { calls: 7, bytes: 8 },
    }),
    syscalls: () =>
      new Map([
        ['openat', { calls: 9, errors: { denied: 1, missing: 2, again: 0, failed: 0 } }],
        ['read', { calls: 5, errors: { denied: 0, missing: 1, again: 3, failed: 1 } }],
      ]),
    failures: () =>
      new Map([
        ['none', 0],
        ['path_truncated', 3],
        ['max', 0],
      ]),
    programs: () => new Map([['sys_exit', { runs: 100, seconds: 0.5, skipped: 2, verified: 9000 }]]),
    ...over,
  };
  return { counters, drain: { stats, errors: { truncated: 1, corrupt: 0, unknown_kind: 0 } } };
}

describe('the readings of the sensor', () => {
  it('become metrics', async () => {
    const metrics = registry();
    metrics.declarePrograms(['sys_exit']);
    metrics.declareSyscalls(['openat', 'read']);
    const end = publishSensor(metrics, sensor());
    const output = await text(metrics);
    for (const sample of [
      'events_total{event="file_open"} 10',
      'events_filtered_total{event="file_open"} 4',
      'events_throttled_total{event="file_open"} 1',
      'events_lost_total{event="file_open",reason="ring_full"} 2',
      'events_lost_total{event="file_open",reason="scratch"} 1',
      'events_unaccounted 0',
      'events_decode_errors_total{reason="truncated"} 1',
      'file_bytes_total{direction="write"} 4',
      'file_calls_total{direction="read"} 1',
      'network_bytes_total{direction="received"} 8',
      'syscalls_total{syscall="openat"} 9',
      'syscall_errors_total{errno_class="missing"} 3',
      'syscall_errors_total{errno_class="again"} 3',
      'kernel_failures_total{reason="path_truncated"} 3',
      'program_runs_total{program="sys_exit"} 100',
      'program_run_seconds_total{program="sys_exit"} 0.5',
      'program_skipped_runs_total{program="sys_exit"} 2',
      'program_verified_instructions{program="sys_exit"} 9000',
      'ring_size_bytes{ring="bulk"} 8192',
      'ring_used_bytes{ring="priority"} 0',
    ])
      expect(output).to.contain(`\nbpfwarden_${sample}\n`);
    expect(output).to.not.contain('="__other__"');
    expect(await text(metrics)).to.equal(output);
    end();
    metrics.gauge('events_unaccounted').set(5);
    expect(await sampleValue(metrics, 'bpfwarden_events_unaccounted')).to.equal(5);
  });

  it('show what disappeared in the kernel, after looking again', async () => {
    const metrics = registry();
    let readings = 0;
    const events = () => {
      readings++;
      return new Map([['file_open', { ...COUNT, seen: readings < 3 ? 13 : 10 }]]);
    };
    publishSensor(metrics, sensor({ events }));
    expect(await sampleValue(metrics, 'bpfwarden_events_unaccounted')).to.equal(0);
    expect(readings).to.equal(3);
    const broken = registry();
    publishSensor(broken, sensor({ events: () => new Map([['file_open', { ...COUNT, seen: 13 }]]) }));
    expect(await sampleValue(broken, 'bpfwarden_events_unaccounted')).to.equal(3);
  });

  it('show what disappeared in a ring, but not what waits there', async () => {
    const lost = registry();
    publishSensor(
      lost,
      sensor({}, () => ({ ...RINGS, records: 1 })),
    );
    expect(await sampleValue(lost, 'bpfwarden_events_unaccounted')).to.equal(1);
    const waiting = registry();
    publishSensor(
      waiting,
      sensor({}, () => ({ ...RINGS, records: 1, bulkPending: 100 })),
    );
    expect(await sampleValue(waiting, 'bpfwarden_events_unaccounted')).to.equal(0);
    expect(await sampleValue(waiting, 'bpfwarden_ring_used_bytes{ring="bulk"}')).to.equal(100);
  });

  it('go on when one of them fails', async () => {
    const metrics = registry();
    const io = () => {
      throw new Error('map gone');
    };
    publishSensor(metrics, sensor({ io }));
    const output = await text(metrics);
    expect(output).to.contain('\nbpfwarden_events_total{event="file_open"} 10\n');
    expect(output).to.contain('\nbpfwarden_collect_failures_total 1\n');
  });

  it('give the series that there are to the most frequent system calls', async () => {
    const errors = { denied: 0, missing: 0, again: 0, failed: 0 };
    const names = Array.from({ length: 200 }, (_, number) => `call_${number}`);
    const metrics = registry();
    metrics.declareSyscalls(names);
    const syscalls = () => new Map(names.map((name, number) => [name, { calls: number + 1, errors }]));
    const end = publishSensor(metrics, sensor({ syscalls }));
    const output = await text(metrics);
    expect(await sampleValue(metrics, 'bpfwarden_syscalls_total{syscall="call_199"}')).to.equal(200);
    expect(output).to.not.contain('syscall="call_0"');
    expect(await sampleValue(metrics, 'bpfwarden_syscalls_total{syscall="__other__"}')).to.be.above(0);
    end();
  });
});
