import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { buildIdOf } from '../../src/enrich/files/content.ts';
import { InstalledPrograms } from '../../src/enrich/files/installed.ts';
import { type ExecutableFile, KnownFiles } from '../../src/enrich/files/known-files.ts';
import { Packages } from '../../src/enrich/files/packages.ts';
import { headerFiles } from '../../src/enrich/files/rpm-database.ts';
import { kernelDevice } from '../../src/enrich/procfs.ts';
import { Program } from '../../src/enrich/program.ts';

let root: string;
let bin: string;
const PID = 2 ** 22 + 1; // no process has it

/** A file as the kernel would describe it. */
function file(path: string): ExecutableFile {
  const { dev, ino, ctimeNs } = statSync(path, { bigint: true });
  return { path, device: kernelDevice(Number(dev)), inode: Number(ino), ctime: Number(ctimeNs) };
}

async function known(): Promise<KnownFiles> {
  const files = new KnownFiles({
    installed: new InstalledPrograms([bin, join(root, 'absent')], process.getuid?.()),
    packages: new Packages(root),
  });
  await files.refresh();
  return files;
}

describe('what an executable is a copy of', () => {
  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'bpfwarden-files-'));
    bin = join(root, 'bin');
    mkdirSync(bin);
    // cat and head as two programs; their contents differ.
    copyFileSync('/bin/cat', join(bin, 'cat'));
    copyFileSync('/usr/bin/head', join(bin, 'head'));
    writeFileSync(join(bin, 'script'), '#!/bin/sh\n', { mode: 0o755 });
  });
  afterEach(() => rmSync(root, { recursive: true, force: true }));

  it('is found by a hard link, a copy, and not for the program itself', async () => {
    const files = await known();
    linkSync(join(bin, 'cat'), join(root, 'linked'));
    copyFileSync('/bin/cat', join(root, 'ip'));
    expect(files.copyOf(file(join(root, 'linked')), PID)).to.deep.equal({ path: join(bin, 'cat') });
    expect(files.copyOf(file(join(root, 'ip')), PID)).to.deep.equal({ path: join(bin, 'cat') });
    expect(files.copyOf(file(join(bin, 'cat')), PID)).to.deep.equal({ path: undefined });
    expect(files.counts).to.include({ reads: 1, failed: 0, refused: 0 });
    files.copyOf(file(join(root, 'ip')), PID);
    expect(files.counts.reads).to.equal(1);
  });

  it('is nothing for a program that is installed elsewhere and linked from PATH', async () => {
    const server = join(root, 'lib', 'server');
    mkdirSync(join(root, 'lib'));
    copyFileSync('/usr/bin/tail', server);
    symlinkSync(server, join(root, 'alternative'));
    symlinkSync(join(root, 'alternative'), join(bin, 'server'));
    const files = await known();
    expect(files.copyOf(file(server), PID)).to.deep.equal({ path: undefined });
    linkSync(server, join(root, 'linked'));
    expect(files.copyOf(file(join(root, 'linked')), PID)).to.deep.equal({ path: join(bin, 'server') });
  });

  it('is found below the root of the parent when the process has ended, wherever that root is', async () => {
    const procfs = join(root, 'proc');
    const other = join(root, 'other');
    for (const directory of [join(procfs, '77'), other]) mkdirSync(directory, { recursive: true });
    symlinkSync(other, join(procfs, '77', 'root'));
    copyFileSync('/bin/cat', join(other, 'c'));
    const files = new KnownFiles({ installed: new InstalledPrograms([bin], process.getuid?.()), procfs });
    await files.refresh();
    const started = { ...file(join(other, 'c')), path: '/c' };
    expect(files.copyOf({ ...started, parent: 77 }, 78)).to.deep.equal({ path: join(bin, 'cat') });
    expect(files.counts).to.include({ reads: 1, failed: 0 });
  });

  it('is found with bytes appended, and with another build id', async () => {
    const files = await known();
    const longer = join(root, 'longer');
    copyFileSync('/bin/cat', longer);
    truncateSync(longer, statSync(longer).size + 1);
    expect(files.copyOf(file(longer), PID)?.path).to.equal(join(bin, 'cat'));
    const forged = readFileSync('/bin/cat');
    const id = Buffer.from(buildIdOf(forged, () => Buffer.alloc(0)) ?? '', 'hex');
    expect(id.length).to.equal(20);
    forged.fill(0xee, forged.indexOf(id), forged.indexOf(id) + 20);
    writeFileSync(join(root, 'forged'), forged, { mode: 0o755 });
    expect(files.copyOf(file(join(root, 'forged')), PID)?.path).to.equal(join(bin, 'cat'));
  });

  it('is nothing for another program, and unknown only until the programs are read', async () => {
    const files = await known();
    copyFileSync('/usr/bin/tail', join(root, 'tail'));
    expect(files.copyOf(file(join(root, 'tail')), PID)).to.deep.equal({ path: undefined });
    expect(files.copyOf({ path: '/gone', device: 1, inode: 2, ctime: 3 }, PID)).to.deep.equal({ path: undefined });
    expect(files.counts.failed).to.equal(1);
    const fresh = new KnownFiles({ installed: new InstalledPrograms([bin], process.getuid?.()) });
    expect(fresh.copyOf(file(join(root, 'tail')), PID)).to.deep.equal({ path: undefined });
    const reading = fresh.refresh();
    expect(fresh.copyOf(file(join(root, 'tail')), PID)).to.equal(undefined);
    await reading;
  });

  it('does not take what others may write for an installed program', async () => {
    chmodSync(join(bin, 'head'), 0o777);
    const files = await known();
    copyFileSync('/usr/bin/head', join(root, 'x'));
    expect(files.installed.size).to.equal(1);
    expect(files.copyOf(file(join(root, 'x')), PID)).to.deep.equal({ path: undefined });
  });

  it('follows what is installed later', async () => {
    const files = await known();
    copyFileSync('/usr/bin/tail', join(bin, 'tail'));
    copyFileSync('/usr/bin/tail', join(root, 'x'));
    expect(files.copyOf(file(join(root, 'x')), PID)?.path).to.equal(undefined);
    await files.refresh();
    expect(files.copyOf(file(join(root, 'x')), PID)?.path).to.equal(join(bin, 'tail'));
  });

  it('reads the build id that binutils reads', function () {
    const { status, stdout } = spawnSync('readelf', ['-n', '/bin/cat'], { encoding: 'utf8' });
    if (status !== 0) this.skip();
    const id = /Build ID: ([0-9a-f]+)/.exec(stdout)?.[1];
    expect(buildIdOf(readFileSync('/bin/cat'), () => Buffer.alloc(0))).to.equal(id);
  });

  it('survives broken files', () => {
    const whole = readFileSync('/bin/cat').subarray(0, 4096);
    for (let seed = 1; seed < 3000; seed++) {
      const broken = Buffer.from(whole);
      for (let at = 0; at < 8; at++) broken[(seed * 31 * (at + 1)) % (at < 4 ? 1024 : 64)] = (seed * 7 + at) & 0xff;
      broken.writeUInt32LE(0x464c457f, 0);
      buildIdOf(broken.subarray(0, seed), () => Buffer.alloc(0));
    }
  });
});

