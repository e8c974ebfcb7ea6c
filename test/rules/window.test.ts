import { expect } from 'chai';
import fc from 'fast-check';
import type { RuleSet } from '../../src/rules/ruleset.ts';
import { WindowStore } from '../../src/rules/window-store.ts';
import { load, record } from './support/load.ts';

function withWindow(window: object, condition = "event.type == 'net_conn'", previous?: RuleSet): RuleSet {
  const { ruleset, problems } = load(
    [{ rules: [{ name: 'r', condition, window }] }],
    previous === undefined ? {} : { previous },
  );
  expect(problems).to.deep.equal([]);
  return ruleset;
}

/** Feeds connections at the times given; the times of those that completed the window. */
async function completed(ruleset: RuleSet, times: readonly number[], fields: object = {}): Promise<number[]> {
  const found: number[] = [];
  for (const timestamp of times) {
    const event = record({ 'event.type': 'net_conn', 'user.name': 'a', 'process.name': 'x', ...fields, timestamp });
    if ((await ruleset.evaluate(event)) !== undefined) found.push(timestamp);
  }
  return found;
}

describe('windows', () => {
  it('count events within a time', async () => {
    const window = { seconds: 10, count: 3, by: ['user.name'] };
    expect(await completed(withWindow(window), [1, 2, 3])).to.deep.equal([3]);
    expect(await completed(withWindow(window), [1, 7, 12, 30, 41])).to.deep.equal([]);
    expect(await completed(withWindow(window), [1, 7, 11])).to.deep.equal([11]);
    expect(await completed(withWindow(window), [1, 2, 3, 4, 20])).to.deep.equal([3, 4]);
  });

  it('tell what they counted, for which key', async () => {
    const ruleset = withWindow({ seconds: 10, count: 2, by: ['user.name', 'process.uid'] });
    const event = (user: string, timestamp: number) =>
      record({ 'event.type': 'net_conn', 'user.name': user, 'process.uid': 7, timestamp });
    expect(await ruleset.evaluate(event('a', 1))).to.equal(undefined);
    expect(await ruleset.evaluate(event('b', 2))).to.equal(undefined);
    const finding = await ruleset.evaluate(event('a', 3));
    expect(finding?.matches[0]?.window).to.deep.equal({
      count: 2,
      seconds: 10,
      key: { 'user.name': 'a', 'process.uid': '7' },
    });
  });

  it('do not count events that lack a part of the key', async () => {
    const ruleset = withWindow({ seconds: 10, count: 2, by: ['user.name'] });
    expect(await completed(ruleset, [1, 2, 3], { 'user.name': null })).to.deep.equal([]);
  });

  it('count events that arrive late where they belong', () => {
    return fc.assert(
      fc.asyncProperty(fc.array(fc.integer({ min: 0, max: 60 }), { minLength: 3, maxLength: 12 }), async (times) => {
        const window = { seconds: 10, count: 3 };
        const sorted = [...times].sort((a, b) => a - b);
        const some = (list: readonly number[]) => list.some((time, at) => (list[at + 2] ?? Infinity) - time <= 10);
        const found = await completed(withWindow(window), times);
        expect(found.length > 0).to.equal(some(sorted));
        expect((await completed(withWindow(window), sorted)).length > 0).to.equal(some(sorted));
      }),
      { numRuns: 200 },
    );
  });

  it('count different values', async () => {
    const ruleset = withWindow({ seconds: 10, count: 3, distinct: 'network.destination.port' });
    const ports = [22, 22, 23, 22, 24, 25];
    const found: number[] = [];
    for (const [timestamp, port] of ports.entries()) {
      const event = record({ 'event.type': 'net_conn', 'network.destination.port': port, timestamp });
      if ((await ruleset.evaluate(event)) !== undefined) found.push(timestamp);
    }
    expect(found).to.deep.equal([4, 5]);
  });

  it('find sequences in their order', async () => {
    const window = {
      seconds: 10,
      by: ['process.pid'],
      sequence: [
        "event.type == 'net_accept'",
        { all: [{ fact: 'event.type', operator: 'equal', value: 'setuid' }] },
        "event.type == 'process_exec'",
      ],
    };
    const run = async (...steps: [string, number, number?][]) => {
      const { ruleset, problems } = load([{ rules: [{ name: 'r', window }] }]);
      expect(problems).to.deep.equal([]);
      const found: number[] = [];
      for (const [kind, timestamp, pid] of steps) {
        const event = record({ 'event.type': kind, 'process.pid': pid ?? 1, timestamp });
        if ((await ruleset.evaluate(event)) !== undefined) found.push(timestamp);
      }
      return found;
    };
    expect(await run(['net_accept', 1], ['setuid', 2], ['process_exec', 3])).to.deep.equal([3]);
    expect(await run(['net_accept', 1], ['process_exec', 2], ['setuid', 3])).to.deep.equal([]);
    expect(await run(['net_accept', 1], ['setuid', 2, 9], ['process_exec', 3])).to.deep.equal([]);
    expect(await run(['net_accept', 1], ['setuid', 2], ['process_exec', 12])).to.deep.equal([]);
    expect(await run(['net_accept', 1], ['process_exec', 3], ['setuid', 2])).to.deep.equal([2]);
  });

  it('forget the key used longest ago when memory is full, and count that', async () => {
    const windows = new WindowStore(16);
    const rule = {
      name: 'r',
      condition: "event.type == 'net_conn'",
      window: { seconds: 1000, count: 2, by: ['process.pid'] },
    };
    const { ruleset } = load([{ rules: [rule] }], { windows });
    for (let pid = 0; pid < 40; pid++) {
      await ruleset.evaluate(record({ 'event.type': 'net_conn', 'process.pid': pid, timestamp: pid }));
    }
    expect(ruleset.windowStats()).to.deep.equal({ keys: 16, remembered: 16, evictions: 24 });
    const again = (pid: number) =>
      ruleset.evaluate(record({ 'event.type': 'net_conn', 'process.pid': pid, timestamp: 41 }));
    expect(await again(39)).not.to.equal(undefined);
    expect(await again(1)).to.equal(undefined);
  });

  it('keep what they remember over a reload, unless the rule changed', async () => {
    const window = { seconds: 10, count: 2 };
    const before = withWindow(window);
    await completed(before, [1]);
    expect(await completed(withWindow(window, undefined, before), [2])).to.deep.equal([2]);
    const changed = withWindow(window, "event.type == 'net_conn' && process.name == 'x'", before);
    expect(await completed(changed, [3])).to.deep.equal([]);
  });
});
