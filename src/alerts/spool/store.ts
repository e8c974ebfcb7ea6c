import { spawnSync } from 'node:child_process';
import {
  closeSync,
  constants,
  existsSync,
  fsync,
  mkdirSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { type Database, open, type RootDatabase } from 'lmdb';
import { messageOf, WardenError } from '../../errors.ts';
import { everySecond } from '../../every-second.ts';
import { processStat } from '../../proc-stat.ts';
import { readWhole } from '../../whole-file.ts';
import { Pieces } from './pieces.ts';

/** One transaction: all of it is on disk or none of it. */
export interface Changes {
  readonly putAlerts: Iterable<readonly [seq: number, value: string]>;
  readonly removeAlerts: Iterable<number>;
  readonly putDead: Iterable<readonly [id: number, value: string]>;
  readonly removeDead: Iterable<number>;
  readonly putState: Iterable<readonly [key: string, value: string]>;
  readonly removeState: Iterable<string>;
  readonly removeRequests: Iterable<string>;
}

/** The spool's tables on disk. Values are text; what they mean is the spool's business. */
export interface Store {
  alerts(): Iterable<readonly [seq: number, value: string]>;
  alert(seq: number): string | undefined;
  dead(): Iterable<readonly [id: number, value: string]>;
  deadLetter(id: number): string | undefined;
  /** What other processes ask for (letters.ts). */
  requests(): Iterable<readonly [key: string, value: string]>;
  state(): Iterable<readonly [key: string, value: string]>;
  /** Throws when the disk refuses; then nothing of it happened. */
  commit(changes: Changes): void;
  close(): Promise<void>;
}

const VERIFY_MS = 60_000;
const MAX_OWNER_BYTES = 64;
/** Damaged stores kept for a look; older ones are deleted. */
const KEEP_ASIDE = 3;

export interface OpenedStore {
  readonly store: Store;
  /** Where a damaged store was moved to, and what was wrong with it. */
  readonly movedAside?: { readonly path: string; readonly reason: string };
}

/**
 * Opens or creates the store. A damaged one is moved aside and a new one made.
 * Throws SPOOL_FAILED when the directory cannot be used or another daemon uses it.
 */
export function openStore(directory: string): OpenedStore {
  try {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    refuseOthers(directory);
    claim(directory);
  } catch (error) {
    if (error instanceof WardenError) throw error;
    throw new WardenError('SPOOL_FAILED', `${directory} cannot be used: ${messageOf(error)}`, { cause: error });
  }
  const reason = existsSync(join(directory, 'data.mdb')) ? damageOf(directory) : undefined;
  if (reason === undefined) {
    try {
      return { store: openTables(directory) };
    } catch (error) {
      return { movedAside: { path: setAside(directory), reason: messageOf(error) }, store: openTables(directory) };
    }
  }
  return { movedAside: { path: setAside(directory), reason }, store: openTables(directory) };
}

/** Whoever else may write there could lead what root writes into any file, or hand the daemon alerts of his own. */
function refuseOthers(directory: string): void {
  const { uid, mode } = statSync(directory);
  if (uid !== 0 && uid !== process.geteuid?.()) throw new Error(`it belongs to user ${uid}`);
  if ((mode & 0o002) !== 0) throw new Error('everybody may write there');
}

/** The process that has the store open to write, undefined when there is none. */
export function directoryOwner(directory: string): number | undefined {
  const file = ownerFile(directory);
  if (!existsSync(file)) return undefined;
  const [pid, ticks] = readWhole(file, MAX_OWNER_BYTES).toString('utf8').split(' ').map(Number);
  return pid !== undefined && ticks !== undefined && processStat(pid)?.startTicks === ticks ? pid : undefined;
}

const ownerFile = (directory: string) => join(directory, 'owner');

/** Two daemons on one spool would both deliver: the second is refused while the first lives. */
function claim(directory: string): void {
  const pid = directoryOwner(directory);
  if (pid !== undefined && pid !== process.pid)
    throw new WardenError('SPOOL_FAILED', `${directory} is in use by process ${pid}`, {
      problems: [
        { subject: 'spool.directory', message: `in use by process ${pid}`, remedy: 'give each daemon its own' },
      ],
    });
  const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_TRUNC | constants.O_NOFOLLOW;
  const descriptor = openSync(ownerFile(directory), flags, 0o600);
  try {
    writeSync(descriptor, `${process.pid} ${processStat(process.pid)?.startTicks ?? 0}`);
  } finally {
    closeSync(descriptor);
  }
}

function damageOf(directory: string): string | undefined {
  const self = import.meta.filename;
  const program = join(dirname(self), self.endsWith('.ts') ? 'verify.ts' : 'verify.js');
  const result = spawnSync(process.execPath, [...process.execArgv.filter(isLoader), program, directory], {
    timeout: VERIFY_MS,
    encoding: 'utf8',
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  if (result.status === 0) return undefined;
  if (result.error !== undefined) return `it could not be checked: ${result.error.message}`;
  if (result.signal !== null) return `reading it ended with ${result.signal}`;
  return result.stderr.split('\n').find((line) => /^\w*Error/.test(line)) ?? `the check ended with ${result.status}`;
}

const isLoader = (argument: string, index: number, all: readonly string[]) =>
  argument.startsWith('--import') ||
  argument.startsWith('--require') ||
  all[index - 1] === '--import' ||
  all[index - 1] === '--require';

export function setAside(directory: string): string {
  const parent = dirname(directory);
  const prefix = `${basename(directory)}.damaged-`;
  const target = join(parent, prefix + new Date().toISOString().replaceAll(':', '-'));
  mkdirSync(target, { mode: 0o700 });
  for (const name of ['data.mdb', 'lock.mdb'])
    if (existsSync(join(directory, name))) renameSync(join(directory, name), join(target, name));
  const old = readdirSync(parent)
    .filter((name) => name.startsWith(prefix))
    .sort();
  for (const name of old.slice(0, -KEEP_ASIDE)) rmSync(join(parent, name), { recursive: true, force: true });
  return target;
}

function openTables(directory: string): Store {
  // noSync: a commit costs 50 µs instead of a disk flush (1.5 ms and up, on the event loop).
  const root: RootDatabase<string> = open({ path: directory, encoding: 'string', maxDbs: 8, noSync: true });
  const table = (name: string): Database<string, string> => root.openDB<string, string>({ name, encoding: 'string' });
  const alerts = new Pieces(root, 'alerts');
  const dead = new Pieces(root, 'dead');
  const requests = table('requests');
  const state = table('state');
  const fd = openSync(join(directory, 'data.mdb'), 'r');
  let dirty = false;
  let syncing = false;
  // A power cut can take the alerts of a second with it; kill -9 takes none (the pages are the kernel's by then).
  const endSyncs = everySecond(() => {
    if (!dirty || syncing) return;
    dirty = false;
    syncing = true;
    fsync(fd, (error) => {
      syncing = false;
      if (error !== null) dirty = true;
    });
  });

  function* entries(of: Database<string, string>): Generator<readonly [string, string]> {
    for (const { key, value } of of.getRange()) yield [key, value];
  }
  return {
    alerts: () => alerts.entries(),
    alert: (seq) => alerts.get(seq),
    dead: () => dead.entries(),
    deadLetter: (id) => dead.get(id),
    requests: () => entries(requests),
    state: () => entries(state),
    commit(changes) {
      root.transactionSync(() => {
        for (const [seq, value] of changes.putAlerts) alerts.put(seq, value);
        for (const seq of changes.removeAlerts) alerts.remove(seq);
        for (const [id, value] of changes.putDead) dead.put(id, value);
        for (const id of changes.removeDead) dead.remove(id);
        for (const [key, value] of changes.putState) state.put(key, value);
        for (const key of changes.removeState) state.remove(key);
        for (const key of changes.removeRequests) requests.remove(key);
      });
      dirty = true;
    },
    async close() {
      endSyncs();
      await new Promise<void>((resolve) => fsync(fd, () => resolve()));
      closeSync(fd);
      await root.close();
      rmSync(ownerFile(directory), { force: true });
    },
  };
}
