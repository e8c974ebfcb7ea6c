import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { compare, expectations, signature } from './compare.ts';
import type { Kernel } from './packages.ts';

const kernel: Kernel = { arch: 'amd64', version: '6.1.192', release: '6.1.0-56-cloud-amd64', directory: '/nowhere' };
const event = (type: string, pid: number, more: object = {}) => ({
  event: { type, source: 'syscall', syscall: 'openat', error: '', unverified: false },
  process: { pid, ppid: 1, filename: '/usr/bin/provoke' },
  ...more,
});
const opened = (pid: number, path: string) => event('file_open', pid, { file: { path } });

describe('comparing a kernel with expected.yaml', () => {
  const directory = mkdtempSync(join(tmpdir(), 'bpfwarden-compare-'));
  after(() => rmSync(directory, { recursive: true }));
  const guest = (provoked: string, events: readonly object[]) => {
    writeFileSync(join(directory, 'provoked-all.txt'), provoked);
    writeFileSync(join(directory, 'events-all.ndjson'), events.map((each) => JSON.stringify(each)).join('\n'));
  };
  const expected = {
    alerts: [],
    behaviours: {
      open: { events: ['2x file_open file.path=/a source=syscall syscall=openat'] },
      x86: { arch: 'arm64', events: ['reboot'] },
      later: {
        events: ['file_open file.path=/new source=syscall syscall=openat'],
        variants: [{ before: '6.6', because: 'it came with 6.6', events: [] }],
      },
    },
  };

  it('the same events in any order, with those of children, are as expected', () => {
    const fork = event('process_fork', 10, { process: { pid: 10, child: { pid: 11 } } });
    guest('open 10 ok\nlater 20 ok\n', [
      opened(11, '/a'),
      { ...fork, event: { ...fork.event, type: 'process_fork' } },
      opened(10, '/a'),
    ]);
    const { same, differences, byNature } = compare(directory, kernel, {
      ...expected,
      behaviours: {
        ...expected.behaviours,
        open: { events: [...expected.behaviours.open.events, 'process_fork source=syscall syscall=openat'] },
      },
    });
    expect(differences).to.deep.equal([]);
    expect(same).to.equal(2);
    expect(byNature).to.deep.equal(['later: it came with 6.6']);
  });

  it('an event that is missing, one too many, and a behaviour that nobody describes are differences', () => {
    guest('open 10 ok\nlater 20 died\nunknown 30 ok\n', [opened(10, '/a'), opened(10, '/b')]);
    const { differences } = compare(directory, { ...kernel, version: '6.12.118' }, expected);
    expect(differences).to.deep.equal([
      {
        behaviour: 'open',
        missing: ['file_open file.path=/a source=syscall syscall=openat'],
        extra: ['file_open file.path=/b source=syscall syscall=openat'],
      },
      {
        behaviour: 'later',
        missing: ['file_open file.path=/new source=syscall syscall=openat'],
        extra: [],
        provoked: 'died',
      },
      { behaviour: 'unknown', missing: [], extra: ['it is not in expected.yaml'] },
    ]);
  });

  it('numbers that differ from run to run are not in a line, sizes of programs and ports neither', () => {
    const line = signature(
      event('file_read', 10, {
        file: { path: '/proc/77/comm', bytes: 700000, inode: 5 },
        network: { source: { port: 40001 } },
      }),
    );
    expect(line).to.equal(
      'file_read file.bytes=many file.path=/proc/N/comm network.source.port=ephemeral source=syscall syscall=openat',
    );
  });

  it('expected.yaml names every behaviour of the provoker', async () => {
    const { behaviours } = expectations();
    const { readFileSync } = await import('node:fs');
    const sources = ['process', 'file', 'network', 'privilege', 'uring'].map((name) =>
      readFileSync(join(import.meta.dirname, 'provoke', `${name}.c`), 'utf8'),
    );
    const provoked = sources.flatMap((text) => [...text.matchAll(/\bB\((\w+)\)/g)].map((match) => match[1]));
    expect(Object.keys(behaviours).sort()).to.deep.equal(provoked.sort());
    for (const [name, { events }] of Object.entries(behaviours)) expect(events, name).to.have.length.above(0);
  });
});
