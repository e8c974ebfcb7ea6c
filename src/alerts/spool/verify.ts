/**
 * Reads a whole store, in a process of its own: LMDB maps the file, so a
 * damaged one can end the process that reads it (SIGBUS, SIGSEGV). The daemon
 * lets this one find out. `node verify.ts DIRECTORY`; exit 0 when sound.
 */
import { open } from 'lmdb';

const directory = process.argv[2];
if (directory === undefined) process.exit(2);
const root = open({ path: directory, readOnly: true, encoding: 'string', maxDbs: 8 });
for (const name of ['alerts', 'dead', 'state', 'requests']) {
  const table = root.openDB<string>({ name, encoding: 'string' });
  for (const { value } of table.getRange()) if (typeof value !== 'string') process.exit(3);
}
await root.close();
