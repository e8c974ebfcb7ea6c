import { expect } from 'chai';
import fc from 'fast-check';
import type { WindowSpec } from '../../src/rules/rule.ts';
import { CountState, TemporalState, ValueState } from '../../src/rules/sigma/correlation/window-state.ts';
import { type Watch, type WindowStats, WindowStore } from '../../src/rules/window-store.ts';

type State = CountState | ValueState;
type Key = readonly [number, number] | string;

interface Entry {
  readonly state: State;
  readonly seconds: number;
  placed: number;
}

/** A state for each key, in a map in the order of last use. */
class Reference {
  readonly #entries = new Map<string, Entry>();
  readonly #maxKeys: number;
  #remembered = 0;
  #evictions = 0;
  #latest = 0;
  #uses = 0;

  constructor(maxKeys: number) {
    this.#maxKeys = maxKeys;
  }

  stats(): WindowStats {
    return { keys: this.#entries.size, remembered: this.#remembered, evictions: this.#evictions };
  }

  add({ number, spec, enough }: Watch, key: Key, time: number, value: number | string): number | undefined {
    this.#latest = Math.max(this.#latest, time);
    const { state } = this.#take(JSON.stringify([number, key]), spec);
    const before = state.size;
    const count = state instanceof CountState ? state.add(time, enough) : state.add(time, String(value), enough);
    this.#remembered += state.size - before;
    for (const [name, { state: oldest, seconds }] of this.#entries) {
      if (this.#entries.size <= this.#maxKeys && this.#remembered <= this.#maxKeys * 64) break;
      this.#entries.delete(name);
      this.#remembered -= oldest.size;
      if (oldest.newest >= this.#latest - 2 * seconds) this.#evictions++;
    }
    return count;
  }

  #take(name: string, spec: WindowSpec): Entry {
    this.#uses++;
    let entry = this.#entries.get(name);
    if (entry === undefined) {
      const limit = Math.max(64, 2 * spec.count);
      const state =
        spec.type === 'count'
          ? new CountState(spec.seconds, limit, spec.count)
          : new ValueState(spec.seconds, limit, spec.count);
      entry = { state, seconds: spec.seconds, placed: this.#uses };
      this.#entries.set(name, entry);
    } else if (this.#uses - entry.placed > this.#maxKeys >> 3) {
      this.#entries.delete(name);
      this.#entries.set(name, entry);
      entry.placed = this.#uses;
    }
    return entry;
  }
}

function watch(number: number, type: 'count' | 'distinct', count: number): Watch {
  return { number, spec: { type, seconds: 16, by: [], count, steps: [] }, enough: (found) => found >= count };
}

const WATCHES = [watch(0, 'count', 1), watch(1, 'count', 4), watch(2, 'count', 40)].concat(
  [1, 2, 3, 6, 40].map((count, at) => watch(3 + at, 'distinct', count)),
);

const step = fc.record({
  watch: fc.constantFrom(...WATCHES),
  key: fc.oneof(fc.tuple(fc.nat(3), fc.constantFrom(0, 1, 2 ** 40, 0.5, -1)), fc.constantFrom('a', 'b')),
  // Mostly forward, sometimes late.
  ahead: fc.oneof(
    { weight: 8, arbitrary: fc.constantFrom(0, 0.5, 1, 3, 9) },
    { weight: 1, arbitrary: fc.constantFrom(-2, -9) },
  ),
  value: fc.oneof({ weight: 6, arbitrary: fc.nat(5) }, { weight: 1, arbitrary: fc.constantFrom('x', 'y') }),
});

describe('what windows remember', () => {
  it('counts as a state for each key would, late events too, and forgets in the same order', () => {
    let found = 0;
    fc.assert(
      fc.property(
        fc.array(step, { minLength: 100, maxLength: 200 }),
        fc.constantFrom(3, 8, 24, 1000),
        (steps, most) => {
          const store = new WindowStore(most);
          const reference = new Reference(most);
          let time = 100;
          for (const { watch: of, key, ahead, value } of steps) {
            const at = time + ahead;
            time = Math.max(time, at);
            const row = typeof key === 'string' ? store.rowOfText(of, key) : store.rowOfNumbers(of, ...key);
            store.timeOf(at);
            const count = of.spec.type === 'count' ? store.addTime(of, row, at) : store.addValue(of, row, at, value);
            if (count !== undefined) found++;
            expect(count).to.equal(reference.add(of, key, at, value));
            expect(store.stats()).to.deep.equal(reference.stats());
          }
        },
      ),
      { numRuns: 300 },
    );
    expect(found).to.be.greaterThan(1000);
  });

  it('finds a sequence as if every run of its steps were looked at', () => {
    let found = 0;
    const event = fc.record({
      ahead: fc.constantFrom(0, 0.5, 1, 3, 9, -2),
      held: fc.constantFrom([0], [1], [2], [0, 1], [2, 2]),
    });
    fc.assert(
      fc.property(fc.array(event, { maxLength: 40 }), fc.integer({ min: 1, max: 3 }), (events, least) => {
        const enough = (count: number) => count >= least;
        const [quick, whole] = [new TemporalState(16, least), new TemporalState(16)];
        let time = 100;
        for (const { ahead, held } of events) {
          time += ahead;
          const count = whole.addOrdered(time, held, enough);
          if (count !== undefined) found++;
          expect(quick.addOrdered(time, held, enough)).to.equal(count);
          expect(quick.size).to.equal(whole.size);
        }
      }),
    );
    expect(found).to.be.greaterThan(100);
  });

  it('finds every key again, however many there are', () => {
    const store = new WindowStore(20_000);
    const of = watch(0, 'count', 3);
    const add = (key: number) => store.addTime(of, store.rowOfNumbers(of, key, key * 7919), 1);
    for (let round = 1; round < 3; round++) for (let key = 0; key < 20_000; key++) expect(add(key)).to.equal(undefined);
    for (let key = 0; key < 20_000; key++) expect(add(key)).to.equal(3);
    expect(store.stats()).to.deep.equal({ keys: 20_000, remembered: 60_000, evictions: 0 });
  });

  it('gives the same number to the same definition, and begins anew after many others', () => {
    const store = new WindowStore(100);
    const [first] = ['a', 'b', 'c'].map((id) => store.numberOf(id));
    expect(store.numberOf('a')).to.equal(first);
    const of = watch(first ?? 0, 'count', 9);
    store.addTime(of, store.rowOfNumbers(of, 1, 1), 1);
    for (let definition = 0; definition < 20_000; definition++) store.numberOf(`d${definition}`);
    expect(store.numberOf('a')).not.to.equal(first);
    expect(store.stats()).to.deep.equal({ keys: 0, remembered: 0, evictions: 1 });
  });
});
