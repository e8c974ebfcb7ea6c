/** Files of the packages in an RPM database of version 4.16 or later (SQLite). */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { OnFile, PackageDatabase } from './package-lists.ts';

const PLACES = ['usr/lib/sysimage/rpm/rpmdb.sqlite', 'var/lib/rpm/rpmdb.sqlite'];
/** rpmtag.h */
const DIRECTORY_INDEXES = 1116;
const BASE_NAMES = 1117;
const DIRECTORY_NAMES = 1118;
const ENTRY_BYTES = 16;
const MAX_ENTRIES = 65_536;
/** Packages read before others get their turn; each takes about 0.1 ms. */
const AT_A_TIME = 16;

/**
 * Calls back with the files of one package. A header is an index of tags and
 * the data that it points into, all big-endian (lib/header.c).
 */
export function headerFiles(header: Buffer, onFile: OnFile): void {
  if (header.length < 8) return;
  const entries = header.readUInt32BE(0);
  const data = 8 + entries * ENTRY_BYTES;
  if (entries > MAX_ENTRIES || data > header.length) return;
  const found = new Map<number, { readonly at: number; readonly count: number }>();
  for (let at = 8; at < data; at += ENTRY_BYTES) {
    const tag = header.readUInt32BE(at);
    if (tag < DIRECTORY_INDEXES || tag > DIRECTORY_NAMES) continue;
    found.set(tag, { at: data + header.readUInt32BE(at + 8), count: header.readUInt32BE(at + 12) });
  }
  const directories = texts(header, found.get(DIRECTORY_NAMES));
  const names = texts(header, found.get(BASE_NAMES));
  const indexes = found.get(DIRECTORY_INDEXES);
  if (indexes === undefined || indexes.at + names.length * 4 > header.length) return;
  names.forEach((name, index) => {
    const directory = directories[header.readUInt32BE(indexes.at + index * 4)];
    if (directory !== undefined) onFile(Buffer.concat([directory, name]));
  });
}

function texts(header: Buffer, entry: { readonly at: number; readonly count: number } | undefined): Buffer[] {
  const list: Buffer[] = [];
  let at = entry?.at ?? header.length;
  while (list.length < (entry?.count ?? 0) && at < header.length) {
    const end = header.indexOf(0, at);
    if (end < 0) break;
    list.push(header.subarray(at, end));
    at = end + 1;
  }
  return list;
}

const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

async function readPackages(path: string, onFile: OnFile): Promise<boolean> {
  try {
    // Loaded where there is such a database only: Node 22 warns that the module is new.
    const { DatabaseSync } = await import('node:sqlite');
    const url = pathToFileURL(path);
    // Nothing is written beside it, neither a lock nor shared memory; a change is read the next time.
    url.searchParams.set('immutable', '1');
    const database = new DatabaseSync(url, { readOnly: true });
    try {
      let read = 0;
      for (const { blob } of database.prepare('SELECT blob FROM Packages').iterate()) {
        if (blob instanceof Uint8Array) headerFiles(Buffer.from(blob.buffer, blob.byteOffset, blob.byteLength), onFile);
        if (++read % AT_A_TIME === 0) await nextTurn();
      }
      return read > 0;
    } finally {
      database.close();
    }
  } catch {
    // In the middle of a change, or of another format: paths below /usr are taken for the system's then.
    return false;
  }
}

export const RPM: PackageDatabase = {
  name: 'rpm',
  watch: PLACES,
  async read(root, onFile) {
    const place = PLACES.map((name) => join(root, name)).find((path) => existsSync(path));
    return place === undefined ? false : readPackages(place, onFile);
  },
};
