import { closeSync, fstatSync, readFileSync, readSync, realpathSync, statSync } from 'node:fs';
import { perSecond, TokenBucket } from '../../token-bucket.ts';
import { openForeignFile } from '../foreign-file.ts';
import { kernelDevice } from '../procfs.ts';
import { buildIdOf, HEAD_BYTES, type ReadAt, sampleOf } from './content.ts';
import { InstalledPrograms } from './installed.ts';
import { Packages } from './packages.ts';

/** Executables looked into a second; each takes about 40 µs. */
const READS = perSecond(200);
const MAX_REMEMBERED = 8_192;
const LOOK_EVERY_MS = 60_000;
/** A package manager at work changes its directories for a while. */
const SETTLE_MS = 20_000;
/** stat(2) shows another device there than the super block's. */
const OTHER_DEVICE = /^(?:btrfs|overlay|bcachefs)$/;
/** Where a host without a package database has its programs. */
const SYSTEM = /^\/(?:usr|bin|sbin|lib|lib32|lib64|libx32|nix\/store|gnu\/store)\//;
const LOCAL = /^\/usr\/local\//;

interface FileCounts {
  /** Executables that were looked into. */
  reads: number;
  /** Not looked into, because as many as allowed were in this second. */
  refused: number;
  /** Gone, or another file by now. */
  failed: number;
  evictions: number;
}

/** An executable as the kernel described it. */
export interface ExecutableFile {
  readonly path?: string | undefined;
  readonly device?: number | undefined;
  readonly inode?: number | undefined;
  readonly ctime?: number | undefined;
  /** Who started it: its root may still lead to the file where the process itself has ended. */
  readonly parent?: number | undefined;
}

/** `undefined`: not known yet. */
type CopyOf = { readonly path: string | undefined } | undefined;

/** Nobody reads the host's programs: there is nothing to wait for. */
const UNKNOWN = { path: undefined } as const;

interface KnownFilesOptions {
  readonly installed?: InstalledPrograms;
  readonly packages?: Packages;
  readonly mountinfo?: string;
  readonly procfs?: string;
}

/** What the host's own files say of a program: what it is a copy of, and whether a package brought it. */
export class KnownFiles {
  readonly counts: FileCounts = { reads: 0, refused: 0, failed: 0, evictions: 0 };
  readonly installed: InstalledPrograms;
  readonly packages: Packages;
  readonly #mountinfo: string;
  readonly #procfs: string;
  readonly #copies = new Map<string, { readonly path: string | undefined }>();
  readonly #host = new Map<string, boolean>();
  #looseDevices: ReadonlySet<number> = new Set();
  readonly #budget = new TokenBucket();
  #seen = '';
  #looked = 0;
  #due: number | undefined;
  #refreshing: Promise<void> | undefined;

  constructor(options: KnownFilesOptions = {}) {
    this.installed = options.installed ?? new InstalledPrograms();
    this.packages = options.packages ?? new Packages();
    this.#mountinfo = options.mountinfo ?? '/proc/self/mountinfo';
    this.#procfs = options.procfs ?? '/proc';
  }

  /** What is known, and what was refused or forgotten. */
  status(): Readonly<Record<string, number>> {
    return {
      installed_programs: this.installed.size,
      package_files: this.packages.size,
      package_files_refused: this.packages.refused,
      ...this.counts,
    };
  }

