import { messageOf, WardenError } from '../../errors.ts';
import { Spool, type SpoolOptions } from './spool.ts';
import { type OpenedStore, openStore, setAside } from './store.ts';

/**
 * Opens the spool in a directory. A damaged one is moved aside, counted and
 * replaced. Where the directory cannot be used at all the daemon still alerts:
 * the spool is then in memory and says so. Throws SPOOL_FAILED when another
 * daemon uses the directory.
 */
export async function openSpool(
  directory: string,
  options: Omit<SpoolOptions, 'store' | 'movedAside'>,
): Promise<Spool> {
  const { log } = options;
  let opened: OpenedStore;
  try {
    opened = openStore(directory);
  } catch (error) {
    if (error instanceof WardenError && error.problems.length > 0) throw error;
    log.warn({ error: messageOf(error) }, 'the spool is in memory only: waiting alerts will not survive a restart');
    return new Spool({ ...options, store: undefined });
  }
  const damaged = (path: string, reason: string) =>
    log.error(
      { path, reason },
      'the spool was damaged and has been moved aside; alerts waiting in it are not delivered',
    );
  if (opened.movedAside !== undefined) damaged(opened.movedAside.path, opened.movedAside.reason);
  try {
    return new Spool({ ...options, store: opened.store, movedAside: opened.movedAside === undefined ? 0 : 1 });
  } catch (error) {
    await opened.store.close();
    const path = setAside(directory);
    damaged(path, messageOf(error));
    return new Spool({ ...options, store: openStore(directory).store, movedAside: 1 });
  }
}
