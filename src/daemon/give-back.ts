import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/**
 * After a start or a reload most of the memory is of what made the state, not of
 * the state, and V8 would keep it until a flood fills it: it is collected once,
 * some 50 ms, and given back.
 */
export function giveBack(trim: () => void): void {
  setFlagsFromString('--expose-gc');
  const collect: unknown = runInNewContext('gc');
  setFlagsFromString('--no-expose-gc');
  if (typeof collect === 'function') collect();
  trim();
}
