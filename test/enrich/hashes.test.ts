import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { Hashes } from '../../src/enrich/hashes.ts';

describe('hashes of executables', () => {
  let directory: string;
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'bpfwarden-hash-'));
  });
  afterEach(() => rmSync(directory, { recursive: true, force: true }));

  const keyOf = (path: string) => {
    const { dev, ino, mtimeMs } = statSync(path);
    return { device: dev, inode: ino, mtime: mtimeMs };
  };

  it('are computed once and remembered', async () => {
    const path = join(directory, 'x');
    writeFileSync(path, 'hello');
    const hashes = new Hashes(1000);
    const key = keyOf(path);
    expect(hashes.known(key)).to.equal(undefined);
    const [first] = await Promise.all([hashes.compute(key, path), hashes.compute(key, path)]);
    expect(first?.sha256).to.equal(createHash('sha256').update('hello').digest('hex'));
    expect(hashes.known(key)?.md5).to.equal(createHash('md5').update('hello').digest('hex'));
    expect(hashes.counts.computed).to.equal(1);
  });

  it('are refused for long files, other inodes and absent files, each counted', async () => {
    const path = join(directory, 'x');
    writeFileSync(path, 'hello');
    const hashes = new Hashes(4);
    expect(await hashes.compute(keyOf(path), path)).to.equal(undefined);
    expect(await hashes.compute({ ...keyOf(path), inode: 1 }, path)).to.equal(undefined);
    expect(await hashes.compute({ device: 1, inode: 2, mtime: 3 }, join(directory, 'absent'))).to.equal(undefined);
    expect(hashes.counts).to.include({ computed: 0, tooLarge: 1, failed: 2 });
  });

  it('wait in a queue with a limit', async () => {
    const path = join(directory, 'x');
    writeFileSync(path, 'hello');
    const hashes = new Hashes(1000);
    const { inode, device } = keyOf(path);
    const jobs = Array.from({ length: 300 }, (_, mtime) => hashes.compute({ device, inode, mtime }, path));
    await Promise.all(jobs);
    expect(hashes.counts.refused).to.equal(44);
    expect(hashes.counts.computed).to.equal(256);
  });
});
