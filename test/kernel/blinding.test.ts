/** No process hides what it does behind a flood of its own. */
import { spawn } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { observedBy, script, trigger } from './support.ts';

interface Outcome {
  /** By kind and by what was acted upon. */
  readonly seen: Readonly<Record<string, Readonly<Record<string, number>>>>;
  /** Kinds of which a throttle began. */
  readonly throttled: readonly string[];
  readonly counts: Readonly<Record<string, Readonly<Record<string, number>>>>;
}

const SENSITIVE = {
  file_open: ['shadow', 'id_rsa'].map((text) => ({ type: 'component', text, sensitive: true })),
};

const blinding = (tokens: object, ...args: string[]): Outcome =>
  observedBy('blinding.ts', [JSON.stringify(tokens), trigger('flood'), ...args]);

describe('blinding', function () {
  this.timeout(120_000);

  it('30,000 opens of an own file do not hide the open of another', async () => {
    const { directory } = await script('true');
    const [own, secret] = [join(directory, 'shadow'), join(directory, '.ssh', 'id_rsa')];
    mkdirSync(join(directory, '.ssh'));
    for (const path of [own, secret]) writeFileSync(path, '');
    const { seen, throttled } = blinding(SENSITIVE, 'open', '30000', own, secret);
    expect(throttled).to.deep.equal(['file_open']);
    expect(seen.file_open?.[secret]).to.equal(1);
    expect(seen.file_open?.[own]).to.be.below(30_000);
  });

  it('nor do opens of thousands of different files', async () => {
    const { directory } = await script('true');
    const secret = join(directory, 'id_rsa');
    writeFileSync(secret, '');
    const { seen } = blinding(SENSITIVE, 'files', '12000', directory, secret);
    expect(seen.file_open?.[secret]).to.equal(1);
  });

  it('60,000 signals to an own child do not hide one to another process', () => {
    const victim = spawn('sleep', ['60'], { stdio: 'ignore' });
    const { seen, throttled, counts } = blinding({}, 'kill', '60000', String(victim.pid));
    victim.kill('SIGKILL');
    expect(throttled).to.include('kill');
    expect(seen.kill?.[String(victim.pid)]).to.equal(1);
    // Nobody else's execs are pushed out of the priority ring.
    expect(counts.process_exec?.lost_ring_full).to.equal(0);
  });

  it('a flood of privileged calls hides no other one and leaves the priority ring to others', () => {
    const { seen, throttled, counts } = blinding({}, 'setuid', '300000', '65534');
    expect(throttled).to.include('setuid');
    expect(seen.setuid?.['65534']).to.equal(1);
    expect(counts.setuid?.lost_ring_full).to.equal(0);
  });

  it('40,000 connects to one port do not hide a connect to another', () => {
    const { seen } = blinding({}, 'connect', '40000', '40880');
    expect(seen.net_conn?.['40880']).to.equal(1);
    expect(seen.net_conn?.['40881']).to.be.below(40_000);
  });
});
