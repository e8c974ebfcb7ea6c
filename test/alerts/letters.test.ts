import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import fc from 'fast-check';
import { SpoolLetters } from '../../src/alerts/spool/letters.ts';
import { openSpool } from '../../src/alerts/spool/open.ts';
import type { Spool } from '../../src/alerts/spool/spool.ts';
import { SETTLEMENTS } from '../../src/alerts/spool/types.ts';
import { alertsOf, execEvent, findingOf, SILENT } from './support/findings.ts';

const LIMITS = { maxBytes: 1_000_000, log: SILENT };
const SINKS = ['a', 'b', 'c'] as const;

function add(spool: Spool, id: string): void {
  const [alert] = alertsOf(findingOf(execEvent({ id })), { hostName: 'h', newId: () => id });
  if (alert !== undefined) spool.append(alert, JSON.stringify(alert));
}
const ids = (spool: Spool, sink: string) => spool.read(sink, 100).map(({ alert }) => alert.alert_id);

/** What must hold at any time: for the whole, and for each sink. */
function expectBalance(spool: Spool): void {
  const { offered, resent, accepted, suppressed, sinks } = spool.stats();
  const held = Object.values(suppressed).reduce((sum, count) => sum + count, 0);
  expect(offered + resent).to.equal(accepted + held);
  for (const counts of Object.values(sinks))
    expect(counts.offered).to.equal(counts.waiting + SETTLEMENTS.reduce((sum, name) => sum + counts[name], 0));
}

describe('dead letters', () => {
  let directory: string;
  beforeEach(() => {
    directory = join(mkdtempSync(join(tmpdir(), 'bpfwarden-letters-')), 'spool');
  });
  afterEach(() => rmSync(join(directory, '..'), { recursive: true, force: true }));

  it('are sent again to the sink that is named, and to no other', async () => {
    const spool = await openSpool(directory, LIMITS);
    spool.join(['a', 'b']);
    add(spool, '1');
    spool.commit();
    spool.settle('a', 1, 'rejected');
    spool.settle('b', 1, 'delivered');
    const [letter] = spool.deadLetters(10);
    expect(letter).to.deep.include({ id: 1, sink: 'a', reason: 'rejected' });
    expect(letter?.alert.label).to.equal('Execution from a temporary directory');
    expect(spool.resend(1, 'nowhere')).to.equal(false);
    expect(spool.resend(1, 'a')).to.equal(true);
    expect(spool.resend(1, 'a'), 'once').to.equal(false);
    spool.commit();
    await spool.close();
    const again = await openSpool(directory, LIMITS);
    again.join(['a', 'b']);
    expect(ids(again, 'b')).to.deep.equal([]);
    expect(ids(again, 'a')).to.deep.equal(['1']);
    again.settle('a', 2, 'delivered');
    expect(again.stats().sinks.a).to.include({ rejected: 1, delivered: 1, waiting: 0 });
    expect(again.stats().sinks.b).to.include({ delivered: 1, skipped: 1, waiting: 0 });
    expect(again.stats()).to.include({ offered: 1, resent: 1, accepted: 2, deadLetters: 0 });
    await again.close();
  });

  it('are listed, sent again and dropped by another process, also while a daemon works on the spool', async () => {
    const spool = await openSpool(directory, LIMITS);
    spool.join(['a']);
    for (const id of ['1', '2', '3']) add(spool, id);
    spool.commit();
    for (const seq of [1, 2, 3]) spool.settle('a', seq, 'expired');
    spool.commit();
    const module = JSON.stringify(join(import.meta.dirname, '../../src/alerts/spool/letters.ts'));
    const code = `
      import { SpoolLetters } from ${module};
      const letters = new SpoolLetters(${JSON.stringify(directory)});
      console.log(JSON.stringify([letters.daemon, letters.sinks(), letters.list().map(({ id, alert }) => [id, alert.alert_id])]));
      letters.ask([{ do: 'resend', id: 3, sink: 'a' }, { do: 'drop', id: 1 }, { do: 'resend', id: 99, sink: 'a' }]);
      await letters.close();`;
    const child = spawnSync(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', code], {
      encoding: 'utf8',
    });
    expect(JSON.parse(child.stdout), child.stderr).to.deep.equal([
      process.pid,
      ['a'],
      [
        [3, '3'],
        [2, '2'],
        [1, '1'],
      ],
    ]);
    spool.serveRequests();
    spool.serveRequests();
    spool.commit();
    expect(spool.deadLetters(10).map(({ id }) => id)).to.deep.equal([2]);
    expect(ids(spool, 'a')).to.deep.equal(['3']);
    const letters = new SpoolLetters(directory);
    expect(await letters.taken(1000)).to.equal(true);
    await letters.close();
    expectBalance(spool);
    await spool.close();
  });

  it('are not asked for where there is no spool', () => {
    expect(() => new SpoolLetters(join(directory, 'none'))).to.throw('there is no spool');
  });

  it('keep the counts exact, whatever is settled, sent again, dropped, added and removed', async () => {
    const step = fc.oneof(
      fc.record({ do: fc.constant('add' as const) }),
      fc.record({
        do: fc.constant('settle' as const),
        sink: fc.constantFrom(...SINKS),
        how: fc.constantFrom(...SETTLEMENTS),
      }),
      fc.record({ do: fc.constant('resend' as const), sink: fc.constantFrom(...SINKS), nth: fc.nat(5) }),
      fc.record({ do: fc.constant('drop' as const), nth: fc.nat(5) }),
      fc.record({ do: fc.constant('join' as const), sinks: fc.subarray([...SINKS]) }),
    );
    let resends = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 10, maxLength: 60 }), async (steps) => {
        const spool = await openSpool('/dev/null/spool', LIMITS);
        spool.join(['a', 'b']);
        let number = 0;
        for (const entry of steps) {
          if (entry.do === 'add') add(spool, `e${++number}`);
          else if (entry.do === 'join') spool.join(entry.sinks);
          else if (entry.do === 'settle') {
            const [head] = spool.read(entry.sink, 1);
            if (head !== undefined) spool.settle(entry.sink, head.seq, entry.how);
          } else {
            const id = spool.deadLetters(10)[entry.nth]?.id ?? -1;
            if (entry.do === 'drop') spool.drop(id);
            else if (spool.resend(id, entry.sink)) resends++;
          }
          expectBalance(spool);
        }
        await spool.close();
      }),
      { numRuns: 100 },
    );
    expect(resends, 'letters that were sent again').to.be.greaterThan(20);
  });
});