  /** Reads the host's programs and packages in the background. */
  refresh(): Promise<void> {
    this.#refreshing ??= this.#read().finally(() => {
      this.#refreshing = undefined;
    });
    return this.#refreshing;
  }

  async #read(): Promise<void> {
    this.#seen = this.#times();
    this.#looked = performance.now();
    this.#looseDevices = this.#findLooseDevices();
    await this.installed.refresh((device) => kernelDevice(Number(device)));
    this.#copies.clear();
    await this.packages.refresh();
  }

  /** To be called about once a second: reads again what was installed or removed since. */
  tick(): void {
    const now = performance.now();
    if (this.#looked === 0 || this.#refreshing !== undefined) return;
    if (this.#due !== undefined) {
      if (now < this.#due) return;
      this.#due = undefined;
      void this.refresh();
    } else if (now - this.#looked >= LOOK_EVERY_MS) {
      this.#looked = now;
      if (this.#times() !== this.#seen) this.#due = now + SETTLE_MS;
    }
  }

  #times(): string {
    const watched = [...this.installed.directories, ...this.packages.watched];
    return watched.map((path) => statOf(path)?.mtimeNs ?? 0).join(' ');
  }

  /**
   * The installed program whose content an executable has, where that is
   * another file. One or two pages of the executable are read, once for each
   * inode and change.
   */
  copyOf(file: ExecutableFile, pid: number): CopyOf {
    const { path, device, inode, ctime } = file;
    if (device === undefined || inode === undefined || ctime === undefined) return { path: undefined };
    if (!this.installed.ready) return this.#looked === 0 ? UNKNOWN : undefined;
    const key = `${device}:${inode}:${ctime} ${path}`;
    const known = this.#copies.get(key);
    if (known !== undefined) return known;
    const linked = this.installed.byInode(device, inode);
    if (linked !== undefined) return this.#remember(key, this.#isInstalled(path) ? undefined : linked);
    if (!this.#mayRead()) {
      this.counts.refused++;
      return undefined;
    }
    return this.#remember(key, this.#look(file, inode, pid));
  }

  /** It lies where programs are installed, so it is called by its own name. */
  #isInstalled(path: string | undefined): boolean {
    return path !== undefined && this.installed.has(path);
  }

  #look({ path, parent }: ExecutableFile, inode: number, pid: number): string | undefined {
    const beside = path === undefined || parent === undefined ? undefined : `${this.#procfs}/${parent}/root${path}`;
    for (const name of [`${this.#procfs}/${pid}/exe`, beside, path]) {
      if (name === undefined) continue;
      const descriptor = openForeignFile(name);
      if (descriptor === undefined) continue;
      try {
        const { ino, size } = fstatSync(descriptor, { bigint: true });
        if (Number(ino) !== inode) continue;
        this.counts.reads++;
        return this.#match(descriptor, Number(size));
      } finally {
        closeSync(descriptor);
      }
    }
    this.counts.failed++;
    return undefined;
  }

  #match(descriptor: number, size: number): string | undefined {
    const readAt: ReadAt = (position, length) => {
      const buffer = Buffer.alloc(length);
      return buffer.subarray(0, readSync(descriptor, buffer, 0, length, position));
    };
    const id = buildIdOf(readAt(0, HEAD_BYTES), readAt);
    const byId = id === undefined ? undefined : this.installed.byBuildId(id);
    if (byId !== undefined || !this.installed.hasSize(size)) return byId;
    const sample = sampleOf(size, readAt);
    return sample === undefined ? undefined : this.installed.bySample(sample);
  }

  #remember(key: string, path: string | undefined): { readonly path: string | undefined } {
    const found = { path };
    this.#copies.set(key, found);
    if (bound(this.#copies)) this.counts.evictions++;
    return found;
  }

  /**
   * Whether the file is the one that the host itself has at the path: in a
   * container, after pivot_root or chroot the same path leads elsewhere.
   */
  isHostFile({ path, device, inode }: ExecutableFile): boolean {
    if (path === undefined || device === undefined || inode === undefined) return false;
    const key = `${device}:${inode} ${path}`;
    let same = this.#host.get(key);
    if (same === undefined) {
      const found = statOf(path);
      const number = found === undefined ? undefined : kernelDevice(Number(found.dev));
      same = Number(found?.ino) === inode && (number === device || this.#looseDevices.has(device));
      this.#host.set(key, same);
      if (bound(this.#host)) this.counts.evictions++;
    }
    return same;
  }

  /** Whether a package brought the executable; undefined where the host has no package database. */
  isPackaged(file: ExecutableFile): boolean | undefined {
    if (file.path === undefined) return undefined;
    const listed = this.packages.has(file.path);
    return listed === undefined ? undefined : listed && this.isHostFile(file);
  }

  /** It came with the system, as its path tells: from a package, or in a directory of the system where there are no packages. */
  isSystemPath(path: string): boolean {
    return this.packages.has(path) ?? (SYSTEM.test(path) && !LOCAL.test(path));
  }

  /** The same of a script, which the kernel does not describe: as the host has it now. Nobody but root can change it. */
  isSystemScript(path: string): boolean {
    const found = statOf(path);
    if (found === undefined || found.uid !== 0n || (Number(found.mode) & 0o022) !== 0) return false;
    // Alternatives and other links are made after the packages' lists.
    return this.isSystemPath(path) || this.isSystemPath(resolved(path));
  }

  /** Whether its first line names an interpreter. */
  beginsAsScript(path: string): boolean {
    const descriptor = openForeignFile(path);
    if (descriptor === undefined) return false;
    try {
      const begin = Buffer.alloc(2);
      return readSync(descriptor, begin, 0, 2, 0) === 2 && begin.toString('latin1') === '#!';
    } finally {
      closeSync(descriptor);
    }
  }

  #mayRead(): boolean {
    return this.#budget.take(READS, performance.now());
  }

  #findLooseDevices(): ReadonlySet<number> {
    const devices = new Set<number>();
    for (const line of textOf(this.#mountinfo).split('\n')) {
      const [own = '', other = ''] = line.split(' - ');
      const [major, minor] = (own.split(' ')[2] ?? '').split(':').map(Number);
      if (OTHER_DEVICE.test(other.split(' ')[0] ?? '') && major !== undefined && minor !== undefined)
        devices.add(major * 2 ** 20 + minor);
    }
    return devices;
  }
}

/** Forgets the oldest entry where there is one too many. */
function bound(map: Map<string, unknown>): boolean {
  if (map.size <= MAX_REMEMBERED) return false;
  for (const oldest of map.keys()) {
    map.delete(oldest);
    break;
  }
  return true;
}

function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    // Without it every device is compared.
    return '';
  }
}

function resolved(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    // Removed since it was looked at.
    return path;
  }
}

function statOf(path: string) {
  try {
    return statSync(path, { bigint: true, throwIfNoEntry: false });
  } catch {
    // A directory on the way is no directory, or may not be entered: not this host's file.
    return undefined;
  }
}
