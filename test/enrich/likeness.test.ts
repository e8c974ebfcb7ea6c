import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import fc from 'fast-check';
import { defaultConfig } from '../../src/config/load.ts';
import { Enricher } from '../../src/enrich/enricher.ts';
import type { KnownFiles } from '../../src/enrich/files/known-files.ts';
import { Host } from '../../src/enrich/host.ts';
import { Likenesses } from '../../src/enrich/likenesses.ts';
import { Procfs } from '../../src/enrich/procfs.ts';
import { Users } from '../../src/enrich/users.ts';
import { scopeOfField } from '../../src/rules/predicate/actor.ts';
import { BatchDecoder } from '../../src/schema/batch.ts';
import { FIELD_NAMES } from '../../src/schema/fields.ts';
import { RECORD_FLAGS } from '../../src/schema/readers/flags.ts';
import { drained, LAYOUT, record, type Values } from '../schema/records.ts';

const OWN_OF_PROGRAM = FIELD_NAMES.flatMap((name, field) =>
  scopeOfField(field) === 'own' &&
  !/^process\.(parent\.|uid|euid|cgroup|host_namespaces)|^container\.|^user\./.test(name)
    ? [{ name, field }]
    : [],
);

const BASE: Values = {
  'header.time': 700e9,
  'header.pid': 10,
  'header.start_time': 5n,
  'header.comm': 'tool',
  path: '/usr/bin/python3.11',
  filename: '/usr/bin/python3',
  args: 'python3\0/opt/a.py\0-x\0',
  env: 'LD_PRELOAD=/tmp/x.so\0',
  cwd: '/srv',
  'exe.inode': 7,
  'exe.device': 8,
  'exe.mode': 0o100755,
  exe_mtime: 100e9,
  exe_ctime: 600e9,
  'input.mode': 0o10600,
  'input.inode': 5,
  'output.mode': 0o100644,
  'output.path': '/tmp/out',
  'ns.mount': 1,
};

/** What a start may differ in. */
const OTHERS: Readonly<Record<string, readonly Values[string][]>> = {
  'header.time': [1300e9, 701e9],
  'header.flags': [RECORD_FLAGS.EXE_MEMFD, RECORD_FLAGS.EXE_SETUID, RECORD_FLAGS.PATH_DELETED, RECORD_FLAGS.EXE_UPPER],
  'header.comm': ['other'],
  path: ['/usr/bin/bash', '/tmp/x', 'x'],
  filename: ['./python3', '/dev/fd/3', '', '/usr/bin/bash'],
  interp: ['/bin/sh'],
  args: ['python3\0/opt/a.py -x\0', 'python3\0', 'python3\0-c\0import os\0', 'python3\0a.py\0-x\0', ''],
  env: ['LD_PRELOAD=/tmp/y.so\0', '', 'PATH=/\0'],
  cwd: ['/', '', '/srv/'],
  tty: ['pts/1', ''],
  auid: [1000, 0xffffffff],
  'exe.inode': [8, 0],
  'exe.mode': [0o100777, 0o104755],
  'exe.owner': [1000],
  exe_mtime: [0, 200e9],
  exe_ctime: [1e9, 699e9],
  'input.mode': [0, 0o20600, 0o100600],
  'input.inode': [6],
  'input.special': [(136 << 20) | 3],
  'output.path': ['/tmp/other', ''],
  'output.mode': [0o140777],
  'error.mode': [0o100600],
  'ns.user': [9],
  'ns.mount': [2],
};

const difference = fc
  .constantFrom(...Object.keys(OTHERS))
  .chain((name) => fc.constantFrom(...(OTHERS[name] ?? [])).map((value) => [name, value] as const));
const answers = fc.record({
  copy: fc.constantFrom(undefined, undefined, '/usr/bin/nmap'),
  packaged: fc.constantFrom(true, true, false, undefined),
  isHost: fc.constantFrom(true, true, false),
  isScript: fc.constantFrom(true, true, false),
});

