import type { CgroupContext, ContainerDetails } from '../schema/context.ts';
import { type Container, containerOf } from './containers.ts';
import { readEngineState } from './engine-state.ts';

const NO_DETAILS: ContainerDetails = {};

class Cgroup implements CgroupContext {
  readonly path: string;
  readonly containerId: string | undefined;
  readonly runtime: string | undefined;
  readonly podUid: string | undefined;
  readonly #container: Container | undefined;
  #details: ContainerDetails | undefined;

  constructor(path: string) {
    const container = containerOf(path);
    this.path = path;
    this.containerId = container?.id;
    this.runtime = container?.runtime;
    this.podUid = container?.podUid;
    this.#container = container;
  }

  get details(): ContainerDetails {
    if (this.#container === undefined) return NO_DETAILS;
    this.#details ??= readEngineState(this.#container);
    return this.#details;
  }
}

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
    const context = new Cgroup(path);
    this.#known.set(id, context);
    if (this.#known.size > this.#limit) {
      const [oldest] = this.#known.keys();
      if (oldest !== undefined) this.#known.delete(oldest);
    }
    return context;
  }
}
