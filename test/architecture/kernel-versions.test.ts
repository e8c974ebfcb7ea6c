import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';

const BPF = join(import.meta.dirname, '..', '..', 'bpf');
const ASKS = /\bbpf_core_\w+_exists\(/;
/** A commit and its subject, a version, or an option of the kernel's configuration. */
const SAYS = /\b[0-9a-f]{12}\b|\b[5-9]\.\d+\b|\bCONFIG_\w+/;

/** Places that ask what a kernel has, and do not say above which kernel that is. */
function silent(source: string): string[] {
  const lines = source.split('\n');
  return lines.flatMap((line, index) => {
    if (!ASKS.test(line)) return [];
    const above = lines.slice(0, index);
    const start = above.lastIndexOf('}') + 1;
    const comments = [line, ...above.slice(start)].flatMap((text) => /\/\*.*|^\s*\* .*/.exec(text) ?? []);
    return SAYS.test(comments.join('\n')) ? [] : [`${index + 1}: ${line.trim()}`];
  });
}

describe('what kernels differ in', () => {
  it('is said where a program asks for it: the commit, the version or the option of the kernel', () => {
    const sources = readdirSync(BPF).filter((name) => /\.bpf\.[ch]$/.test(name));
    const texts = sources.map((name) => readFileSync(join(BPF, name), 'utf8'));
    expect(texts.join('').split(ASKS).length).to.be.above(20);
    expect(sources.flatMap((name, at) => silent(texts[at] ?? '').map((place) => `bpf/${name}:${place}`))).to.deep.equal(
      [],
    );
  });

  it('is missed where nothing, or only the function before, says so', () => {
    const asks = '\tif (bpf_core_field_exists(struct inode, i_mtime_sec))';
    expect(silent(`/* 6.11 */\n${asks}`)).to.deep.equal([]);
    expect(silent(`/* newer */\n${asks}`)).to.have.length(1);
    expect(silent(`/* 6.11 */\n}\n${asks}`)).to.have.length(1);
  });
});
