/** Which files the host's package databases list. */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

/** Calls back with the absolute path of each file, as bytes. */
export type OnFile = (path: Buffer) => void;

export interface PackageDatabase {
  readonly name: string;
  /** Files or directories whose modification time changes with it, below the root. */
  readonly watch: readonly string[];
  /** False when the host has no such database. */
  read(root: string, onFile: OnFile): Promise<boolean>;
}

const NEWLINE = 0x0a;

function lines(text: Buffer, each: (line: Buffer) => void): void {
  for (let from = 0; from < text.length; ) {
    const found = text.indexOf(NEWLINE, from);
    const to = found < 0 ? text.length : found;
    if (to > from) each(text.subarray(from, to));
    from = to + 1;
  }
}

async function entries(directory: string): Promise<readonly string[] | undefined> {
  try {
    return await readdir(directory);
  } catch {
    // The host has no database of this kind.
    return undefined;
  }
}

async function text(path: string): Promise<Buffer | undefined> {
  try {
    return await readFile(path);
  } catch {
    // A package that was removed meanwhile, or a host without this database.
    return undefined;
  }
}

const DPKG: PackageDatabase = {
  name: 'dpkg',
  watch: ['var/lib/dpkg/info'],
  async read(root, onFile) {
    const directory = join(root, 'var/lib/dpkg/info');
    const names = (await entries(directory))?.filter((name) => name.endsWith('.list'));
    if (names === undefined || names.length === 0) return false;
    for (const name of names) {
      const list = await text(join(directory, name));
      if (list !== undefined) lines(list, onFile);
    }
    return true;
  },
};

const APK: PackageDatabase = {
  name: 'apk',
  watch: ['lib/apk/db/installed'],
  async read(root, onFile) {
    const list = await text(join(root, 'lib/apk/db/installed'));
    if (list === undefined) return false;
    let directory = '';
    lines(list, (line) => {
      const value = line.toString('utf8', 2);
      if (line[1] !== 0x3a) return;
      if (line[0] === 0x46) directory = value;
      else if (line[0] === 0x52) onFile(Buffer.from(`/${directory}/${value}`));
    });
    return true;
  },
};

const PACMAN: PackageDatabase = {
  name: 'pacman',
  watch: ['var/lib/pacman/local'],
  async read(root, onFile) {
    const directory = join(root, 'var/lib/pacman/local');
    const names = await entries(directory);
    if (names === undefined) return false;
    for (const name of names) {
      const list = await text(join(directory, name, 'files'));
      let inFiles = false;
      if (list === undefined) continue;
      lines(list, (line) => {
        if (line[0] === 0x25) inFiles = line.toString('latin1') === '%FILES%';
        else if (inFiles) onFile(Buffer.from(`/${line.toString('utf8')}`));
      });
    }
    return true;
  },
};

export const TEXT_DATABASES: readonly PackageDatabase[] = [DPKG, APK, PACMAN];
