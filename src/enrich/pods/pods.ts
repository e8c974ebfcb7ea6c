/** The lists that the configuration asks for, as one. */
import type { Config } from '../../config/options.ts';
import type { Logger } from '../../log.ts';
import type { ContainerDetails } from '../../schema/context.ts';
import { type PodCounts, PodList, type PodSource } from './pod-list.ts';

export class Pods {
  readonly #lists: ReadonlyMap<'cri' | 'kubelet', PodList>;

  private constructor(lists: ReadonlyMap<'cri' | 'kubelet', PodList>) {
    this.#lists = lists;
  }

  /** Who is not asked is not loaded: their libraries are a part of what a start loads. */
  static async open(options: Config['kubernetes'], log: Logger): Promise<Pods> {
    const { kubelet_url, cri_socket, pod_labels, refresh_seconds } = options;
    const lists = new Map<'cri' | 'kubelet', PodList>();
    const ask = (who: 'cri' | 'kubelet', source: PodSource) =>
      lists.set(who, new PodList(source, refresh_seconds, log));
    if (cri_socket !== '') {
      const { Cri } = await import('./cri.ts');
      ask('cri', new Cri(cri_socket, pod_labels));
    }
    if (kubelet_url !== '') {
      const { Kubelet } = await import('./kubelet.ts');
      ask('kubelet', new Kubelet(options));
    }
    return new Pods(lists);
  }

  /** What any of them knows; undefined while none does, or none is asked. */
  detailsOf(podUid: string, containerId: string): ContainerDetails | undefined {
    let found: ContainerDetails | undefined;
    for (const list of this.#lists.values()) {
      const details = list.detailsOf(podUid, containerId);
      if (details !== undefined) found = found === undefined ? details : { ...found, ...details };
    }
    return found;
  }

  /** By who is asked. */
  get counts(): Readonly<Record<string, PodCounts>> {
    return Object.fromEntries([...this.#lists].map(([who, { counts }]) => [who, counts]));
  }

  async close(): Promise<void> {
    await Promise.all([...this.#lists.values()].map((list) => list.close()));
  }
}
