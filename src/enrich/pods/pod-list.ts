/**
 * What the node knows about its pods: chosen labels, and names and images where
 * the container engine's own files do not tell. One list for the node, asked for
 * now and then and when an unknown pod is seen; what is not known yet is absent,
 * and nothing waits for it.
 */
import { messageOf } from '../../errors.ts';
import type { Logger } from '../../log.ts';
import type { ContainerDetails } from '../../schema/context.ts';

/** A node has 110 pods by default, 500 at most; their list is 10 KB a pod. */
const MAX_PODS = 2_000;
const MAX_LABEL_LENGTH = 256;
/** Pods that start make unknown ones by the dozen: one list answers for all. */
const UNKNOWN_MS = 5_000;

export interface Pod {
  readonly uid: string;
  readonly facts: ContainerDetails;
  /** By container id. */
  readonly containers: ReadonlyMap<string, ContainerDetails>;
}

/** Who is asked. */
export interface PodSource {
  /** In a sentence: "the kubelet". */
  readonly who: string;
  /** Where it is, for the log. */
  readonly where: object;
  /** All pods of the node, or an error. Bounded in bytes and time by itself. */
  ask(): Promise<readonly Pod[]>;
  close(): Promise<void>;
}

export interface PodCounts {
  pods: number;
  /** Lists received. */
  lists: number;
  failures: number;
  /** Pods of a list beyond the limit. */
  left_out: number;
}

export class PodList {
  readonly counts: PodCounts = { pods: 0, lists: 0, failures: 0, left_out: 0 };
  readonly #source: PodSource;
  readonly #log: Logger;
  readonly #timer: NodeJS.Timeout;
  #pods = new Map<string, Pod>();
  #asked = 0;
  #asking: Promise<void> | undefined;
  #failing = false;

  constructor(source: PodSource, refreshSeconds: number, log: Logger) {
    this.#source = source;
    this.#log = log;
    this.#timer = setInterval(() => void this.refresh(), refreshSeconds * 1000);
    this.#timer.unref();
    void this.refresh();
  }

  /** What is known about a container of a pod. An unknown pod has the list asked for again soon. */
  detailsOf(podUid: string, containerId: string): ContainerDetails | undefined {
    const pod = this.#pods.get(podUid);
    if (pod === undefined) {
      if (performance.now() - this.#asked >= UNKNOWN_MS) void this.refresh();
      return undefined;
    }
    return pod.containers.get(containerId) ?? pod.facts;
  }

  /** Asks now; never throws. A failure keeps the old list, is counted, and is logged once until it is over. */
  refresh(): Promise<void> {
    this.#asking ??= this.#ask()
      .then(
        () => this.#succeeded(),
        (error: unknown) => this.#failed(error),
      )
      .finally(() => {
        this.#asking = undefined;
      });
    return this.#asking;
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    await this.#source.close();
  }

  async #ask(): Promise<void> {
    this.#asked = performance.now();
    const pods = await this.#source.ask();
    this.counts.left_out += Math.max(0, pods.length - MAX_PODS);
    this.#pods = new Map(pods.slice(0, MAX_PODS).map((pod) => [pod.uid, pod]));
  }

  #succeeded(): void {
    this.counts.lists++;
    this.counts.pods = this.#pods.size;
    if (this.#failing) this.#log.info(`${this.#source.who} answers again`);
    this.#failing = false;
  }

  #failed(error: unknown): void {
    this.counts.failures++;
    if (!this.#failing)
      this.#log.error(
        { reason: messageOf(error), ...this.#source.where },
        `${this.#source.who} gives no list of pods: what only it tells of new ones is missing`,
      );
    this.#failing = true;
  }
}

/** Those of a pod's labels that events are to have, cut to a bound. */
export function chosenLabels(
  labels: Readonly<Record<string, unknown>>,
  chosen: readonly string[],
): Pick<ContainerDetails, 'podLabels'> {
  const shown = chosen.flatMap((name) => {
    const value = Object.hasOwn(labels, name) ? labels[name] : undefined;
    return typeof value === 'string' ? [[name, value.slice(0, MAX_LABEL_LENGTH)] as const] : [];
  });
  return shown.length === 0 ? {} : { podLabels: Object.fromEntries(shown) };
}
