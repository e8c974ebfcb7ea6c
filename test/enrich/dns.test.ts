import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import fc from 'fast-check';
import { DnsCache, parseAnswers } from '../../src/enrich/dns.ts';
import { Resolvers } from '../../src/enrich/resolvers.ts';

const name = (text: string) => [...text.split('.').flatMap((label) => [label.length, ...Buffer.from(label)]), 0];
const u16 = (value: number) => [value >> 8, value & 255];

/** An answer message for one question. */
function answer(
  question: string,
  records: { owner?: string; type: number; data: number[]; ttl?: number }[],
  flags = 0x8180,
): Uint8Array {
  const body = records.flatMap(({ owner, type, data, ttl = 60 }) => [
    ...(owner === undefined ? [0xc0, 12] : name(owner)),
    ...u16(type),
    ...u16(1),
    0,
    0,
    ...u16(ttl),
    ...u16(data.length),
    ...data,
  ]);
  return Uint8Array.from([
    ...u16(7),
    ...u16(flags),
    ...u16(1),
    ...u16(records.length),
    0,
    0,
    0,
    0,
    ...name(question),
    ...u16(1),
    ...u16(1),
    ...body,
  ]);
}

describe('DNS answers', () => {
  it('gives addresses the name that was asked for, through a chain of aliases', () => {
    const message = answer('www.Example.com', [
      { type: 5, data: name('edge.example.net') },
      { owner: 'edge.example.net', type: 1, data: [192, 0, 2, 7] },
      { owner: 'edge.example.net', type: 28, data: [0x20, 1, 0xd, 0xb8, ...Array(11).fill(0), 1] },
    ]);
    expect(parseAnswers(message)).to.deep.equal([
      { name: 'www.example.com', address: '192.0.2.7', ttlSeconds: 60 },
      { name: 'www.example.com', address: '2001:db8::1', ttlSeconds: 60 },
    ]);
  });

  it('does not believe records of other names, queries and failures', () => {
    expect(
      parseAnswers(answer('a.example', [{ owner: 'bank.example', type: 1, data: [192, 0, 2, 66] }])),
    ).to.deep.equal([]);
    expect(parseAnswers(answer('a.example', [{ type: 1, data: [192, 0, 2, 1] }], 0x0100))).to.deep.equal([]);
    expect(parseAnswers(answer('a.example', [{ type: 1, data: [192, 0, 2, 1] }], 0x8183))).to.deep.equal([]);
  });

  it('ends on compression loops and on any bytes', () => {
    const loop = answer('a.example', [{ type: 1, data: [192, 0, 2, 1] }]);
    loop[12] = 0xc0;
    loop[13] = 12;
    expect(parseAnswers(loop)).to.deep.equal([]);
    fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => Array.isArray(parseAnswers(bytes))));
    const whole = answer('a.example', [{ type: 1, data: [192, 0, 2, 1] }]);
    fc.assert(
      fc.property(fc.nat({ max: whole.length - 1 }), (length) => parseAnswers(whole.subarray(0, length)).length === 0),
    );
  });

  it('keeps a name for its time to live and no more names than its limit', () => {
    const cache = new DnsCache(2);
    for (const last of [1, 2, 3])
      cache.learn(answer(`h${last}.example`, [{ type: 1, data: [192, 0, 2, last], ttl: 30 }]), 100, 'a');
    expect(cache.lookup('192.0.2.1', 101, 'a')).to.equal(undefined);
    expect(cache.evictions).to.equal(1);
    expect(cache.lookup('192.0.2.3', 129, 'a')).to.equal('h3.example');
    expect([1, 2, 3].map((last) => cache.has(`192.0.2.${last}`))).to.deep.equal([false, true, true]);
    expect(cache.lookup('192.0.2.3', 130, 'a')).to.equal(undefined);
    expect(cache.has('192.0.2.3')).to.equal(false);
    expect(cache.size).to.equal(1);
  });

  it('does not tell one process what another was told', () => {
    const cache = new DnsCache(10);
    cache.learn(answer('evil.example', [{ type: 1, data: [192, 0, 2, 1] }]), 100, 'a');
    expect(cache.lookup('192.0.2.1', 101, 'b')).to.equal(undefined);
    expect(cache.lookup('192.0.2.1', 101, 'a')).to.equal('evil.example');
  });
});

describe('resolvers of a process', () => {
  it('are those of its own resolv.conf', () => {
    const root = mkdtempSync(join(tmpdir(), 'bpfwarden-resolvers-'));
    const etc = (pid: number) => join(root, String(pid), 'root', 'etc');
    for (const pid of [1, 2]) mkdirSync(etc(pid), { recursive: true });
    writeFileSync(
      join(etc(1), 'resolv.conf'),
      '# x\nsearch example\n nameserver 192.0.2.53 # first\nnameserver FE80::1%eth0\n',
    );
    writeFileSync(join(etc(2), 'resolv.conf'), '');
    const resolvers = new Resolvers(root);
    expect(resolvers.asks(1, '192.0.2.53', 0)).to.equal(true);
    expect(resolvers.asks(1, 'fe80::1', 0)).to.equal(true);
    expect(resolvers.asks(1, '127.0.0.1', 0)).to.equal(false);
    expect(resolvers.asks(2, '127.0.0.1', 0)).to.equal(true);
    rmSync(root, { recursive: true });
  });

  it('are not waited for where the process has a pipe, a device or a huge file there', () => {
    const root = mkdtempSync(join(tmpdir(), 'bpfwarden-resolvers-'));
    const [pipe, device, huge] = [1, 2, 3].map((pid) => {
      const etc = join(root, String(pid), 'root', 'etc');
      mkdirSync(etc, { recursive: true });
      return join(etc, 'resolv.conf');
    });
    execFileSync('mkfifo', [pipe ?? '']);
    symlinkSync('/dev/zero', device ?? '');
    writeFileSync(huge ?? '', 'nameserver 192.0.2.54\n');
    truncateSync(huge ?? '', 2 ** 40);
    // In a process of its own: what waits in the kernel cannot be ended by a timer of ours.
    const program = `
      import { Resolvers } from '${join(import.meta.dirname, '../../src/enrich/resolvers.ts')}';
      const resolvers = new Resolvers('${root}');
      console.log([1, 2, 3].map((pid) => resolvers.asks(pid, '192.0.2.54', 0)).join());`;
    const { stdout, stderr } = spawnSync(process.execPath, ['--import=tsx', '--input-type=module', '--eval', program], {
      encoding: 'utf8',
      timeout: 60_000,
      killSignal: 'SIGKILL',
    });
    expect(stdout.trim(), stderr).to.equal('false,false,true');
    rmSync(root, { recursive: true });
  }).timeout(120_000);
});
