import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import type { Native, RingStats } from '../../native/addon.d.ts';
import {
  bufferFor,
  buildFixture,
  check,
  collect,
  eventually,
  loadAddon,
  loadFixture,
  order,
  split,
  trigger,
  u32,
} from './support.ts';

const native: Native = loadAddon();

function stats(): RingStats {
  const answer = native.ringStats();
  if (typeof answer === 'number') throw new Error(`ringStats answered ${answer}`);
  return answer;
}

const upTo = (count: number): number[] => Array.from({ length: count }, (_, i) => i);

describe('native: rings', () => {
  const fixture = buildFixture();
  after(() => fixture.remove());
  beforeEach(() => loadFixture(native, fixture.path));
  afterEach(() => {
    native.close();
  });

  it('delivers records in order, bulk before priority, in one call', async () => {
    const seen = collect(native);
    order(native, { bulk: 300, priority: 20 });
    trigger();
    expect(await eventually(() => seen.priority.length === 20)).to.equal(true);
    expect(seen.bulk).to.deep.equal(upTo(300));
    expect(seen.priority).to.deep.equal(upTo(20));
    expect(seen.calls).to.deep.equal([[300 * 72, 20 * 72]]);
    expect(stats()).to.include({ records: 320, bytes: 320 * 64, malformed: 0, bulkPending: 0, priorityPending: 0 });
  });

  it('a drain is bounded; the event loop turns between two of them', async () => {
    const seen = collect(native, 4096);
    let turns = 0;
    let counting = true;
    const count = (): void => {
      turns++;
      if (counting) setImmediate(count);
    };
    setImmediate(count);
    order(native, { bulk: 600, priority: 1, size: 1024 });
    trigger();
    expect(await eventually(() => seen.bulk.length === 600)).to.equal(true);
    counting = false;
    expect(seen.bulk).to.deep.equal(upTo(600));
    expect(seen.calls.length).to.be.at.least((600 * 1032) / (4096 + 1032));
    expect(Math.max(...seen.calls.map(([bulk]) => bulk))).to.be.at.most(4096 + 1032);
    expect(seen.calls[0]?.[1], 'priority came with the first call').to.equal(1032);
    expect(turns).to.be.at.least(seen.calls.length - 1);
  });

  it('who has not taken all is called again in the next turn, with the same buffer and nothing new in it', async () => {
    const buffer = bufferFor(native);
    const calls: [bulk: number, priority: number][] = [];
    const turns: number[] = [];
    let turn = 0;
    let counting = true;
    const count = (): void => {
      turn++;
      if (counting) setImmediate(count);
    };
    setImmediate(count);
    check(
      native.start((bulk, priority) => {
        calls.push([bulk, priority]);
        turns.push(turn);
        if (calls.length === 1) {
          order(native, { bulk: 2 });
          trigger();
        }
        return calls.length < 4;
      }, buffer),
    );
    order(native, { bulk: 3, priority: 1 });
    trigger();
    expect(await eventually(() => calls.length === 5)).to.equal(true);
    counting = false;
    expect(calls).to.deep.equal([
      [3 * 72, 72],
      [0, 0],
      [0, 0],
      [0, 0],
      [2 * 72, 0],
    ]);
    expect(new Set(turns.slice(0, 4)).size, 'the loop turned between them').to.equal(4);
  });

  it('drain() goes on with what was not taken, and says that there is more', () => {
    let calls = 0;
    check(native.start(() => ++calls < 3, bufferFor(native)));
    order(native, { bulk: 3 });
    trigger();
    expect([native.drain(), native.drain(), native.drain(), native.drain()]).to.deep.equal([1, 1, 1, 0]);
    expect(calls).to.equal(3);
  });

  it('hands over records that lie across the end of the ring whole', async () => {
    native.close();
    loadFixture(native, fixture.path, { ringBytes: 4096 });
    const pattern = Uint8Array.from({ length: 70_000 }, (_, at) => (at * 31 + (at >> 8)) & 0xff);
    check(native.writeMap('payload', u32(0), pattern));
    const buffer = bufferFor(native);
    const damaged: number[] = [];
    let records = 0;
    const look = (end: number): void => {
      const view = new DataView(buffer);
      for (let at = 0; at < end; at += 8 + Math.ceil(view.getUint32(at, true) / 8) * 8) {
        const length = view.getUint32(at, true);
        const bytes = new Uint8Array(buffer, at + 12, length - 4);
        if (Buffer.compare(bytes, pattern.subarray(4, length)) !== 0) damaged.push(records);
        records++;
      }
    };
    check(native.start((bulk, priority) => look(bulk + priority), buffer));
    for (let round = 1; round <= 40; round++) {
      order(native, { bulk: 3, size: 900 + round });
      trigger();
      expect(await eventually(() => records === 3 * round), `round ${round}: ${records} records`).to.equal(true);
    }
    expect(damaged).to.deep.equal([]);
    expect(stats()).to.include({ malformed: 0, bulkPending: 0 });
  });

  it('sleeps when nothing comes and no wake-up is lost', async () => {
    const seen = collect(native);
    order(native, { priority: 1 });
    for (let i = 1; i <= 30; i++) {
      await sleep(i % 3 === 0 ? 45 : i);
      trigger();
      expect(await eventually(() => seen.priority.length === i, 500), `record ${i}`).to.equal(true);
    }
    expect(stats().wakeups).to.be.at.least(5);
    const { drains } = stats();
    await sleep(100);
    expect(stats().drains).to.equal(drains);
  });

  it('too long and too short records are counted, the others delivered', async () => {
    const seen = collect(native);
    order(native, { bulk: 2, priority: 3, size: 70000 });
    trigger();
    order(native, { bulk: 1, size: 4 });
    trigger();
    order(native, { bulk: 5 });
    trigger();
    expect(await eventually(() => seen.bulk.length === 5)).to.equal(true);
    expect(stats().malformed).to.equal(6);
    expect(seen.priority).to.deep.equal([]);
  });

  it('promises and nextTick run before the next event', async () => {
    const trace: string[] = [];
    check(
      native.start(() => {
        trace.push('call');
        process.nextTick(() => trace.push('tick'));
        Promise.resolve().then(() => trace.push('promise'));
      }, bufferFor(native)),
    );
    order(native, { bulk: 1 });
    trigger();
    expect(await eventually(() => trace.length === 3)).to.equal(true);
    expect(trace).to.deep.equal(['call', 'tick', 'promise']);
  });

  it('an exception in the callback is an uncaught exception, and draining goes on', async () => {
    const caught: unknown[] = [];
    const listeners = process.listeners('uncaughtException');
    process.removeAllListeners('uncaughtException');
    process.on('uncaughtException', (error) => caught.push(error.message));
    let calls = 0;
    check(
      native.start(() => {
        if (++calls === 1) throw new Error('from the callback');
      }, bufferFor(native)),
    );
    order(native, { bulk: 1 });
    trigger();
    const first = await eventually(() => calls === 1);
    trigger();
    const second = await eventually(() => calls === 2);
    process.removeAllListeners('uncaughtException');
    for (const listener of listeners) process.on('uncaughtException', listener);
    expect({ first, second, caught }).to.deep.equal({ first: true, second: true, caught: ['from the callback'] });
  });

  it('drain() takes what is there at once; a transferred buffer is left alone', () => {
    const buffer = bufferFor(native);
    const numbers: number[] = [];
    check(native.start((bulkBytes) => numbers.push(...split(buffer, 0, bulkBytes).numbers), buffer));
    order(native, { bulk: 3 });
    trigger();
    expect(native.drain()).to.equal(0);
    expect(numbers).to.deep.equal([0, 1, 2]);
    structuredClone(buffer, { transfer: [buffer] });
    trigger();
    expect(native.drain()).to.equal(0);
    expect(numbers).to.have.length(3);
    expect(stats().bulkPending).to.equal(3 * 72);
  });

  it('a full ring loses records, never the reader', async () => {
    native.close();
    loadFixture(native, fixture.path, { ringBytes: 4096 });
    const seen = collect(native);
    order(native, { bulk: 1000, priority: 1000 });
    trigger();
    expect(await eventually(() => seen.priority.length > 0)).to.equal(true);
    const fits = Math.floor(4096 / 72);
    expect(seen.bulk).to.deep.equal(upTo(fits));
    expect(seen.priority).to.deep.equal(upTo(fits));
  });
});
