import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { constants } from 'node:os';
import { expect } from 'chai';
import type { Native } from '../../native/addon.d.ts';
import { buildFixture, loadAddon, loadFixture, u32, u64 } from './support.ts';

const native: Native = loadAddon();

function bytes(value: Uint8Array | number): Uint8Array {
  if (typeof value === 'number') throw new Error(`answered ${value}`);
  return value;
}

const words = (value: Uint8Array | number): number[] => {
  const data = bytes(value);
  return [...new Uint32Array(data.buffer, data.byteOffset, data.byteLength / 4)];
};

describe('native: maps', () => {
  const fixture = buildFixture();
  before(() => loadFixture(native, fixture.path));
  after(() => {
    native.close();
    fixture.remove();
  });

  it('tells a map’s shape', () => {
    expect(native.mapInfo('table')).to.deep.equal({ type: 1, keySize: 4, valueSize: 8, maxEntries: 1000, copies: 1 });
    expect(native.mapInfo('none')).to.equal(-constants.errno.ENOENT);
  });

  it('writes, reads, deletes and empties a hash, in batches', () => {
    const count = 500;
    const keys = u32(...Array.from({ length: count }, (_, i) => i));
    const values = new Uint8Array(new BigUint64Array(count).map((_, i) => BigInt(i) * 3n).buffer);
    expect(native.writeMap('table', keys, values)).to.equal(count);
    const all = bytes(native.readMap('table'));
    expect(all.byteLength).to.equal(count * 12);
    const view = new DataView(all.buffer, all.byteOffset);
    const seen = new Set<number>();
    for (let at = 0; at < all.byteLength; at += 12) {
      const key = view.getUint32(at, true);
      seen.add(key);
      expect(view.getBigUint64(at + 4, true)).to.equal(BigInt(key) * 3n);
    }
    expect(seen.size).to.equal(count);
    expect(native.writeMap('table', u32(7, 7777), null)).to.equal(2);
    expect(native.readMap('table', u32(7))).to.equal(-constants.errno.ENOENT);
    expect(native.writeMap('table', null, null)).to.equal(count - 1);
    expect(bytes(native.readMap('table')).byteLength).to.equal(0);
  });

  it('a full map says so', () => {
    const count = 1100;
    const keys = u32(...Array.from({ length: count }, (_, i) => i));
    expect(native.writeMap('table', keys, new Uint8Array(count * 8))).to.equal(-constants.errno.E2BIG);
    native.writeMap('table', null, null);
  });

  it('spreads one value over all CPUs and reads all copies', () => {
    const info = native.mapInfo('counts');
    if (typeof info === 'number') throw new Error(`answered ${info}`);
    expect(native.writeMap('counts', u32(1), u32(42))).to.equal(1);
    const copies = words(native.readMap('counts', u32(1)));
    expect(copies).to.have.length(info.copies * 2);
    expect(copies.filter((_, i) => i % 2 === 0)).to.deep.equal(Array(info.copies).fill(42));
    expect(bytes(native.readMap('counts')).byteLength).to.equal(4 * (4 + 8 * info.copies));
  });

  it('longest prefix keys', () => {
    const ten = new Uint8Array([...u32(8), 10, 0, 0, 0]);
    expect(native.writeMap('prefixes', ten, u32(5))).to.equal(1);
    expect(words(native.readMap('prefixes', new Uint8Array([...u32(32), 10, 1, 2, 3])))).to.deep.equal([5]);
    expect(native.readMap('prefixes', new Uint8Array([...u32(32), 11, 1, 2, 3]))).to.equal(-constants.errno.ENOENT);
  });

  it('array memory is shared with the kernel and detached by close', () => {
    const memory = native.mapMemory('reader_state');
    if (typeof memory === 'number') throw new Error(`answered ${memory}`);
    expect(native.mapMemory('reader_state')).to.equal(memory);
    new DataView(memory).setBigUint64(0, 77n, true);
    expect(bytes(native.readMap('reader_state', u32(0)))).to.deep.equal(u64(77));
    native.writeMap('reader_state', u32(0), u64(0));
    expect(new DataView(memory).getBigUint64(0, true)).to.equal(0n);
    expect(native.mapMemory('table')).to.equal(-constants.errno.EINVAL);
    native.close();
    expect(memory.byteLength).to.equal(0);
    loadFixture(native, fixture.path);
  });

  it('reads an iterator to its end', () => {
    expect(words(native.readIterator('tasks'))).to.include(process.pid);
    expect(native.readIterator('on_kill')).to.be.below(0);
  });

  it('attaches a cgroup program, and detaches it', () => {
    expect(native.attach('refuse', '/no/such/group')).to.equal(-constants.errno.ENOENT);
    const mounted = readFileSync('/proc/self/mounts', 'utf8')
      .split('\n')
      .find((line) => line.split(' ')[2] === 'cgroup2');
    const group = mounted?.split(' ')[1];
    if (group === undefined) throw new Error('no cgroup2 file system is mounted');
    expect(native.attach('refuse', group)).to.equal(0);
    expect(native.detach('refuse')).to.equal(0);
    expect(native.detach('refuse')).to.equal(0);
  });

  it('signals a process only by pid and start time', async () => {
    const child = spawn('sleep', ['30'], { stdio: 'ignore' });
    const ended = once(child, 'exit');
    const pid = child.pid ?? 0;
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const start = Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]);
    expect(native.pidfdSignal(pid, 9, start + 1)).to.equal(-constants.errno.ESRCH);
    expect(native.pidfdSignal(pid, 0, start)).to.equal(0);
    expect(native.pidfdSignal(pid, 9, start)).to.equal(0);
    expect(await ended).to.deep.equal([null, 'SIGKILL']);
    expect(native.pidfdSignal(1, 9, 0)).to.equal(-constants.errno.EINVAL);
    expect(native.pidfdSignal(process.pid, 9, 0)).to.equal(-constants.errno.EINVAL);
  });
});
