import { readdirSync, readFileSync } from 'node:fs';
import type { FilterMaps } from './filter.ts';
import type { LoadedObject, LoadedProgram } from './load.ts';
import { checked, type Native } from './native.ts';
import { exitFamily, isIterator } from './programs.ts';
import { cgroupRoot } from './requirements.ts';

/** What of the sensor somebody else can change from outside. */
export type IntegrityCheck = 'handlers' | 'filter' | 'links';
export interface IntegrityFinding {
  readonly check: IntegrityCheck;
  readonly what: string;
  /** It is as it was again. */
  readonly repaired: boolean;
}

const u32 = (value: number): Uint8Array => new Uint8Array(Uint32Array.of(value).buffer);
/** enum object_type in bpf/objects.bpf.c */
const OBJECT_KEYS = { map_id: 1, prog_id: 2, link_id: 3 } as const;

/** kernel/bpf/syscall.c: bpf_map_show_fdinfo, bpf_prog_show_fdinfo, bpf_link_show_fdinfo. */
function ownDescriptors(): ReadonlyMap<string, number>[] {
  const found: ReadonlyMap<string, number>[] = [];
  for (const fd of readdirSync('/proc/self/fdinfo')) {
    let text: string;
    try {
      text = readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8');
    } catch {
      // The descriptor of the listing itself, closed by now.
      continue;
    }
    if (!/^(?:map|prog|link)_id:/m.test(text)) continue;
    found.push(new Map([...text.matchAll(/^(\w+):\s*(\d+)$/gm)].map(([, key = '', value]) => [key, Number(value)])));
  }
  return found;
}

/**
 * Compares what is in the kernel with what was put there. What is in maps is put
 * back; a link that was detached is attached again where the daemon may still do
 * that.
 */
export class Integrity {
  readonly #native: Native;
  readonly #filter: FilterMaps;
  readonly #handlers: readonly { readonly program: LoadedProgram; readonly index: number; readonly id: number }[];
  readonly #linked = new Map<number, string>();

  constructor({ native, layout, programs }: LoadedObject, filter: FilterMaps) {
    this.#native = native;
    this.#filter = filter;
    const families = layout.enums.get('syscall_family') ?? new Map<string, number>();
    this.#handlers = programs.flatMap((program) => {
      const index = families.get(`FAMILY_${exitFamily(program.name)}`);
      return index === undefined ? [] : [{ program, index, id: programId(program) }];
    });
    const ids = new Map(programs.filter((program) => !isIterator(program)).map((one) => [programId(one), one.name]));
    for (const info of ownDescriptors()) {
      const name = ids.get(info.get('prog_id') ?? -1);
      if (info.has('link_id') && name !== undefined) this.#linked.set(info.get('prog_id') ?? -1, name);
      this.#claim(info);
    }
  }

  /** So that the kernel side can tell who takes one of these. */
  #claim(info: ReadonlyMap<string, number>): void {
    for (const [key, type] of Object.entries(OBJECT_KEYS)) {
      const id = info.get(key);
      // A link's text names its program, too: that has a descriptor of its own.
      if (id === undefined || (key === 'prog_id' && info.has('link_id'))) continue;
      const name = new Uint8Array(BigUint64Array.of((BigInt(type) << 32n) | BigInt(id)).buffer);
      checked(this.#native, 'write own_objects', this.#native.writeMap('own_objects', name, u32(1)));
    }
  }

  check(): readonly IntegrityFinding[] {
    return [...this.#checkHandlers(), ...this.#checkFilter(), ...this.#checkLinks()];
  }

  *#checkHandlers(): Iterable<IntegrityFinding> {
    for (const { program, index, id } of this.#handlers) {
      const found = this.#native.readMap('exit_handlers', u32(index));
      if (typeof found !== 'number' && new DataView(found.buffer, found.byteOffset).getUint32(0, true) === id) continue;
      const repaired = this.#native.writeMap('exit_handlers', u32(index), u32(program.fd)) >= 0;
      yield {
        check: 'handlers',
        what: `the place of ${program.name} in exit_handlers was empty or another program's`,
        repaired,
      };
    }
  }

  *#checkFilter(): Iterable<IntegrityFinding> {
    const what = this.#filter.difference();
    if (what === undefined) return;
    this.#filter.again();
    yield { check: 'filter', what, repaired: this.#filter.difference() === undefined };
  }

  *#checkLinks(): Iterable<IntegrityFinding> {
    const links = ownDescriptors().filter((info) => info.has('link_id') && info.get('cgroup_id') !== 0);
    const attached = new Set(links.map((info) => info.get('prog_id')));
    for (const [id, name] of this.#linked)
      if (!attached.has(id)) yield { check: 'links', what: `${name} was detached`, repaired: this.#attach(name) };
  }

  /** Once its capabilities are dropped the daemon may not do that for every type of program. */
  #attach(program: string): boolean {
    const root = cgroupRoot();
    if (root === undefined) return false;
    this.#native.detach(program);
    if (this.#native.attach(program, root) < 0) {
      this.#native.takeLog();
      return false;
    }
    for (const info of ownDescriptors())
      if (info.has('link_id') && this.#linked.get(info.get('prog_id') ?? -1) === program) this.#claim(info);
    return true;
  }
}

function programId({ fd }: LoadedProgram): number {
  return Number(/^prog_id:\s*(\d+)$/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8'))?.[1] ?? -1);
}
