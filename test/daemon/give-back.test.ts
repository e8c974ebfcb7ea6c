import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { expect } from 'chai';
import { LEAN_FLAGS } from '../../src/cli/lean.ts';

/** Keeps some 60 MB alive and throws several times as much of the old away; prints the most that the heap was, to what is alive. */
const CHURN = `
import { getHeapStatistics } from 'node:v8';
import { giveBack } from './src/daemon/give-back.ts';
if (process.argv[1] === 'given-back') giveBack(() => undefined);
const kept = [];
const make = (at) => ({ at, text: 'text ' + at });
for (let at = 0; at < 500_000; at++) kept.push(make(at));
globalThis.gc();
const alive = getHeapStatistics().used_heap_size;
let most = 0;
for (let at = 0; at < 3_000_000; at++) {
  kept[at % kept.length] = make(at);
  if (at % 1_000 === 0) most = Math.max(most, getHeapStatistics().total_heap_size);
}
console.log(most / alive);
`;

const heapToAlive = (how: 'given-back' | 'as-it-is'): number =>
  Number(
    execFileSync(
      process.execPath,
      [...LEAN_FLAGS, '--expose-gc', '--import', 'tsx', '--input-type=module', '--eval', CHURN, how],
      { cwd: join(import.meta.dirname, '..', '..'), encoding: 'utf8' },
    ),
  );

describe('the heap of a daemon that lives in a flood', () => {
  it('stays near to what is alive, and would not without giving back', () => {
    const [small, large] = [heapToAlive('given-back'), heapToAlive('as-it-is')];
    expect(small).to.be.below(1.8);
    expect(large).to.be.above(small * 1.3);
  }).timeout(60_000);
});