describe('whether a file came with the system', () => {
  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'bpfwarden-packages-'));
    bin = join(root, 'bin');
  });
  afterEach(() => rmSync(root, { recursive: true, force: true }));
  const put = (path: string, text: string) => {
    mkdirSync(join(root, path, '..'), { recursive: true });
    writeFileSync(join(root, path), text);
  };

  it('is what the lists of dpkg say, also where /bin is a link', async () => {
    put('var/lib/dpkg/info/dash.list', '/.\n/bin\n/bin/dash\n/usr/share/doc/dash/x\n');
    put('var/lib/dpkg/info/apt.list', '/usr/bin/apt\n/usr/lib/apt/méthode');
    mkdirSync(join(root, 'usr/bin'), { recursive: true });
    symlinkSync('usr/bin', join(root, 'bin'));
    const packages = new Packages(root);
    expect(packages.has('/usr/bin/apt')).to.equal(undefined);
    await packages.refresh();
    expect(packages.has('/usr/bin/dash')).to.equal(true);
    expect(packages.has('/bin/dash')).to.equal(true);
    expect(packages.has('/usr/bin/apt')).to.equal(true);
    expect(packages.has('/usr/lib/apt/méthode')).to.equal(true);
    expect(packages.has('/usr/bin/ap')).to.equal(false);
    expect(packages.has('/usr/share/doc/dash/x')).to.equal(false);
    unlinkSync(join(root, 'var/lib/dpkg/info/apt.list'));
    await packages.refresh();
    expect(packages.has('/usr/bin/apt')).to.equal(false);
  });

  it('is what apk and pacman say', async () => {
    put('lib/apk/db/installed', 'P:busybox\nF:bin\nR:busybox\nF:usr/lib\nR:x.so\n\n');
    put('var/lib/pacman/local/bash-5/files', '%FILES%\nusr/bin/\nusr/bin/bash\n\n%BACKUP%\netc/bash.bashrc\tx\n');
    const packages = new Packages(root);
    await packages.refresh();
    for (const path of ['/bin/busybox', '/usr/lib/x.so', '/usr/bin/bash'])
      expect(packages.has(path), path).to.equal(true);
    expect(packages.has('/etc/bash.bashrc\tx')).to.equal(false);
  });

  it('is what an RPM database says', async () => {
    const strings = (texts: readonly string[]) => Buffer.from(texts.map((text) => `${text}\0`).join(''));
    const directories = strings(['/usr/bin/', '/usr/lib/x/']);
    const names = strings(['bash', 'tool', 'y']);
    const indexes = Buffer.from([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
    const data = Buffer.concat([indexes, names, directories]);
    const entry = (tag: number, type: number, offset: number, count: number) => {
      const bytes = Buffer.alloc(16);
      [tag, type, offset, count].forEach((value, index) => {
        bytes.writeUInt32BE(value, index * 4);
      });
      return bytes;
    };
    const head = Buffer.alloc(8);
    head.writeUInt32BE(4, 0);
    head.writeUInt32BE(data.length, 4);
    const header = Buffer.concat([
      head,
      entry(1000, 6, 0, 1),
      entry(1116, 4, 0, 3),
      entry(1117, 8, indexes.length, 3),
      entry(1118, 8, indexes.length + names.length, 2),
      data,
    ]);
    const place = 'var/lib/rpm/rpmdb.sqlite';
    mkdirSync(join(root, place, '..'), { recursive: true });
    const { DatabaseSync } = await import('node:sqlite');
    const database = new DatabaseSync(join(root, place));
    database.exec('CREATE TABLE Packages (hnum INTEGER PRIMARY KEY AUTOINCREMENT, blob BLOB NOT NULL)');
    database.prepare('INSERT INTO Packages (blob) VALUES (?)').run(header);
    database.prepare('INSERT INTO Packages (blob) VALUES (?)').run(header.subarray(0, 40));
    database.close();
    const packages = new Packages(root);
    await packages.refresh();
    for (const path of ['/usr/bin/bash', '/usr/bin/tool', '/usr/lib/x/y'])
      expect(packages.has(path), path).to.equal(true);
    expect(packages.has('/usr/bin/y')).to.equal(false);
    writeFileSync(join(root, place), 'no database');
    await packages.refresh();
    expect(packages.has('/usr/bin/bash')).to.equal(undefined);
    for (let length = 0; length < header.length; length++) headerFiles(header.subarray(0, length), () => undefined);
  });

  it('is not known without a database', async () => {
    const packages = new Packages(root);
    await packages.refresh();
    expect(packages.has('/bin/sh')).to.equal(undefined);
    const files = new KnownFiles({ packages });
    expect(files.isSystemPath('/usr/bin/dpkg')).to.equal(true);
    expect(files.isSystemPath('/usr/local/bin/dpkg')).to.equal(false);
    expect(files.isSystemPath('/home/a/dpkg')).to.equal(false);
  });

  it("is only true of the host's own file", () => {
    const files = new KnownFiles({ packages: new Packages(root) });
    const shell = file('/bin/cat');
    expect(files.isHostFile(shell)).to.equal(true);
    expect(files.isHostFile({ ...shell, device: 12345 })).to.equal(false);
    expect(files.isHostFile({ ...shell, inode: 1 })).to.equal(false);
    expect(files.isHostFile({ ...shell, path: '/no/such' })).to.equal(false);
  });

  it('is not what a handler of binfmt_misc was made to run, unless that names its interpreter itself', async function () {
    this.timeout(60_000);
    const files = new KnownFiles();
    await files.refresh();
    const trusted = (path: string, script: string) => {
      const facts = {
        ...file(path),
        owner: 0,
        mode: 0o100755,
        filename: script,
        interpreter: path,
        args: [path, script],
      };
      return new Program(facts, PID, { files }).trusted;
    };
    const [bash, head, ldd] = ['bash', 'head', 'ldd'].map((name) => realpathSync(`/usr/bin/${name}`));
    expect(trusted(bash ?? '', ldd ?? '')).to.equal(true);
    expect(trusted(head ?? '', bash ?? '')).to.equal(false);
    expect(files.beginsAsScript('/no/such')).to.equal(false);
  });
});
