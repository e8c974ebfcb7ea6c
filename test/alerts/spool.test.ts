import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { open } from 'lmdb';
import { openSpool } from '../../src/alerts/spool/open.ts';
import { newQueue, queueToText } from '../../src/alerts/spool/queue.ts';
import { Spool } from '../../src/alerts/spool/spool.ts';
import { type Changes, openStore, type Store } from '../../src/alerts/spool/store.ts';
import { SETTLEMENTS, type SinkCounts } from '../../src/alerts/spool/types.ts';
import type { Alert } from '../../src/alerts/types.ts';
import { alertsOf, execEvent, findingOf, SILENT } from './support/findings.ts';

const LIMITS = { maxBytes: 1_000_000, log: SILENT };

function alertOf(id: string, size = 0): Alert {
  const event = execEvent({ id, args: ['/tmp/x', 'y'.repeat(size)] });
  const [alert] = alertsOf(findingOf(event), { hostName: 'h', newId: () => id });
  if (alert === undefined) throw new Error('no alert');
  return alert;
}

function add(spool: Spool, ...ids: string[]): void {
  for (const id of ids) {
    const alert = alertOf(id);
    spool.append(alert, JSON.stringify(alert));
  }
}

const ids = (spool: Spool, sink: string, max = 100) => spool.read(sink, max).map(({ alert }) => alert.alert_id);

/** The sum that must always hold. */
function balanced(counts: SinkCounts | undefined): boolean {
  if (counts === undefined) return false;
  return counts.offered === counts.waiting + SETTLEMENTS.reduce((sum, name) => sum + counts[name], 0);
}

