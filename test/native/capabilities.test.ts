import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { constants, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { capabilityMask, threadsBeyond } from '../../src/kernel/capabilities.ts';
import { loadAddon } from './support.ts';

const here = (name: string) => fileURLToPath(new URL(name, import.meta.url));

interface Report {
  readonly before: number;
  readonly status: number;
  readonly after: readonly string[];
  readonly later: number;
  readonly held: readonly string[];
  readonly threads: number;
  readonly child: string;
  readonly again: number;
}

function play(prefix: readonly string[] = [], env: NodeJS.ProcessEnv = {}): Report {
  const [command = '', ...rest] = [...prefix, process.execPath, '--import', 'tsx', here('./reduce.ts')];
  const { stdout, stderr, status } = spawnSync(command, rest, {
    encoding: 'utf8',
    env: { ...process.env, NODE_NO_WARNINGS: '1', ...env },
  });
  expect({ stderr, status }).to.deep.equal({ stderr: '', status: 0 });
  return JSON.parse(stdout) as Report;
}

describe('native: dropCapabilities', function () {
  this.timeout(30_000);
  const own = /^CapBnd:\t(\w+)/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? '';
  const keep = capabilityMask(['CAP_KILL', 'CAP_BPF']);
  const left = (keep & BigInt(`0x${own}`)).toString(16);

  it('reaches every thread: V8’s, the pool’s, workers, and the one that blocks all signals', () => {
    const report = play();
    expect(report.before, 'Node has threads').to.be.at.least(10);
    expect(report).to.deep.include({ status: 0, after: [], later: 0, again: 0 });
  });

  it('holds for threads and programs that start later, and for the bounding set', () => {
    const report = play();
    expect(report.threads).to.be.at.least(report.before);
    expect(report.held).to.deep.equal([`${left} ${left}`]);
    expect(BigInt(`0x${report.child}`).toString(16)).to.equal(left);
  });

  it('holds for programs that start later also where the bounding set cannot be lowered', () => {
    const report = play(['setpriv', '--bounding-set=-setpcap']);
    expect(report).to.deep.include({ status: 0, after: [], later: 0 });
    const bounding = BigInt(`0x${own}`) & ~capabilityMask(['CAP_SETPCAP']);
    expect(report.held).to.deep.equal([`${left} ${bounding.toString(16)}`]);
    expect(BigInt(`0x${report.child}`).toString(16)).to.equal(left);
  });

  it('tells of a thread that does not answer, which follows as soon as it does', () => {
    const directory = mkdtempSync(join(tmpdir(), 'bpfwarden-deaf-'));
    try {
      const library = join(directory, 'deaf.so');
      execFileSync('cc', ['-shared', '-fPIC', '-pthread', '-o', library, here('./deaf_thread.c')]);
      const report = play([], { LD_PRELOAD: library, DEAF_UNTIL: join(directory, 'listen') });
      expect(report.status).to.equal(1);
      expect(report.after).to.have.length(1);
      expect(report).to.include({ later: 0, again: 0 });
    } finally {
      rmSync(directory, { recursive: true });
    }
  });

  it('refuses what is no set', () => {
    const loose = loadAddon() as unknown as { dropCapabilities(...values: unknown[]): unknown };
    for (const value of [undefined, null, 1, '1', {}, -1n, 2n ** 64n])
      expect(loose.dropCapabilities(value)).to.equal(-constants.errno.EINVAL);
  });
});

describe('threadsBeyond', () => {
  const thread = { tid: 1, name: 'node', held: 0n, bounding: 0n, noNewPrivileges: false };
  const found = (facts: Partial<typeof thread>) => threadsBeyond(0b10n, [{ ...thread, ...facts }]).length;

  it('counts what a thread holds, and what its programs could get back', () => {
    expect(found({})).to.equal(0);
    expect(found({ held: 0b10n, bounding: 0b10n })).to.equal(0);
    expect(found({ held: 0b100n })).to.equal(1);
    expect(found({ bounding: 0b100n })).to.equal(1);
    expect(found({ bounding: 0b100n, noNewPrivileges: true })).to.equal(0);
    expect(found({ held: 0b100n, noNewPrivileges: true })).to.equal(1);
  });
});
