import { loadNative } from './native.ts';

/** Signals exactly the process that started at `startTicks`; 0 or -errno, -ESRCH when it is another one, or gone. */
export function pidfdSignal(pid: number, signal: number, startTicks: number): number {
  return loadNative().pidfdSignal(pid, signal, startTicks);
}
