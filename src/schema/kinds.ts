/**
 * What every event kind is made from. docs/events.md is generated from this
 * table and from fields.ts; tests hold it against the BPF object.
 */
import { FILE_KINDS } from './kinds/file.ts';
import { NETWORK_KINDS } from './kinds/network.ts';
import { PRIVILEGED_KINDS } from './kinds/privileged.ts';
import { PROCESS_KINDS } from './kinds/process.ts';
import type { KindSpec } from './kinds/spec.ts';
import { KIND_NUMBERS } from './schema.gen.ts';

export type { KindGroup, KindSpec } from './kinds/spec.ts';

type KindName = keyof typeof KIND_NUMBERS;

const SPECS: Readonly<Record<KindName, KindSpec>> = {
  ...PROCESS_KINDS,
  ...FILE_KINDS,
  ...NETWORK_KINDS,
  ...PRIVILEGED_KINDS,
};

/** In the order of enum event_kind. */
export const KINDS = Object.fromEntries(
  (Object.keys(KIND_NUMBERS) as KindName[]).map((kind) => [kind, SPECS[kind]]),
) as Readonly<Record<KindName, KindSpec>>;

/** The row of a kind; undefined for one that only a recording has. */
export function kindSpec(kind: string): KindSpec | undefined {
  return Object.hasOwn(KINDS, kind) ? KINDS[kind as KindName] : undefined;
}

/** The kinds whose row says so. */
export function kindsWhere(holds: (spec: KindSpec) => boolean): KindName[] {
  return (Object.keys(KINDS) as KindName[]).filter((kind) => holds(KINDS[kind]));
}
