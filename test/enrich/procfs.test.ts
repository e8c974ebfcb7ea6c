/** What /proc does not have, or has as nobody expects it, is absent; nothing is thrown, nothing is made up. */
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import fc from 'fast-check';
import { Procfs } from '../../src/enrich/procfs.ts';

const PID = 77;
const STAT = `${PID} (a b) c) S 1 77 77 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 4242 1 1 1\n`;
const FILES = {
  status: 'Name:\ta\nUid:\t5\t6\t7\t8\n',
  cmdline: 'a\0b c\0',
  environ: 'LANG=C\0HOME=/x\0',
  cgroup: '0::/system.slice/a.service\n',
  loginuid: '1000',
} as const;
const LINKS = { exe: '/bin/true', cwd: '/tmp' } as const;
type Entry = keyof typeof FILES | keyof typeof LINKS;
const ENTRIES = [...Object.keys(FILES), ...Object.keys(LINKS)] as Entry[];

describe('/proc with holes', () => {
  let root: string;
  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'bpfwarden-procfs-'));
  });
  afterEach(() => rmSync(root, { recursive: true, force: true }));

  function make(absent: ReadonlySet<Entry>, contents: Partial<Record<Entry | 'stat', Buffer>> = {}): Procfs {
    const directory = join(root, String(PID));
    rmSync(directory, { recursive: true, force: true });
    mkdirSync(directory);
    writeFileSync(join(directory, 'stat'), contents.stat ?? STAT);
    for (const [name, text] of Object.entries(FILES))
      if (!absent.has(name as Entry)) writeFileSync(join(directory, name), contents[name as Entry] ?? text);
    for (const [name, target] of Object.entries(LINKS))
      if (!absent.has(name as Entry)) symlinkSync(target, join(directory, name));
    return new Procfs(['LANG'], root);
  }

  it('is read where all is there', () => {
    const facts = make(new Set()).read(PID);
    expect(facts).to.include({ pid: PID, parentPid: 1, startTicks: 4242, uid: 5, euid: 6 });
    expect(facts?.program).to.deep.include({ path: '/bin/true', cwd: '/tmp', args: ['a', 'b c'], auid: 1000 });
    expect(facts?.program).to.deep.include({ comm: 'a b) c', env: { LANG: 'C' } });
  });

  it('any entries missing: those facts are absent, the others are there', () => {
    fc.assert(
      fc.property(fc.subarray(ENTRIES), (names) => {
        const absent = new Set(names);
        const facts = make(absent).read(PID);
        expect(facts?.parentPid).to.equal(1);
        expect(facts?.uid).to.equal(absent.has('status') ? undefined : 5);
        expect(facts?.cgroup).to.equal(absent.has('cgroup') ? undefined : '/system.slice/a.service');
        expect(facts?.program.path).to.equal(absent.has('exe') ? undefined : '/bin/true');
        expect(facts?.program.deleted).to.equal(absent.has('exe') ? undefined : false);
        expect(facts?.program.cwd).to.equal(absent.has('cwd') ? undefined : '/tmp');
        expect(facts?.program.args).to.deep.equal(absent.has('cmdline') ? undefined : ['a', 'b c']);
        expect(facts?.program.env).to.deep.equal(absent.has('environ') ? undefined : { LANG: 'C' });
        expect(facts?.program.auid).to.equal(absent.has('loginuid') ? undefined : 1000);
        expect(facts?.namespaces).to.equal(undefined);
      }),
      { numRuns: 100 },
    );
  });

  it('whatever they hold, reading throws nothing', () => {
    const bytes = fc.uint8Array({ maxLength: 200 }).map((array) => Buffer.from(array));
    fc.assert(
      fc.property(
        fc.record({ stat: bytes, status: bytes, cmdline: bytes, environ: bytes, cgroup: bytes, loginuid: bytes }),
        (contents) => {
          make(new Set(), contents).read(PID);
          make(new Set(), { ...contents, stat: Buffer.from(STAT) }).read(PID);
        },
      ),
      { numRuns: 100 },
    );
  });

  it('without the process there is nothing', () => {
    expect(new Procfs([], root).read(PID)).to.equal(undefined);
    expect(new Procfs([], root).pids()).to.deep.equal([]);
  });
});