describe('the spool', () => {
  let base: string;
  let directory: string;
  beforeEach(() => {
    base = mkdtempSync(join(tmpdir(), 'bpfwarden-spool-'));
    directory = join(base, 'spool');
  });
  afterEach(() => rmSync(base, { recursive: true, force: true }));

  it('shows an alert to its sinks once it is on disk, and in order', async () => {
    const spool = await openSpool(directory, LIMITS);
    spool.join(['a', 'b']);
    let woken = 0;
    spool.onReady(() => {
      woken += 1;
    });
    add(spool, '1', '2', '3');
    expect(ids(spool, 'a')).to.deep.equal([]);
    await new Promise((resolve) => setImmediate(resolve));
    expect(woken).to.equal(1);
    expect(ids(spool, 'a')).to.deep.equal(['1', '2', '3']);
    expect(ids(spool, 'a', 2)).to.deep.equal(['1', '2']);
    spool.settle('a', 1, 'delivered');
    expect(ids(spool, 'a')).to.deep.equal(['2', '3']);
    expect(ids(spool, 'b')).to.deep.equal(['1', '2', '3']);
    await spool.close();
  });

  it('remembers positions, counts and alerts over a restart', async () => {
    const spool = await openSpool(directory, LIMITS);
    spool.join(['a', 'b']);
    spool.suppressed('duplicate');
    spool.suppressed('duplicate');
    add(spool, '1', '2', '3');
    spool.commit();
    spool.settle('a', 1, 'delivered');
    spool.settle('a', 2, 'rejected');
    spool.saveState('a', 'remember me');
    await spool.close();
    const again = await openSpool(directory, LIMITS);
    again.join(['a', 'b']);
    expect(ids(again, 'a')).to.deep.equal(['3']);
    expect(ids(again, 'b')).to.deep.equal(['1', '2', '3']);
    const stats = again.stats();
    expect(stats).to.deep.include({
      offered: 5,
      accepted: 3,
      suppressed: { duplicate: 2 },
      alerts: 3,
      deadLetters: 1,
      movedAside: 0,
    });
    expect(stats.sinks.a).to.deep.include({ offered: 3, delivered: 1, rejected: 1, waiting: 1 });
    expect(again.loadState('a')).to.equal('remember me');
    expect(again.deadLetters(5).map(({ sink, reason, alert }) => [sink, reason, alert.alert_id])).to.deep.equal([
      ['a', 'rejected', '2'],
    ]);
    await again.close();
  });

  it('deletes an alert when every sink is past it', async () => {
    const spool = await openSpool(directory, LIMITS);
    spool.join(['a', 'b']);
    add(spool, '1');
    spool.commit();
    spool.settle('a', 1, 'delivered');
    expect(spool.stats().alerts).to.equal(1);
    spool.settle('b', 1, 'skipped');
    expect(spool.stats()).to.deep.include({ alerts: 0, bytes: 0, oldest: undefined });
    await spool.close();
  });

  it('drops the oldest above its size, counted for each sink that had not got them', async () => {
    const settled: string[] = [];
    const spool = await openSpool(directory, {
      maxBytes: 20_000,
      log: SILENT,
      onSettled: (sink, outcome) => settled.push(`${sink} ${outcome}`),
    });
    spool.join(['a', 'b']);
    add(spool, '1', '2', '3');
    spool.commit();
    spool.settle('a', 1, 'delivered');
    for (let index = 4; index <= 30; index += 1) add(spool, String(index));
    spool.commit();
    const { sinks, bytes } = spool.stats();
    expect(bytes).to.be.at.most(20_000);
    expect(sinks.b?.dropped).to.equal((sinks.a?.dropped ?? 0) + 1);
    expect(balanced(sinks.a) && balanced(sinks.b)).to.equal(true);
    expect(ids(spool, 'b').at(-1)).to.equal('30');
    expect(settled.filter((entry) => entry === 'b dropped')).to.have.length(sinks.b?.dropped ?? -1);
    expect(spool.settle('b', 1, 'delivered'), 'a late answer for a dropped one changes nothing').to.equal(false);
    await spool.close();
  });

  for (const maxBytes of [1_048_576, 4_000_000])
    it(`its file stays within ${maxBytes} bytes, however many alerts of whatever size come and go`, async () => {
      const spool = await openSpool(directory, { maxBytes, log: SILENT });
      spool.join(['a', 'b']);
      let largest = 0;
      for (let index = 1; index <= 4_000; index += 1) {
        const alert = alertOf(String(index), [10, 300, 900, 1500, 2500, 6000, 15_000, 200][index % 8]);
        spool.append(alert, JSON.stringify(alert));
        if (index % 25 === 0) await new Promise((resolve) => setImmediate(resolve));
        if (index % 300 === 0) for (const { seq } of spool.read('a', 30)) spool.settle('a', seq, 'delivered');
        if (index % 100 === 0) largest = Math.max(largest, statSync(join(directory, 'data.mdb')).size);
      }
      expect(largest).to.be.within(maxBytes / 2, maxBytes);
      const { sinks } = spool.stats();
      expect(balanced(sinks.a) && balanced(sinks.b)).to.equal(true);
      expect(sinks.b?.dropped).to.be.above(0);
      await spool.close();
    });

  it('reads alerts that a version before left in one piece, and removes them once they are delivered', async () => {
    const root = open<string, number>({ path: directory, encoding: 'string', maxDbs: 8 });
    const alerts = root.openDB<string, number>({ name: 'alerts', encoding: 'string' });
    const [state] = ['state', 'dead', 'requests'].map((name) =>
      root.openDB<string, string>({ name, encoding: 'string' }),
    );
    root.transactionSync(() => {
      for (const seq of [1, 2]) alerts.put(seq, `${seq}000\n${JSON.stringify(alertOf(String(seq), 5000))}`);
      state?.put('totals', JSON.stringify({ offered: 2, accepted: 2, deadLettersEvicted: 0 }));
      state?.put('sink:a', queueToText(newQueue(0)));
    });
    await root.close();
    const spool = await openSpool(directory, LIMITS);
    spool.join(['a']);
    expect(ids(spool, 'a')).to.deep.equal(['1', '2']);
    add(spool, '3');
    spool.commit();
    spool.settle('a', 1, 'delivered');
    spool.settle('a', 2, 'rejected');
    await spool.close();
    const { store } = openStore(directory);
    expect([...store.alerts()].map(([seq]) => seq)).to.deep.equal([3]);
    expect([...store.dead()].map(([, text]) => JSON.parse(text).alert.alert_id)).to.deep.equal(['2']);
    await store.close();
  });

  it('keeps dead letters within a tenth of its size', async () => {
    const spool = await openSpool(directory, { maxBytes: 100_000, log: SILENT });
    spool.join(['a']);
    for (let index = 1; index <= 40; index += 1) {
      add(spool, String(index));
      spool.commit();
      spool.settle('a', index, 'expired');
    }
    const { deadLetters, deadLettersEvicted, sinks } = spool.stats();
    expect(deadLetters + deadLettersEvicted).to.equal(40);
    expect(deadLetters).to.be.within(2, 12);
    expect(sinks.a?.expired).to.equal(40);
    expect(spool.deadLetters(1)[0]?.alert.alert_id).to.equal('40');
    await spool.close();
    const again = await openSpool(directory, { maxBytes: 100_000, log: SILENT });
    expect(again.stats()).to.deep.include({ deadLetters, deadLettersEvicted });
    expect(again.deadLetters(1)[0]?.alert.alert_id).to.equal('40');
    await again.close();
  });

  it('gives a new sink what comes from now on, and makes dead letters of what a removed one still had', async () => {
    const spool = await openSpool(directory, LIMITS);
    spool.join(['a']);
    add(spool, '1', '2');
    spool.commit();
    spool.join(['a', 'b']);
    add(spool, '3');
    spool.commit();
    expect(ids(spool, 'b')).to.deep.equal(['3']);
    spool.join(['b']);
    expect(spool.deadLetters(5).map(({ alert }) => alert.alert_id)).to.deep.equal(['3', '2', '1']);
    expect(spool.stats().alerts).to.equal(1);
    await spool.close();
    const again = await openSpool(directory, LIMITS);
    expect(Object.keys(again.stats().sinks)).to.deep.equal(['b']);
    await again.close();
  });

  for (const [how, damage] of [
    ['garbage', (file: string) => writeFileSync(file, 'not a database '.repeat(2000))],
    ['cut in half', (file: string) => truncateSync(file, Math.floor(statSync(file).size / 2))],
    ['empty', (file: string) => truncateSync(file, 0)],
  ] as const) {
    it(`moves a damaged store aside (${how}) and starts a new one`, async () => {
      const spool = await openSpool(directory, LIMITS);
      spool.join(['a']);
      for (let index = 0; index < 50; index += 1) add(spool, String(index));
      await spool.close();
      damage(join(directory, 'data.mdb'));
      const again = await openSpool(directory, LIMITS);
      again.join(['a']);
      expect(again.stats()).to.deep.include({ movedAside: 1, durable: true, accepted: 0 });
      add(again, 'new');
      again.commit();
      expect(ids(again, 'a')).to.deep.equal(['new']);
      expect(readdirSync(base).filter((name) => name.startsWith('spool.damaged-'))).to.have.length(1);
      await again.close();
    });
  }

  it('moves a store aside whose counts make no sense', async () => {
    const { store } = openStore(directory);
    store.commit({
      putAlerts: [],
      removeAlerts: [],
      putDead: [],
      removeDead: [],
      removeState: [],
      removeRequests: [],
      putState: [['sink:a', '{"joined":0,"cursor":5,"counts":{}}']],
    });
    await store.close();
    const spool = await openSpool(directory, LIMITS);
    expect(spool.stats().movedAside).to.equal(1);
    await spool.close();
  });

  it('is refused while another process uses the directory, and taken over when that one was killed', async () => {
    const code = `
      import { openStore } from ${JSON.stringify(join(import.meta.dirname, '../../src/alerts/spool/store.ts'))};
      openStore(${JSON.stringify(directory)});
      process.kill(process.pid, 'SIGKILL');`;
    const child = spawnSync(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', code], {
      encoding: 'utf8',
    });
    expect(child.signal, child.stderr).to.equal('SIGKILL');
    const spool = await openSpool(directory, LIMITS);
    const second = spawnSync(
      process.execPath,
      ['--import', 'tsx', '--input-type=module', '-e', code.replace("process.kill(process.pid, 'SIGKILL');", '')],
      { encoding: 'utf8' },
    );
    expect(second.stderr).to.contain(`in use by process ${process.pid}`);
    await spool.close();
  });

  it('writes nothing for root into a directory of somebody else, nor through a link in its own', async () => {
    const victim = join(base, 'victim');
    writeFileSync(victim, 'kept');
    mkdirSync(directory);
    symlinkSync(victim, join(directory, 'owner'));
    const spoil: readonly (() => void)[] = [
      () => chmodSync(directory, 0o777),
      () => chmodSync(directory, 0o755),
      () => chownSync(directory, 65534, 65534),
    ];
    for (const act of process.geteuid?.() === 0 ? spoil : spoil.slice(0, 1)) {
      act();
      const spool = await openSpool(directory, LIMITS);
      expect(spool.stats().durable).to.equal(false);
      await spool.close();
      expect(readFileSync(victim, 'utf8')).to.equal('kept');
      expect(readdirSync(directory)).to.deep.equal(['owner']);
    }
  });

  it('works in memory where no directory can be had', async () => {
    const spool = await openSpool('/dev/null/spool', LIMITS);
    spool.join(['a']);
    add(spool, '1');
    await new Promise((resolve) => setImmediate(resolve));
    expect(ids(spool, 'a')).to.deep.equal(['1']);
    expect(spool.stats().durable).to.equal(false);
    await spool.close();
  });

  it('goes on in memory while the disk refuses, in order, and writes everything when it takes again', async () => {
    const { store } = openStore(directory);
    let full = false;
    const fussy: Store = {
      ...store,
      commit(changes: Changes) {
        if (full) throw new Error('ENOSPC: no space left on device');
        store.commit(changes);
      },
    };
    const spool = new Spool({ ...LIMITS, store: fussy });
    spool.join(['a', 'b']);
    add(spool, '1');
    expect(spool.commit()).to.equal(true);
    full = true;
    add(spool, '2', '3');
    expect(spool.commit()).to.equal(false);
    expect(ids(spool, 'a')).to.deep.equal(['1', '2', '3']);
    spool.settle('a', 1, 'delivered');
    expect(spool.stats().durable).to.equal(false);
    full = false;
    expect(spool.commit()).to.equal(true);
    await spool.close();
    const again = await openSpool(directory, LIMITS);
    expect(ids(again, 'a')).to.deep.equal(['2', '3']);
    expect(ids(again, 'b')).to.deep.equal(['1', '2', '3']);
    await again.close();
  });

  it('bounds what memory holds meanwhile, and counts what it gives up', async () => {
    const { store } = openStore(directory);
    const spool = new Spool({
      maxBytes: 1_000_000_000,
      log: SILENT,
      store: {
        ...store,
        commit() {
          throw new Error('ENOSPC');
        },
      },
    });
    spool.join(['a']);
    const alert = alertOf('big', 400_000);
    const json = JSON.stringify(alert);
    for (let index = 0; index < 60; index += 1) spool.append(alert, json);
    spool.commit();
    for (let index = 0; index < 60; index += 1) spool.append(alert, json);
    expect(spool.read('a', 1)).to.have.length(1);
    const { sinks, bytes } = spool.stats();
    expect(sinks.a?.dropped).to.be.greaterThan(50);
    expect(bytes).to.be.below(20_000_000);
    expect(balanced(sinks.a)).to.equal(true);
    await store.close();
  });
});