describe('programs of one likeness', () => {
  it('have the same value of every field that is remembered of an actor', () => {
    const directory = mkdtempSync(join(tmpdir(), 'bpfwarden-likeness-'));
    writeFileSync(join(directory, 'passwd'), 'root:x:0:0::/root:/bin/sh\n');
    const config = defaultConfig();
    const host = new Host({
      hostName: 'web1',
      bootId: 'boot',
      dnsEntries: 10,
      toUnix: (ktime) => ktime / 1e9,
      users: new Users(join(directory, 'passwd')),
    });
    let alike = 0;
    let different = 0;
    try {
      fc.assert(
        fc.property(
          fc.array(fc.tuple(fc.array(difference, { maxLength: 2 }), answers), { maxLength: 12 }),
          (starts) => {
            let said: (typeof starts)[number][1] | undefined;
            const files = {
              tick: () => undefined,
              copyOf: () => ({ path: said?.copy }),
              isPackaged: () => said?.packaged,
              isSystemPath: () => true,
              isHostFile: () => said?.isHost,
              isSystemScript: () => said?.isScript,
              beginsAsScript: () => said?.isScript,
            } as unknown as KnownFiles;
            const procfs = new Procfs(config.enrich.environment, directory);
            const made = () => new Enricher({ config, host, layout: LAYOUT, procfs, files });
            const enricher = made();
            const seen = new Map<number, unknown[]>();
            for (const [differences, files] of starts) {
              said = files;
              const { buffer, bulkBytes, priorityBytes } = drained([
                record('process_exec', { ...BASE, ...Object.fromEntries(differences) }),
              ]);
              const [view] = new BatchDecoder(LAYOUT, buffer, host).decode(bulkBytes, priorityBytes);
              if (view === undefined) throw new Error('no record');
              enricher.enrich(view);
              const likeness = view.program?.likeness(view.ktime);
              if (likeness === undefined) throw new Error('like nothing');
              const values = OWN_OF_PROGRAM.map(({ name, field }) => [name, view.value(field)]);
              made().enrich(view);
              // What was decoded or worked out for an equal start is what this one has.
              expect(OWN_OF_PROGRAM.map(({ name, field }) => [name, view.value(field)])).to.deep.equal(values);
              const before = seen.get(likeness);
              if (before === undefined) {
                seen.set(likeness, values);
                different++;
              } else {
                expect(values).to.deep.equal(before);
                alike++;
              }
            }
          },
        ),
        { numRuns: 250 },
      );
    } finally {
      rmSync(directory, { recursive: true, force: true });
    }
    expect(alike).to.be.greaterThan(20);
    expect(different).to.be.greaterThan(500);
  });

  it('have their texts decoded once, as long as there are not too many', () => {
    const config = defaultConfig();
    const host = new Host({ hostName: 'web1', bootId: 'boot', dnsEntries: 10, toUnix: (ktime) => ktime / 1e9 });
    const enricher = new Enricher({
      config,
      host,
      layout: LAYOUT,
      procfs: new Procfs(config.enrich.environment, '/x'),
    });
    const argsOf = (args: string) => {
      const { buffer, bulkBytes, priorityBytes } = drained([record('process_exec', { ...BASE, args })]);
      const [view] = new BatchDecoder(LAYOUT, buffer, host).decode(bulkBytes, priorityBytes);
      if (view === undefined) throw new Error('no record');
      enricher.enrich(view);
      return view.program?.args;
    };
    for (let at = 0; at < 3; at++) argsOf('a\0b\0');
    expect(argsOf('a\0b\0')).to.equal(argsOf('a\0b\0'));
    expect(argsOf('a\0c\0')).to.deep.equal(['a', 'c']);
    expect(argsOf('a\0')).to.deep.equal(['a']);
    const long = `a\0${'x'.repeat(3_000)}\0`;
    for (let at = 0; at < 3; at++) argsOf(long);
    expect(argsOf(long)).not.to.equal(argsOf(long));
    expect(argsOf(long)).to.deep.equal(argsOf(long));
    for (let at = 0; at < 5_000; at++) argsOf(`a\0${at % 2_500}\0`);
    expect(argsOf('a\0b\0')).to.deep.equal(['a', 'b']);
  });

  it('are told apart by a bounded memory, and no number stands for two', () => {
    const likenesses = new Likenesses();
    const numbers = new Set<number>();
    for (let at = 0; at < 5_000; at++) numbers.add(likenesses.numberOf([`text ${at}`]));
    expect(numbers.size).to.equal(5_000);
    expect(likenesses.numberOf(['text 4999'])).to.equal(likenesses.numberOf(['text 4999']));
    const long = 'x'.repeat(10_000);
    expect(likenesses.numberOf([long])).not.to.equal(likenesses.numberOf([long]));
  });
});
