/**
 * What the sensor does to see itself: for each hook an operation of the daemon
 * that changes nothing (native/canary.cc), and that the hook must see. Which
 * kinds that is for is in their rows.
 */
import { KINDS } from '../schema/kinds.ts';
import { loadNative } from './native.ts';

/** What the operations name. */
export const CANARY = 'bpfwarden-canary';

export interface CanaryKind {
  readonly kind: string;
  /** The event names the path, so that it can be followed. */
  readonly named: boolean;
  /** Does it, naming the path; the process id of the child that it took, or 0. Undefined: another one has it as its consequence. */
  readonly act: ((path: string) => number) | undefined;
}

/** The kinds that these programs must see, in the order of the table. */
export function canaryKinds(programs: ReadonlySet<string>): readonly CanaryKind[] {
  const native = loadNative();
  return Object.entries(KINDS).flatMap(([kind, { canary }]) => {
    if (canary === undefined || !programs.has(canary.program)) return [];
    const { named = false, after } = canary;
    if (after !== undefined && !programs.has(KINDS[after].canary?.program ?? '')) return [];
    const act = (path: string) => Math.max(0, native.canary(kind, path));
    return [{ kind, named, act: after === undefined ? act : undefined }];
  });
}
