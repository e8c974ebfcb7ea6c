/** One process that floods is held back; what others do is not. */
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { script, trigger } from './support.ts';

interface Outcome {
  readonly seen: { readonly flood: number; readonly execs: number; readonly opens: number };
  readonly episodes: readonly { readonly started: boolean; readonly dropped: number }[];
  /** Episodes that were announced before the flooder ended. */
  readonly atExit: number;
  readonly counts: Readonly<Record<string, number>>;
}

const OPENS = 200_000;

async function flood(opens: number, stay: number): Promise<Outcome> {
  const { directory } = await script('cp /bin/true quiet');
  const list = join(directory, 'list');
  writeFileSync(list, 'r/etc/hostname\n'.repeat(1000));
  const program = fileURLToPath(new URL('rate-guard.ts', import.meta.url));
  const { stdout, stderr } = spawnSync(
    process.execPath,
    ['--import=tsx', program, trigger('open_each'), list, String(opens / 1000), join(directory, 'quiet'), String(stay)],
    { encoding: 'utf8' },
  );
  expect(stdout, stderr).not.to.equal('');
  return JSON.parse(stdout) as Outcome;
}

describe('rate guard', function () {
  this.timeout(120_000);

  it('holds a flood back, says so, counts it, and hides nobody else', async () => {
    const { seen, episodes, counts } = await flood(OPENS, 0);
    expect(seen.execs).to.equal(50);
    // The shell opens it and execve does not count as an open.
    expect(seen.opens).to.equal(50);
    expect(seen.flood).to.be.within(1000, OPENS / 2);
    // Every episode begins and, at the latest with the process, ends; what was held back adds up.
    expect(episodes.length).to.be.greaterThan(1);
    expect(episodes.map(({ started }) => started)).to.deep.equal(episodes.map((_, index) => index % 2 === 0));
    expect(episodes.length % 2).to.equal(0);
    const dropped = episodes.reduce((sum, episode) => sum + episode.dropped, 0);
    // The lists, the libraries and the program itself are opens, too.
    expect(seen.flood + dropped - OPENS).to.be.within(0, 1000);
    const { seen: all = 0, filtered = 0, throttled = 0, submitted = 0, lost_ring_full = 0, lost_scratch = 0 } = counts;
    expect(filtered + throttled + submitted + lost_ring_full + lost_scratch).to.equal(all);
    expect(throttled).to.be.at.least(dropped);
  });

  it('announces the end also for a process that stays and falls silent', async () => {
    const { episodes, atExit } = await flood(20_000, 4);
    expect(episodes.map(({ started }) => started)).to.deep.equal(episodes.map((_, index) => index % 2 === 0));
    expect(episodes.length).to.be.greaterThan(1);
    // Nothing is left for the exit to announce.
    expect(atExit).to.equal(episodes.length);
  });
});
