/** Many processes that each stay below their limit hide neither what others do nor what is new among their own. */
import { chmodSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { observedBy, script, trigger } from './support.ts';

interface Outcome {
  readonly seen: readonly string[];
  readonly held: readonly string[];
  readonly counts: Readonly<Record<string, Readonly<Record<string, number>>>>;
}

async function crowd(...args: string[]): Promise<Outcome> {
  const { directory } = await script('cp /bin/cat other; cp /dev/null own; cp /dev/null file; chmod 755 . ..');
  const program = trigger('crowd');
  chmodSync(join(program, '..'), 0o755);
  const own = args.map((text) => text.replace('OWN', join(directory, 'own')));
  return observedBy('crowd.ts', [program, join(directory, 'other'), join(directory, 'file'), ...own]);
}

const EVERYTHING = ['exec 0', 'exec 65534', 'open 0', 'open 65534'];

describe('a crowd', function () {
  this.timeout(120_000);

  it('of 2000 programs with long arguments hides no other program, and is told', async () => {
    const { seen, held, counts } = await crowd('exec', '2000');
    expect([...seen].sort()).to.deep.equal(EVERYTHING);
    expect(held).to.include('process_exec');
    // What there was no room for is counted as lost, so that the table of processes is looked through.
    expect(counts.process_exec?.lost_ring_full).to.be.above(1000);
  });

  it('of 100 processes that open a file 500 times each hides no open of another file', async () => {
    const { seen, held, counts } = await crowd('open', '100', 'OWN', '500');
    expect([...seen].sort()).to.deep.equal(EVERYTHING);
    expect(held).to.include('file_open');
    expect(counts.file_open?.lost_ring_full ?? 0).to.equal(0);
    expect(counts.file_open?.throttled).to.be.above(1000);
  });

  it('of 20,000 processes that are only forked hides no program', async () => {
    const { seen, held } = await crowd('fork', '20000');
    expect([...seen].sort()).to.deep.equal(EVERYTHING);
    expect(held).to.include('process_fork');
  });
});
