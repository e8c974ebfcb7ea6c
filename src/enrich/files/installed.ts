import { lstat, open, readdir, realpath, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { buildIdOf, HEAD_BYTES, isElf, type ReadAt, sampleOf } from './content.ts';

/** Where installed programs lie. The first name of a content is the one that copies are called by. */
const PROGRAM_DIRECTORIES = ['/usr/bin', '/usr/sbin', '/bin', '/sbin', '/usr/local/bin', '/usr/local/sbin'];
const MAX_PROGRAMS = 8_192;
const WORLD_OR_GROUP_WRITE = 0o022;

interface Known {
  readonly key: string;
  readonly path: string;
  /**
   * The path is a symbolic link to this one: programs are called by their own name rather than by one of
   * these. What it leads to is installed, too, wherever it lies (/usr/lib/jvm, /usr/lib/postgresql).
   */
  readonly target: string | undefined;
  readonly inode: string;
  readonly size: number;
  readonly buildId: string | undefined;
  readonly sample: string | undefined;
}

/**
 * Installed programs by what they contain: files of root in the directories of
 * PATH. Read in the background, a page or two of each; when it is read again,
 * only what changed.
 */
export class InstalledPrograms {
  readonly #directories: readonly string[];
  readonly #owner: number;
  #byPath: ReadonlyMap<string, Known> = new Map();
  #byInode: ReadonlyMap<string, string> = new Map();
  #byBuildId: ReadonlyMap<string, string> = new Map();
  #bySample: ReadonlyMap<string, string> = new Map();
  #targets: ReadonlySet<string> = new Set();
  #sizes: ReadonlySet<number> = new Set();
  #ready = false;

  constructor(directories: readonly string[] = PROGRAM_DIRECTORIES, owner = 0) {
    this.#directories = directories;
    this.#owner = owner;
  }

  get ready(): boolean {
    return this.#ready;
  }

  get size(): number {
    return this.#byPath.size;
  }

  get directories(): readonly string[] {
    return this.#directories;
  }

  /** The installed program that is this very inode. */
  byInode(device: number, inode: number): string | undefined {
    return this.#byInode.get(`${device}:${inode}`);
  }

  byBuildId(id: string): string | undefined {
    return this.#byBuildId.get(id);
  }

  /** Whether a file of this length can be one: else it need not be looked at any further. */
  hasSize(size: number): boolean {
    return this.#sizes.has(size);
  }

  bySample(sample: string): string | undefined {
    return this.#bySample.get(sample);
  }

  has(path: string): boolean {
    return this.#byPath.has(path) || this.#targets.has(path);
  }

  /** Never rejects: what cannot be read is not known. */
  async refresh(deviceOf: (device: bigint) => number): Promise<void> {
    const byPath = new Map<string, Known>();
    const seen = new Map<string, Known>();
    for (const directory of this.#directories) {
      for (const name of await names(directory)) {
        if (byPath.size >= MAX_PROGRAMS) break;
        const path = join(directory, name);
        const known = await this.#look(path, seen, deviceOf);
        if (known !== undefined) byPath.set(path, known);
      }
    }
    this.#publish(byPath);
  }

  async #look(
    path: string,
    seen: Map<string, Known>,
    deviceOf: (device: bigint) => number,
  ): Promise<Known | undefined> {
    try {
      const { dev, ino, ctimeNs, size, mode, uid } = await stat(path, { bigint: true });
      const isFile = (mode & 0o170000n) === 0o100000n && (mode & 0o111n) !== 0n;
      if (!isFile || Number(uid) !== this.#owner || (Number(mode) & WORLD_OR_GROUP_WRITE) !== 0) return undefined;
      const key = `${dev}:${ino}:${ctimeNs}`;
      const same = seen.get(key);
      const target = (await lstat(path)).isSymbolicLink() ? await realpath(path) : undefined;
      if (same !== undefined) return { ...same, path, target };
      const before = this.#byPath.get(path);
      const facts = { key, target, inode: `${deviceOf(dev)}:${ino}`, size: Number(size) };
      const known = before?.key === key ? { ...before, target } : await read(path, facts);
      if (known !== undefined) seen.set(key, known);
      return known;
    } catch {
      // Removed since the directory was read, or a link that leads nowhere: no program.
      return undefined;
    }
  }

  #publish(byPath: ReadonlyMap<string, Known>): void {
    const byInode = new Map<string, string>();
    const byBuildId = new Map<string, string>();
    const bySample = new Map<string, string>();
    const all = [...byPath.values()];
    for (const { path, inode, buildId, sample } of [...all.filter(({ target }) => target === undefined), ...all]) {
      if (!byInode.has(inode)) byInode.set(inode, path);
      if (buildId !== undefined && !byBuildId.has(buildId)) byBuildId.set(buildId, path);
      if (sample !== undefined && !bySample.has(sample)) bySample.set(sample, path);
    }
    this.#byPath = byPath;
    this.#byInode = byInode;
    this.#byBuildId = byBuildId;
    this.#bySample = bySample;
    this.#targets = new Set(all.flatMap(({ target }) => target ?? []));
    this.#sizes = new Set(all.map(({ size }) => size));
    this.#ready = true;
  }
}

async function names(directory: string): Promise<readonly string[]> {
  try {
    return (await readdir(directory)).sort();
  } catch {
    // Not every system has every directory.
    return [];
  }
}

/** undefined for what is no ELF file: a script's content is read by its interpreter, and identified by its path. */
async function read(
  path: string,
  { key, target, inode, size }: Pick<Known, 'key' | 'target' | 'inode' | 'size'>,
): Promise<Known | undefined> {
  const file = await open(path, 'r');
  try {
    const head = Buffer.alloc(HEAD_BYTES);
    const { bytesRead } = await file.read(head, 0, HEAD_BYTES, 0);
    if (!isElf(head.subarray(0, bytesRead))) return undefined;
    const middle = Buffer.alloc(HEAD_BYTES);
    const half = Math.floor(size / 2 / HEAD_BYTES) * HEAD_BYTES;
    if (size >= HEAD_BYTES) await file.read(middle, 0, HEAD_BYTES, half);
    // Notes behind the first page are rare; such a program is known by its sample.
    const none: ReadAt = () => Buffer.alloc(0);
    const buildId = buildIdOf(head.subarray(0, bytesRead), none);
    return { key, target, path, inode, size, buildId, sample: sampleOf(size, () => middle) };
  } finally {
    await file.close();
  }
}
