import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { loadRules } from '../../src/rules/load.ts';
import { KINDS } from '../../src/schema/kinds.ts';
import { compare, expectations, signature } from './compare.ts';
import { type Kernel, ROOT } from './packages.ts';
import { leftOutIn, programsOf, skippedIn } from './verdict.ts';

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
    elsewhere: {},
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

  it('a word on the command line has its own variant, as a version has', () => {
    const variants = [{ append: 'lockdown=integrity', because: 'locked', events: ['reboot error=EPERM'] }];
    const locked = { alerts: [], elsewhere: {}, behaviours: { reboot: { events: ['reboot'], variants } } };
    guest('reboot 10 ok\n', [{ event: { type: 'reboot', error: 'EPERM' }, process: { pid: 10 } }]);
    expect(compare(directory, kernel, locked).same).to.equal(0);
    for (const unusual of ['lockdown=integrity', 'quiet lockdown=integrity, 8 CPUs'])
      expect(compare(directory, { ...kernel, unusual }, locked).byNature).to.deep.equal(['reboot: locked']);
  });

  it('runs that the kernel left out are those of the run that had most', () => {
    const text = (exits: number) =>
      `bpfwarden_program_skipped_runs_total{program="process_exit"} ${exits}\nbpfwarden_program_skipped_runs_total{program="sys_exit"} 0\n`;
    expect(skippedIn([text(2), text(5)])).to.deep.equal({ process_exit: 5 });
  });

  it('what is missing is the kernel’s doing when no more is missing than runs were left out and counted', () => {
    const crowd = { behaviour: 'crowd', missing: ['reboot (40 times)', 'acct'], extra: [] };
    expect([...leftOutIn([crowd], { sys_exit: 41 }).keys()]).to.deep.equal([crowd]);
    expect(leftOutIn([crowd], { sys_exit: 40 }).size).to.equal(0);
    expect(leftOutIn([{ ...crowd, extra: ['acct error=EPERM'] }], { sys_exit: 41 }).size).to.equal(0);
    expect(leftOutIn([crowd], {}).size).to.equal(0);
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

  it('a program that the daemon says is missing is missing, without the part `check`', () => {
    const metrics = ['exec', 'exit_open'].map((name, at) => `bpfwarden_program_attached{program="${name}"} ${1 - at}`);
    writeFileSync(join(directory, 'metrics-all.txt'), metrics.join('\n'));
    expect(programsOf(directory)).to.deep.equal({ attached: 1, notOffered: [], missing: ['exit_open'] });
    const check =
      'BPF programs\n  exec       ok\n  exit_open  not attached: refused\n  uring      not on this kernel: none\n';
    writeFileSync(join(directory, 'check.txt'), check);
    expect(programsOf(directory)).to.deep.equal({
      attached: 1,
      notOffered: ['uring: none'],
      missing: ['exit_open: refused'],
    });
  });

  it('expected.yaml names every behaviour of the provoker', () => {
    const { behaviours } = expectations();
    const sources = ['process', 'file', 'network', 'privilege', 'uring'].map((name) =>
      readFileSync(join(import.meta.dirname, 'provoke', `${name}.c`), 'utf8'),
    );
    const provoked = sources.flatMap((text) => [...text.matchAll(/\bB\((\w+)\)/g)].map((match) => match[1]));
    expect(Object.keys(behaviours).sort()).to.deep.equal(provoked.sort());
    for (const [name, { events }] of Object.entries(behaviours)) expect(events, name).to.have.length.above(0);
  });

  it('each rule that must alert is in the pack and switched on: a new name is no silence', () => {
    const { ruleset } = loadRules({ paths: [join(ROOT, 'rules')], heuristics: true, kinds: Object.keys(KINDS) });
    expect(ruleset.infos.map(({ name }) => name)).to.include.members([...expectations().alerts]);
  });

  it('each kind is shown by a behaviour, or expected.yaml says which test provokes it', () => {
    const { behaviours, elsewhere } = expectations();
    const lines = Object.values(behaviours).flatMap(({ events, variants = [] }) => [
      ...events,
      ...variants.flatMap((variant) => variant.events),
    ]);
    const shown = new Set(lines.map((line) => /^(?:\d+x )?(\w+)/.exec(line)?.[1] ?? line));
    expect([...shown, ...Object.keys(elsewhere)]).to.have.members(Object.keys(KINDS));
    for (const [kind, file] of Object.entries(elsewhere)) expect(existsSync(join(ROOT, file)), kind).to.equal(true);
  });
});
