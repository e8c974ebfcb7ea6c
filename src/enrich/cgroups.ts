import type { CgroupContext, ContainerDetails } from '../schema/context.ts';
import { type Container, containerOf } from './containers.ts';
import { type EnginePlaces, enginePlaces } from './engine-places.ts';
import { containerByState, readEngineState } from './engine-state.ts';

const NO_DETAILS: ContainerDetails = {};

/** Who knows more about a container of a pod than the engine's files say, if anybody does by now. */
export type PodDetails = (podUid: string, containerId: string) => ContainerDetails | undefined;

class Cgroup implements CgroupContext {
  readonly path: string;
  readonly containerId: string | undefined;
  readonly runtime: string | undefined;
  readonly podUid: string | undefined;
  readonly #container: Container | undefined;
  readonly #pods: PodDetails | undefined;
  readonly #places: EnginePlaces;
  #details: ContainerDetails | undefined;

  constructor(path: string, places: EnginePlaces, pods: PodDetails | undefined) {
    const inPath = containerOf(path);
    const isKnown = inPath !== undefined && inPath.runtime !== 'unknown';
    const container = isKnown ? inPath : containerByState(path, inPath, places);
    this.path = path;
    this.containerId = container?.id;
    this.runtime = container?.runtime;
    this.podUid = container?.podUid;
    this.#container = container;
    this.#pods = pods;
    this.#places = places;
  }

  get details(): ContainerDetails {
    if (this.#container === undefined) return NO_DETAILS;
    this.#details ??= readEngineState(this.#container, this.#places);
    const { podUid, containerId } = this;
    if (this.#pods === undefined || podUid === undefined || containerId === undefined) return this.#details;
    const more = this.#pods(podUid, containerId);
    return more === undefined ? this.#details : { ...more, ...this.#details };
  }
}

interface CgroupsOptions {
  readonly limit?: number;
  readonly places?: EnginePlaces;
  readonly pods?: PodDetails | undefined;
}

/** Paths and containers by cgroup id. A cgroup's id is not used again while the machine runs. */
export class Cgroups {
  readonly #limit: number;
  readonly #known = new Map<number, CgroupContext>();

  readonly #places: EnginePlaces;
  readonly #pods: PodDetails | undefined;

  constructor(options: CgroupsOptions = {}) {
    this.#limit = options.limit ?? 16_384;
    this.#places = options.places ?? enginePlaces();
    this.#pods = options.pods;
  }

  get(id: number): CgroupContext | undefined {
    return this.#known.get(id);
  }

  /** Remembers the path of an id; the same object for the same path. */
  learn(id: number, path: string): CgroupContext {
    const known = this.#known.get(id);
    if (known?.path === path) return known;
    const context = new Cgroup(path, this.#places, this.#pods);
    this.#known.set(id, context);
    if (this.#known.size > this.#limit) {
      const [oldest] = this.#known.keys();
      if (oldest !== undefined) this.#known.delete(oldest);
    }
    return context;
  }
}
