/** What floods the rings must not keep the event loop: a batch is handed over in parts, and nothing of it is forgotten. */
import { expect } from 'chai';
import { Drain } from '../../src/kernel/drain.ts';
import type { LoadedObject } from '../../src/kernel/load.ts';
import { BARE_HOST } from '../../src/schema/context.ts';
import { frames, LAYOUT, record } from '../schema/records.ts';

type Callback = (bulk: number, priority: number) => unknown;

/** The addon with a batch of so many opens and forks in it. */
function drainOf(opens: number, forks: number, throttles = 0) {
  let callback: Callback = () => false;
  let buffer = new ArrayBuffer(0);
  let unfinished = false;
  let calls = 0;
  const bulk = frames(Array.from({ length: opens }, (_, time) => record('file_open', { 'header.time': time })));
  const priority = frames([
    ...Array.from({ length: forks }, (_, time) => record('process_fork', { 'header.time': opens + time })),
    ...Array.from({ length: throttles }, (_, time) => record('throttle', { 'header.time': opens + forks + time })),
  ]);
  const turn = (): void => {
    const first = calls === 0;
    if (first) Buffer.from(buffer).set(Buffer.concat([bulk, priority]));
    if (!first && !unfinished) return;
    calls++;
    unfinished = callback(first ? bulk.length : 0, first ? priority.length : 0) === true;
  };
  const native = {
    start(taken: Callback, memory: ArrayBuffer) {
      callback = taken;
      buffer = memory;
      return 0;
    },
    drain() {
      turn();
      return unfinished ? 1 : 0;
    },
    ringStats: () => ({ bulkPending: 0, priorityPending: 0, bulkSize: 1, prioritySize: 1, records: opens + forks }),
    takeLog: () => '',
  };
  const drain = new Drain(
    { native, layout: LAYOUT } as unknown as LoadedObject,
    { kernel: { priority_ring_bytes: 1 << 20 } } as ConstructorParameters<typeof Drain>[1],
    BARE_HOST,
  );
  return { drain, turn, calls: () => calls, unfinished: () => unfinished };
}

const busy = (ms: number): void => {
  for (const end = performance.now() + ms; performance.now() < end; );
};

describe('drain', () => {
  it('hands over a batch in parts of at most 256 events, in order, each once', () => {
    const { drain, turn, unfinished } = drainOf(1000, 30);
    const times: number[] = [];
    const turns: number[] = [];
    drain.start((views) => times.push(...views.map(({ ktime }) => ktime)));
    do {
      const before = times.length;
      turn();
      turns.push(times.length - before);
    } while (unfinished());
    expect(times).to.deep.equal(Array.from({ length: 1030 }, (_, time) => time));
    expect(Math.max(...turns)).to.be.at.most(256);
    expect(turns.length).to.be.at.least(5);
  });

  it('ends a turn early when events are dear', () => {
    const { drain, turn, calls } = drainOf(256, 0);
    let taken = 0;
    drain.start((views) => {
      taken += views.length;
      busy(11);
    });
    turn();
    expect([calls(), taken]).to.deep.equal([1, 32]);
  });

  it('takes little at a time while somebody waits for an answer', () => {
    const { drain, turn } = drainOf(1000, 0);
    let taken = 0;
    drain.start(
      (views) => {
        taken += views.length;
      },
      () => true,
    );
    turn();
    expect(taken).to.be.at.most(64);
  });

  it('a throttle comes before the flood that it is about, and nothing is lost or doubled by that', () => {
    const { drain, turn, unfinished } = drainOf(3000, 5, 1);
    const kinds: string[] = [];
    const times: number[] = [];
    drain.start((views) => {
      kinds.push(...views.map(({ kind }) => kind));
      times.push(...views.map(({ ktime }) => ktime));
    });
    do turn();
    while (unfinished());
    expect(kinds.indexOf('throttle')).to.equal(5);
    expect([...times].sort((a, b) => a - b)).to.deep.equal(Array.from({ length: 3006 }, (_, time) => time));
  });

  it('what was copied and not handed over is pending', () => {
    const { drain, turn } = drainOf(512, 512);
    drain.start(() => undefined);
    turn();
    const { bulkPending, priorityPending } = drain.stats();
    expect(bulkPending).to.be.above(0);
    expect(priorityPending).to.be.above(0);
    for (let index = 0; index < 20; index++) turn();
    expect(drain.stats()).to.include({ bulkPending: 0, priorityPending: 0 });
  });

  it('the end hands over everything, however dear', () => {
    const { drain, turn, unfinished } = drainOf(300, 0);
    let taken = 0;
    drain.start((views) => {
      taken += views.length;
      busy(11);
    });
    turn();
    expect(unfinished()).to.equal(true);
    drain.finish();
    expect(taken).to.equal(300);
  });
});
