import { lstatSync } from 'node:fs';
import { join } from 'node:path';
import { TEXT_DATABASES } from './package-lists.ts';
import { RPM } from './rpm-database.ts';

const PACKAGE_DATABASES = [...TEXT_DATABASES, RPM];

/** Files of all packages that are remembered; beyond that the rest is counted and not known. */
const MAX_FILES = 1_000_000;
/** What nothing is run from. */
const DATA = /^\/usr\/(?:share\/(?:doc|man|locale|icons|info|zoneinfo|fonts|help|licenses)|include)\//;
const MERGED = /^\/(bin|sbin|lib|lib32|lib64|libx32)\//;

/**
 * The paths that belong to a package, as hashes: 8 bytes each, since a path is
 * only ever asked for, never listed.
 */
export class Packages {
  readonly #root: string;
  #hashes: Float64Array | undefined;
  #merged: ReadonlySet<string> = new Set();
  /** Files that did not fit. */
  refused = 0;

  constructor(root = '/') {
    this.#root = root;
  }

  get size(): number {
    return this.#hashes?.length ?? 0;
  }

  /** Whether a package has the path; undefined while that is not known, and on a host without a package database. */
  has(path: string): boolean | undefined {
    if (this.#hashes === undefined) return undefined;
    return search(this.#hashes, hash(Buffer.from(this.#canonical(path))));
  }

  /** Where a change shows. */
  get watched(): readonly string[] {
    return PACKAGE_DATABASES.flatMap(({ watch }) => watch.map((path) => join(this.#root, path)));
  }

  /** Never rejects: a database that cannot be read is none. */
  async refresh(): Promise<void> {
    const merged = ['bin', 'sbin', 'lib', 'lib32', 'lib64', 'libx32'].filter((name) => isLink(join(this.#root, name)));
    this.#merged = new Set(merged);
    const found: number[] = [];
    let databases = 0;
    this.refused = 0;
    for (const database of PACKAGE_DATABASES) {
      const present = await database.read(this.#root, (path) => {
        const text = path.toString('latin1');
        if (DATA.test(text)) return;
        if (found.length >= MAX_FILES) this.refused++;
        else found.push(MERGED.test(text) ? hash(Buffer.from(this.#canonical(text), 'latin1')) : hash(path));
      });
      if (present) databases++;
    }
    this.#hashes = databases === 0 ? undefined : Float64Array.from(found).sort();
  }

  /** Lists say /bin/sh also where /bin is a link to /usr/bin. */
  #canonical(path: string): string {
    const first = MERGED.exec(path)?.[1];
    return first !== undefined && this.#merged.has(first) ? `/usr${path}` : path;
  }
}

function isLink(path: string): boolean {
  try {
    return lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() ?? false;
  } catch {
    // It may not be looked at: then nothing below it is, either.
    return false;
  }
}

/** 53 bits of two FNV-1a hashes: with a million paths a chance of 1 in 10,000 that any two agree. */
function hash(bytes: Uint8Array): number {
  let low = 0x811c9dc5;
  let high = 0x01000193;
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes[at] ?? 0;
    low = Math.imul(low ^ byte, 0x01000193);
    high = Math.imul(high ^ byte, 0x5bd1e995) ^ (high >>> 13);
  }
  return (high >>> 11) * 2 ** 32 + (low >>> 0);
}

function search(sorted: Float64Array, value: number): boolean {
  let from = 0;
  let to = sorted.length;
  while (from < to) {
    const middle = (from + to) >>> 1;
    if ((sorted[middle] ?? 0) < value) from = middle + 1;
    else to = middle;
  }
  return sorted[from] === value;
}
