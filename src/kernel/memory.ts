import { loadNative } from './native.ts';

/** Gives memory back to the system that the addon and libraries no longer use. */
export function trimMemory(): void {
  loadNative().trimMemory();
}
