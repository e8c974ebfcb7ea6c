/** Counters as the kernel's per-CPU maps hold them, summed by the layout of the structs in C. */
import { expect } from 'chai';
import { ioTotals, kindCounts, leftOutRuns, sumCopies, syscallCounts, unaccounted } from '../../src/kernel/counts.ts';
import { framed } from '../../src/kernel/frame.ts';
import { ERRNO_CLASSES, KERNEL_FAILURES, LOSS_REASONS } from '../../src/metrics/vocabulary.ts';
import { SYSCALLS } from '../../src/schema/names/syscalls.ts';
import { ENUMS, STRUCTS } from '../../src/schema/schema.gen.ts';

const { kind_counts: KIND, io_totals: IO, syscall_counts: SYSCALL } = STRUCTS;
const info = (valueSize: number, copies: number) => ({ type: 6, keySize: 4, valueSize, maxEntries: 64, copies });

/** One entry of a per-CPU map: the key, then a value for each CPU. */
function entry(key: number, copies: readonly (readonly number[])[]): Uint8Array {
  const width = (copies[0]?.length ?? 0) * 8;
  const bytes = new Uint8Array(4 + width * copies.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, key, true);
  copies.forEach((values, copy) => {
    values.forEach((value, column) => {
      view.setBigUint64(4 + copy * width + column * 8, BigInt(value), true);
    });
  });
  return bytes;
}

describe('the counter maps', () => {
  it('sum every CPU, with each outcome in its place', () => {
    const bytes = Buffer.concat([
      entry(9, [
        [10, 4, 1, 2, 2, 1],
        [5, 5, 0, 0, 0, 0],
      ]),
      entry(11, [
        [1, 0, 0, 0, 0, 0],
        [0, 0, 0, 0, 0, 0],
      ]),
    ]);
    const counts = kindCounts(
      sumCopies(bytes, info(KIND[''].size, 2)),
      new Map([
        ['file_open', 9],
        ['file_write', 11],
        ['setuid', 40],
      ]),
    );
    expect(counts.get('file_open')).to.deep.equal({
      seen: 15,
      filtered: 9,
      throttled: 1,
      submitted: 2,
      lost_ring_full: 2,
      lost_scratch: 1,
    });
    expect(counts.get('setuid')?.seen).to.equal(0);
    expect(unaccounted(counts), 'one write was seen and is nowhere').to.equal(1);
  });

  it('have a column for every outcome and no other', () => {
    expect(KIND.outcome.size / 8).to.equal(ENUMS.event_outcome.OUTCOME_MAX);
    expect(Object.keys(ENUMS.event_outcome)).to.have.length(ENUMS.event_outcome.OUTCOME_MAX + 1);
  });

  it('give bytes and calls by direction, and system calls by name and class of error', () => {
    const io = sumCopies(entry(0, [[1, 2, 3, 4, 5, 6, 7, 8]]), info(IO[''].size, 1));
    expect(ioTotals(io)).to.deep.equal({
      fileRead: { calls: 1, bytes: 2 },
      fileWrite: { calls: 3, bytes: 4 },
      networkSend: { calls: 5, bytes: 6 },
      networkReceive: { calls: 7, bytes: 8 },
    });
    const open = SYSCALLS.x64.indexOf('openat');
    const bytes = Buffer.concat([
      entry(open, [[9, 1, 2, 3, 0]]),
      entry(1000, [[2, 0, 0, 0, 2]]),
      entry(1001, [[1, 0, 0, 0, 0]]),
    ]);
    const counts = syscallCounts(sumCopies(bytes, info(SYSCALL[''].size, 1)), 'x64');
    expect(counts.get('openat')).to.deep.equal({ calls: 9, errors: { denied: 1, missing: 2, again: 3, failed: 0 } });
    expect(counts.get('other')).to.deep.equal({ calls: 3, errors: { denied: 0, missing: 0, again: 0, failed: 2 } });
  });

  it('of a pair of programs, no more runs are lost than the one that was left out of less', () => {
    const skipped = new Map([
      ['sys_exit', 40],
      ['sys_exit__again', 3],
      ['process_exit', 2],
      ['process_exit__again', 5],
      ['process_rename', 7],
    ]);
    expect([...leftOutRuns(skipped)]).to.deep.equal([
      ['sys_exit', 3],
      ['sys_exit__again', 0],
      ['process_exit', 2],
      ['process_exit__again', 0],
      ['process_rename', 7],
    ]);
  });

  it('are the labels of the metrics', () => {
    expect(ERRNO_CLASSES).to.deep.equal(['denied', 'missing', 'again', 'failed']);
    expect(LOSS_REASONS).to.deep.equal(['ring_full', 'scratch']);
    expect(KERNEL_FAILURES).to.include.members(['rate_map_full', 'path_truncated', 'uring_no_result']);
    expect(KERNEL_FAILURES).to.not.include.members(['none', 'max']);
  });
});

describe('the output of an iterator', () => {
  it('becomes a drained buffer: length, record, padding; a torn end is left out', () => {
    const record = (size: number, says = size) => {
      const bytes = new Uint8Array(size).fill(7);
      new DataView(bytes.buffer).setUint32(4, says, true);
      return bytes;
    };
    const buffer = framed(Buffer.concat([record(24), record(13), record(8, 500)]));
    const view = new DataView(buffer);
    expect(buffer.byteLength).to.equal(8 + 24 + 8 + 16);
    expect([view.getUint32(0, true), view.getUint32(4, true)]).to.deep.equal([24, 0]);
    expect(view.getUint32(32, true)).to.equal(13);
    expect(view.getUint8(8)).to.equal(7);
    expect(framed(new Uint8Array(3)).byteLength).to.equal(0);
  });
});
