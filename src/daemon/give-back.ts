import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/**
 * By how many per cent the heap grows between two collections. V8 would wait until
 * it is four times what is alive, which for a daemon that lives in a flood is memory
 * that nobody uses: it collects more often instead, off the main thread mostly.
 */
const GROWING_PERCENT = 20;

/**
 * After a start or a reload most of the memory is of what made the state, not of
 * the state, and V8 would keep it until a flood fills it: it is collected once,
 * some 50 ms, and given back.
 */
export function giveBack(trim: () => void): void {
  setFlagsFromString('--expose-gc');
  const collect: unknown = runInNewContext('gc');
  setFlagsFromString('--no-expose-gc');
  // Not from the beginning: a start makes much and throws little away.
  setFlagsFromString(`--heap-growing-percent=${GROWING_PERCENT}`);
  if (typeof collect === 'function') collect();
  trim();
}
