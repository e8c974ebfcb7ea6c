import type { KindSpec } from '../schema/kinds/spec.ts';
import { kindsWhere } from '../schema/kinds.ts';
import { STRUCTS } from '../schema/schema.gen.ts';
import { filterEntries } from './filter-map.ts';
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

/** The filter in the kernel's maps, in two generations of which one is in force. */
export class FilterMaps {
  readonly #native: Native;
  readonly #kindNumbers: ReadonlyMap<string, number>;
  readonly #written: [FilterKeys, FilterKeys] = [NO_KEYS, NO_KEYS];

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
  }

  /** `values` null deletes. */
  #write(map: string, keys: Uint8Array, values: Uint8Array | null): void {
    if (keys.length === 0) return;
    checked(this.#native, `${values === null ? 'clear' : 'write'} ${map}`, this.#native.writeMap(map, keys, values));
  }
}
