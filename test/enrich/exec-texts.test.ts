import { expect } from 'chai';
import { type ExecTexts, execTextsReader } from '../../src/enrich/exec-texts.ts';
import { BatchDecoder } from '../../src/schema/batch.ts';
import { frames, LAYOUT, record } from '../schema/records.ts';

/** Reads records that come one drain after the other, into one buffer. */
function reader(): (...records: readonly Buffer[]) => readonly ExecTexts[] {
  const buffer = new ArrayBuffer(65_536);
  const decoder = new BatchDecoder(LAYOUT, buffer);
  const shape = decoder.shapes.find((one) => one?.kind === 'process_exec');
  if (shape === undefined) throw new Error('no shape');
  const read = execTextsReader(shape, new Set());
  return (...records) => {
    const bytes = frames(records);
    Buffer.from(buffer).set(bytes);
    return decoder.decode(0, bytes.length).map(read);
  };
}

const exec = (path: string, args = '') => record('process_exec', { path, args });

/** By which texts are looked up: FNV-1a of four bytes at a time, and of what is left. */
function hashOf(text: string): number {
  const bytes = Buffer.from(text);
  let hash = 0x811c9dc5;
  let at = 0;
  for (; at < bytes.length - 3; at += 4) {
    hash = Math.imul(hash ^ bytes.readInt32LE(at), 0x01000193);
    hash ^= hash >>> 15;
  }
  for (; at < bytes.length; at++) hash = Math.imul(hash ^ (bytes[at] ?? 0), 0x01000193);
  return hash >>> 0;
}

/** Two paths of one length and one hash. */
function collision(): readonly [string, string] {
  const seen = new Map<number, string>();
  for (let number = 0; ; number++) {
    const path = `/tmp/${String(number * 2_654_435_761).padStart(20, '0')}`;
    const before = seen.get(hashOf(path));
    if (before !== undefined) return [before, path];
    seen.set(hashOf(path), path);
  }
}

describe('texts of exec records', () => {
  it('are the same object for equal records, wherever they lie and whatever came in between', () => {
    const read = reader();
    const [program, other] = [exec('/usr/bin/make', 'make\0all\0'), exec('/usr/bin/gcc', 'gcc\0-c\0')];
    for (let drain = 0; drain < 2; drain++) read(program, other);
    const [known] = read(program);
    read(other, other, other);
    expect(read(other, program)[1]).to.equal(known);
    expect(known?.args).to.deep.equal(['make', 'all']);
  });

  it('are never those of another record that has the same hash', () => {
    const read = reader();
    const [first, second] = collision();
    for (let drain = 0; drain < 4; drain++) expect(read(exec(first))[0]?.path).to.equal(first);
    for (let drain = 0; drain < 4; drain++) expect(read(exec(second))[0]?.path).to.equal(second);
    expect(read(exec(first))[0]?.path).to.equal(first);
  });
});
