import type { KindSpec } from '../schema/kinds/spec.ts';
import { kindsWhere } from '../schema/kinds.ts';
import { STRUCTS } from '../schema/schema.gen.ts';
import { CANARY } from './canary.ts';
import { type FilterEntries, filterEntries } from './filter-map.ts';
import type { LoadedObject } from './load.ts';
import { answered, checked, type Native } from './native.ts';
import type { KernelFilter, KindFilter } from './types.ts';

const STATE = STRUCTS.filter_state;
const U32 = 4;
const GENERATION = STATE.generation.offset / U32;
const EPOCH = STATE.epoch.offset / U32;

interface FilterKeys {
  readonly tokens: Uint8Array;
  readonly cidrs: Uint8Array;
}
const NO_KEYS: FilterKeys = { tokens: new Uint8Array(0), cidrs: new Uint8Array(0) };

/** Without its program, as without enable_network, a kind does not come anyway. */
export const daemonNeeds = ({ group, feeds }: KindSpec): boolean => group === 'always' || feeds === 'daemon';

const CANARY_KINDS = kindsWhere(({ canary, filteredBy }) => canary?.named === true && filteredBy === 'path');

/** A kind that passes nothing stays so: its hook is seen in its counts. */
function withCanary(filter: KindFilter | undefined): KindFilter {
  if (filter?.pass !== 'tokens') return filter ?? { pass: 'none' };
  return { ...filter, tokens: [...filter.tokens, { type: 'component', text: CANARY }] };
}

/** Whether a map's entries, keys and 64-bit values one after the other, have all of these. */
function holdsAll(found: Uint8Array, keys: Uint8Array, masks: Uint8Array): boolean {
  const count = masks.length / 8;
  if (count === 0) return true;
  const size = keys.length / count;
  const text = (bytes: Uint8Array, at: number, length: number) =>
    Buffer.from(bytes.buffer, bytes.byteOffset + at, length).toString('latin1');
  const present = new Map<string, string>();
  for (let at = 0; at + size + 8 <= found.length; at += size + 8)
    present.set(text(found, at, size), text(found, at + size, 8));
  for (let index = 0; index < count; index++)
    if (present.get(text(keys, index * size, size)) !== text(masks, index * 8, 8)) return false;
  return true;
}

/** The filter in the kernel's maps, in two generations of which one is in force. */
export class FilterMaps {
  readonly #native: Native;
  readonly #kindNumbers: ReadonlyMap<string, number>;
  readonly #written: [FilterKeys, FilterKeys] = [NO_KEYS, NO_KEYS];
  #inForce: { readonly filter: KernelFilter; readonly generation: number; readonly entries: FilterEntries } | undefined;

  constructor({ native, layout }: LoadedObject) {
    this.#native = native;
    this.#kindNumbers = new Map([...layout.kinds.values()].map(({ kind, number }) => [kind, number]));
  }

  /**
   * Puts a filter in force at one moment: the generation that is not active is
   * written, then made the active one. Kinds that the daemon needs itself always
   * pass.
   */
  use(filter: KernelFilter): void {
    const kinds = new Map<string, KindFilter>(filter.kinds);
    for (const kind of kindsWhere(daemonNeeds))
      kinds.set(kind, { pass: 'whole', because: 'the daemon itself needs it' });
    for (const kind of CANARY_KINDS) kinds.set(kind, withCanary(kinds.get(kind)));
    const native = this.#native;
    const memory = answered(native, 'map filter_state', native.mapMemory('filter_state'));
    const state = new Uint32Array(memory, 0, STATE[''].size / U32);
    const next = state[GENERATION] === 0 ? 1 : 0;
    const entries = filterEntries({ kinds }, this.#kindNumbers, next);
    const old = this.#written[next];
    this.#write('filter_tokens', old.tokens, null);
    this.#write('filter_cidrs', old.cidrs, null);
    this.#write('filter_tokens', entries.tokenKeys, entries.tokenMasks);
    this.#write('filter_cidrs', entries.cidrKeys, entries.cidrMasks);
    this.#write('filter_tables', new Uint8Array(Uint32Array.of(next).buffer), entries.table);
    this.#written[next] = { tokens: entries.tokenKeys, cidrs: entries.cidrKeys };
    Atomics.store(state, GENERATION, next);
    Atomics.add(state, EPOCH, 1);
    this.#inForce = { filter, generation: next, entries };
  }

  /** Whether events of the kind can pass at all. */
  passes(kind: string): boolean {
    return (this.#inForce?.filter.kinds.get(kind)?.pass ?? 'none') !== 'none';
  }

  /** The same filter, written anew. */
  again(): void {
    if (this.#inForce !== undefined) this.use(this.#inForce.filter);
  }

  /** How the maps differ from what was written last; undefined when they do not. */
  difference(): string | undefined {
    if (this.#inForce === undefined) return undefined;
    const { generation, entries } = this.#inForce;
    const native = this.#native;
    const memory = answered(native, 'map filter_state', native.mapMemory('filter_state'));
    if (new Uint32Array(memory, 0, STATE[''].size / U32)[GENERATION] !== generation)
      return 'another generation of the filter was made the active one';
    const table = answered(
      native,
      'read filter_tables',
      native.readMap('filter_tables', new Uint8Array(Uint32Array.of(generation).buffer)),
    );
    if (Buffer.compare(table, entries.table) !== 0) return 'filter_tables was changed';
    for (const [map, keys, masks] of [
      ['filter_tokens', entries.tokenKeys, entries.tokenMasks],
      ['filter_cidrs', entries.cidrKeys, entries.cidrMasks],
    ] as const) {
      if (!holdsAll(answered(native, `read ${map}`, native.readMap(map)), keys, masks)) return `${map} was changed`;
    }
    return undefined;
  }

  /** `values` null deletes. */
  #write(map: string, keys: Uint8Array, values: Uint8Array | null): void {
    if (keys.length === 0) return;
    checked(this.#native, `${values === null ? 'clear' : 'write'} ${map}`, this.#native.writeMap(map, keys, values));
  }
}
