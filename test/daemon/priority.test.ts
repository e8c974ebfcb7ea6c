import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { getPriority } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { DAEMON_NICE } from '../../src/daemon/priority.ts';

const ROOT = join(import.meta.dirname, '..', '..');

interface Raised {
  readonly nice: number;
  /** Nice value of the whole session, where sessions share the CPUs. */
  readonly session?: number;
  readonly logged: string[];
}

/** The nice value of a process that began with `nice` and raised its priority, and what it logged. */
function raisedFrom(nice: number, ...before: readonly string[]): Raised {
  const program = `
    import { existsSync, readFileSync } from 'node:fs';
    import { getPriority } from 'node:os';
    import { raisePriority } from '${join(ROOT, 'src/daemon/priority.ts')}';
    const logged = [];
    raisePriority({ debug: (_, text) => logged.push(text) });
    const file = '/proc/self/autogroup';
    const session = existsSync(file) ? Number(readFileSync(file, 'utf8').split('nice')[1]) : undefined;
    console.log(JSON.stringify({ nice: getPriority(), session, logged }));
  `;
  const node = [process.execPath, '--import', 'tsx', '--input-type=module', '--eval', program];
  const [command = '', ...rest] = [...(nice === 0 ? [] : ['nice', '-n', String(nice)]), ...before, ...node];
  const { stdout, stderr } = spawnSync(command, rest, { cwd: ROOT, encoding: 'utf8' });
  expect(stderr).to.equal('');
  return JSON.parse(stdout) as Raised;
}

describe('the priority of the daemon', () => {
  it('is above that of others where that is allowed', function () {
    if (process.geteuid?.() !== 0 || getPriority() !== 0) this.skip();
    expect(raisedFrom(0).nice).to.equal(DAEMON_NICE);
  });

  it('is that of its session, too, where that is its own', function () {
    if (process.geteuid?.() !== 0 || getPriority() !== 0 || !existsSync('/proc/self/autogroup')) this.skip();
    expect(raisedFrom(0, 'setsid', '--wait').session).to.equal(DAEMON_NICE);
    const before = raisedFrom(19, 'setsid', '--wait').session;
    expect(before).to.equal(0);
  });

  it('stays what somebody has chosen', () => {
    const { nice, logged } = raisedFrom(19);
    expect({ nice, logged }).to.deep.equal({ nice: 19, logged: [] });
  });

  it('stays as it is without the right, which is said', function () {
    if (process.geteuid?.() !== 0 || getPriority() !== 0) this.skip();
    const { nice, logged } = raisedFrom(0, 'setpriv', '--bounding-set=-sys_nice', '--inh-caps=-sys_nice');
    expect(nice).to.equal(0);
    expect(logged).to.have.length(1);
  });
});
