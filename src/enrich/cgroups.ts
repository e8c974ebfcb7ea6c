import type { CgroupContext } from '../schema/context.ts';
import { containerOf } from './containers.ts';

/** Paths and containers by cgroup id. A cgroup's id is not used again while the machine runs. */
export class Cgroups {
  readonly #limit: number;
  readonly #known = new Map<number, CgroupContext>();

  constructor(limit = 16_384) {
    this.#limit = limit;
  }

  get(id: number): CgroupContext | undefined {
    return this.#known.get(id);
  }

  /** Remembers the path of an id; the same object for the same path. */
  learn(id: number, path: string): CgroupContext {
    const known = this.#known.get(id);
    if (known?.path === path) return known;
    const container = containerOf(path);
    const context = { path, containerId: container?.id, runtime: container?.runtime, podUid: container?.podUid };
    this.#known.set(id, context);
    if (this.#known.size > this.#limit) {
      const [oldest] = this.#known.keys();
      if (oldest !== undefined) this.#known.delete(oldest);
    }
    return context;
  }
}
