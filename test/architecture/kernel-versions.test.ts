import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';

/** enum bpf_map_type and the flags of BPF_MAP_CREATE that programs have need of, all of 5.15 (include/uapi/linux/bpf.h). */
const MAPS = new Set(
  ['HASH', 'ARRAY', 'PROG_ARRAY', 'PERCPU_HASH', 'PERCPU_ARRAY', 'LRU_HASH', 'LRU_PERCPU_HASH', 'LPM_TRIE']
    .concat('ARRAY_OF_MAPS', 'HASH_OF_MAPS', 'SK_STORAGE', 'RINGBUF', 'TASK_STORAGE')
    .map((name) => `BPF_MAP_TYPE_${name}`),
);
const FLAGS = new Set(['BPF_F_NO_PREALLOC', 'BPF_F_MMAPABLE']);

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

  it('is not maps, flags of maps, functions of the kernel or types of variables that Linux 5.15 lacks', () => {
    const texts = readdirSync(BPF)
      .filter((name) => /\.bpf\.[ch]$/.test(name))
      .map((name) => readFileSync(join(BPF, name), 'utf8').replace(/\/\*.*?\*\//gs, ''));
    const used = (pattern: RegExp) => new Set(texts.flatMap((text) => [...text.matchAll(pattern)].map((m) => m[1])));
    expect([...used(/__uint\(type,\s*(\w+)\)/g)].filter((type) => !MAPS.has(type ?? ''))).to.deep.equal([]);
    expect([...used(/__uint\(map_flags,\s*([^)]+)\)/g)].filter((flags) => !FLAGS.has(flags ?? ''))).to.deep.equal([]);
    // A weak one is refused there although its call is dead code; dynptrs, iterators and arenas are made of them.
    expect([...used(/\b(__ksym|__kptr\w*|__arena|__percpu_kptr|bpf_for_each|bpf_dynptr\w*)\b/g)]).to.deep.equal([]);
    // Global functions: pointers to kernel objects since 6.9; to memory of a program since 5.12, if its size is known and the
    // function asks whether it is there (with a tag instead only since 6.8).
    const globals = texts.flatMap((text) => [...text.matchAll(/^__noinline\s[^;{]*?(\w+)\(([^)]*)\)\s*\{(.*?)^\}/gms)]);
    expect(globals).to.have.length.above(20);
    const ofKernel = readFileSync(join(BPF, 'vmlinux.h'), 'utf8');
    const refused = globals.filter(([, , given = '', body = '']) =>
      [...given.matchAll(/([^,]*)\*\s*(\w+)/g)].some(([, type = '', name]) => {
        const struct = /struct (\w+) $/.exec(type)?.[1];
        return struct === undefined || ofKernel.includes(`struct ${struct} {`) || !body.includes(`!${name}`);
      }),
    );
    expect(refused.map(([, name]) => name)).to.deep.equal([]);
    const loops = texts.filter((text) => /\bbpf_loop\(/.test(text));
    expect(loops).to.have.length.above(0);
    // A kernel that has the tracepoint io_uring_cqe_overflow (5.19) has the helper.
    const asked = /bpf_core_enum_value_exists\(enum bpf_func_id, BPF_FUNC_loop\)|tp_btf\/io_uring_cqe_overflow/;
    for (const text of loops) expect(text).to.match(asked);
  });

  it('is missed where nothing, or only the function before, says so', () => {
    const asks = '\tif (bpf_core_field_exists(struct inode, i_mtime_sec))';
    expect(silent(`/* 6.11 */\n${asks}`)).to.deep.equal([]);
    expect(silent(`/* newer */\n${asks}`)).to.have.length(1);
    expect(silent(`/* 6.11 */\n}\n${asks}`)).to.have.length(1);
  });
});
